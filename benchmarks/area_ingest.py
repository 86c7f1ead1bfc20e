"""Landing a delivery: ours beside a careful pandas script."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.measure import measure_pair, of_command
from benchmarks.results import Entry, compared
from benchmarks.setting import Setting

AREA = "ingest"

#: (setting, folder to write into) -> a command that lands the invoices and ends with a report.
#: It is run several times: each run must start from an empty lake of its own.
OurIngest = Callable[[Setting, Path], Sequence[str | Path]]


def compare(setting: Setting, our_ingest: OurIngest) -> Iterator[Entry]:
    """Measure our landing of the contest's invoices against pandas.

    Parameters
    ----------
    setting : Setting
    our_ingest : callable
        Our side; see `OurIngest`. Its report carries `landed`, the number of rows.
    """
    ours = of_command(our_ingest(setting, setting.work / "lake"))
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
