"""Takes in the deliveries of a folder, merges and deletes, until it is done or killed."""

import sys
from pathlib import Path

from features.compaction import compact
from features.retention import apply
from tests.factories import Desk
from tests.rewrites import FIVE_YEARS, LATER, retained

if __name__ == "__main__":
    root = Path(sys.argv[1])
    desk = Desk(root)
    catalogue = retained(desk.catalogue, "invoice_line", FIVE_YEARS)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for path in sorted((root / "deliveries").glob("*.csv")):
        desk.ingest(path)
        compact(desk.lake, catalogue, now=LATER)
        apply(desk.lake, catalogue, desk.vault, now=LATER)
