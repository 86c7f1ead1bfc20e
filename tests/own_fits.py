"""Quick fits of generated tables, shared by tests and by the worker that is killed."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.own_tables import loans
from training.table.columns import LabelledTable, label_table
from training.table.fitting import FitPlan, FittedTable, fit_table
from training.table.protocol import parse_protocol
from training.table.settings import Limit, SearchRules, load_rules

DROPPED = ("rows_meant", "year", "firm")


def quick_rules() -> SearchRules:
    """The rules with few folds, trees and seeds."""
    limits = {"inner_folds": 3, "small_repeats": 1, "rounds": 60, "patience": 15, "bags": 2}
    told = {name: Limit(value=value, unit="-", source="test") for name, value in limits.items()}
    return load_rules().model_copy(update=told)


def labelled_loans(*, weight: str | None = None, drop: Sequence[str] = ()) -> LabelledTable:
    """The generated loans, labelled."""
    outside = [name for name in (*DROPPED, *drop) if name != weight]
    return label_table(loans(), target="status", positive="bad", drop=outside, weight=weight)


def plan_of(
    protocol: str = "kfold:2",
    *,
    trials: int = 5,
    directions: Mapping[str, int] | None = None,
    diary: Path | None = None,
) -> FitPlan:
    """A plan of few trials."""
    shapes = ("free", "depth_4")
    told = parse_protocol(protocol)
    return FitPlan(told, quick_rules(), shapes, directions or {}, trials, 7, diary)


def fit_quickly(
    labelled: LabelledTable,
    plan: FitPlan | None = None,
    *,
    diary: Path | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> FittedTable:
    """Fit a labelled table."""
    plan = plan or plan_of(diary=diary)
    splits = plan.protocol.splits(labelled, seed=plan.seed)
    return fit_table(labelled, splits, plan, on_progress=on_progress)
