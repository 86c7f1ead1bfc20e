"""Bench cities: `python -m benchmarks.cities 10000 100000` simulates and ingests what is missing.

A city of N firms lives at `<cities>/<N>/`: `city/` the deliveries, `home/` the state of the command,
`made.json` what it took. Ingesting takes a minute of one core for some 7,000 firms, so cities are
made once and kept.
"""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.setting import ROOT, cities_folder

_MADE = "made.json"


@dataclass(frozen=True)
class BenchCity:
    """One ingested city and what making it took.

    Attributes
    ----------
    rows, megabytes : int, float
        Delivered.
    simulate_cpu_seconds, ingest_cpu_seconds : float
    """

    enterprises: int
    rows: int
    megabytes: float
    simulate_cpu_seconds: float
    simulate_peak_mib: float
    ingest_cpu_seconds: float
    home: str

    @property
    def lake(self) -> Path:
        """Its lake."""
        return Path(self.home) / "lake"


def bench_cities(folder: Path) -> list[BenchCity]:
    """The cities that are there, smallest first."""
    found = [
        BenchCity(**json.loads(path.read_text(encoding="utf-8")))
        for path in folder.glob(f"*/{_MADE}")
    ]
    return sorted(found, key=lambda city: city.enterprises)


def largest_city(folder: Path) -> BenchCity:
    """The largest city that is there.

    Raises
    ------
    FileNotFoundError
        If none has been made.
    """
    found = bench_cities(folder)
    if not found:
        raise FileNotFoundError(
            f"There is no bench city in {folder}. Make one: python -m benchmarks.cities 10000"
        )
    return found[-1]


def make_city(folder: Path, enterprises: int) -> BenchCity:
    """Simulate and ingest one city; the deliveries of a run that was killed are used again if whole."""
    place = folder / str(enterprises)
    city, home, kept = place / "city", place / "home", place / "simulated.json"
    if not kept.exists():
        place.mkdir(parents=True, exist_ok=True)
        spent = _spent(home, "simulate", "--enterprises", enterprises, "--out", city)
        kept.write_text(json.dumps(spent), encoding="utf-8")
    cpu, peak = json.loads(kept.read_text(encoding="utf-8"))
    ingest_cpu, _ = _spent(home, "ingest", city)
    delivered = json.loads((city / "city.json").read_text(encoding="utf-8"))["rows"]
    made = BenchCity(
        enterprises=enterprises,
        rows=sum(delivered.values()),
        megabytes=round(sum(path.stat().st_size for path in city.rglob("*.parquet")) / 1e6, 1),
        simulate_cpu_seconds=cpu,
        simulate_peak_mib=peak,
        ingest_cpu_seconds=ingest_cpu,
        home=str(home),
    )
    (place / _MADE).write_text(json.dumps(asdict(made), indent=1), encoding="utf-8")
    return made


def _spent(home: Path, *words: object) -> tuple[float, float]:
    """CPU seconds and peak memory [MiB] of one run of the command."""
    command = [sys.executable, "-m", "xinqiao", *map(str, words)]
    environment = os.environ | {"XINQIAO_HOME": str(home)}
    child = subprocess.Popen(command, cwd=ROOT, env=environment)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"'xinqiao {words[0]}' failed with exit {child.returncode}.")
    return round(used.ru_utime + used.ru_stime, 1), round(used.ru_maxrss / 1024, 1)


def main() -> None:
    """Make the cities asked for that are not there."""
    parser = argparse.ArgumentParser(prog="benchmarks.cities", description=__doc__)
    parser.add_argument("enterprises", type=int, nargs="+")
    folder = cities_folder()
    for enterprises in parser.parse_args().enterprises:
        if not (folder / str(enterprises) / _MADE).exists():
            print(make_city(folder, enterprises))


if __name__ == "__main__":
    main()
