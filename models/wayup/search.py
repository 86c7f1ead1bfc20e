"""The search for a way up: every combination of possible steps, computed and rated, the nearest day first.

Nothing is added up and nothing is assumed monotone: a plan is found among all combinations or there is
none among them, and the answer says how many were computed. A plan is computed once more by itself before it is shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np

from features.changes import Change
from features.errors import PlanError
from features.registry import Registry
from features.whatif import WhatIf
from models.arrays import BoolArray, FloatArray, IntArray
from models.wayup.steps import Step, Steps
from models.wayup.targets import Rater, Standings, Target


@dataclass(frozen=True)
class Standing:
    """Where the firm, or a variant of it, stands; `rank` is the grade's place, 1 the best."""

    score: int
    grade: str
    rank: int
    model_grade: str
    capped_by: tuple[str, ...]

    @classmethod
    def at(cls, standings: Standings, row: int) -> "Standing":
        """One of many."""
        return cls(
            int(standings.score[row]),
            str(standings.grade[row]),
            int(standings.rank[row]),
            str(standings.model_grade[row]),
            standings.capped_by[row],
        )


@dataclass(frozen=True)
class PlannedStep:
    """One step of a plan.

    Attributes
    ----------
    cost_cny : float or None
        None where the record does not say.
    done_by : date
        First day the records can say so.
    points : int
        What the score gains by it, after the steps before it.
    lifts : tuple of str
        Knock-outs that no longer hold after it.
    """

    code: str
    cost_cny: float | None
    done_by: date
    effort: int
    points: int
    lifts: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """A verified way to the target, or the combination that comes nearest to it.

    Attributes
    ----------
    time_points : int
        What the score changes by `day` if the firm does nothing.
        `today.score + time_points + sum of points = then.score`.
    weight : float
        What plans were compared by [yuan-equivalents].
    distance : int
        Grades or conditions that remain to the target.
    lacks : tuple of str
        Those conditions.
    """

    months: int
    day: date
    steps: tuple[PlannedStep, ...]
    time_points: int
    then: Standing
    weight: float
    distance: int
    lacks: tuple[str, ...]

    @property
    def cost_cny(self) -> float | None:
        """Money of all steps; None where a record does not say."""
        costs = [step.cost_cny for step in self.steps]
        return None if None in costs else sum(cost for cost in costs if cost is not None)


@dataclass(frozen=True)
class Tried:
    """What was computed for one day."""

    months: int
    day: date
    possible: tuple[str, ...]
    combinations: int
    is_exhaustive: bool
    waiting: Standing
    best: Plan


@dataclass(frozen=True)
class WayUp:
    """The answer: a plan, or the proof that nothing computed reaches the target.

    Attributes
    ----------
    is_reached : bool
        The target is met today.
    plan : Plan or None
    tried : tuple of Tried
        By day, up to the first with a plan.
    """

    as_of_date: date
    today: Standing
    is_reached: bool
    plan: Plan | None
    tried: tuple[Tried, ...]

    @property
    def is_proof(self) -> bool:
        """No plan, and every combination of possible steps was computed for every day."""
        return (
            self.plan is None and not self.is_reached and all(t.is_exhaustive for t in self.tried)
        )

    @property
    def nearest(self) -> Plan | None:
        """Without a plan, what comes nearest, then scores best, then costs least."""
        if self.plan is not None or not self.tried:
            return None
        return max((one.best for one in self.tried), key=_nearness)


