"""Runs the tables of `tests/spec/rules`: facts of one firm, and which rules must hold for it.

A fact that is not given is unknown. Every rule of a file needs a case in which it holds, one in which it
is known not to hold, and one in which it is unknown.
"""

from datetime import date
from pathlib import Path

import numpy as np
import pytest
import yaml
from pydantic import Field

from features.definitions import REGISTRY
from features.documents import Document
from features.rules.vocabulary import Vocabulary
from models.knockouts import KnockoutAnswers, load_knockouts
from models.scale import load_scale

AS_OF = date(2026, 6, 30)
KNOCKOUTS = load_knockouts().at(AS_OF, Vocabulary.of(REGISTRY))


class Case(Document):
    """Facts of one firm and what follows from them."""

    title: str
    given: dict[str, float] = Field(default_factory=dict)
    holds: list[str]
    grade: str


def read_cases() -> list[Case]:
    text = (Path(__file__).parent / "rules" / "knockouts.yaml").read_text(encoding="utf-8")
    return [Case.model_validate(one) for one in yaml.safe_load(text)]


def answers(case: Case) -> KnockoutAnswers:
    assert set(case.given) <= set(KNOCKOUTS.names)
    facts = {name: np.array([case.given.get(name, np.nan)]) for name in KNOCKOUTS.names}
    return KNOCKOUTS.check(facts, 1)


@pytest.mark.parametrize("case", read_cases(), ids=lambda case: case.title)
def test_the_knock_outs_say_what_the_table_says(case: Case) -> None:
    found = answers(case)
    assert found.holding() == [case.holds]
    assert found.cap(np.array(["AAA"]), load_scale()).tolist() == [case.grade]


def test_every_knock_out_is_shown_in_three_values() -> None:
    cases = [answers(case) for case in read_cases()]
    for place, one in enumerate(KNOCKOUTS.knockouts):
        assert {found.planes[place].only() for found in cases} == {True, False, None}, one.code
