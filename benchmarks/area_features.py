"""Invoice features: ours beside hand-written pandas and beside the bare column scan."""

import sys
from collections.abc import Iterator

from benchmarks.measure import Measured, measure_pair, of_command
from benchmarks.results import Entry, compared
from benchmarks.setting import Setting

AREA = "features"
#: Columns of the lake's invoices that the features read.
SCANNED = (
    "enterprise_key,direction,status,issued_on,counterparty_key,amount_fen,tax_fen,available_at"
)


def compare(setting: Setting) -> Iterator[Entry]:
    """Measure our features, on one thread, against pandas and against the scan."""
    home = setting.work / "home"
    of_command([sys.executable, "-m", "benchmarks.our_ingest", setting.data, home])()
    ours = of_command(
        [
            sys.executable,
            "-m",
            "benchmarks.our_features",
            home / "lake",
            setting.as_of_date.isoformat(),
            setting.work / "ours.parquet",
            "1",
        ]
    )
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
            "column_scan",
            home / "lake" / "data" / "invoice_line" / "*.parquet",
            "--columns",
            SCANNED,
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
