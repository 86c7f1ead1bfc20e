"""Runs the tables of `tests/spec/deadlines`: when something starts, and until when it must be done."""

from datetime import datetime
from pathlib import Path

import pytest
import yaml
from pydantic import Field

from features.documents import Document
from features.errors import CatalogueError
from serving.disputes.clocks import About, Kind, due_of, duties_opened, load_clocks
from serving.disputes.steps import STEPS
from serving.disputes.workdays import Due, due_in_working_days

TABLES = Path(__file__).parent / "deadlines"


class Count(Document):
    """One count of working days."""

    title: str
    start: datetime
    days: int
    due: datetime
    provisional: bool = False


class Opening(Document):
    """What one step opens."""

    title: str
    kind: Kind
    step: str
    at: datetime
    region: str
    about: About
    due: dict[str, datetime] = Field(default_factory=dict)


def _read(name: str) -> list[dict[str, object]]:
    return yaml.safe_load((TABLES / name).read_text(encoding="utf-8"))


COUNTS = [Count.model_validate(one) for one in _read("working_days.yaml")]
OPENINGS = [Opening.model_validate(one) for one in _read("duties.yaml")]


@pytest.mark.parametrize("case", COUNTS, ids=lambda case: case.title)
def test_working_days_are_counted_as_the_table_says(case: Count) -> None:
    assert due_in_working_days(case.start, case.days, 18) == Due(case.due, case.provisional)


@pytest.mark.parametrize("case", OPENINGS, ids=lambda case: case.title)
def test_a_step_opens_the_duties_of_the_table(case: Opening) -> None:
    opened = duties_opened(case.kind, case.step, at=case.at, region=case.region, about=case.about)
    assert {duty.name: duty.due.at for duty in opened} == case.due


def test_every_duty_is_in_the_table() -> None:
    assert {name for case in OPENINGS for name in case.due} == set(load_clocks().duties)


def test_duties_speak_of_steps_that_exist() -> None:
    known = {(step.kind, step.name) for step in STEPS}
    known |= {(kind, "file") for kind in ("dispute", "review", "repair")}
    for name, duty in load_clocks().duties.items():
        for step in (*duty.opens, *duty.done):
            assert any((kind, step) in known for kind in duty.of), f"{name}: {step}"


def test_a_duty_without_a_period_is_a_mistake_of_the_file() -> None:
    with pytest.raises(CatalogueError, match=r"no period of 'forward_to_province' .* 2022-12-31"):
        due_of("forward_to_province", at=datetime(2022, 12, 31, 9), region="610100", about="others")
