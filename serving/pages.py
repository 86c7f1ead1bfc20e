"""Lists in pages: a cursor says after which row to go on, and rows that come in do not shift it.

A listing orders by a unique key, asks the ledger for `pager.fetch` rows after `pager.after`, and hands
them to `pager.page`, which keeps one page and makes the next cursor. A cursor is signed for its
listing: it is ours or it is refused.
"""

import base64
import binascii
import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query, Request
from pydantic import BaseModel, Field

from features.vault import Vault
from serving.errors import MalformedError
from serving.guard import route_of
from serving.house import house_of

MOST = 200
USUAL = 50

Item = TypeVar("Item")
Row = TypeVar("Row")
Position = tuple[int | str, ...]


class Page(BaseModel, Generic[Item]):
    """Some items of a list, and where the list goes on."""

    items: list[Item]
    next: str | None = Field(description="Give it as `cursor` for the next page; null at the end.")


@dataclass(frozen=True)
class Pager:
    """One request for a page of one listing.

    Attributes
    ----------
    after : tuple or None
        Key of the last row of the page before; None for the first page.
    """

    vault: Vault
    listing: str
    limit: int
    after: Position | None

    @property
    def fetch(self) -> int:
        """How many rows to read: one more than a page, to know whether there is a next."""
        return self.limit + 1

    def page(
        self, rows: Sequence[Row], item: Callable[[Row], Item], key: Callable[[Row], Position]
    ) -> Page[Item]:
        """One page of at most `fetch` rows, in the listing's order."""
        shown = rows[: self.limit]
        more = len(rows) > self.limit
        following = cursor_of(self.vault, self.listing, key(shown[-1])) if more else None
        return Page(items=[item(row) for row in shown], next=following)


def cursor_of(vault: Vault, listing: str, position: Position) -> str:
    """The opaque text of a position in a listing."""
    text = json.dumps(position, separators=(",", ":"))
    signed = f"{vault.token('cursor', listing + text)}{text}"
    return base64.urlsafe_b64encode(signed.encode()).decode().rstrip("=")


def position_of(vault: Vault, listing: str, cursor: str) -> Position:
    """The position that a cursor of this listing names.

    Raises
    ------
    MalformedError
        If we did not make it, or for another listing.
    """
    try:
        signed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        sign, text = signed[:32].decode("ascii"), signed[32:].decode()
    except (binascii.Error, ValueError):
        raise _foreign() from None
    if not hmac.compare_digest(sign, vault.token("cursor", listing + text)):
        raise _foreign()
    position: list[Any] = json.loads(text)
    return tuple(position)


def _foreign() -> MalformedError:
    return MalformedError(
        en="The cursor is not one of this list. Begin again without a cursor.",
        zh="游标不属于该列表，请不带 cursor 重新开始。",
        details={"fields": [{"place": "query.cursor", "problem": "cursor_foreign"}]},
    )


def _pager(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=MOST)] = USUAL,
    cursor: Annotated[str | None, Query(max_length=400, description="`next` of a page.")] = None,
) -> Pager:
    house = house_of(request)
    listing = route_of(request.scope)
    after = None if cursor is None else position_of(house.vault, listing, cursor)
    return Pager(house.vault, listing, limit, after)


CurrentPager = Annotated[Pager, Depends(_pager)]
