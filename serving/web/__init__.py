"""Pages for people: they call the other rooms' services, and decide nothing."""
