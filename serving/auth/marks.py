"""Ids and secrets of our own making, and the digest that is kept instead of a secret."""

import hashlib
import secrets

CLIENT_PREFIX, SECRET_PREFIX, PERSON_PREFIX = "A", "S", "U"


def new_id(prefix: str) -> str:
    """A random id that says what it is of, e.g. `A-` for a client."""
    return f"{prefix}-{secrets.token_hex(10)}"


def new_secret() -> str:
    """256 random bits as text; shown once, kept as a digest only."""
    return secrets.token_urlsafe(32)


def digest_of(secret: str) -> bytes:
    """SHA-256 of a random secret: with 256 bits there is nothing to guess, so nothing to slow down."""
    return hashlib.sha256(secret.encode()).digest()
