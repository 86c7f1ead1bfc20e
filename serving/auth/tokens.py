"""Access tokens of institutions' programs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TokenKeys:
    """Signing keys; the newest signs, all verify."""
