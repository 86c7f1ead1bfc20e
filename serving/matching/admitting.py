"""Whose look a match is, and what is open to it: the firm's own, or an institution's under live consents."""

import hashlib
import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from features.scope import Purpose
from models.arrays import BoolArray
from models.matching.chances import FILE_NAME
from models.matching.facts import Source
from models.tags.held import Claims
from serving.access.callers import Role
from serving.access.decision import LiveConsent, Resource
from serving.errors import MalformedError
from serving.look import Look
from serving.matching.asked import Value, need_values, said_values
from serving.matching.claims import claims_of
from serving.matching.judging import only_used
from serving.matching.looking import Firm, look_at
from serving.matching.schemas import Asking
from serving.products.shelves import ProductShelf
from serving.ratings.desk import Desk
from serving.ratings.service import unknown_firm
from serving.ratings.sight import Opened

#: What a firm may state beside its security, and what a lender may.
_OWN: tuple[Source, ...] = ("firm",)
_LENDERS: tuple[Source, ...] = ("firm", "institution")


@dataclass(frozen=True)
class Wish:
    """What is asked for a firm, and by whom.

    Attributes
    ----------
    institution : str
        Empty where the firm asks itself.
    said : mapping of str to value
        Need, security and statements, as rules ask about them.
    """

    asked: Asking
    institution: str
    said: dict[str, Value]

    @property
    def resource(self) -> Resource:
        """What it is about."""
        purpose = Purpose(self.asked.purpose)
        return Resource(uscc=self.asked.uscc, institution=self.institution, purpose=purpose)


@dataclass(frozen=True, eq=False)
class Sight:
    """Everything an answer is made of.

    Attributes
    ----------
    chances : Path
        What the last refit of lenders' answers found, if there was one.
    """

    wish: Wish
    desk: Desk
    shelf: ProductShelf
    opened: Opened
    consent: LiveConsent
    firm: Firm
    claims: Claims
    chances: Path

    @cached_property
    def shown(self) -> BoolArray:
        """Products the caller is shown: a firm all, an institution its own, shape (p,)."""
        own = self.wish.institution
        found = [not own or entry.institution == own for entry, _ in self.shelf.shelf.products]
        return np.array(found, dtype=np.bool_)

    @cached_property
    def inputs_hash(self) -> str:
        """SHA-256 of everything the answer depends on but what stands on the shelf."""
        records = {
            name: None if column[0] != column[0] else str(column[0])
            for name, column in sorted(self.firm.columns.items())
        }
        inputs = {
            "uscc": self.firm.uscc,
            "as_of": str(self.firm.as_of_date),
            "said": dict(sorted(self.wish.said.items())),
            "records": records,
            "grade": self.firm.grade,
            "withheld": sorted(self.firm.withheld),
            "tags": sorted(one.tag for one in self.claims.given),
            "removed": sorted(code for _, code in self.claims.removed),
        }
        return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def wish_of(look: Look, asked: Asking) -> Wish:
    """What is asked, checked.

    Raises
    ------
    MalformedError
        If a fact is unknown or not what it must be, or the purpose is not the caller's.
    """
    is_own = look.caller.role is Role.OWNER
    if (asked.purpose == Purpose.SELF_REPORT) != is_own:
        raise MalformedError(
            en="An owner asks for 'self_report', an institution for 'apply' or 'pre_credit'.",
            zh="企业本人使用 self_report；机构使用 apply 或 pre_credit。",
            details={"fields": [{"place": "body.purpose", "problem": "value"}]},
        )
    sources = _OWN if is_own else _LENDERS
    said = need_values(asked.need)
    said |= said_values(asked.offers, ("offer",), "body.offers")
    said |= said_values(asked.statements, sources, "body.statements")
    return Wish(asked, "" if is_own else look.caller.tenant, said)


async def take_sight(look: Look, wish: Wish) -> Sight:
    """Let the caller look at the firm, and look.

    Raises
    ------
    NotFoundError
        For a firm of that code nowhere on the register, before anything is said of consent.
    NeedAuthorisationError
        Without a live consent for the purpose.
    NoModelError, OverloadedError
    """
    if not wish.institution:
        await look.allow(wish.resource)
    desk = await look.house.desks.desk(look.now)
    if not desk.knows(wish.asked.uscc):
        look.asked[:] = [wish.resource]
        raise unknown_firm()
    wanted = replace(wish.resource, helps=desk.scopes)
    consent = await look.allow(wanted) if wish.institution else LiveConsent()
    opened = Opened("grantee", consent.scopes) if wish.institution else Opened("self")
    shelf = await look.house.shelves.on(look.connection, look.now.date())
    firm = await firm_of(look, desk, wish.asked.uscc, opened, names_of(shelf))
    # Who asks again under the same key must still be let see everything the answer rests on.
    look.asked[-1] = replace(wish.resource, needs=opened.scopes)
    chances = look.house.settings.home / "matching" / FILE_NAME
    claims = await claims_of(look.connection, [firm.uscc])
    return Sight(wish, desk, shelf, opened, consent, firm, claims, chances)


def names_of(shelf: ProductShelf) -> tuple[str, ...]:
    """What products, their terms and the tags they use ask about."""
    asked = {*shelf.shelf.matcher.conditions.names, *shelf.terms.names}
    return tuple(sorted(asked | {*only_used(shelf.tags, asked).names}))


async def firm_of(
    look: Look, desk: Desk, uscc: str, opened: Opened, names: tuple[str, ...]
) -> Firm:
    """A firm as one look sees it; one of the last minute is used again.

    Raises
    ------
    NotFoundError
        If it is on no register.
    OverloadedError
        If as many reads wait as may.
    """
    kept = look.house.firms.find(desk, uscc, opened, names, look.now)
    if kept is not None:
        return kept
    now = look.now
    found = await look.house.reading.read(
        lambda stop: look_at(desk, uscc, opened, names, now, stop)
    )
    if found is None:
        raise unknown_firm()
    look.house.firms.keep(desk, opened, names, found, now)
    return found
