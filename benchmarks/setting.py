"""What every area is given: where the data lies, where to write, how the peers are started."""

import os
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Setting:
    """The circumstances of one benchmark run.

    Parameters
    ----------
    data : Path
        Folder of the data sets, `XINQIAO_DATA`.
    work : Path
        Scratch folder, emptied after the run.
    now : datetime
        Wall time in Asia/Shanghai, stamped on every entry.
    as_of_date : date
        The day features are computed for; the contest's last invoices are of 2020-02-21.
    turns : int
        Runs of each side.
    cities : Path
        Folder of the ingested bench cities, `XINQIAO_BENCH_CITIES`; see `benchmarks.cities`.
    """

    data: Path
    work: Path
    now: datetime
    cities: Path = ROOT / "var" / "bench"
    as_of_date: date = date(2020, 2, 29)
    turns: int = 5

    @property
    def contest(self) -> Path:
        """Folder of the contest's Parquet files."""
        return self.data / "cumcm2020c"

    def peer(self, name: str, *arguments: str | Path) -> list[str | Path]:
        """Command of a peer in its own environment."""
        return [
            ROOT / ".venv-peers" / "bin" / "python",
            ROOT / "benchmarks" / "peers" / f"{name}.py",
            *arguments,
        ]


def cities_folder() -> Path:
    """`XINQIAO_BENCH_CITIES`, by default `var/bench` in the checkout."""
    return Path(os.environ.get("XINQIAO_BENCH_CITIES", ROOT / "var" / "bench")).resolve()


def data_folder() -> Path:
    """`XINQIAO_DATA`, by default the folder `shared/data` beside the checkout."""
    return Path(os.environ.get("XINQIAO_DATA", ROOT.parent / "shared" / "data")).resolve()
