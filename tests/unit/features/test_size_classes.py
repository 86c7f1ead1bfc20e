"""The 2011 size standard: its worked cases, every limit at and one below, many = one by one."""

from collections.abc import Mapping
from string import ascii_uppercase

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.codes.sizes import (
    LARGE,
    MEDIUM,
    MICRO,
    SMALL,
    UNKNOWN,
    Indicator,
    load_size_classes,
    row_of,
    size_class,
)

WAN = 10_000
NAN = float("nan")
ROWS = load_size_classes().rows
INDICATORS: tuple[Indicator, ...] = ("employees", "revenue", "assets")


def classed(
    code: str | None,
    employees: float = NAN,
    revenue: float = NAN,
    assets: float = NAN,
    declared: int | None = None,
) -> tuple[int, str]:
    """Class and basis of one firm; money in 万元."""
    told = np.array([declared], dtype=np.int8) if declared is not None else None
    x, r, a = (np.array([value]) for value in (employees, revenue * WAN, assets * WAN))
    found = size_class([code], x, r, a, told)
    return int(found.classes[0]), str(found.basis[0])


def of(code: str, figures: Mapping[Indicator, float]) -> tuple[int, str]:
    return classed(code, figures["employees"], figures["revenue"], figures["assets"])


# (industry, employees, revenue, assets) and the class; money in 万元.
WORKED = [
    ("C3911", 25, 280, NAN, MICRO),  # revenue below 300
    ("C", 310, 1900, NAN, None),  # a section alone names no division
    ("39", 310, 1900, NAN, SMALL),  # revenue below the 2000 of medium
    ("51", 4, 1200, NAN, MICRO),  # 4 people, small needs 5
    ("65", 12, 49, NAN, MICRO),  # revenue below 50
    ("47", NAN, 7000, 4000, SMALL),  # assets below the 5000 of medium
    ("52", 400, 15_000, NAN, MEDIUM),  # revenue below its ceiling is enough to be no large firm
    ("13", 1200, 50_000, NAN, LARGE),
    ("65", 100, 1000, NAN, MEDIUM),  # the statistics office's own case: 100 people, 10 million
    ("65", 299, 9999, NAN, MEDIUM),
]


@pytest.mark.parametrize(("code", "employees", "revenue", "assets", "expected"), WORKED)
def test_worked_cases(
    code: str, employees: float, revenue: float, assets: float, expected: int | None
) -> None:
    wanted = (expected, "full") if expected is not None else (UNKNOWN, "none")
    assert classed(code, employees, revenue, assets) == wanted


def example_code(row: str) -> str:
    first = ROWS[row].divisions[0].partition("-")[0]
    return first.ljust(4, "0")


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_every_limit_at_and_one_below(row: str, place: int) -> None:
    """With all other figures at the same limits, one below any of them is the next class down."""
    limits = ROWS[row].limits
    at: dict[Indicator, float] = {
        indicator: float(limits[indicator][place]) if indicator in limits else NAN
        for indicator in INDICATORS
    }
    reached, missed = [(LARGE, MEDIUM), (MEDIUM, SMALL), (SMALL, MICRO)][place]
    code = example_code(row)
    assert of(code, at) == (reached, "full")
    for indicator in limits:
        # One person or 10,000 yuan less.
        lowered: dict[Indicator, float] = {**at, indicator: at[indicator] - 1}
        assert of(code, lowered) == (missed, "full")


def test_the_standard_has_sixteen_rows_and_every_division_but_finance_leads_to_one() -> None:
    assert len(ROWS) == 16
    without = {f"{n:02d}" for n in range(1, 98) if row_of(f"{n:02d}0") is None}
    # 590 and 700 are no groups; finance has a standard of its own.
    assert without == {"59", "66", "67", "68", "69", "70"}
    assert [row_of(code) for code in ("5310", "5411", "5911", "5921", "7010", "7020", "7030")] == [
        "others",
        "transport",
        "transport",
        "storage",
        "real_estate",
        "property",
        "others",
    ]


def test_missing_figures_are_said_and_the_firm_s_own_word_comes_last() -> None:
    assert classed("39", employees=310) == (MEDIUM, "partial")
    assert classed("39") == (UNKNOWN, "none")
    assert classed("39", declared=SMALL) == (SMALL, "declared")
    assert classed("39", employees=310, declared=MICRO) == (MEDIUM, "partial")
    assert classed(None, 10, 10, 10) == (UNKNOWN, "none")
    assert classed("6620", 10, 10, 10) == (UNKNOWN, "none")
    # Assets are no indicator of industry: alone they say nothing.
    assert classed("39", assets=1) == (UNKNOWN, "none")


FIGURE = st.sampled_from(
    sorted(
        {
            limit + step
            for row in ROWS.values()
            for each in row.limits.values()
            for limit in each
            for step in (-1, 0)
        }
    )
)


def one_by_one(code: str | None, figures: Mapping[Indicator, int | None]) -> int:
    """The standard read out for one firm: the first class of which it misses no limit."""
    digits = (code or "").lstrip(ascii_uppercase)
    spans = [(span.split("-"), row) for row in ROWS.values() for span in row.divisions]
    rows = [row for ends, row in spans if ends[0] <= digits[: len(ends[0])] <= ends[-1]]
    limits = rows[0].limits if rows else {}
    told = [(value, limits[i]) for i, value in figures.items() if i in limits and value is not None]
    if not told:
        return UNKNOWN
    reached = (all(value >= limit[place] for value, limit in told) for place in range(3))
    return next((LARGE + place for place, met in enumerate(reached) if met), MICRO)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["39", "C3911", "4710", "51", "591", "592", "59", "701", "71", "53", "66", None]
            ),
            *[st.none() | FIGURE for _ in INDICATORS],
        ),
        min_size=1,
        max_size=30,
    )
)
def test_many_firms_are_classed_as_one_by_one(
    firms: list[tuple[str | None, int | None, int | None, int | None]],
) -> None:
    codes = [code for code, *_ in firms]
    columns = [
        np.array([NAN if firm[place] is None else float(str(firm[place])) for firm in firms])
        for place in (1, 2, 3)
    ]
    found = size_class(codes, columns[0], columns[1] * WAN, columns[2] * WAN).classes.tolist()
    assert found == [
        one_by_one(code, dict(zip(INDICATORS, figures, strict=True))) for code, *figures in firms
    ]
