"""Which loans a firm qualifies for, what is missing for others, and which firms fit an institution's product."""