@dataclass(frozen=True)
class WaySearch:
    """Looks for the way up of one firm.

    Parameters
    ----------
    what : WhatIf
    columns : Registry
        Features and facts there are.
    steps : Steps
    rater : Rater
    """

    what: WhatIf
    columns: Registry
    steps: Steps
    rater: Rater

    def find(self, target: Target) -> WayUp:
        """The cheapest plan of the nearest day that has one.

        Raises
        ------
        PlanError
            If a plan, computed again by itself, does not give what the search said.
        """
        asked = (*self.rater.names, *target.names, *self.steps.names)
        registry = self.columns.select(dict.fromkeys(asked))
        none = np.zeros((1, 0), dtype=bool)
        self.what.look_ahead(self.steps.book.horizons_months)
        now = _columns(registry, self.what.build(0, [], none, registry))
        standings = self.rater.rate(now)
        day, today = self.what.as_of_date, Standing.at(standings, 0)
        if target.distance(now, standings)[0] == 0:
            return WayUp(day, today, is_reached=True, plan=None, tried=())
        able = [step for step in self.steps.steps if step.rule.evaluate(now).true[0]]
        tried: list[Tried] = []
        for months in self.steps.book.horizons_months:
            horizon = Horizon(self, target, months, today, able)
            tried.append(horizon.tried())
            if horizon.place is not None:
                plan = horizon.verified_plan(horizon.place)
                return WayUp(day, today, is_reached=False, plan=plan, tried=tuple(tried))
        return WayUp(day, today, is_reached=False, plan=None, tried=tuple(tried))


