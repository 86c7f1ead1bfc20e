"""A way up as it is told: the plan step by step with its words, or why there is none."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal

from features.contracts import Words
from features.documents import Document, load_document
from features.errors import ModelDocumentError
from models.wayup.guide import Guide
from models.wayup.search import Plan, Standing, WayUp

WORDS_PATH = Path(__file__).parent / "words.yaml"


class WayUpWords(Document):
    """Sentences beside every way up."""

    assumption: Words
    disclaimer: Words
    peers: Words


class NamedFact(Document):
    """A code with its words."""

    code: str
    words: Words


class StandingTold(Document):
    """Where the firm stands on a day."""

    score: int
    grade: str
    model_grade: str
    capped_by: list[NamedFact]


class StepTold(Document):
    """One step of a plan."""

    code: str
    words: Words
    done_by: date
    cost_cny: float | None
    effort: int
    points: int
    lifts: list[NamedFact]


class PlanTold(Document):
    """A plan; `today.score + time_points + points of the steps = then.score`."""

    months: int
    by: date
    time_points: int
    steps: list[StepTold]
    cost_cny: float | None
    then: StandingTold
    remaining: int
    lacks: list[str]


class DayTold(Document):
    """What was computed for one day."""

    months: int
    day: date
    possible_steps: list[NamedFact]
    combinations: int
    is_exhaustive: bool
    waiting: StandingTold


class PeerRange(Document):
    """How the score of like firms differed by one consent scope."""

    consent_scope: str
    firms: int
    low: int
    high: int


class WayUpTold(Document):
    """The whole answer."""

    as_of: date
    model: str
    bundle_id: str
    target: NamedFact
    kind: Literal["grade", "product"]
    verdict: Literal["reached", "plan", "none", "not_found"]
    today: StandingTold
    plan: PlanTold | None
    nearest: PlanTold | None
    tried: list[DayTold]
    assumption: Words
    disclaimer: Words
    peers: list[PeerRange]

    @property
    def text(self) -> str:
        """As it is hashed."""
        return self.model_dump_json()

    @property
    def sha256(self) -> str:
        """Of the text [hex]."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@cache
def load_wayup_words(path: Path = WORDS_PATH) -> WayUpWords:
    """Read the sentences.

    Raises
    ------
    ModelDocumentError
        If the file is wrong.
    """
    return load_document(path, WayUpWords, ModelDocumentError)


def way_up_told(
    found: WayUp,
    guide: Guide,
    kind: Literal["grade", "product"],
    target: NamedFact,
    peers: Sequence[PeerRange] = (),
) -> WayUpTold:
    """The answer in words."""
    teller, said = _Teller(guide), load_wayup_words()
    manifest, bundle = guide.rater.bundle.manifest, guide.rater.bundle
    nearest = found.nearest
    return WayUpTold(
        as_of=found.as_of_date,
        model=f"{manifest.name}@{manifest.version}",
        bundle_id=bundle.id,
        target=target,
        kind=kind,
        verdict=_verdict(found),
        today=teller.standing(found.today),
        plan=teller.plan(found.plan) if found.plan else None,
        nearest=teller.plan(nearest) if nearest else None,
        tried=[
            DayTold(
                months=one.months,
                day=one.day,
                possible_steps=[teller.step_name(code) for code in one.possible],
                combinations=one.combinations,
                is_exhaustive=one.is_exhaustive,
                waiting=teller.standing(one.waiting),
            )
            for one in found.tried
        ],
        assumption=said.assumption,
        disclaimer=said.disclaimer,
        peers=list(peers),
    )


def _verdict(found: WayUp) -> Literal["reached", "plan", "none", "not_found"]:
    """`none` is proved over everything computed; `not_found` is not."""
    if found.is_reached:
        return "reached"
    if found.plan is not None:
        return "plan"
    return "none" if found.is_proof else "not_found"


class _Teller:
    def __init__(self, guide: Guide) -> None:
        self._steps: Mapping[str, Words] = {s.code: s.entry.words for s in guide.steps.steps}
        self._caps = {one.code: one.words for one in guide.rater.knockouts.knockouts}

    def step_name(self, code: str) -> NamedFact:
        return NamedFact(code=code, words=self._steps[code])

    def standing(self, standing: Standing) -> StandingTold:
        return StandingTold(
            score=standing.score,
            grade=standing.grade,
            model_grade=standing.model_grade,
            capped_by=self._named(standing.capped_by),
        )

    def plan(self, plan: Plan) -> PlanTold:
        return PlanTold(
            months=plan.months,
            by=plan.day,
            time_points=plan.time_points,
            steps=[
                StepTold(
                    code=step.code,
                    words=self._steps[step.code],
                    done_by=step.done_by,
                    cost_cny=step.cost_cny,
                    effort=step.effort,
                    points=step.points,
                    lifts=self._named(step.lifts),
                )
                for step in plan.steps
            ],
            cost_cny=plan.cost_cny,
            then=self.standing(plan.then),
            remaining=plan.distance,
            lacks=list(plan.lacks),
        )

    def _named(self, codes: Sequence[str]) -> list[NamedFact]:
        return [NamedFact(code=code, words=self._caps[code]) for code in codes]
