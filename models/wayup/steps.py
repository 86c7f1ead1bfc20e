"""Steps a firm can take 培植步骤: dated data, each a condition on today, a cost, and the records it changes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from features.changes import Change
from features.definitions.registration_grains import last_judged_year
from features.documents import Document, load_document
from features.errors import ModelDocumentError
from features.rules.book import RuleEntry, RuleVersion, in_force
from features.rules.compiled import CompiledRule, compile_rule
from features.rules.vocabulary import Vocabulary
from features.windows import last_complete_month, months_before

STEPS_PATH = Path(__file__).parent / "steps.yaml"
#: Months of payment before a loan's class may rise.
_CURE_MONTHS = 6


class Weights(Document):
    """What plans are compared by: yuan, and yuan-equivalents of the rest."""

    month: int = Field(ge=0)
    effort: int = Field(ge=0)
    unknown_money: int = Field(ge=0)
    source: str


class Never(Document):
    """Columns no step may change; the whole dataset where none are named."""

    dataset: str
    columns: list[str] = Field(default_factory=list)
    why: str


class ChangeEntry(Document):
    """One change of rows, as `features.changes.Change` with places for days."""

    dataset: str
    action: Literal["set", "remove", "add"]
    where: str = ""
    unless: str = ""
    values: dict[str, str] = Field(default_factory=dict[str, str])


class StepVersion(RuleVersion):
    """A step as it stood for a while.

    Parameters
    ----------
    when : object
        Rule on today's features that makes the step possible; unknown makes it impossible.
    months : int
        Until the records can say that it is done [months].
    effort : int
        From 1, a visit, to 5.
    cost : str
        Query of the money it takes [yuan]; NULL where the record does not say.
    only_if : str
        Condition on the days alone.
    with : list of str
        Steps that, where possible, must be taken too.
    """

    months: int = Field(ge=1)
    effort: int = Field(ge=1, le=5)
    cost: str
    only_if: str = "true"
    together: list[str] = Field(default_factory=list[str], alias="with")
    changes: list[ChangeEntry] = Field(min_length=1)


class StepEntry(RuleEntry):
    """A step and all its versions."""

    versions: list[StepVersion] = Field(min_length=1)


class StepBook(Document):
    """Every step there has been, and how plans are compared."""

    weights: Weights
    horizons_months: list[int] = Field(min_length=1)
    limit_steps: int = Field(ge=1, le=16)
    never: list[Never]
    steps: list[StepEntry]

    @model_validator(mode="after")
    def _changes_what_may_change(self) -> "StepBook":
        for entry in self.steps:
            for version in entry.versions:
                for change in version.changes:
                    self._require_changeable(entry.code, change)
        codes = [entry.code for entry in self.steps]
        named = {code for e in self.steps for v in e.versions for code in v.together}
        if len(set(codes)) < len(codes) or named - set(codes):
            raise ValueError("a step is given twice, or `with` names none")
        return self

    def _require_changeable(self, code: str, change: ChangeEntry) -> None:
        for never in self.never:
            if never.dataset != change.dataset:
                continue
            touched = [name for name in change.values if name in never.columns]
            if not never.columns or touched or change.action == "remove":
                what = ", ".join(touched) or change.dataset
                raise ValueError(f"step {code} changes {what}: {never.why}")

    def at(self, as_of_date: date, vocabulary: Vocabulary) -> "Steps":
        """Compile the versions in force at a date.

        Raises
        ------
        RuleError
            If a condition is wrong, or asks about a feature this checkout does not have.
        """
        found = [(entry, in_force(entry.versions, as_of_date)) for entry in self.steps]
        return Steps(
            tuple(
                Step(entry, version, compile_rule(version.when, vocabulary, f"step {entry.code}"))
                for entry, version in found
                if version is not None
            ),
            self,
        )


@dataclass(frozen=True)
class Step:
    """A step in force, compiled."""

    entry: StepEntry
    version: StepVersion
    rule: CompiledRule

    @property
    def code(self) -> str:
        """Its name."""
        return self.entry.code

    @property
    def datasets(self) -> frozenset[str]:
        """Whose rows it changes."""
        return frozenset(change.dataset for change in self.version.changes)

    @property
    def reads(self) -> frozenset[str]:
        """Whose rows it changes, or reads for what they cost."""
        version = self.version
        texts = [version.cost, *(sql for one in version.changes for sql in one.values.values())]
        named = {name for text in texts for name in re.findall(r"\bheld_(\w+)", text)}
        return self.datasets | named

    def changes(self, days: Mapping[str, str]) -> tuple[Change, ...]:
        """Its changes on certain days.

        Parameters
        ----------
        days : mapping of str to str
            From `days_of`.
        """
        return tuple(
            Change(
                one.dataset,
                one.action,
                one.where.format_map(days),
                _known(one, days)
                | {name: sql.format_map(days) for name, sql in one.values.items()},
                one.unless.format_map(days),
            )
            for one in self.version.changes
        )

    def days(self, as_of_date: date, months: int) -> dict[str, str]:
        """What stands for days in its SQL, looked at months ahead."""
        done = months_before(as_of_date, -self.version.months)
        later = months_before(as_of_date, -months)
        year = last_judged_year(later)
        return {
            "today": f"DATE '{as_of_date}'",
            "done": f"DATE '{done}'",
            "later": f"DATE '{later}'",
            "this_month": str(_month(last_complete_month(as_of_date))),
            "cured_month": str(_month(done.year * 12 + done.month - 1 + _CURE_MONTHS)),
            "report_year": str(year),
            "report_due": f"DATE '{date(year + 1, 6, 30)}'",
        }


@dataclass(frozen=True)
class Steps:
    """The steps in force at a date, in the order of their file."""

    steps: tuple[Step, ...]
    book: StepBook

    @property
    def reads(self) -> frozenset[str]:
        """Datasets a snapshot must open for them."""
        return frozenset(name for step in self.steps for name in step.reads)

    @property
    def names(self) -> tuple[str, ...]:
        """Features that their conditions ask about, each once."""
        return tuple(dict.fromkeys(name for step in self.steps for name in step.rule.names))


@cache
def load_steps(path: Path = STEPS_PATH) -> StepBook:
    """Read every step.

    Raises
    ------
    ModelDocumentError
        If the file is wrong, or a step changes what never may.
    """
    return load_document(path, StepBook, ModelDocumentError)


def _known(change: ChangeEntry, days: Mapping[str, str]) -> dict[str, str]:
    """A row that says something new arrives when it does, not before."""
    moments = {
        "set": f"greatest(available_at, {days['done']})",
        "add": days["done"],
        "remove": None,
    }
    moment = moments[change.action]
    return {"available_at": moment} if moment else {}


def _month(number: int) -> int:
    """Month `12 * year + month - 1` as YYYYMM."""
    return number // 12 * 100 + number % 12 + 1
