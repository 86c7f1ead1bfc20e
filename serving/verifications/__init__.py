"""Verification 核验: an institution asks whether a value is so, and learns yes or no, never the value."""
