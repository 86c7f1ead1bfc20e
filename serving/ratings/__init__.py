"""Ratings: asked one by one or by the thousand, kept as they were given, recomputed when doubted."""
