"""Which products a firm qualifies for, why not for others, and in what order they are shown."""
