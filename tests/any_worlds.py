"""Random rows of any dataset of the catalogue: every type, every enum, gaps, lateness, dust and giants.

Keys are unique within a firm, as ingest makes them. Nothing is plausible beyond that, on purpose.
"""

import random
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

from features.clock import end_of
from features.contracts import Column, Dataset, lake_column
from features.scope import Purpose
from tests.builders import CATALOGUE, TinyLake, consent, registered

_ENVELOPE = {"uscc", "enterprise_name", "consent_id"}
_RARE = {"repaired_at", "publicity_end"}


def land_firms(lake: TinyLake, firms: Sequence[int]) -> None:
    """Put firms on the register."""
    lake.land("reg_basic", [registered(key) for key in firms])


def land_consents(
    lake: TinyLake, rng: random.Random, firms: Sequence[int], as_of: date, purpose: Purpose
) -> None:
    """Consents to `bank`: most firms open everything, some a part, some took it back."""
    scopes = sorted({d.document.consent_scope for d in CATALOGUE if d.document.consent_scope})
    rows: list[dict[str, object]] = []
    for key in firms:
        opened = scopes if rng.random() < 0.7 else rng.sample(scopes, rng.randrange(len(scopes)))
        granted = end_of(as_of) - timedelta(days=rng.randrange(2, 300))
        rows.append(consent(key, "granted", granted, scopes=opened, purpose=purpose, event_id="1"))
        if rng.random() < 0.1:
            taken = granted + timedelta(days=rng.randrange(4))
            rows.append(consent(key, "revoked", taken, purpose=purpose, event_id="2"))
    lake.land("consent_event", rows)


def land_any(
    lake: TinyLake, rng: random.Random, datasets: Iterable[str], firms: Sequence[int], as_of: date
) -> None:
    """Land a random file of each dataset; a few of its rows are superseded by the next."""
    for name in sorted(datasets):
        rows = rows_of(rng, CATALOGUE[name], firms, as_of)
        landed = lake.land(name, rows)
        wrong = dict(zip(landed, rows, strict=True))
        corrected = rng.sample(landed, min(len(landed), 5))
        moments = {row_id: _moment(rng, as_of) for row_id in corrected}
        right = [{**wrong[row_id], "available_at": moments[row_id]} for row_id in corrected]
        lake.land(name, right, retire=moments)


def rows_of(
    rng: random.Random, dataset: Dataset, firms: Sequence[int], as_of: date
) -> list[dict[str, object]]:
    """Rows of some of the firms, none to forty each."""
    found: dict[tuple[object, ...], dict[str, object]] = {}
    key_columns = dataset.lake_key()
    for firm in firms:
        for _ in range(rng.choice([0, 0, 1, 3, 12, 40])):
            row = _row(rng, dataset, firm, as_of)
            if all(row[name] is not None for name in key_columns):
                found.setdefault(tuple(row[name] for name in key_columns), row)
    return list(found.values())


def _row(rng: random.Random, dataset: Dataset, firm: int, as_of: date) -> dict[str, object]:
    row: dict[str, object] = {"enterprise_key": firm, "available_at": _moment(rng, as_of)}
    for name, column in dataset.columns.items():
        if name in _ENVELOPE or column.personal or not column.is_stored:
            continue
        stored = next(iter(lake_column(name, column)))
        is_null = rng.random() < (0.9 if name in _RARE else 0 if column.required else 0.08)
        row[stored] = None if is_null else _cell(rng, name, column, as_of)
    return row


def _cell(rng: random.Random, name: str, column: Column, as_of: date) -> object:
    day = as_of - timedelta(days=rng.randrange(-20, 900))
    match column.type:
        case "money":
            scale = rng.choice([0, 1, 10_000, 10**7])
            return rng.choice([1, 1, 1, 1, -1]) * rng.randrange(1000) * scale
        case "int":
            return as_of.year - rng.randrange(5) if name.endswith("year") else rng.randrange(40)
        case "decimal":
            return rng.choice([0.0, round(rng.uniform(0, 1), 4), round(rng.uniform(0, 9e5), 2)])
        case "month" | "date" | "ts":
            moments = {"month": day.year * 100 + day.month, "date": day, "ts": _moment(rng, as_of)}
            return moments[column.type]
        case "bool" | "party" | "list" | "enum" | "month_list":
            return _choice(rng, column)
        case _:
            return f"{name} {rng.randrange(3)}" if rng.random() < 0.5 else str(rng.randrange(10**6))


def _choice(rng: random.Random, column: Column) -> object:
    match column.type:
        case "bool":
            return rng.random() < 0.5
        case "party":
            return rng.randrange(1000, 1008)
        case "list":
            return rng.sample(["a", "b", "c"], rng.randrange(3))
        case "enum":
            return rng.choice(sorted(column.values))
        case _:
            return None


def _moment(rng: random.Random, as_of: date) -> datetime:
    """Mostly known by `as_of`, at the edge, or a little after it."""
    late = rng.choice([timedelta(microseconds=1), timedelta(days=3), timedelta()])
    back = timedelta(days=rng.randrange(800), hours=rng.randrange(24))
    return end_of(as_of) + late if rng.random() < 0.06 else end_of(as_of) - back
