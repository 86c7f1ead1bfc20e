"""Which features a firm takes away when it closes a consent scope, and random closings to learn from.

A bank sees what a firm opens, scope by scope. A model that has only met what firms happen to open
would rate a closed scope by the kind of firm that left it closed; so a second copy of every row is
learned from with scopes closed at random (consent dropout).
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from features.contracts import Catalogue
from features.registry import Registry
from models.arrays import BoolArray, FloatArray


@dataclass(frozen=True)
class ConsentScopes:
    """Consent scopes that a model's features stand on.

    Attributes
    ----------
    names : tuple of str
        In alphabetical order; public data needs no scope.
    needs : ndarray of bool, shape (s, k)
        Whether a feature needs a scope.
    """

    names: tuple[str, ...]
    needs: BoolArray

    @classmethod
    def of(cls, features: Registry, catalogue: Catalogue) -> "ConsentScopes":
        """Read them from the sharing list."""
        asked = [
            {catalogue[name].document.consent_scope for name in feature.datasets} - {None}
            for feature in features
        ]
        names = sorted({scope for scopes in asked for scope in scopes if scope is not None})
        needs = np.array([[name in scopes for scopes in asked] for name in names], dtype=np.bool_)
        return cls(tuple(names), needs.reshape(len(names), len(asked)))

    def columns(self, withheld: Collection[str]) -> BoolArray:
        """Features that are gone when these scopes are closed, shape (k,)."""
        closed = [name in withheld for name in self.names]
        return np.asarray(self.needs[closed].any(axis=0), dtype=np.bool_)

    def draw(self, rows: int, rng: np.random.Generator) -> BoolArray:
        """Features that each row loses, shape (rows, k).

        A row first draws how readily it closes scopes, evenly from never to always, then every scope
        by that; so one closed scope is as common as all but one.
        """
        readiness = rng.random((rows, 1))
        closed = rng.random((rows, len(self.names))) < readiness
        return closed.astype(np.uint8) @ self.needs.astype(np.uint8) > 0


def mask(matrix: FloatArray, gone: BoolArray) -> FloatArray:
    """Rows of shape (n, k) without the features that are gone, shape (k,) or (n, k)."""
    return np.where(gone, np.nan, matrix)
