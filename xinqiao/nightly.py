"""`xinqiao nightly`: features, ratings with reasons, matches and alerts of a day in one run.

Every stage leaves its files whole and says in `night.json` what they were made from; a run that was
killed goes on, and a run of the same day on the same data changes nothing.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from time import perf_counter
from typing import Annotated

import pyarrow as pa
import typer
from rich.table import Table

import models
from features.clock import now_in_shanghai
from features.errors import RequestError
from features.registry import Registry
from models.arrays import IntArray
from models.matching.found import CONDITIONS, MATCHES, PRODUCTS
from models.night.everyone import RATINGS
from models.night.firms import NightFirms
from models.tags.batch import TAGS
from models.watching.setting import serving
from xinqiao.console import Json, out, say, show, show_json
from xinqiao.match_report import match_document, print_ledger, require_writable
from xinqiao.night import NightDesk, open_desk
from xinqiao.settings import load_settings
from xinqiao.watch import run as watch_run
from xinqiao.watch_files import write_findings, write_moves
from xinqiao.watch_report import run_document

HELP = """夜间批量：特征、评级与原因、匹配、预警变化，一次完成；可续跑，重复运行结果不变。 The nightly whole.

匹配不测算额度，额度为 0 的产品也计入符合。 Matches work no limit out: a product whose limit would be 0 counts as fitting.

