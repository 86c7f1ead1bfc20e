"""Ratings by the thousand: ordered, worked off in chunks that a killed process leaves whole, collected."""
