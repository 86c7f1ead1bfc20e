"""Parts of a dossier by worked numbers: first rows, breaches, lights of scenarios, drawings."""

import xml.etree.ElementTree as ET
from datetime import date
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from models.limits import load_limits
from training.dossier.consent import scenario_light
from training.dossier.figures import roc_curve
from training.dossier.review import Review, first_rows
from training.dossier.shape import breaches
from training.dossier.svg import (
    Axes,
    Bar,
    Line,
    Whisker,
    draw_bars,
    draw_columns,
    draw_lines,
    draw_whiskers,
)
from training.evaluate import Estimate
from training.study import Sample, Scenario


def test_a_firm_counts_with_its_first_date():
    sample = Sample(
        firm=np.array([5, 3, 5, 3]),
        as_of_date=np.array(
            ["2024-05-31", "2024-08-31", "2024-02-29", "2024-05-31"], "datetime64[D]"
        ),
        is_default=np.array([True, True, False, False]),
        is_indeterminate=np.zeros(4, dtype=np.bool_),
        probability=np.array([0.1, 0.2, 0.3, 0.4]),
        matrix=np.arange(4.0).reshape(4, 1),
        segments={"region": np.array(["a", "b", "c", "d"])},
    )
    found = first_rows(sample)
    # Firm 3: 2024-05-31 is row 3; firm 5: 2024-02-29 is row 2.
    assert found.firm.tolist() == [3, 5]
    assert found.probability.tolist() == [0.4, 0.3]
    assert found.matrix.ravel().tolist() == [3.0, 2.0]
    assert found.segments["region"].tolist() == ["d", "c"]


@pytest.mark.parametrize(
    ("direction", "wanted"),
    # 0.10 -> 0.20 -> 0.15 rises once and falls once; 0.30 -> 0.30 -> 0.40 rises once.
    [(1, 1), (-1, 2), (0, 0)],
)
def test_breaches_are_steps_against_the_direction(direction: int, wanted: int):
    probability = np.array([[0.10, 0.20, 0.15], [0.30, 0.30, 0.40]])
    assert breaches(probability, direction) == wanted


@pytest.mark.parametrize(
    ("slope", "red_grades", "wanted"),
    [
        (Estimate(1.0, 0.7, 1.3), 0, "green"),
        (Estimate(0.75, 0.6, 0.9), 0, "amber"),  # out, but its interval reaches in
        (Estimate(0.5, 0.4, 0.6), 0, "red"),  # wholly below 0.8
        (Estimate(1.0, 0.7, 1.3), 1, "red"),
        (Estimate(np.nan, np.nan, np.nan), 0, None),  # nothing measured is not green
    ],
)
def test_lights_of_a_scenario(slope: Estimate, red_grades: float, wanted: str | None):
    review = cast("Review", SimpleNamespace(limits=load_limits(date(2026, 11, 1))))
    figures = {"calibration_slope": slope, "grades_red": Estimate(red_grades, 0, 0)}
    assert scenario_light(review, Scenario("x", (), figures)) == wanted


def test_a_roc_curve_moves_through_ties_at_once():
    good, bad = roc_curve(np.array([True, False, True, False]), np.array([0.9, 0.5, 0.5, 0.1]))
    # Above 0.9: one of two defaults. At 0.5 a default and another together. At 0.1 the last.
    assert bad.tolist() == [0.0, 0.5, 1.0, 1.0]
    assert good.tolist() == [0.0, 0.0, 0.5, 1.0]


AXES = Axes("x", "y", (0, 1), (0, 1), str, str)


def test_drawings_are_well_formed_and_escape_words():
    name = "a < b & c"
    whisker = Whisker(name, 0.0, 0.1, 0.2, 0.15)
    for drawn in (
        draw_lines(name, [Line(name, np.array([0.0, 1.0]), np.array([0.0, 1.0]))] * 2, AXES),
        draw_columns(name, [name], [(name, np.array([0.5]))], name, str),
        draw_whiskers(name, [whisker], (name, name, name), str),
        draw_bars(name, [Bar(name, 0, 1, name), Bar(name, 1, 0.5, name)]),
    ):
        assert ET.fromstring(drawn).find("title") is not None  # noqa: S314 - our own text


def test_a_higher_rate_is_drawn_higher():
    whiskers = [Whisker("A", 0.005, 0.01, 0.02, 0.01), Whisker("B", 0.05, 0.1, 0.2, 0.1)]
    drawn = ET.fromstring(draw_whiskers("t", whiskers, ("", "", ""), str))  # noqa: S314 - our own text
    low, high = (float(dot.attrib["cy"]) for dot in drawn.iter("circle"))
    # From 0.1 % (a third of 1 %, rounded down to a power of ten) to 100 % on 246 units: 0.01 stands a
    # third up, 0.1 two thirds, so they are 82 apart.
    assert low - high == pytest.approx(246 / 3, abs=0.2)
