"""惠企政策: which policies a firm can claim, what each comes to, and what is missing for others."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from math import isnan

import numpy as np

from features.scope import Purpose
from models.matching.explaining import Teller
from models.policies.book import load_policies
from models.policies.shelf import PolicyShelf, Subsidies
from models.tags.book import Tags
from serving.look import Look
from serving.matching.admitting import firm_of
from serving.matching.claims import claims_of
from serving.matching.document import valid_until
from serving.matching.judging import closed_conditions, judge, only_used, sections, values_of
from serving.matching.rules import match_rules
from serving.matching.schemas import PolicyMatchAnswer, Standing
from serving.matching.telling import Document, Reader, meanings_of, words
from serving.products.shelves import tags_on
from serving.ratings.service import unknown_firm
from serving.ratings.sight import Opened

FIELDS = ("policies",)


@dataclass(frozen=True, eq=False)
class Policies:
    """Policies of a day, compiled and put into words."""

    shelf: PolicyShelf
    tags: Tags
    teller: Teller

    @property
    def names(self) -> tuple[str, ...]:
        """What is asked of records."""
        asked = set(self.shelf.names)
        return tuple(sorted(asked | {*only_used(self.tags, asked).names}))


@lru_cache(maxsize=2)
def policies_on(day: date) -> Policies:
    """The policies of a day."""
    tags = tags_on(day)
    shelf = PolicyShelf.of(load_policies(), tags.vocabulary, day)
    return Policies(shelf, tags, Teller.of(shelf.matcher.conditions, meanings_of(tags)))


async def policies_for(look: Look) -> PolicyMatchAnswer:
    """Every policy for the firm of the owner who asks; it has been let in.

    Raises
    ------
    NotFoundError
        If the firm is on no register.
    NoModelError, OverloadedError
    """
    uscc, day = look.caller.tenant, look.now.date()
    book, desk, opened = policies_on(day), await look.house.desks.desk(look.now), Opened("self")
    if not desk.knows(uscc):
        raise unknown_firm()
    firm = await firm_of(look, desk, uscc, opened, book.names)
    claims, rules = await claims_of(look.connection, [uscc]), match_rules()
    judged = judge(book.shelf.matcher, values_of(firm, book.tags, {}, claims, "self", day))
    found = sections(
        book.shelf.matcher,
        judged,
        closed_conditions(book.shelf.matcher, firm),
        within=np.ones(len(book.shelf), dtype=np.bool_),
        fixed=rules.fixed,
        near_failed_at_most=rules.near_failed_at_most.value,
    )
    reader = Reader.of(book.shelf.matcher, book.teller, judged, firm, is_owner=True)
    sums = book.shelf.subsidies(judged.values)

    def told(places: Sequence[int], standing: Standing) -> list[Document]:
        return [_told(book, reader, sums, place, standing) for place in places]

    dark = [*found.need_authorisation.tolist(), *found.need_data.tolist()]
    look.says(fields=FIELDS, policies=len(found.eligible), purpose=str(Purpose.SELF_REPORT))
    return PolicyMatchAnswer.model_validate(
        {
            "uscc": uscc,
            "as_of": firm.as_of_date,
            "valid_until": valid_until(day),
            "counts": {
                "policies": len(book.shelf),
                "eligible": len(found.eligible),
                "near": len(found.near),
                "need_data": len(dark),
                "not_eligible": found.not_eligible,
            },
            "eligible": told(found.eligible.tolist(), "eligible"),
            "near": told(found.near.tolist(), "near"),
            "need_data": told(dark, "need_data"),
            "disclaimer": words(rules.policy_disclaimer),
        }
    )


def _told(
    book: Policies, reader: Reader, sums: Subsidies, place: int, standing: Standing
) -> Document:
    entry, version = book.shelf.policies[place]
    is_example = version.evidence == "P"
    amount, most = float(sums.amount_cny[place]), float(sums.at_most_cny[place])
    is_met = standing == "eligible"
    return {
        "code": entry.code,
        "name": words(entry.name),
        "kind": entry.kind,
        "authority": words(entry.authority),
        "channels": list(entry.channels),
        "benefit": words(version.benefit),
        "subsidy_cny": None if isnan(amount) else f"{amount:.2f}",
        "subsidy_at_most_cny": None if isnan(most) else f"{most:.2f}",
        "claim": words(version.claim),
        "standing": standing,
        "evidence": version.evidence,
        "evidence_words": words(match_rules().illustrative) if is_example else None,
        "source": version.source,
        "conditions": reader.met(place) if is_met else reader.missing(place),
    }
