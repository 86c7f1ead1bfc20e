"""Contributions of one model, ours and the peers' in turns in one process; ends with a report.

Run with one thread for all (`OMP_NUM_THREADS=1`) and an empty `NUMBA_CACHE_DIR`, so that the time to
compile is seen. Every call gets another row; every figure is a median over the turns.
"""

import sys
from collections.abc import Callable, Mapping
from itertools import count
from statistics import median
from time import perf_counter

import lightgbm as lgb
import numpy as np
import pandas as pd
import shap

from benchmarks.peers.meter import Meter
from benchmarks.shap_data import FloatArray, hostile_classes, make_city, source_columns, train_trees
from models.scale import load_scale
from models.tree_model import TreeEnsemble, read_ensemble
from models.tree_shap import (
    LeafPatterns,
    contributions,
    count_patterns,
    interventional_tables,
    path_dependent_tables,
    warm_up,
)

_CITY_ROWS = 30_000
_CYCLE = 2000
_PEER_CALLS = 200
_BATCH = 20_000
_PEER_BATCH = 1000
_REFERENCE = 1000
_SLOW_CALLS = 5
_HOSTILE_ROWS = 20_000
_HOSTILE_PEER_ROWS = 2000

Side = Callable[[], float]
Figures = dict[str, float | str]


def main(depth: int, turns: int) -> None:
    """Measure one depth."""
    started = perf_counter()
    warm_up()
    compiled = perf_counter() - started
    city = make_city(_CITY_ROWS)
    booster = train_trees(city, depth=depth)
    meter = Meter()
    figures: Figures = {"compile_s": round(compiled, 2)}
    text = booster.model_to_string()
    started = perf_counter()
    model = read_ensemble(text)
    figures["read_s"] = round(perf_counter() - started, 3)
    rows = city.matrix[:_CYCLE]
    reference = city.matrix[-_REFERENCE:]
    figures |= _path_dependent(booster, model, rows, city.matrix[:_BATCH], turns)
    figures |= _interventional(booster, model, rows, city.matrix[:_BATCH], reference, turns)
    figures |= _withheld(model, rows, reference)
    sets = train_trees(city, depth=depth, with_categories=True)
    figures |= _exactness(sets, city.matrix)
    meter.report(**figures)


def _path_dependent(
    booster: lgb.Booster, model: TreeEnsemble, rows: FloatArray, batch: FloatArray, turns: int
) -> Figures:
    started = perf_counter()
    tables = path_dependent_tables(model)
    built = perf_counter() - started
    explainer = shap.TreeExplainer(booster)
    frame = pd.DataFrame(rows, columns=pd.Index(model.feature_names))
    few = batch[:_PEER_BATCH]
    one = in_turns(
        {
            "ours": each(lambda row: contributions(tables, rows[row : row + 1]), _CYCLE),
            "shap": each(lambda row: explainer.shap_values(frame.iloc[row : row + 1]), _PEER_CALLS),
            "lightgbm": each(
                lambda row: booster.predict(rows[row : row + 1], pred_contrib=True, num_threads=1),
                _PEER_CALLS,
            ),
        },
        turns,
        "row",
    )
    many = in_turns(
        {
            "ours": rate(lambda: contributions(tables, batch), len(batch)),
            "shap": rate(lambda: explainer.shap_values(few), len(few)),
            "lightgbm": rate(
                lambda: booster.predict(few, pred_contrib=True, num_threads=1), len(few)
            ),
        },
        turns,
        "batch",
    )
    shape: Figures = {
        "table_mib": tables.nbytes / 2**20,
        "leaves": len(model.leaf_value),
        "twigs": len(model.paths.twigs),
        "first_build_s": round(built, 3),
    }
    return one | many | shape


