"""The order in which eligible products are shown, and why each is where it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from math import isnan
from pathlib import Path

from models.matching.chances import Chances, load_belief, read_chances
from models.matching.ranking import PARTS, Asker, Ranker, Ranking, load_ranking, plain_order
from models.products.terms import OfferTerms
from serving.matching.admitting import Sight
from serving.matching.judging import Values
from serving.matching.schemas import Order
from serving.products.shelves import ProductShelf

_PLAIN = {
    "zh": "按年利率由低到高、再按名称排列，对所有企业相同",
    "en": "By rate, lowest first, then by name; the same for every firm",
}
_WORDS = {
    "price": {"zh": "价格", "en": "price"},
    "limit": {"zh": "额度满足", "en": "limit against the need"},
    "speed": {"zh": "时效", "en": "speed"},
    "overlap": {"zh": "标签相合", "en": "tags in common"},
}
_DIGITS = 6


@dataclass(frozen=True)
class Placed:
    """A product at its place.

    Attributes
    ----------
    product : int
        Place in the shelf.
    document : mapping
        As `PlaceAnswer`.
    """

    product: int
    document: Mapping[str, object]


@dataclass(frozen=True)
class Ranked:
    """Eligible products in order; `version` names the numbers of the order."""

    placed: Sequence[Placed]
    version: str


def in_order(
    sight: Sight, values: Values, offers: OfferTerms, eligible: Sequence[int], order: Order
) -> Ranked:
    """Put eligible products in order for a firm, or in the one that is the same for everybody."""
    if order == "plain":
        names = [f"{entry.name.zh} {entry.code}" for entry, _ in sight.shelf.shelf.products]
        places = plain_order(eligible, offers.rate_percent, names).tolist()
        return Ranked(
            [
                Placed(product, {"place": number, "score": None, "parts": [], "why": _PLAIN})
                for number, product in enumerate(places, start=1)
            ],
            "plain",
        )
    day, path = sight.shelf.shelf.as_of_date, sight.chances
    changed_at = path.stat().st_mtime_ns if path.exists() else 0
    chances = _read(path, changed_at, day)
    ranker = _ranker(sight.shelf, path, changed_at)
    asker = Asker(
        sight.firm.uscc,
        day,
        chances.place(sight.firm.grade),
        {name: 1.0 for name, value in values.items() if value == 1.0},
        float(sight.wish.asked.need.amount_cny),
    )
    ranking = ranker.rank(eligible, offers, asker)
    placed = [
        Placed(product, _why(ranker, ranking, place))
        for place, product in enumerate(ranking.order.tolist())
    ]
    return Ranked(placed, f"{ranker.numbers.valid_from}/{chances.fitted_on or chances.belief}")


def _why(ranker: Ranker, ranking: Ranking, place: int) -> Mapping[str, object]:
    told = ranking.told(place)
    parts = [
        {
            "code": part,
            "words": _WORDS[part],
            "value": round(float(ranking.parts[part][place]), _DIGITS),
            "weight": float(getattr(ranker.numbers.weights, part)),
        }
        for part in PARTS
        if not isnan(ranking.parts[part][place])
    ]
    return {
        "place": place + 1,
        "score": round(float(ranking.score[place]), _DIGITS),
        "parts": parts,
        "why": {"zh": told.zh, "en": told.en},
    }


@lru_cache(maxsize=4)
def _read(path: Path, changed_at: int, day: date) -> Chances:
    del changed_at  # another file is read anew
    return read_chances(path, load_belief(day))


@lru_cache(maxsize=4)
def _ranker(shelf: ProductShelf, path: Path, changed_at: int) -> Ranker:
    """The products of a day, ready to be put in order."""
    day = shelf.shelf.as_of_date
    chances = _read(path, changed_at, day).of(shelf.shelf.products)
    return Ranker.of(shelf.shelf.products, chances, load_ranking(day), load_belief(day).few_answers)
