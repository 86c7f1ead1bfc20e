"""Our side of `ingest`: land the contest's invoices in an empty lake; ends with a report."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks.peers.meter import Meter
from features.lake import Lake
from xinqiao.settings import load_settings
from xinqiao.tours import land_tour


def main(data: Path, home: Path) -> None:
    """Land every file of the contest, then report the rows that landed as invoices."""
    shutil.rmtree(home, ignore_errors=True)
    settings = replace(load_settings(), home=home, data=data, language="en")
    meter = Meter()
    batches = land_tour(settings, "cumcm2020c")
    landed = sum(batch.landed for batch in batches if batch.dataset == "invoice_line")
    view = Lake(settings.lake).view()
    files = [*view.files("invoice_line"), *view.retired_files("invoice_line")]
    meter.report(landed=landed, bytes=sum(path.stat().st_size for path in files))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
