"""Whom alerts name in time: the model beside the lender's own book, the 12-month rating, and the signals.

All sides may alert the same share of borrowers, each with a cut-off of its own from development, and
are judged on the same later months by `training.alert_evaluation`. The signals are also told as they stand.
"""

import sys
from collections.abc import Iterator
from datetime import date
from math import isfinite
from pathlib import Path

from benchmarks.cities import BenchCity, bench_cities, make_city
from benchmarks.measure import Measured, measure, of_command
from benchmarks.our_watch import BORROWERS as BORROWERS_OF
from benchmarks.our_watch import FIRMS as FIRMS_OF
from benchmarks.results import Better, Entry, compared
from benchmarks.setting import Setting
from features.contracts import load_catalogue
from features.definitions import REGISTRY
from features.errors import BundleError
from features.facts import FACTS
from features.lake import Lake
from features.registry import Registry
from models.alert import alert_6m
from models.aliases import candidate_of, named_bundle
from models.arrays import BoolArray
from models.bundle import Bundle, load_bundle
from models.rating import BASE_12M
from models.signals.book import load_signals
from models.signals.levels import LevelArray
from training.alert_evaluation import AlertReport
from training.alert_model import BASE_RATING, LATE_BEFORE, MODEL, SEED, TrainedAlert, train_alert
from training.borrowers import Borrowers
from training.evaluate import Estimate
from training.signal_alerts import signal_levels
from training.signal_evaluation import (
    BOTH,
    RAISED_BOTH,
    RAISED_MODEL,
    RAISED_RULES,
    RULES,
    judge_signals,
)
from training.signal_evaluation import MODEL as SIGNAL_MODEL
from training.signal_worth import SignalWorth, signal_worths
from training.warning import load_warning_rules

AREA = "alerts"
#: Firms of a city that is made if there is none, and the last day of every city.
FIRMS, CITY_UNTIL = 6_000, date(2026, 6, 30)
_PEERS = {LATE_BEFORE: "days late in the last year", BASE_RATING: "the 12-month rating"}
#: Exposures of the scale run.
BORROWERS = 300_000
#: A signal that names fewer rows has no share worth telling.
TOLD_FROM = 30
_WAYS = {
    RULES: "signals alone",
    SIGNAL_MODEL: "model alone within 3 %",
    BOTH: "signals and model within 3 %",
    RAISED_RULES: "raised in the month by signals",
    RAISED_MODEL: "raised in the month by the model alone",
    RAISED_BOTH: "raised in the month by signals or the model",
}
#: What is told of a way; the rest is about the model and its peers.
_OF_WAYS = ("recall", "recall_defaults", "precision", "median_lead_days")
_BESIDE: dict[str, tuple[str, Better, str]] = {
    "recall": ("Recall of over 30 days late", "higher", ""),
    "recall_defaults": ("Recall of defaults", "higher", ""),
    "recall_events": ("Recall of all events", "higher", ""),
    "precision": ("Precision", "higher", ""),
    "median_lead_days": ("Median lead", "higher", "days"),
}


def compare(setting: Setting) -> Iterator[Entry]:
    """Train on the bench city and hold the alerts of the later months against two peers."""
    trained = _train(setting)
    ours, validation = trained.reports[MODEL], trained.validation
    months = trained.borrowers.timeline.out_of_time
    sample = (
        f"{validation.firms} borrowers at {len(months)} month ends from {months[0]}, {ours.late} of them "
        f"over 30 days late, {ours.defaulted} defaulted"
    )
    yield _alone("AUC of the event", validation.figures["auc"], setting, sample)
    limit = load_warning_rules().alerted_share_up_to.value
    yield compared(
        AREA,
        "Alerted in the busiest month",
        ours=float(ours.share_by_month.max()),
        peer=None,
        better="neither",
        unit="",
        now=setting.now,
        note=f"{sample}; the cut-off allows {limit:.0%} in every month of development; mean "
        f"{_said(ours.figures['alerted_share'])}",
    )
    for way, peer in _PEERS.items():
        if way in trained.reports:
            yield from _beside(ours, trained.reports[way], peer, setting, sample)
    yield from _signals(setting, trained, sample)
    yield from _scale(setting)


def _signals(setting: Setting, trained: TrainedAlert, sample: str) -> Iterator[Entry]:
    """Rules, model and both on the same rows; then what each level and each signal is worth."""
    borrowers, levels = trained.borrowers, _levels(setting, trained.borrowers)
    found = judge_signals(
        borrowers, levels, trained.held_out, trained.validation.probability, seed=SEED
    )
    for way, said in _WAYS.items():
        yield from _way(found.ways[way], said, setting, sample)
    for one in found.levels:
        precision = one.report.figures["precision"]
        if isfinite(precision.value):
            yield _alone(
                f"Precision of signals at {one.level}",
                precision,
                setting,
                f"{one.rows} rows of {one.report.alerted} borrowers whose worst signal is at this level, "
                f"{one.events} rows with an event",
            )
    later = ~borrowers.is_development
    codes, is_event = [entry.code for entry in load_signals().entries], borrowers.is_event[later]
    for worth in signal_worths(codes, levels[later], borrowers.outcomes.take(later), is_event):
        if worth.rows >= TOLD_FROM:
            yield _worth(worth, is_event, setting)


