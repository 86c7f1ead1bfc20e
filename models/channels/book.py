"""Columns as data: tags of the firms a column is for, with the products and policies that stand in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from pydantic import Field, model_validator

from features.datasets import Words
from features.documents import Document, load_document
from features.errors import ModelDocumentError
from features.rules.parser import parse_condition
from features.rules.syntax import names_of
from models.policies.book import PolicyEntry, policies_standing
from models.products.book import ProductEntry, ProductVersion, standing
from models.tags.book import PREFIX

CHANNELS_PATH = Path(__file__).parent / "channels.yaml"


class ChannelEntry(Document):
    """One column.

    Parameters
    ----------
    about : Words
        Whom it is for.
    tags : list of str
        Codes of tags of the firms it is for, without prefix.
    strict : bool
        Only products that ask for one of these tags, or follow the carbon account, stand in it.
    """

    code: str = Field(pattern=r"^[a-z][a-z_]*$")
    words: Words
    about: Words
    tags: list[str] = Field(min_length=1)
    strict: bool


class ChannelBook(Document):
    """Every column."""

    valid_from: date
    channels: list[ChannelEntry]

    @model_validator(mode="after")
    def _names_once(self) -> "ChannelBook":
        codes = [one.code for one in self.channels]
        if len(set(codes)) < len(codes):
            raise ValueError("a code is given twice")
        return self


@dataclass(frozen=True)
class Channel:
    """A column of a day with what stands in it."""

    entry: ChannelEntry
    products: tuple[ProductEntry, ...]
    policies: tuple[PolicyEntry, ...]


@cache
def load_channels(path: Path = CHANNELS_PATH) -> ChannelBook:
    """Read the columns.

    Raises
    ------
    ModelDocumentError
        If the file is wrong.
    """
    return load_document(path, ChannelBook, ModelDocumentError)


def channels_on(
    book: ChannelBook,
    products: Sequence[ProductEntry],
    policies: Sequence[PolicyEntry],
    as_of_date: date,
) -> tuple[Channel, ...]:
    """Columns with what stands in each on a day.

    Parameters
    ----------
    products, policies : sequence
        All there have been; a version must be in force.
    """
    return tuple(
        Channel(
            entry,
            tuple(
                one
                for one, version in standing(products, as_of_date)
                if entry.code in one.channels and (not entry.strict or _belongs(version, entry))
            ),
            tuple(
                one
                for one, _ in policies_standing(policies, as_of_date)
                if entry.code in one.channels
            ),
        )
        for entry in book.channels
    )


def _belongs(version: ProductVersion, entry: ChannelEntry) -> bool:
    """Whether a product follows the carbon account or asks for one of a column's tags."""
    asked = set(version.requires_tags)
    if version.when is not None:
        names = names_of(parse_condition(version.when, "product"))
        asked |= {name.removeprefix(PREFIX) for name in names}
    return version.carbon_linked or not asked.isdisjoint(entry.tags)
