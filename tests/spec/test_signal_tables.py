"""Runs the tables of `tests/spec/signals`: what is known of one firm, and at which level a signal holds.

A case names the signal and gives values in the unit of their name (a ratio of 30 % is 0.30); what is not
given is unknown, and so is what reads a withheld dataset. `level` is R, O, Y, B, none or unknown; `way`
is the way that answered, 1 the first.
"""

from datetime import date
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import yaml
from pydantic import Field

from features.contracts import load_catalogue
from features.definitions import REGISTRY
from features.documents import Document
from features.facts import FACTS
from features.registry import Registry
from features.rules.compiled import compile_rule
from features.rules.syntax import Clause, clauses, values_of
from features.rules.vocabulary import Term, Vocabulary, limit_of
from models.signals.answers import ask_signals
from models.signals.book import Signal, load_signals
from models.signals.exposure_facts import EXPOSURE_FACTS
from models.signals.levels import UNKNOWN, level_of

TABLES = sorted((Path(__file__).parent / "signals").glob("*.yaml"))
AS_OF = date(2026, 6, 30)
VOCABULARY = Vocabulary.of(Registry((*REGISTRY, *FACTS)), EXPOSURE_FACTS)


@cache
def in_force(as_of_date: date) -> dict[str, Signal]:
    return {one.code: one for one in load_signals().at(as_of_date, VOCABULARY)}


IN_FORCE = tuple(in_force(AS_OF).values())


class Case(Document):
    """One firm, one signal."""

    signal: str
    title: str
    as_of: date = AS_OF
    given: dict[str, float] = Field(default_factory=dict)
    withheld: list[str] = Field(default_factory=list)
    level: Literal["R", "O", "Y", "B", "none", "unknown"]
    way: int | None = None


def read_cases() -> list[Case]:
    listed = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in TABLES)
    cases = [Case.model_validate(one) for part in listed for one in part]
    return sorted(cases, key=lambda case: case.signal)


CASES = read_cases()
OF_SIGNAL = {code: list(cases) for code, cases in groupby(CASES, key=lambda case: case.signal)}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.signal}: {case.title}")
def test_a_signal_says_what_the_table_says(case: Case) -> None:
    signal = in_force(case.as_of)[case.signal]
    names = dict.fromkeys(name for way in signal.ways for name in way.names)
    assert set(case.given) <= set(names), "the signal does not ask about it"
    columns = {name: np.array([case.given.get(name, np.nan)]) for name in names}
    found = ask_signals([signal], VOCABULARY, columns, case.as_of, rows=1, withheld=case.withheld)
    rank, way = int(found.levels[0, 0]), int(found.ways[0, 0])
    said = "unknown" if rank == UNKNOWN else level_of(rank) or "none"
    assert said == case.level
    assert case.way in {None, way + 1}
    assert (rank == UNKNOWN) == (way == UNKNOWN)


@pytest.mark.parametrize("signal", IN_FORCE, ids=lambda signal: signal.code)
def test_every_signal_has_a_case_of_each_kind(signal: Signal) -> None:
    cases = OF_SIGNAL.get(signal.code, [])
    told = {case.level for case in cases}
    assert {str(level) for way in signal.ways for level, _ in way.levels} | {"none"} <= told
    assert len({case.title for case in cases}) == len(cases)
    if not may_always_be_known(signal):
        assert "unknown" in told


def may_always_be_known(signal: Signal) -> bool:
    """Whether nothing it reads can be withheld."""
    catalogue = load_catalogue()
    read = {name for way in signal.ways for name in way.datasets}
    return all(catalogue[name].document.sensitivity == "public" for name in read)


@pytest.mark.parametrize("signal", IN_FORCE, ids=lambda signal: signal.code)
def test_every_limit_is_shown_on_it_and_one_beyond(signal: Signal) -> None:
    for number, way in enumerate(signal.ways, start=1):
        for level, rule in way.levels:
            for clause in clauses(rule.rule):
                assert is_shown(clause, signal), f"way {number}, {level}: {clause}"


def is_shown(clause: Clause, signal: Signal) -> bool:
    """Whether cases give both answers of a clause; of a limit the limit itself, and a value beside it."""
    alone = compile_rule(str(clause), VOCABULARY)
    given = [case.given for case in OF_SIGNAL.get(signal.code, []) if clause.name in case.given]
    answers = {one[clause.name]: alone.ask(one) for one in given}
    if set(answers.values()) != {True, False}:
        return False
    term = VOCABULARY.term(clause.name, signal.code)
    limits = [limit_of(term, value, signal.code) for value in values_of(clause)]
    return all(
        limit in answers
        and any(
            answers[limit] != said
            for value, said in answers.items()
            if is_beside(term, value, float(limit))
        )
        for limit in limits
    )


#: What is one beyond a limit, unless it is within a tenth of it.
STEP = {"ratio": 0.01}


def is_beside(term: Term, value: float, limit: float) -> bool:
    return 0 < abs(value - limit) <= max(STEP.get(term.unit, 1.0), abs(limit) / 10) + 1e-9


@pytest.mark.parametrize("signal", IN_FORCE, ids=lambda signal: signal.code)
def test_every_way_has_answered(signal: Signal) -> None:
    given = {case.way for case in OF_SIGNAL.get(signal.code, [])}
    assert len(signal.ways) == 1 or set(range(1, len(signal.ways) + 1)) <= given


def test_the_tables_name_signals_in_force() -> None:
    assert set(OF_SIGNAL) == set(in_force(AS_OF))
