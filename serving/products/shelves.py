"""The products of today, compiled once and again when one is published, withdrawn or a day begins."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from features.rules.vocabulary import Vocabulary
from models.matching.facts import load_facts
from models.products.base import base_rule
from models.products.book import ProductEntry, load_products
from models.products.shelf import Shelf
from models.products.terms import TermsTable
from models.tags.book import Tags, load_tags
from models.watching.setting import COLUMNS
from serving.db import Connection
from serving.products import repository


@dataclass(frozen=True, eq=False)
class ProductShelf:
    """What is matched on a day.

    Attributes
    ----------
    terms : TermsTable
        Row r is product r of the shelf.
    version : int
        Of the ledger's products; grows with every change.
    """

    shelf: Shelf
    terms: TermsTable
    tags: Tags
    version: int


@dataclass
class ProductShelves:
    """The shelf of a worker; all who ask while it is made wait for the same one."""

    _made: dict[tuple[date, int], ProductShelf] = field(
        default_factory=dict[tuple[date, int], ProductShelf]
    )
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def on(self, connection: Connection, day: date) -> ProductShelf:
        """The shelf of a day as the ledger has it now."""
        version = await repository.change_no(connection)
        found = self._made.get((day, version))
        if found is not None:
            return found
        async with self._turn:
            if (day, version) not in self._made:
                entries = await repository.read_published(connection, load_products())
                made = await asyncio.to_thread(shelf_of, entries, day, version)
                self._made = {(day, version): made}
            return self._made[day, version]


def tags_on(day: date) -> Tags:
    """Tags of a day, with the vocabulary that products may use."""
    return load_tags().at(day, Vocabulary.of(COLUMNS, load_facts().terms))


def shelf_of(entries: Sequence[ProductEntry], day: date, version: int = 0) -> ProductShelf:
    """Compile products for a day.

    Raises
    ------
    RuleError
        If one is wrong; those of the ledger were checked when they were handed in.
    """
    tags = tags_on(day)
    shelf = Shelf.of(entries, tags.vocabulary, day, base_rule(day))
    return ProductShelf(shelf, TermsTable.of(shelf.products, tags.vocabulary, day), tags, version)
