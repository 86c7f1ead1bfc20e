"""Invoice features: ours beside hand-written pandas and beside the bare column scan."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.measure import Measured, measure_pair, of_command
from benchmarks.results import Entry, compared
from benchmarks.setting import Setting

AREA = "features"
#: Columns the features need of every invoice, by their names in the contest's files.
SCANNED = "enterprise_id,invoice_date,counterparty_id,amount,tax,total,status"

#: (setting, Parquet file to write) -> a command that computes the features and ends with a report.
OurFeatures = Callable[[Setting, Path], Sequence[str | Path]]


def compare(setting: Setting, our_features: OurFeatures) -> Iterator[Entry]:
    """Measure our features against pandas and against the scan.

    Parameters
    ----------
    setting : Setting
    our_features : callable
        Our side; see `OurFeatures`. Its report may carry `features`, their number.
    """
    ours = of_command(our_features(setting, setting.work / "ours.parquet"))
    pandas = of_command(
        setting.peer(
            "pandas_features",
            setting.contest,
            "--as-of",
            setting.as_of_date.isoformat(),
            "--out",
            setting.work / "pandas.parquet",
        )
    )
    pair = measure_pair(ours, pandas, turns=setting.turns)
    against = f"{_features(pair.ours)} ours, {_features(pair.peer)} theirs"
    yield compared(
        AREA,
        "CPU, against pandas",
        ours=pair.ours.cpu_seconds,
        peer=pair.peer.cpu_seconds,
        better="lower",
        unit="s",
        now=setting.now,
        note=f"425 firms, 1.1 M invoices; features: {against}; {pair.spread_note('cpu_seconds')}",
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
    scan = of_command(
        setting.peer(
            "column_scan", setting.contest / "*put_invoices_*.parquet", "--columns", SCANNED
        )
    )
    bound = measure_pair(ours, scan, turns=setting.turns)
    yield compared(
        AREA,
        "CPU, against the bare column scan",
        ours=bound.ours.cpu_seconds,
        peer=bound.peer.cpu_seconds,
        better="lower",
        unit="s",
        now=setting.now,
        note=f"the bound, one thread; {bound.spread_note('cpu_seconds')}",
    )


def _features(side: Measured) -> str:
    return str(side.figures.get("features", "?"))
