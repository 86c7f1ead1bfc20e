"""What one worker holds: the ledger's pool, keys, limits and the clock."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from fastapi import Request

from features.vault import Vault
from serving.auth.limits import RateLimits
from serving.auth.passwords import PasswordChecks
from serving.auth.tokens import TokenKeys
from serving.db import Database
from serving.matching.looking import Firms
from serving.products.shelves import ProductShelves
from serving.ratings.desks import Desks
from serving.reading import Reading
from serving.settings import Settings


@dataclass(frozen=True)
class House:
    """Everything a request may use; made once a worker, passed in, never global.

    Attributes
    ----------
    clock : callable
        Asia/Shanghai wall time now; tests set their own.
    """

    settings: Settings
    database: Database
    vault: Vault
    token_keys: TokenKeys
    limits: RateLimits
    clock: Callable[[], datetime]
    passwords: PasswordChecks = field(default_factory=PasswordChecks)

    @property
    def desks(self) -> Desks:
        """Where ratings are made; the first one asked for opens the model."""
        return self._desks

    @cached_property
    def _desks(self) -> Desks:
        return Desks(self.settings.home)

    @cached_property
    def firms(self) -> Firms:
        """Firms looked at lately for matching."""
        return Firms()

    @cached_property
    def reading(self) -> Reading:
        """Where the lake is read beside the event loop."""
        return Reading()

    @cached_property
    def shelves(self) -> ProductShelves:
        """The products of the day, compiled."""
        return ProductShelves()

    def subject_of(self, uscc: str) -> str:
        """The pseudonym under which the record keeps an enterprise."""
        return self.vault.token("audit_subject", uscc)


def house_of(request: Request) -> House:
    """What the worker that has this request holds."""
    house: House = request.app.state.house
    return house
