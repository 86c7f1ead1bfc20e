"""Two pictures of a validation for the run: how it ranks, and whether each grade defaults as said."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from models.arrays import BoolArray, FloatArray
from models.manifest import GradeRate
from models.scale import Scale

_INCHES, _DOTS = (5.0, 4.0), 120


def draw_plots(
    is_default: BoolArray,
    probability: FloatArray,
    grades: Mapping[str, GradeRate],
    scale: Scale,
    folder: Path,
) -> Path:
    """Write `roc.png` and `calibration_by_grade.png`; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    _roc(is_default, probability).savefig(folder / "roc.png", dpi=_DOTS)
    _calibration(is_default, probability, grades, scale).savefig(
        folder / "calibration_by_grade.png", dpi=_DOTS
    )
    return folder


def _roc(is_default: BoolArray, probability: FloatArray) -> Figure:
    """Share of defaults caught by share of good firms refused, ties as one step."""
    order = np.argsort(-probability, kind="stable")
    last = np.flatnonzero(np.append(np.diff(probability[order]) != 0, True))
    bad, good = is_default[order].cumsum()[last], (~is_default[order]).cumsum()[last]
    figure = Figure(figsize=_INCHES, layout="constrained")
    axes = figure.add_subplot()
    axes.plot(np.append(0, good / good[-1]), np.append(0, bad / bad[-1]), color="#1f5f8b")
    axes.plot([0, 1], [0, 1], color="#999999", linewidth=0.8)
    axes.set(xlabel="share of good rows", ylabel="share of defaults", title="Out of time: ROC")
    return figure


def _calibration(
    is_default: BoolArray, probability: FloatArray, grades: Mapping[str, GradeRate], scale: Scale
) -> Figure:
    """Observed default rate with its interval beside the mean probability, by grade."""
    codes = scale.grade_of(scale.score_of(probability))
    seen = [code for code, rate in grades.items() if rate.n]
    said = [float(probability[codes == code].mean()) for code in seen]
    observed = np.array([grades[code].defaults / grades[code].n for code in seen])
    low = np.array([grades[code].low or 0.0 for code in seen])
    high = np.array([grades[code].high or 0.0 for code in seen])
    figure = Figure(figsize=_INCHES, layout="constrained")
    axes = figure.add_subplot()
    reach = [np.maximum(observed - low, 0), np.maximum(high - observed, 0)]
    axes.errorbar(seen, observed, yerr=reach, fmt="o", color="#1f5f8b", label="observed, 90 %")
    axes.plot(seen, said, "_", color="#c0392b", markersize=14, label="mean probability")
    title = f"Out of time: {int(is_default.sum())} defaults by grade"
    axes.set(ylabel="default rate", title=title)
    axes.set_yscale("symlog", linthresh=0.01)
    axes.set_ylim(bottom=0)
    axes.legend()
    return figure
