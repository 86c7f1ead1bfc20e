"""Runs the tables of `tests/spec/policies`: the firm that just meets a policy, each step beyond, and the sum."""

from datetime import date
from functools import cache
from pathlib import Path

import pytest
import yaml
from pydantic import Field

from features.documents import Document
from features.rules.parser import parse_condition
from features.rules.syntax import clauses
from models.policies.book import load_policies
from models.policies.shelf import PolicyShelf
from tests.product_world import DAY, GOOD_FIRM, region_of, vocabulary
from tests.shown_limits import Given, is_shown

TABLES = sorted((Path(__file__).parent / "policies").glob("*.yaml"))


class Sum(Document):
    """What a policy comes to with something changed."""

    given: Given = Field(default_factory=dict)
    amount_cny: float | None


class Case(Document):
    """One firm, one policy."""

    policy: str
    title: str
    as_of: date = DAY
    meets: Given
    beyond: list[Given] = Field(min_length=1)
    sums: list[Sum] = Field(min_length=1)


def read_cases() -> list[Case]:
    listed = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in TABLES)
    return [Case.model_validate(one) for part in listed for one in part]


CASES = read_cases()


@cache
def shelf(day: date) -> PolicyShelf:
    return PolicyShelf.of(load_policies(), vocabulary(), day)


def place_of(case: Case) -> int:
    return [entry.code for entry, _ in shelf(case.as_of).policies].index(case.policy)


def firm(case: Case, changed: Given) -> Given:
    regions = shelf(case.as_of).policies[place_of(case)][1].regions
    return GOOD_FIRM | {"region_code": region_of(regions)} | case.meets | changed


def found(case: Case, changed: Given) -> tuple[int, int]:
    """How many conditions fail, and how many are unknown."""
    matcher = shelf(case.as_of).matcher
    verdicts = matcher.verdicts(matcher.conditions.row(firm(case, changed)))
    place = place_of(case)
    return int(verdicts.failed[place]), int(verdicts.unknown[place])


def named(case: Case) -> str:
    return f"{case.policy}: {case.title}"


@pytest.mark.parametrize("case", CASES, ids=named)
def test_a_firm_at_the_limit_gets_it_and_one_beyond_does_not(case: Case) -> None:
    assert found(case, {}) == (0, 0)
    for changed in case.beyond:
        failed, unknown = found(case, changed)
        assert (failed >= 1, unknown) == (True, 0), changed
    listed: list[Given] = [{"serious_dishonest_list_now": 1}, {"registration_ended_now": 1}]
    for changed in listed:
        assert found(case, changed) == (1, 0)


@pytest.mark.parametrize("case", CASES, ids=named)
def test_a_sum_is_what_the_table_says(case: Case) -> None:
    for told in case.sums:
        assert found(case, told.given) == (0, 0), told.given
        sums = shelf(case.as_of).subsidies(firm(case, told.given))
        wanted = float("nan") if told.amount_cny is None else told.amount_cny
        assert sums.amount_cny[place_of(case)] == pytest.approx(wanted, nan_ok=True)


@pytest.mark.parametrize("case", CASES, ids=named)
def test_every_condition_of_a_policy_is_shown(case: Case) -> None:
    _, version = shelf(case.as_of).policies[place_of(case)]
    changes = [{}, *case.beyond, *(told.given for told in case.sums)]
    shown = [firm(case, changed) for changed in changes]
    caps = version.amount.caps if version.amount else []
    for condition in [version.when, *(cap.when for cap in caps)]:
        if condition is not None:
            for clause in clauses(parse_condition(condition, case.policy)):
                assert is_shown(clause, shown, vocabulary()), f"{clause}"
    for tag in (*version.requires_tags, *version.excludes_tags):
        assert {given.get(f"tag_{tag}") for given in shown} >= {0, 1}, tag
    assert set(version.purposes) <= {given["need_purpose"] for given in shown}


def test_every_policy_has_its_case() -> None:
    assert [case.policy for case in CASES] == [entry.code for entry in load_policies()]


def test_an_expired_policy_is_matched_no_more() -> None:
    codes = [
        {entry.code for entry, _ in shelf(day).policies}
        for day in (date(2025, 12, 31), date(2026, 1, 1))
    ]
    assert "Y06" in codes[0] - codes[1]


def test_an_unknown_need_leaves_the_ceiling_known() -> None:
    sums = shelf(DAY).subsidies({})
    place = [entry.code for entry, _ in shelf(DAY).policies].index("Y04")
    assert (sums.at_least_cny[place], sums.at_most_cny[place]) == (0, 50_000)
    assert sums.amount_cny[place] != sums.amount_cny[place]
