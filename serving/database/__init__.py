"""The private PostgreSQL and its migrations."""
