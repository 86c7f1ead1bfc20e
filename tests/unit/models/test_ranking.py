"""The order of eligible products: its arithmetic, what unknown things do to it, and who comes first on ties."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pytest

from models.arrays import FloatArray
from models.matching.chances import believed, load_belief
from models.matching.ranking import Asker, Ranker, Ranking, load_ranking
from models.products.book import ProductEntry, ProductVersion

DAY = date(2026, 6, 30)
BELIEF = load_belief(DAY)
FIRM = "91370000FIRM000001"


@dataclass(frozen=True)
class Terms:
    limit_cny: FloatArray
    rate_percent: FloatArray
    fee_percent: FloatArray


def terms(*each: tuple[float, float, float]) -> Terms:
    return Terms(*(np.array(column, dtype=np.float64) for column in zip(*each, strict=True)))


def product(code: str, lender: str, **version: object) -> tuple[ProductEntry, ProductVersion]:
    words = {"zh": lender, "en": lender}
    content = {
        "valid_from": date(2026, 1, 1), "source": "us", "evidence": "P", "regions": ["*"],
        "limit": {}, "rate": {}, "term_months": {}, "guarantee": ["credit"],
    }  # fmt: skip
    entry = ProductEntry.model_validate(
        {"code": code, "name": words, "lender": words, "versions": [content | version]}
    )
    return entry, entry.versions[0]


def ranker(*products: tuple[ProductEntry, ProductVersion]) -> Ranker:
    return Ranker.of(products, believed(BELIEF).of(products), load_ranking(DAY), BELIEF.few_answers)


def rank(ranker: Ranker, terms: Terms, uscc: str = FIRM, need: float = 500_000, day: date = DAY) -> Ranking:  # fmt: skip
    asker = Asker(uscc, day, 0, {"tag_tech": 1.0, "tag_green": np.nan}, need)
    return ranker.rank(range(len(terms.limit_cny)), terms, asker)


def test_a_worked_score() -> None:
    made_for = {"requires_tags": ["tech"], "when": "tag_green", "excludes_tags": ["dishonest"]}
    found = rank(
        ranker(product("P1", "A", approval_days=5, **made_for)), terms((300_000, 5.0, 0.5))
    )
    # price (15 - 5.5) / 12.5 = 0.76, limit 300k / 500k = 0.6, speed 1 - 5 / 20 = 0.75, one tag of three
    parts = {name: float(part[0]) for name, part in found.parts.items()}
    assert parts == pytest.approx({"price": 0.76, "limit": 0.6, "speed": 0.75, "overlap": 1 / 3})
    # (0.35 x 0.76 + 0.25 x 0.6 + 0.1 x 0.75 + 0.1 / 3) / 0.8 = 0.524333 / 0.8
    assert found.fit[0] == pytest.approx(0.6554167)
    # times 0.08 to apply and 0.80 of letter AAA
    assert found.score[0] == pytest.approx(0.6554167 * 0.064)
    assert found.told(0).zh.startswith("适配度 0.66（价格 0.76、额度满足 0.60、时效 0.75、标签相合 0.33）；估计获批可能 80%（答复较少")  # fmt: skip


def test_a_limit_nobody_knows_counts_neither_way_and_an_unpublished_rate_as_the_worst() -> None:
    one = ranker(product("P1", "A", approval_days=5))
    open_limit = rank(one, terms((np.nan, 5.0, 0.0)))
    # (0.35 x 0.8 + 0.1 x 0.75 + 0) / 0.55
    assert open_limit.fit[0] == pytest.approx(0.355 / 0.55)
    assert rank(one, terms((1e6, np.nan, 0.0))).fit[0] == rank(one, terms((1e6, 15.0, 0.0))).fit[0]
    assert "额度" not in open_limit.told(0).zh


def test_no_institution_is_always_first_and_more_products_buy_no_more_luck() -> None:
    shelf = [product(f"A{n}", "A") for n in range(5)] + [product("B1", "B"), product("C1", "C")]
    tied, made = terms(*[(1e6, 4.0, 0.0)] * 7), ranker(*shelf)
    lenders = [entry.lender.zh for entry, _ in shelf]
    firms = [f"9137{n:014}" for n in range(3000)]
    firsts = Counter(lenders[rank(made, tied, firm).order[0]] for firm in firms)
    # A third of 3,000 is 1,000, with a standard deviation of 26.
    assert {lender: abs(count - 1000) < 110 for lender, count in firsts.items()} == dict.fromkeys("ABC", True)  # fmt: skip
    again = [rank(made, tied, FIRM).order.tolist() for _ in range(2)]
    days = {lenders[rank(made, tied, day=DAY + timedelta(days=n)).order[0]] for n in range(20)}
    assert again[0] == again[1]
    assert days == {"A", "B", "C"}


def test_a_clearly_better_product_is_first_whatever_the_lots_say() -> None:
    made = ranker(product("P1", "A"), product("P2", "B"), product("P3", "C"))
    offers = terms((1e6, 6.0, 0.0), (1e6, 4.0, 0.0), (1e6, 5.0, 0.0))
    assert {tuple(rank(made, offers, f"F{n}").order) for n in range(50)} == {(1, 2, 0)}


def test_the_nightly_order_is_that_of_a_firm_that_has_not_said_what_it_needs() -> None:
    made = ranker(*(product(f"P{n}", f"L{n}", approval_days=n) for n in range(6)))
    rates = np.linspace(9.0, 4.0, 6)
    nightly = made.by_grade(np.tile(rates, (11, 1)), np.zeros(6), DAY)
    asked = rank(made, Terms(np.full(6, np.nan), rates, np.zeros(6)), need=np.nan)
    assert nightly.shape == (11, 6)
    assert nightly[0].tolist() == asked.order.tolist() == [5, 4, 3, 2, 1, 0]
