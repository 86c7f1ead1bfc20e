"""An institution's running loans at a glance: where they are, what is warned of, how grades move."""
