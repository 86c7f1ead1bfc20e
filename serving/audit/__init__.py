"""The record of every look, append-only and provable."""
