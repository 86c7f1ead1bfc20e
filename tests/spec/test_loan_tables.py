"""Runs the table of `tests/spec/loans`: what may be reported beside what was reported before."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import Field

from features.documents import Document
from serving.loans.checks import doubts, refusal
from serving.loans.history import Held, History
from serving.loans.reports import REPORT, Report, key_of
from serving.loans.rules import loan_words

TABLE = Path(__file__).parent / "loans" / "reports.yaml"


class Case(Document):
    """One report."""

    title: str
    before: list[dict[str, Any]] = Field(default=[])
    report: dict[str, Any]
    answer: str
    doubts: list[str] = Field(default=[])


CONTENT = yaml.safe_load(TABLE.read_text("utf-8"))
TODAY: date = CONTENT["today"]
CASES = [Case.model_validate(case) for case in CONTENT["cases"]]


def report_of(told: dict[str, Any]) -> Report:
    return REPORT.validate_python(CONTENT["usual"][told["kind"]] | told)


def answered(case: Case) -> tuple[str, list[str]]:
    history = History()
    for told in case.before:
        before = report_of(told)
        reason = refusal(before, history, TODAY)
        assert not reason, f"what came before must be taken: {told}: {reason}"
        uscc = CONTENT["usual"]["grant"]["uscc"]
        history.hold(before.kind, key_of(before)[1], Held(1, 1, uscc, before.payload()))
    report = report_of(case.report)
    reason = refusal(report, history, TODAY)
    return reason or "taken", [] if reason else doubts(report, history, TODAY)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.report['kind']}: {case.title}")
def test_a_report_is_answered_as_the_table_says(case: Case) -> None:
    assert answered(case) == (case.answer, case.doubts)


def test_every_refusal_and_every_doubt_has_a_line() -> None:
    told = {case.answer for case in CASES} | {code for case in CASES for code in case.doubts}
    words = loan_words()
    # What is no report at all, or not this institution's to give, is tested where files are read.
    elsewhere = {"malformed", "personal_value", "other_kind"}
    assert told - {"taken"} == (words.refusals.keys() | words.doubts.keys()) - elsewhere
