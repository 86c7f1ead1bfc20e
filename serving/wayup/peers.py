"""The ranges of like firms, worked out beside answering and read where a way up is shown."""

import asyncio
import os
from datetime import datetime
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from models.wayup.document import PeerRange
from models.wayup.peers import FILE_NAME, PeerTable, load_peer_rules, peer_table
from serving.ratings.desk import Desk

_FOLDER = "wayup"


async def refresh_peers(home: Path, desk: Desk, now: datetime) -> int:
    """Work the ranges out for the model and the day of the build; how many tables were written."""
    held = read_peers(home)
    build = desk.as_of_date.isoformat()
    if held is not None and (held.bundle_id, held.build) == (desk.bundle.id, build):
        return 0
    await asyncio.to_thread(_write, home, desk, build, now)
    return 1


def read_peers(home: Path) -> PeerTable | None:
    """The ranges as kept; None if there are none, or none that can be read."""
    try:
        return PeerTable.model_validate_json((home / _FOLDER / FILE_NAME).read_text("utf-8"))
    except (OSError, ValidationError):
        return None


def ranges_for(home: Path, desk: Desk, uscc: str, grade: str) -> list[PeerRange]:
    """Ranges of the scopes under which a firm has nothing; empty while none were worked out."""
    table, row = read_peers(home), desk.online.find(uscc)
    if table is None or row is None or table.bundle_id != desk.bundle.id:
        return []
    return table.ranges(desk.scorer, np.array(desk.online.vectors[row][_columns(desk)]), grade)


def _columns(desk: Desk) -> list[int]:
    return list(desk.online.columns([one.name for one in desk.bundle.manifest.features]))


def _write(home: Path, desk: Desk, build: str, now: datetime) -> None:
    matrix = np.array(desk.online.vectors[:, _columns(desk)])
    found = peer_table(desk.scorer, matrix, load_peer_rules(now.date()), build=build)
    folder = home / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{FILE_NAME}.{os.getpid()}"
    draft.write_text(found.model_dump_json(), "utf-8")
    draft.replace(folder / FILE_NAME)
