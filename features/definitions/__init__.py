"""Feature definitions, one file a family."""
