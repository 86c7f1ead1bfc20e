"""A made-up portfolio: six features of four datasets, three signals, a small model, random exposures."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import lightgbm as lgb
import numpy as np

from features.registry import RISKIER, SAFER, Aggregate, Direction, Feature, Grain, Registry, Unit
from features.rules.vocabulary import Vocabulary
from features.scope import PLATFORM
from models.bundle import Bundle, BundleRecipe, write_bundle
from models.calibration import fit_logit_line
from models.rating import INVOICE_RATING
from models.scale import load_scale
from models.signals.book import Signal, load_signals
from models.signals.exposure_facts import EXPOSURE_FACTS
from models.watching.exposures import Exposures, Firms, exposures_of
from models.watching.opinions import Judge
from models.watching.watch import Watch
from tests.unit.models.small_registry import make_feature

AS_OF = date(2026, 6, 30)
DATASETS = ("invoice_line", "tax_filing_month", "dishonest_debtor", "electricity_month")

SIGNALS = """
signals:
  - code: W01
    words: {zh: 新增失信, en: Newly dishonest}
    suggestion: {zh: 核实, en: Ask}
    dimension: F5
    disclose: full
    cooldown_days: 30
    daily: true
    versions:
      - valid_from: 2026-01-01
        source: test
        ways:
          - {levels: {R: dishonest_count >= 1}, shows: [dishonest_count]}
  - code: W30
    words: {zh: 收入下滑, en: Sales fell}
    suggestion: {zh: 核实, en: Ask}
    dimension: F3
    disclose: band
    cooldown_days: 90
    daily: false
    versions:
      - valid_from: 2026-01-01
        source: test
        ways:
          - {levels: {O: sales_yoy <= -50 %, Y: sales_yoy <= -30 %}, shows: [sales_yoy]}
          - {requires: buyers_count >= 2, levels: {Y: usage_yoy <= -30 %}, shows: [usage_yoy, sales_yoy]}
  - code: W46
    words: {zh: 他行逾期, en: Late elsewhere}
    suggestion: {zh: 核实, en: Ask}
    dimension: F4
    disclose: flag
    cooldown_days: 90
    daily: false
    versions:
      - valid_from: 2026-01-01
        source: test
        ways:
          - {levels: {O: other_loan_days_past_due_days >= 31 days}, shows: [other_loan_days_past_due_days]}
  - code: W54
    words: {zh: 模型预警, en: Model}
    suggestion: {zh: 核实, en: Ask}
    dimension: all
    disclose: flag
    cooldown_days: 90
    daily: false
    versions:
      - valid_from: 2026-01-01
        source: test
        ways:
          - {levels: {O: warning_over_cut_off}, shows: [warning_over_cut_off]}
  - code: W55
    words: {zh: 等级下降, en: Grade fell}
    suggestion: {zh: 核实, en: Ask}
    dimension: all
    disclose: flag
    cooldown_days: 90
    daily: false
    versions:
      - valid_from: 2026-01-01
        source: test
        ways:
          - levels:
              R: grade_steps_down_3m >= 3 and grade_is_ccc_or_worse
              O: grade_steps_down_3m >= 3
              Y: grade_steps_down_3m >= 2
            shows: [grade_steps_down_3m]
"""


def _grain(dataset: str) -> Grain:
    return Grain(dataset, frozenset({dataset}), lambda day: f"SELECT 1 AS x, DATE '{day}' AS day")


_GRAINS = {dataset: _grain(dataset) for dataset in DATASETS}


def _feature(name: str, group: str, dataset: str, unit: Unit, direction: Direction) -> Feature:
    made = make_feature(name, group, direction)
    return replace(made, of={"a": Aggregate(_GRAINS[dataset], "sum(x)")}, unit=unit)


REGISTRY = Registry(
    (
        _feature("sales_yoy", "R27", "tax_filing_month", "ratio", SAFER),
        _feature("usage_yoy", "R08", "electricity_month", "ratio", SAFER),
        _feature("buyers_count", "R08", "invoice_line", "count", SAFER),
        _feature("dishonest_count", "R29", "dishonest_debtor", "count", RISKIER),
        _feature("sales_cny", "R07", "invoice_line", "cny", SAFER),
        _feature("gap_days", "R28", "invoice_line", "days", RISKIER),
    )
)


def draw_firms(rows: int, rng: np.random.Generator) -> np.ndarray:
    """A matrix of the registry's columns, a tenth of it unknown."""
    matrix = np.column_stack(
        [
            rng.normal(-0.2, 0.5, rows).clip(-1, 10),
            rng.normal(-0.1, 0.4, rows).clip(-1, 10),
            rng.integers(0, 30, rows),
            (rng.random(rows) < 0.1).astype(float),
            np.round(rng.lognormal(13, 1, rows), 2),
            rng.integers(0, 120, rows),
        ]
    ).astype(np.float64)
    matrix[rng.random(matrix.shape) < 0.1] = np.nan
    return matrix


