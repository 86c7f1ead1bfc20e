"""`xinqiao watch`: every running loan watched at a day, held against the run before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from features.clock import now_in_shanghai
from features.contracts import load_catalogue
from features.errors import BundleError, RequestError
from features.lake import Lake
from models.signals.levels import NONE
from models.watching.assessments import assessments_of
from models.watching.batch import PortfolioRun, watch_lake
from models.watching.look import Ready
from models.watching.origins import with_origins
from models.watching.record import Held, Key, Moved, holding, moves
from models.watching.setting import set_watch
from xinqiao.console import Json, progress, show, show_json
from xinqiao.settings import Settings, load_settings
from xinqiao.watch_files import keep_run, latest_run, write_findings
from xinqiao.watch_report import print_run, run_document

HELP = """监测全部在贷企业：预警信号、等级迁徙、集中度，并与上次对比。 Watch every running loan.

例 Example: xinqiao watch --as-of 2026-06-30    xinqiao watch --as-of 2026-06-30 --out findings.parquet
"""
_STEPS = ("portfolio", "features", "before", "signals")


def watch(
    as_of: Annotated[
        datetime | None,
        typer.Option("--as-of", formats=["%Y-%m-%d"], help="截止日，默认今天 · default: today"),
    ] = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="输出 Parquet · file to write the findings to")
    ] = None,
    institution: Annotated[
        str,
        typer.Option(help="只看一家机构（统一社会信用代码）· one institution, by its USCC"),
    ] = "",
    *,
    as_json: Json = False,
) -> None:
    """See `HELP`."""
    settings, now = load_settings(), now_in_shanghai()
    day = as_of.date() if as_of is not None else now.date()
    found = run(settings, day, now, institution=institution)
    if out_file is not None:
        write_findings(found.held, day, out_file, sayings(found.run, found.moved))
    if as_json:
        show_json(run_document(found.run, found.moved, found.absent))
        return
    print_run(found.run, found.moved, found.absent)
    if out_file is not None:
        show(f"预警明细 → {out_file}", f"Findings → {out_file}")


def sayings(run: PortfolioRun, moved: Sequence[Moved]) -> dict[Key, tuple[tuple[str, str], ...]]:
    """What the models say of the exposures they warn of, by institution, firm and signal.

    What changed since the loan was granted is said where a warning is new or got worse: it takes a build of
    features for every month of grant.
    """
    watched = run.watched
    models = [signal.entry.dimension == "all" for signal in watched.watch.signals]
    rows = np.flatnonzero((watched.levels[:, models] > NONE).any(axis=1))
    told = list(assessments_of(watched, rows))
    moves = {one.key[:2] for one in moved if one.move in {"new", "worse"}}
    news = [at for at, one in enumerate(told) if (one.institution, one.uscc) in moves]
    for at, one in zip(
        news,
        with_origins(watched, [told[at] for at in news], rows[news], run.past),
        strict=True,
    ):
        told[at] = one
    return {
        (one.institution, one.uscc, finding.signal): finding.says + (finding.since_grant or ())
        for one in told
        for finding in one.findings
        if finding.says
    }


@dataclass(frozen=True)
class Found:
    """One run, what holds by it, what moved since the run before, and why a model is absent."""

    run: PortfolioRun
    held: dict[Key, Held]
    moved: list[Moved]
    absent: Sequence[BundleError]


def run(
    settings: Settings,
    day: date,
    now: datetime,
    *,
    institution: str = "",
    ready: Ready | None = None,
) -> Found:
    """Watch the portfolio of a home; a run of everyone is kept for the next one to be held against.

    Raises
    ------
    RequestError
        If the day lies in the future, or no loan runs.
    """
    if day > now.date():
        raise RequestError(
            en=f"The as-of date {day} lies in the future; today is {now.date()}.",
            zh=f"截止日 {day} 在今天（{now.date()}）之后。",
        )
    asked = set_watch(settings.bundles, settings.tables, day)
    with progress("贷后监测", "watching") as bar:

        def tell(step: str, done: int, _total: int) -> None:
            bar(_STEPS.index(step) + done, len(_STEPS))

        found = watch_lake(
            Lake(settings.lake).view(),
            load_catalogue(),
            asked.watch,
            day,
            now=now,
            institution=institution,
            ready=ready,
            on_progress=tell,
        )
    before = latest_run(settings.watch, day)
    if institution:
        before = {key: held for key, held in before.items() if key[0] == institution}
    held = holding(found.watched, before)
    if not institution:
        keep_run(settings.watch, held, day)
    return Found(found, held, moves(found.watched, before, held), asked.absent)
