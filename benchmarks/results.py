"""The results store: one JSON file, one entry a measured comparison.

`ratio` > 1 always means ours is better, whichever way the unit runs.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Literal

RESULTS = Path(__file__).parent / "results.json"
#: Figures are stored to this many significant digits; more would be noise in every diff.
DIGITS = 4

Better = Literal["lower", "higher", "neither"]


@dataclass(frozen=True)
class Entry:
    """One figure of ours beside the peer's.

    Parameters
    ----------
    area : str
        The area that measures it, e.g. `features`.
    name : str
        What was measured and against whom; unique within the area.
    ours, peer : float
        In `unit`; `peer` is None where nobody else offers the thing.
    ratio : float or None
        > 1: ours is better. None without a peer.
    unit : str
        `s`, `ms`, `MiB`, `rows/s`, or empty for a pure number.
    note : str
        Protocol, sample size, spread.
    at : str
        Wall time in Asia/Shanghai, ISO 8601 to the minute.
    """

    area: str
    name: str
    ours: float
    peer: float | None
    ratio: float | None
    unit: str
    note: str
    at: str


def compared(
    area: str,
    name: str,
    *,
    ours: float,
    peer: float | None,
    better: Better,
    unit: str,
    now: datetime,
    note: str = "",
) -> Entry:
    """Make an entry and work out its ratio.

    Parameters
    ----------
    better : {'lower', 'higher', 'neither'}
        Which way the unit runs: seconds lower, AUC higher; neither, and so no ratio, for a figure
        that is best at a value (a calibration slope at 1).
    now : datetime
        Wall time in Asia/Shanghai, without a zone.

    Raises
    ------
    ValueError
        If a figure is not finite, or negative: a ratio of such figures says nothing.

    Examples
    --------
    >>> compared("features", "CPU, pandas", ours=0.5, peer=2.0, better="lower", unit="s",
    ...          now=datetime(2026, 3, 1, 9, 30)).ratio
    4.0
    """
    for side, value in (("ours", ours), ("peer", peer)):
        if value is not None and not (isfinite(value) and value >= 0):
            raise ValueError(
                f"Result '{area}: {name}' has {side} = {value}; "
                "a finite figure of 0 or more is needed."
            )
    return Entry(
        area=area,
        name=name,
        ours=_rounded(ours),
        peer=None if peer is None else _rounded(peer),
        ratio=_ratio(ours, peer, better),
        unit=unit,
        note=note,
        at=now.isoformat(timespec="minutes"),
    )


def _ratio(ours: float, peer: float | None, better: Better) -> float | None:
    if peer is None or better == "neither":
        return None
    above, below = (peer, ours) if better == "lower" else (ours, peer)
    return _rounded(above / below) if below else None


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def read_results(path: Path = RESULTS) -> list[Entry]:
    """Entries in their order; an absent file holds none."""
    if not path.exists():
        return []
    return [Entry(**row) for row in json.loads(path.read_text(encoding="utf-8"))]


def record(entries: Sequence[Entry], path: Path = RESULTS, *, is_whole: bool = True) -> None:
    """Store entries in place of all that their areas held before; the file stays sorted.

    An area is measured whole, so what it no longer measures goes, unless a part is said to be one
    (`is_whole=False`). The file is replaced in one step, so an interrupted run leaves the old one whole.
    """
    measured = {entry.area for entry in entries} if is_whole else set[str]()
    others = [entry for entry in read_results(path) if entry.area not in measured]
    kept = {(entry.area, entry.name): entry for entry in [*others, *entries]}
    rows = [asdict(kept[key]) for key in sorted(kept)]
    fresh = path.with_suffix(".tmp")
    fresh.write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    fresh.replace(path)