例 Example: xinqiao nightly --as-of 2026-06-30    xinqiao nightly --as-of 2026-06-30 --out night --json
"""
RECORD, FINDINGS, MOVES = "night.json", "findings.parquet", "moves.parquet"
_NAMES = {
    "features": ("特征", "features"),
    "ratings": ("评级与匹配", "ratings and matches"),
    "watch": ("预警", "watch"),
}

Said = Mapping[str, object]


@dataclass
class _Record:
    """What the stages of a day left, as `night.json` beside their files."""

    path: Path
    stages: dict[str, dict[str, object]] = field(default_factory=dict[str, dict[str, object]])
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    def keep(self, stage: str, stamp: str, files: list[str], make: Callable[[], Said]) -> Said:
        """What a stage says; it runs unless its files were made from the same."""
        before = self.stages.get(stage, {})
        is_there = all((self.path.parent / name).exists() for name in files)
        if before.get("stamp") != stamp or not is_there:
            started = perf_counter()
            self.stages[stage] = {"stamp": stamp, "said": make()}
            self.seconds[stage] = perf_counter() - started
            self._write()
        found = self.stages[stage]["said"]
        return found if isinstance(found, dict) else {}

    def _write(self) -> None:
        beside = self.path.with_name(f".{self.path.name}.tmp")
        text = json.dumps(self.stages, ensure_ascii=False, indent=1, default=str)
        beside.write_text(text + "\n", encoding="utf-8")
        beside.replace(self.path)


def nightly(
    as_of: Annotated[
        datetime | None,
        typer.Option("--as-of", formats=["%Y-%m-%d"], help="截止日，默认今天 · default: today"),
    ] = None,
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="另存结果的目录 · folder to copy the results to")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """See `HELP`."""
    settings, now = load_settings(), now_in_shanghai()
    day = as_of.date() if as_of is not None else now.date()
    if out_folder is not None:
        require_writable(out_folder)
    desk = open_desk(settings, day, now)
    said, seconds = run_night(desk)
    if out_folder is not None:
        _copy(desk.folder, out_folder)
    if as_json:
        show_json(said)
        return
    _print(desk, said, seconds)
    show(f"结果 → {out_folder or desk.folder}", f"Results → {out_folder or desk.folder}")


def run_night(desk: NightDesk) -> tuple[dict[str, Said], dict[str, float]]:
    """Run what is not there yet; what each stage says, and the seconds of those that ran."""
    desk.folder.mkdir(parents=True, exist_ok=True)
    record = _open(desk.folder / RECORD)
    started = perf_counter()
    firms = desk.write_firms()
    if not firms.is_kept:
        record.seconds["features"] = perf_counter() - started
    model = desk.raters.bundle.id if desk.raters else ""
    records = _digest(firms.stamp, desk.registry.names, model, _catalogues())
    files = [TAGS, MATCHES, PRODUCTS, CONDITIONS, *([RATINGS] if desk.raters else [])]
    said: dict[str, Said] = {
        "features": {"as_of": desk.day, "firms": len(firms), "columns": len(desk.registry)},
        "ratings": record.keep(
            "ratings",
            _digest(records, desk.stamp),
            files,
            lambda: match_document(desk, desk.sweep(firms, desk.folder)),
        ),
    }
    before = _digest(records, *serving(desk.settings.bundles), *_runs_before(desk))
    said["watch"] = record.keep("watch", before, [FINDINGS, MOVES], lambda: _watch(desk, firms))
    return said, record.seconds


def _watch(desk: NightDesk, firms: NightFirms) -> Said:
    """Findings and what moved; a lake without a running loan has none."""

    def ready(registry: Registry, day: date, keys: IntArray) -> pa.Table | None:
        return firms.rows(registry, keys) if day == desk.day else None

    try:
        found = watch_run(desk.settings, desk.day, desk.now, ready=ready)
    except RequestError as nothing:
        write_findings({}, desk.day, desk.folder / FINDINGS)
        write_moves([], desk.folder / MOVES)
        return {"nothing": nothing.en}
    write_findings(found.held, desk.day, desk.folder / FINDINGS)
    write_moves(found.moved, desk.folder / MOVES)
    return run_document(found.run, found.moved, found.absent)


def _open(path: Path) -> _Record:
    """The record of a day; a broken one is as none."""
    try:
        stages = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return _Record(path)
    return _Record(path, stages if isinstance(stages, dict) else {})


def _runs_before(desk: NightDesk) -> list[str]:
    """The run of the watch that this one is held against."""
    earlier = [path for path in sorted(desk.settings.watch.glob("*.parquet")) if path.stem < f"{desk.day}"]  # fmt: skip
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in earlier[-1:]]


def _catalogues() -> str:
    """Every rule and number that may change an answer."""
    folder = Path(str(models.__file__)).parent
    texts = [path.read_bytes() for path in sorted(folder.rglob("*.yaml"))]
    return hashlib.sha256(b"\0".join(texts)).hexdigest()


def _digest(*parts: object) -> str:
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()


def _copy(folder: Path, to: Path) -> None:
    """The results of a night beside their record; the features stay at home."""
    for name in (RATINGS, TAGS, MATCHES, PRODUCTS, CONDITIONS, FINDINGS, MOVES, RECORD):
        if (folder / name).exists():
            shutil.copyfile(folder / name, to / name)


def _print(desk: NightDesk, said: Mapping[str, Said], seconds: Mapping[str, float]) -> None:
    if desk.absent is not None:
        show(f"没有在用的评级模型：{desk.absent.zh}", f"Nobody is rated. {desk.absent.en}")
    print_ledger(desk)
    features, ratings, watched = (said[name] for name in _NAMES)
    counts: dict[str, str] = {
        "features": say(
            f"{features['firms']:,} 家企业 × {features['columns']} 列",
            f"{features['firms']:,} firms × {features['columns']} columns",
        ),
        "ratings": say(
            f"{ratings.get('rated', 0):,} 家有评级", f"{ratings.get('rated', 0):,} rated"
        ),
        "watch": say(
            f"{watched.get('exposures', 0):,} 笔敞口", f"{watched.get('exposures', 0):,} exposures"
        ),
    }
    table = Table(title=say(f"{desk.day} 夜间批量", f"The night of {desk.day}"), title_justify="left")  # fmt: skip
    for words in (("阶段", "stage"), ("结果", "found"), ("用时 秒", "seconds")):
        table.add_column(say(*words))
    for stage, words in _NAMES.items():
        took = f"{seconds[stage]:.1f}" if stage in seconds else say("沿用", "kept")
        table.add_row(say(*words), counts[stage], took)
    out.print(table)
