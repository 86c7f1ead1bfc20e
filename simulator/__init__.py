"""A synthetic city: the files its providers would deliver, from a latent process with known truth.

Imported by nothing but the command and tests. Everything is drawn from one seed, block of firms by
block of firms, so the same seed gives the same bytes and memory does not grow with the city.
"""
