"""反向匹配: which firms fit an institution's product; only those that opened themselves to it are named."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

import numpy as np

from features.rules.evaluate import Column
from features.scope import Purpose
from models.matching.conditions import FALSE
from models.products.base import base_rule
from models.products.shelf import Shelf
from models.products.terms import TermsTable
from models.tags.book import Tags
from models.tags.held import Claims
from serving.access.decision import Resource, not_found
from serving.audit.record import write_entry
from serving.look import Look
from serving.matching.admitting import names_of
from serving.matching.asked import Value, need_values
from serving.matching.claims import claims_of
from serving.matching.judging import judge, only_used, values_of
from serving.matching.looking import Firm, look_at_everybody, look_at_many
from serving.matching.repository import OpenFirm, open_firms
from serving.matching.rules import match_rules
from serving.matching.schemas import ReverseAnswer, ReverseRequest
from serving.matching.telling import Document, told_terms
from serving.matching.versions import versions_of
from serving.products.shelves import ProductShelf
from serving.ratings.desk import Desk
from serving.ratings.sight import Opened
from serving.reading import Stop

FIELDS = ("match",)


@dataclass(frozen=True, eq=False)
class Search:
    """One product looked for among firms.

    Attributes
    ----------
    shelf : ProductShelf
        With that product alone.
    """

    desk: Desk
    shelf: ProductShelf
    said: Mapping[str, Value]
    claims: Claims
    now: datetime

    @property
    def names(self) -> tuple[str, ...]:
        """What the product asks about."""
        return names_of(self.shelf)

    @cached_property
    def tags(self) -> Tags:
        """Tags the product and its terms ask for, and those that these use."""
        asked = {*self.shelf.shelf.matcher.conditions.names, *self.shelf.terms.names}
        return only_used(self.shelf.tags, asked)


@dataclass(frozen=True)
class Fit:
    """A consenting firm: `is_fit` None where something asked is unknown."""

    firm: Firm
    is_fit: bool | None
    terms: Document


async def firms_that_fit(look: Look, asked: ReverseRequest) -> ReverseAnswer:
    """Look for firms that fit a product of the caller's; every look at a firm is recorded as one.

    Raises
    ------
    NotFoundError
        If the caller has no such product on the shelf today.
    MalformedError
        If the purpose is on no list.
    """
    own, rules = look.caller.tenant, match_rules()
    # The product is the caller's own; consents are asked firm by firm.
    await look.allow(Resource(institution=own, is_public=True))
    search = await _search(look, asked)
    opened = await open_firms(look.connection, own, look.now.date(), rules.looked_at_most.value)
    claims = await claims_of(look.connection, [one.uscc for one in opened])
    search = replace(search, claims=claims)
    fits = await look.house.reading.read(lambda stop: fits_of(search, opened, stop))
    others = await look.house.reading.read(
        lambda stop: count_others(search, {one.uscc for one in opened}, stop)
    )
    named = [fit for fit in fits if fit.is_fit][: rules.named_at_most.value]
    consents = {one.uscc: one.consents for one in opened}
    await _record(look, [fit.firm.uscc for fit in fits], {fit.firm.uscc for fit in named}, consents)
    # Who asks again under the same key must still be let see every firm that was named.
    scopes = {one.uscc: frozenset(one.scopes) for one in opened}
    look.asked += [_about(own, fit.firm.uscc, scopes[fit.firm.uscc]) for fit in named]
    look.consents.update(one for fit in named for one in consents[fit.firm.uscc])
    look.says(fields=FIELDS, product=asked.product, named=len(named), looked_at=len(fits))
    return ReverseAnswer.model_validate(
        {
            "product": asked.product,
            "as_of": search.desk.as_of_date,
            "consenting": len(fits),
            "fitting": [
                {
                    "uscc": fit.firm.uscc,
                    "grade": fit.firm.grade,
                    "terms": fit.terms,
                    "consents": consents[fit.firm.uscc],
                }
                for fit in named
            ],
            "is_cut": sum(bool(fit.is_fit) for fit in fits) > len(named),
            "undecided": sum(fit.is_fit is None for fit in fits),
            **_suppressed(others, rules.count_from.value),
            "versions": versions_of(search.desk, search.shelf),
        }
    )


def _about(institution: str, uscc: str, scopes: frozenset[str]) -> Resource:
    return Resource(uscc=uscc, institution=institution, needs=scopes, purpose=Purpose.PRE_CREDIT)


async def _search(look: Look, asked: ReverseRequest) -> Search:
    """The product alone, if it is the caller's and on the shelf today."""
    said = need_values(asked.need)
    desk = await look.house.desks.desk(look.now)
    whole = await look.house.shelves.on(look.connection, look.now.date())
    entries = [
        entry
        for entry, _ in whole.shelf.products
        if entry.code == asked.product and entry.institution == look.caller.tenant
    ]
    if not entries:
        raise not_found()
    day, words = whole.shelf.as_of_date, whole.tags.vocabulary
    shelf = Shelf.of(entries, words, day, base_rule(day))
    one = replace(whole, shelf=shelf, terms=TermsTable.of(shelf.products, words, day))
    return Search(desk, one, said, Claims(), look.now)


