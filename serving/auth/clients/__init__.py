"""Programs of institutions: clients, their secrets and their tokens."""