def make_bundle(folder: Path) -> Bundle:
    """A model of trouble among made-up firms."""
    rng = np.random.default_rng(5)
    sample = draw_firms(1500, rng)
    filled = np.nan_to_num(sample)
    risk = -1.5 - 3 * filled[:, 0] - 2 * filled[:, 1] + 2 * filled[:, 3] + 0.01 * filled[:, 5]
    is_event = rng.random(len(sample)) < 1 / (1 + np.exp(-risk))
    data = lgb.Dataset(sample, is_event.astype(float), feature_name=list(REGISTRY.names))
    parameters = INVOICE_RATING.training_parameters(REGISTRY, seed=1)
    booster = lgb.train(parameters, data, num_boost_round=60)
    margin = np.asarray(booster.predict(sample, raw_score=True))
    recipe = BundleRecipe(
        spec=INVOICE_RATING,
        version="1",
        created_at=datetime(2026, 1, 2, tzinfo=UTC),
        as_of_date=AS_OF,
        features=REGISTRY,
        model_text=booster.model_to_string(),
        line=fit_logit_line(margin, is_event),
        scale_id=load_scale(scale_id="xinqiao-2026").id,
        metrics={"cut_off": 0.5},
        grades={},
    )
    return write_bundle(recipe, folder, sample=sample, rng=np.random.default_rng(0))


@dataclass(frozen=True)
class World:
    watch: Watch
    exposures: Exposures
    firms: Firms
    before: Firms


def signals_of(folder: Path) -> tuple[Vocabulary, tuple[Signal, ...]]:
    folder.mkdir(exist_ok=True)
    (folder / "test.yaml").write_text(SIGNALS, encoding="utf-8")
    vocabulary = Vocabulary.of(REGISTRY, EXPOSURE_FACTS)
    return vocabulary, load_signals(folder).at(AS_OF, vocabulary)


def make_world(folder: Path, bundle: Bundle, *, seed: int = 1, firms: int = 60) -> World:
    """Three institutions and the platform, each with its own view of its firms."""
    rng = np.random.default_rng(seed)
    vocabulary, signals = signals_of(folder)
    now = draw_firms(firms, rng)
    then = np.where(rng.random(now.shape) < 0.5, now, draw_firms(firms, rng))
    institutions, rows, opened = list[str](), list[int](), list[frozenset[str]]()
    for name in ("A", "B", "C", PLATFORM):
        for row in rng.choice(firms, firms // 2, replace=False).tolist():
            institutions.append(name)
            rows.append(row)
            opened.append(frozenset(d for d in DATASETS if rng.random() < 0.6))
    hidden = {*DATASETS, "loan_account", "repayment_snapshot"} - {"dishonest_debtor"}
    n = len(rows)
    late = rng.integers(0, 60, n).astype(np.float64)
    exposures = exposures_of(
        institutions,
        np.array(rows),
        opened,
        lambda whose, shown: () if whose == PLATFORM else hidden.difference(shown),
        {"other_loan_days_past_due_days": late},
    )
    judge = Judge(bundle)
    watch = Watch(signals, vocabulary, REGISTRY, judge, 0.6, judge)
    codes = [f"F{row}" for row in range(firms)]

    def held(matrix: np.ndarray, day: date) -> Firms:
        return Firms(codes, day, dict(zip(REGISTRY.names, matrix.T, strict=True)))

    return World(watch, exposures, held(now, AS_OF), held(then, date(2026, 3, 31)))