def fits_of(search: Search, opened: Sequence[OpenFirm], stop: Stop) -> list[Fit]:
    """Every consenting firm under what it opened; those that opened the same are read together."""
    groups: defaultdict[frozenset[str], list[str]] = defaultdict(list)
    for one in opened:
        groups[frozenset(one.scopes)].append(one.uscc)
    firms = [
        firm
        for scopes, usccs in groups.items()
        for firm in look_at_many(
            search.desk, usccs, Opened("grantee", scopes), search.names, search.now, stop
        )
    ]
    return sorted((_fit(search, firm) for firm in firms), key=lambda fit: fit.firm.uscc)


def _fit(search: Search, firm: Firm) -> Fit:
    day = search.shelf.shelf.as_of_date
    values = values_of(firm, search.tags, search.said, search.claims, "open", day)
    judged = judge(search.shelf.shelf.matcher, values)
    offers, version = search.shelf.terms.offers(values), search.shelf.shelf.products[0][1]
    terms = told_terms(version, offers, 0, float(values["need_amount_cny"] or 0))
    if judged.verdicts.failed[0] or not offers.may_lend[0]:
        return Fit(firm, False, terms)  # noqa: FBT003 - the field says it
    return Fit(firm, None if judged.verdicts.unknown[0] else True, terms)


def count_others(search: Search, consenting: set[str], stop: Stop) -> int:
    """Firms without a consent of which nothing that is public speaks against the product."""
    read = look_at_everybody(search.desk, Opened("grantee"), search.names, search.now, stop)
    conditions = search.shelf.shelf.matcher.conditions
    columns = _complete(search, read.columns, search.tags.names, len(read))
    columns |= search.tags.ask(columns, rows=len(read))
    columns = _complete(search, columns, conditions.names, len(read))
    states = conditions.ask(conditions.matrix(columns))
    is_other = np.array([uscc not in consenting for uscc in read.usccs], dtype=np.bool_)
    return int(((states != FALSE).all(axis=1) & is_other).sum())


def _complete(
    search: Search, read: Mapping[str, Column], names: Sequence[str], rows: int
) -> dict[str, Column]:
    """Columns of all names: what is read, the need, and unknown for the rest."""
    found = dict(read)
    terms = search.shelf.tags.vocabulary.terms
    for name in names:
        if name not in found:
            is_code = terms[name].unit == "code"
            found[name] = np.full(rows, search.said.get(name, "" if is_code else np.nan))
    return found


def _suppressed(count: int, least: int) -> Document:
    """A count, or that it is too small to be told; none at all is too small as well."""
    if count < least:
        return {"others": None, "others_words": f"<{least}"}
    return {"others": count, "others_words": str(count)}


async def _record(
    look: Look, looked_at: Sequence[str], named: set[str], consents: Mapping[str, Sequence[str]]
) -> None:
    """A row of the record for every firm whose data were read, so that each can see it."""
    whole = look.entry("granted", "granted")
    async with look.connection.pipeline():
        for uscc in looked_at:
            entry = replace(
                whole,
                subject=look.house.subject_of(uscc),
                purpose=str(Purpose.PRE_CREDIT),
                consents=tuple(consents[uscc]),
                fields=FIELDS,
                detail={"is_named": uscc in named},
            )
            await write_entry(look.connection, entry)
