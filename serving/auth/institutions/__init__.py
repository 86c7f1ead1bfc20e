"""Institutions: how they come in, are held out, and leave."""
