"""Notices to institutions' own systems: an outbox, who empties it, and where it may send to."""
