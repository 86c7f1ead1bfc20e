"""Lands repairs in a process of its own and kills itself at a point: `HOME DATABASE POINT`.

Points: `landing` before the lake is written, `landed` when the lake has the notice and the ledger does
not know, `moving` inside the ledger's transaction, `end` nowhere.
"""

import asyncio
import os
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from features.contracts import load_catalogue
from features.lake import Lake
from features.vault import Vault
from serving.db import open_database
from serving.disputes import tasks
from serving.disputes.tasks import Desk, land_repairs

NOW = datetime(2026, 11, 23, 9)


def die(*_: object, **__: object) -> NoReturn:
    """Kill -9 of ourselves."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


#: The function that is never reached.
POINTS = {"landing": "_land", "landed": "find_case", "moving": "write_entry"}


async def work(home: Path, database: str) -> None:
    """Land what is due."""
    opened = await open_database(database, size=2, wait_seconds=5)
    desk = Desk(opened, Lake(home / "lake"), Vault(home / "vault"), load_catalogue())
    await land_repairs(desk, NOW)
    await opened.close()


if __name__ == "__main__":
    if sys.argv[3] in POINTS:
        setattr(tasks, POINTS[sys.argv[3]], die)
    asyncio.run(work(Path(sys.argv[1]), sys.argv[2]))