def _levels(setting: Setting, borrowers: Borrowers) -> LevelArray:
    return signal_levels(
        Lake(_city(setting).lake).view(),
        load_catalogue(),
        borrowers,
        load_signals(),
        Registry((*REGISTRY, *FACTS)),
        now=setting.now,
        parts=setting.work / "signals",
    )


def _way(report: AlertReport, said: str, setting: Setting, sample: str) -> Iterator[Entry]:
    share = report.figures["alerted_share"]
    yield compared(
        AREA,
        f"Alerted a month, {said}",
        ours=share.value,
        peer=None,
        better="neither",
        unit="",
        now=setting.now,
        note=f"{sample}; 95 % {_said(share)}; busiest month {report.share_by_month.max():.3g}",
    )
    for name in _OF_WAYS:
        title, better, unit = _BESIDE[name]
        figure = report.figures[name]
        if isfinite(figure.value):
            yield compared(
                AREA,
                f"{title}, {said}",
                ours=figure.value,
                peer=None,
                better=better,
                unit=unit,
                now=setting.now,
                note=f"{sample}; 95 % {_said(figure)}; alerted a month {_said(share)}",
            )


def _worth(worth: SignalWorth, is_event: BoolArray, setting: Setting) -> Entry:
    """One signal beside naming borrowers at random."""
    rows = len(is_event)
    return compared(
        AREA,
        f"Share with an event, {worth.code} at orange or red",
        ours=worth.precision,
        peer=float(is_event.mean()),
        better="higher",
        unit="",
        now=setting.now,
        note=f"beside all {rows} rows of later months; {worth.rows} rows of {worth.firms} borrowers, "
        f"{worth.rows / rows:.2%} a month, {worth.events} with an event; {worth.new_rows} rows came or "
        f"worsened in the month, {worth.new_events} with an event; {worth.own_rows} named by no other signal",
    )


def _scale(setting: Setting) -> Iterator[Entry]:
    """Seconds and memory of building what signals read, and of asking them."""
    run = of_command([sys.executable, "-m", "benchmarks.our_signals", str(BORROWERS)])
    taken = measure(run, turns=1)
    said = (
        f"{taken.figures['signals']} signals over {taken.figures['columns']} drawn columns and 500 views; "
        "features and facts are not built"
    )
    yield from _cost("all signals over 300,000 exposures", taken, said, setting)
    city = _city(setting)
    for whose, words in ((BORROWERS_OF, "every borrower"), (FIRMS_OF, "every firm")):
        command = [sys.executable, "-m", "benchmarks.our_watch", city.lake, str(CITY_UNTIL), whose]
        taken = measure(of_command(command), turns=1)
        said = (
            f"{taken.figures['firms']} firms of a city of {city.enterprises}, {taken.figures['columns']} columns, "
            f"{taken.figures['facts']} of them facts; {taken.wall_seconds:.0f} s on the clock of a shared machine"
        )
        yield from _cost(f"features and facts of {words} of the city", taken, said, setting)


def _cost(what: str, taken: Measured, said: str, setting: Setting) -> Iterator[Entry]:
    for title, value, unit in (
        ("CPU", taken.cpu_seconds, "s"),
        ("Peak memory", taken.peak_rss_mib, "MiB"),
    ):
        yield compared(
            AREA,
            f"{title} of {what}",
            ours=value,
            peer=None,
            better="lower",
            unit=unit,
            now=setting.now,
            note=said,
        )


def _beside(
    ours: AlertReport, theirs: AlertReport, peer: str, setting: Setting, sample: str
) -> Iterator[Entry]:
    for name, (title, better, unit) in _BESIDE.items():
        mine, other = ours.figures[name], theirs.figures[name]
        if isfinite(mine.value):
            yield compared(
                AREA,
                f"{title}, against {peer}",
                ours=mine.value,
                peer=other.value if isfinite(other.value) else None,
                better=better,
                unit=unit,
                now=setting.now,
                note=f"{sample}; 95 %: ours {_said(mine)}, peer {_said(other)}",
            )


def _alone(title: str, figure: Estimate, setting: Setting, sample: str) -> Entry:
    return compared(
        AREA,
        title,
        ours=figure.value,
        peer=None,
        better="higher",
        unit="",
        now=setting.now,
        note=f"{sample}; 95 % {_said(figure)}",
    )


def _said(figure: Estimate) -> str:
    if not isfinite(figure.value):
        return "nothing to count"
    return f"{figure.value:.3g} [{figure.low:.3g}, {figure.high:.3g}]"


def _train(setting: Setting) -> TrainedAlert:
    """Train on the largest bench city, of which nothing is changed, or on a small one made for it."""
    city, catalogue = _city(setting), load_catalogue()
    return train_alert(
        Lake(city.lake).view(),
        catalogue,
        REGISTRY,
        alert_6m(catalogue),
        data_until=CITY_UNTIL,
        now=setting.now,
        bundles=setting.work / "bundles",
        mlruns=setting.work / "mlruns",
        parts=setting.work / "months",
        base_rating=_base_rating(Path(city.home) / "bundles"),
    )


def _city(setting: Setting) -> BenchCity:
    cities = bench_cities(setting.cities)
    return cities[-1] if cities else make_city(setting.work / "cities", FIRMS)


def _base_rating(bundles: Path) -> Bundle | None:
    try:
        return load_bundle(named_bundle(bundles, candidate_of(BASE_12M)), REGISTRY)
    except BundleError:
        return None
