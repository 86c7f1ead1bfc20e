"""A match as its document: products by how the firm stands to them, each with its terms and its reasons."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

from models.arrays import BoolArray
from models.matching.explaining import too_small
from models.products.terms import OfferTerms
from serving.matching import judging
from serving.matching.admitting import Sight
from serving.matching.judging import Judged, Sections
from serving.matching.ordering import Placed, in_order
from serving.matching.rules import match_rules
from serving.matching.schemas import MatchRequest, Standing
from serving.matching.telling import (
    Document,
    Reader,
    teller_of,
    told_product,
    told_terms,
    words,
)
from serving.matching.versions import versions_of


@dataclass(frozen=True, eq=False)
class Found:
    """A firm against every product of the day.

    Attributes
    ----------
    within : ndarray of bool, shape (p,)
        Products that are asked for.
    """

    sight: Sight
    judged: Judged
    offers: OfferTerms
    within: BoolArray

    @classmethod
    def of(cls, sight: Sight, within: BoolArray) -> "Found":
        """Ask every rule, and work out every product's terms."""
        sees = "open" if sight.wish.institution else "self"
        day = sight.shelf.shelf.as_of_date
        values = judging.values_of(
            sight.firm, sight.shelf.tags, sight.wish.said, sight.claims, sees, day
        )
        judged = judging.judge(sight.shelf.shelf.matcher, values)
        return cls(sight, judged, sight.shelf.terms.offers(values), within)

    @cached_property
    def sections(self) -> Sections:
        """Products by how the firm stands to them."""
        rules, matcher = match_rules(), self.sight.shelf.shelf.matcher
        return judging.sections(
            matcher,
            self.judged,
            judging.closed_conditions(matcher, self.sight.firm),
            within=self.within,
            fixed=rules.fixed,
            near_failed_at_most=rules.near_failed_at_most.value,
        )

    @cached_property
    def eligible(self) -> list[int]:
        """Products that would lend: all conditions hold, and the smallest loan is within reach."""
        held = self.sections.eligible
        return held[self.offers.may_lend[held]].tolist()

    @cached_property
    def near(self) -> list[int]:
        """Products a condition or two away, or whose smallest loan is out of reach."""
        held = self.sections.eligible
        return [*held[~self.offers.may_lend[held]].tolist(), *self.sections.near.tolist()]

    @cached_property
    def reader(self) -> Reader:
        """Who is told."""
        sight = self.sight
        return Reader.of(
            sight.shelf.shelf.matcher,
            teller_of(sight.shelf),
            self.judged,
            sight.firm,
            is_owner=not sight.wish.institution,
        )

    def tell(self, place: int, standing: Standing, placed: Placed | None = None) -> Document:
        """One product."""
        entry, version = self.sight.shelf.shelf.products[place]
        amount = float(self.sight.wish.asked.need.amount_cny)
        terms = told_terms(version, self.offers, place, amount)
        if standing == "eligible":
            conditions = self.reader.met(place)
        else:
            conditions = self.reader.missing(place)
            if not self.offers.may_lend[place]:
                conditions.append(self.reader.condition(too_small(version)))
        return {
            **told_product(entry, version, terms, standing),
            "conditions": conditions,
            "scopes_needed": self.reader.scopes(place),
            "place": None if placed is None else placed.document,
        }

    def standing_of(self, place: int) -> Standing:
        """How the firm stands to one product."""
        sections = self.sections
        if place in self.eligible:
            return "eligible"
        if place in self.near:
            return "near"
        if place in sections.need_authorisation:
            return "need_authorisation"
        return "need_data" if place in sections.need_data else "not_eligible"


def match_document(
    sight: Sight, within: BoolArray, asked: MatchRequest, match_id: str, now: datetime
) -> tuple[Document, list[str]]:
    """Everything a match says, and the codes of the eligible products in the order shown."""
    found = Found.of(sight, within)
    ranked = in_order(sight, found.judged.values, found.offers, found.eligible, asked.order)
    shown = ranked.placed[: asked.limit]
    products = sight.shelf.shelf.products
    document: Document = {
        "match_id": match_id,
        "uscc": sight.firm.uscc,
        "scope": sight.opened.kind,
        "purpose": asked.purpose,
        "as_of": sight.firm.as_of_date.isoformat(),
        "made_at": now.isoformat(),
        "valid_until": valid_until(now.date()).isoformat(),
        "order": asked.order,
        "channel": asked.channel,
        "need": asked.need.model_dump(mode="json"),
        "offers": asked.offers,
        "statements": asked.statements,
        "grade": sight.firm.grade,
        "counts": counts_of(found),
        "eligible": [found.tell(one.product, "eligible", one) for one in shown],
        **_others(found, asked.limit),
        "consents": list(sight.consent.ids),
        "inputs_hash": sight.inputs_hash,
        "versions": versions_of(sight.desk, sight.shelf, ranked.version),
        "disclaimer": words(match_rules().disclaimer),
    }
    return document, [products[one.product][0].code for one in shown]


def valid_until(day: date) -> date:
    """The last day a match of a day counts."""
    return day + timedelta(days=match_rules().valid_days.value - 1)


def counts_of(found: Found) -> Document:
    """How many products stand where."""
    sections = found.sections
    return {
        "products": int(found.within.sum()),
        "eligible": len(found.eligible),
        "near": len(found.near),
        "need_authorisation": len(sections.need_authorisation),
        "need_data": len(sections.need_data),
        "not_eligible": sections.not_eligible,
    }


def _others(found: Found, limit: int) -> Document:
    sections = found.sections
    shut, dark = sections.need_authorisation.tolist(), sections.need_data.tolist()
    return {
        "near": _told(found, found.near[:limit], "near"),
        "need_authorisation": _told(found, shut[:limit], "need_authorisation"),
        "need_data": _told(found, dark[:limit], "need_data"),
    }


def _told(found: Found, places: Sequence[int], standing: Standing) -> list[Document]:
    return [found.tell(place, standing) for place in places]