@dataclass(frozen=True)
class Horizon:
    """Every combination of the steps that are possible by one day.

    Parameters
    ----------
    search : WaySearch
    target : Target
    months : int
        How far ahead the day is.
    today : Standing
    able : sequence of Step
        Whose conditions hold today.
    """

    search: WaySearch
    target: Target
    months: int
    today: Standing
    able: Sequence[Step]

    @cached_property
    def day(self) -> date:
        """The day."""
        return self.search.what.day_after(self.months)

    @cached_property
    def registry(self) -> Registry:
        """What is computed of every combination."""
        names = (*self.search.rater.names, *self.target.names)
        return self.search.columns.select(dict.fromkeys(names))

    @cached_property
    def possible(self) -> tuple[Step, ...]:
        """Steps that can be done by the day and would change a record."""
        what = self.search.what
        return tuple(
            step
            for step in self.able
            if step.version.months <= self.months
            and what.rows(f"SELECT {step.version.only_if.format_map(self._days(step))}")[0][0]
            and what.would_change(self.months, self._changes(step))
        )

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The possible ones, as many as may be combined, those that gain most by themselves."""
        limit = self.search.steps.book.limit_steps
        if len(self.possible) <= limit:
            return self.possible
        alone = self._matrix(self.possible, np.eye(len(self.possible), dtype=bool))
        score = self.search.rater.rate(_columns(self.registry, alone)).score
        kept = set(np.argsort(-score, kind="stable")[:limit].tolist())
        return tuple(step for place, step in enumerate(self.possible) if place in kept)

    @cached_property
    def chosen(self) -> BoolArray:
        """Every combination, nothing first, shape (2^k, k)."""
        width = len(self.steps)
        numbers = np.arange(2**width)[:, np.newaxis]
        return (numbers >> np.arange(width)) % 2 == 1

    @cached_property
    def matrix(self) -> FloatArray:
        """Features of every combination, columns as in the registry."""
        return self._matrix(self.steps, self.chosen)

    @cached_property
    def standings(self) -> Standings:
        """Ratings of every combination."""
        return self.search.rater.rate(_columns(self.registry, self.matrix))

    @cached_property
    def is_allowed(self) -> BoolArray:
        """Combinations in which no step lacks those it must be taken with."""
        codes = [step.code for step in self.steps]
        allowed = np.ones(len(self.chosen), dtype=bool)
        for place, step in enumerate(self.steps):
            for code in step.version.together:
                if code in codes:
                    allowed &= ~self.chosen[:, place] | self.chosen[:, codes.index(code)]
        return allowed

    @cached_property
    def costs(self) -> tuple[float | None, ...]:
        """Money of each step [yuan], None where the record does not say."""
        what = self.search.what
        found = [what.rows(s.version.cost.format_map(self._days(s)))[0][0] for s in self.steps]
        return tuple(None if cost is None else max(round(float(cost), 2), 0.0) for cost in found)

    @cached_property
    def weight(self) -> FloatArray:
        """What combinations are compared by [yuan-equivalents], shape (2^k,)."""
        weights = self.search.steps.book.weights
        each = [
            (weights.unknown_money if cost is None else cost) + weights.effort * step.version.effort
            for cost, step in zip(self.costs, self.steps, strict=True)
        ]
        return self.chosen @ np.array(each, dtype=np.float64) + weights.month * self.months

    @cached_property
    def distance(self) -> IntArray:
        """How far each combination is from the target, shape (2^k,)."""
        return self.target.distance(_columns(self.registry, self.matrix), self.standings)

    @cached_property
    def place(self) -> int | None:
        """The cheapest combination that reaches the target, of equal ones the shortest."""
        found = np.flatnonzero((self.distance == 0) & self.is_allowed)
        return self._cheapest(found) if len(found) else None

    def tried(self) -> Tried:
        """What was computed."""
        is_all = len(self.steps) == len(self.possible)
        codes = tuple(step.code for step in self.possible)
        waiting = Standing.at(self.standings, 0)
        best = self.plan(self._best)
        return Tried(self.months, self.day, codes, len(self.chosen), is_all, waiting, best)

    def plan(self, place: int) -> Plan:
        """One combination as a plan; its steps one after another, each with what it adds."""
        taken = sorted(
            np.flatnonzero(self.chosen[place]).tolist(), key=lambda p: self.steps[p].version.months
        )
        places = np.cumsum([0, *(2**one for one in taken)])
        scores: IntArray = self.standings.score[places]
        gained = np.diff(scores).tolist()
        steps = [
            PlannedStep(
                self.steps[one].code,
                self.costs[one],
                self.search.what.day_after(self.steps[one].version.months),
                self.steps[one].version.effort,
                points,
                self._lifted(before, after),
            )
            for one, points, before, after in zip(
                taken, gained, places[:-1].tolist(), places[1:].tolist(), strict=True
            )
        ]
        waited = int(scores[0]) - self.today.score
        then = Standing.at(self.standings, place)
        columns = _columns(self.registry, self.matrix)
        return Plan(
            months=self.months,
            day=self.day,
            steps=tuple(steps),
            time_points=waited,
            then=then,
            weight=float(self.weight[place]),
            distance=int(self.distance[place]),
            lacks=self.target.lacks(columns, self.standings, place) if self.distance[place] else (),
        )

    def verified_plan(self, place: int) -> Plan:
        """The same, after its features were computed once more with nothing shared.

        Raises
        ------
        PlanError
            If they differ in a bit.
        """
        taken = [self._changes(self.steps[one]) for one in np.flatnonzero(self.chosen[place])]
        again = self.search.what.build_alone(self.months, taken, self.registry)
        if again.tobytes() != np.ascontiguousarray(self.matrix[place]).tobytes():
            raise PlanError(
                en=f"A plan for {self.day} could not be confirmed: computed by itself it gives other features. "
                "Nothing is shown; report it with the request id.",
                zh=f"截至 {self.day} 的培植方案未通过独立复核，不予展示；请凭请求编号反馈。",
            )
        return self.plan(place)

    @cached_property
    def _best(self) -> int:
        """The nearest to the target, then the best score, then the least cost, among those allowed."""
        keys = (self.weight, -self.standings.score, self.distance, ~self.is_allowed)
        return int(np.lexsort(keys)[0])

    def _lifted(self, before: int, after: int) -> tuple[str, ...]:
        capped = self.standings.capped_by
        return tuple(code for code in capped[before] if code not in capped[after])

    def _cheapest(self, found: IntArray) -> int:
        keys = (found, self.chosen[found].sum(axis=1), self.weight[found])
        return int(found[np.lexsort(keys)[0]])

    def _matrix(self, steps: Sequence[Step], chosen: BoolArray) -> FloatArray:
        changes = [self._changes(step) for step in steps]
        return self.search.what.build(self.months, changes, chosen, self.registry)

    def _changes(self, step: Step) -> tuple[Change, ...]:
        return step.changes(self._days(step))

    def _days(self, step: Step) -> dict[str, str]:
        return step.days(self.search.what.as_of_date, self.months)


def _columns(registry: Registry, matrix: FloatArray) -> dict[str, FloatArray]:
    return dict(zip(registry.names, matrix.T, strict=True))


def _nearness(plan: Plan) -> tuple[int, int, float]:
    return -plan.distance, plan.then.score, -plan.weight