def _interventional(
    booster: lgb.Booster,
    model: TreeEnsemble,
    rows: FloatArray,
    batch: FloatArray,
    reference: FloatArray,
    turns: int,
) -> Figures:
    started = perf_counter()
    patterns = count_patterns(model, reference)
    counted = perf_counter() - started
    started = perf_counter()
    tables = interventional_tables(model, patterns, np.zeros(rows.shape[1], dtype=bool))
    built = perf_counter() - started
    # Without a masker of that size shap would silently use 100 of the 1,000 firms.
    masker = shap.maskers.Independent(reference, max_samples=len(reference))  # pyright: ignore[reportAttributeAccessIssue] - no stubs
    explainer = shap.TreeExplainer(booster, data=masker, feature_perturbation="interventional")
    few = batch[: 4 * _SLOW_CALLS]
    one = in_turns(
        {
            "ours": each(lambda row: contributions(tables, rows[row : row + 1]), _CYCLE),
            "shap": each(lambda row: explainer.shap_values(rows[row : row + 1]), _SLOW_CALLS),
        },
        turns,
        "interventional_row",
    )
    many = in_turns(
        {
            "ours": rate(lambda: contributions(tables, batch), len(batch)),
            "shap": rate(lambda: explainer.shap_values(few), len(few)),
        },
        turns,
        "interventional_batch",
    )
    difference = contributions(tables, few).values - np.asarray(explainer.shap_values(few))
    kept = patterns.to_bytes()
    if not np.array_equal(LeafPatterns.from_bytes(kept, model).counts, patterns.counts):
        raise RuntimeError("Patterns came back changed.")
    shape: Figures = {
        "count_s": round(counted, 3),
        "build_s": round(built, 4),
        "patterns_mib": len(kept) / 2**20,
        "shap_difference": float(np.abs(difference).max()),
    }
    return one | many | shape


def _withheld(model: TreeEnsemble, rows: FloatArray, reference: FloatArray) -> Figures:
    """Points a withheld source costs or earns, with a reference seen through the same scope or not."""
    factor = load_scale(scale_id="xinqiao-2026").factor
    patterns = count_patterns(model, reference)
    full = interventional_tables(model, patterns, np.zeros(rows.shape[1], dtype=bool))
    ours: list[float] = []
    unmasked: list[float] = []
    for columns in source_columns():
        hidden = np.isin(np.arange(rows.shape[1]), columns)
        seen = np.where(hidden, np.nan, rows)
        masked = interventional_tables(model, patterns, hidden)
        for tables, effects in ((masked, ours), (full, unmasked)):
            points = contributions(tables, seen).values[:, hidden].sum(axis=1) * factor
            effects.append(float(np.abs(points).mean()))
    return {
        "withheld_ours": max(ours),
        "withheld_unmasked": float(np.mean(unmasked)),
        "withheld_unmasked_worst": max(unmasked),
    }


def _exactness(booster: lgb.Booster, sample: FloatArray) -> Figures:
    """Rows whose margin differs from LightGBM's, and the largest difference of a contribution."""
    model = read_ensemble(booster.model_to_string())
    tables = path_dependent_tables(model)
    figures: Figures = {}
    for name, rows in hostile_classes(sample[:_HOSTILE_ROWS], model.threshold).items():
        found = contributions(tables, rows)
        margin = np.asarray(booster.predict(rows, raw_score=True, num_threads=1))
        few = rows[:_HOSTILE_PEER_ROWS]
        theirs = np.asarray(booster.predict(few, pred_contrib=True, num_threads=1))[:, :-1]
        figures[f"differ: {name}"] = int((found.margin != margin).sum())
        figures[f"largest: {name}"] = float(np.abs(found.values[: len(few)] - theirs).max())
    return figures


def each(call: Callable[[int], object], calls: int) -> Side:
    """Median time of one call [s]; calls go on through the cycle from turn to turn."""
    row = count()

    def run() -> float:
        taken: list[float] = []
        for _ in range(calls):
            place = next(row) % _CYCLE
            started = perf_counter()
            call(place)
            taken.append(perf_counter() - started)
        return median(taken)

    return run


def rate(call: Callable[[], object], rows: int) -> Side:
    """Rows a second."""

    def run() -> float:
        started = perf_counter()
        call()
        return rows / (perf_counter() - started)

    return run


def in_turns(sides: Mapping[str, Side], turns: int, name: str) -> Figures:
    """Run all sides once unmeasured, then in turns; medians, and the ratios' spread."""
    for side in sides.values():
        side()
    taken = [{who: side() for who, side in sides.items()} for _ in range(turns)]
    figures: Figures = {}
    for who in sides:
        figures[f"{name}_{who}"] = median(turn[who] for turn in taken)
        ratios = [turn[who] / turn["ours"] for turn in taken]
        if name.endswith("batch"):
            ratios = [1 / ratio for ratio in ratios]
        figures[f"{name}_{who}_spread"] = f"ratio {min(ratios):.3g}–{max(ratios):.3g}"
    return figures


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
