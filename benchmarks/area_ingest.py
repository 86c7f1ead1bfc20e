"""Landing a delivery: ours beside a careful pandas script."""

import sys
from collections.abc import Iterator

from benchmarks.measure import measure_pair, of_command
from benchmarks.results import Entry, compared
from benchmarks.setting import Setting

AREA = "ingest"


def compare(setting: Setting) -> Iterator[Entry]:
    """Measure our landing of the contest's invoices against pandas; each run has an empty lake."""
    ours = of_command(
        [sys.executable, "-m", "benchmarks.our_ingest", setting.data, setting.work / "home"]
    )
    peer = of_command(
        setting.peer("pandas_ingest", setting.contest, "--out", setting.work / "pandas")
    )
    pair = measure_pair(ours, peer, turns=setting.turns)
    mine, theirs = (float(side.figures["landed"]) for side in (pair.ours, pair.peer))
    yield compared(
        AREA,
        "Rows landed per CPU second, against pandas",
        ours=mine / pair.ours.cpu_seconds,
        peer=theirs / pair.peer.cpu_seconds,
        better="higher",
        unit="rows/s",
        now=setting.now,
        note=f"landed {mine:,.0f} ours, {theirs:,.0f} theirs; {pair.spread_note('cpu_seconds')}",
    )
    yield compared(
        AREA,
        "Peak memory, against pandas",
        ours=pair.ours.peak_rss_mib,
        peer=pair.peer.peak_rss_mib,
        better="lower",
        unit="MiB",
        now=setting.now,
        note=f"same runs; {pair.spread_note('peak_rss_mib')}",
    )
    size, rows = (float(pair.ours.figures[name]) for name in ("bytes", "landed"))
    yield compared(
        AREA,
        "Disk per million invoices",
        ours=size / rows * 1e6 / 2**20,
        peer=None,
        better="lower",
        unit="MiB",
        now=setting.now,
        note=f"{size:,.0f} bytes of data and superseded marks for {rows:,.0f} rows",
    )
