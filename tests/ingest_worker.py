"""Takes in every delivery of a folder, one run each, until it is done or killed."""

import sys
from pathlib import Path

from tests.factories import Desk

if __name__ == "__main__":
    root = Path(sys.argv[1])
    desk = Desk(root)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for path in sorted((root / "deliveries").glob("*.csv")):
        desk.ingest(path)
