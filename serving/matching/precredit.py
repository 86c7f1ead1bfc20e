"""预授信: what a product would come to for a firm, by fixed rules; the same inputs give the same figures."""

from collections.abc import Mapping, Sequence
from math import isnan

import numpy as np

from serving.look import Look
from serving.matching.admitting import take_sight, wish_of
from serving.matching.document import Found, valid_until
from serving.matching.rules import match_rules
from serving.matching.schemas import PreCreditAnswer, PreCreditRequest
from serving.matching.service import malformed
from serving.matching.telling import Document, words
from serving.matching.versions import versions_of

FIELDS = ("estimate",)


async def estimate(look: Look, asked: PreCreditRequest) -> PreCreditAnswer:
    """One product's figures, or those of the best product of each channel.

    Raises
    ------
    NotFoundError, NeedAuthorisationError, MalformedError
        As a match.
    """
    sight = await take_sight(look, wish_of(look, asked))
    found = Found.of(sight, sight.shown)
    products = sight.shelf.shelf.products
    chosen = _best_of_channels(found)
    if asked.product is not None:
        codes = {entry.code: place for place, (entry, _) in enumerate(products)}
        place = codes.get(asked.product)
        if place is None or not sight.shown[place]:
            raise malformed("product", "names a product you are not shown.", "含有不可见的产品。")
        chosen = [("", place)]
    look.says(fields=FIELDS, products=len(chosen))
    answer: Mapping[str, object] = {
        "uscc": sight.firm.uscc,
        "scope": sight.opened.kind,
        "as_of": sight.firm.as_of_date,
        "valid_until": valid_until(look.now.date()),
        "need": asked.need,
        "grade": sight.firm.grade,
        "estimates": [_told(found, channel, place) for channel, place in chosen],
        "inputs_hash": sight.inputs_hash,
        "versions": versions_of(sight.desk, sight.shelf),
        "words": words(match_rules().no_commitment),
    }
    return PreCreditAnswer.model_validate(answer)


def _told(found: Found, channel: str, place: int) -> Document:
    return {"channel": channel or None, "product": found.tell(place, found.standing_of(place))}


def _best_of_channels(found: Found) -> Sequence[tuple[str, int]]:
    """Of each channel the eligible product with the highest limit, then the lowest rate, then by code."""
    offers, products = found.offers, found.sight.shelf.shelf.products

    def key(place: int) -> tuple[float, float, str]:
        limit, rate = float(offers.limit_cny[place]), float(offers.rate_percent[place])
        return (
            -np.inf if isnan(limit) else -limit,
            np.inf if isnan(rate) else rate,
            products[place][0].code,
        )

    best: dict[str, int] = {}
    for place in sorted(found.eligible, key=key):
        for channel in products[place][0].channels:
            best.setdefault(channel, place)
    return sorted(best.items())
