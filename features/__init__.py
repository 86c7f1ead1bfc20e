"""Shared credit data, from a provider's file to a point-in-time feature table."""
