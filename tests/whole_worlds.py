"""Random worlds in which every dataset of the catalogue has rows, drawn from its contract alone.

Dates and months crowd around `as_of` and the ends of windows, amounts run from a fen to what nearly
overflows, texts and tokens are few, so that firms share holders and counterparties.
"""

import random
import zlib
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta

from features.clock import end_of
from features.contracts import NEGATIVE_COLUMNS, REGISTER, Column, Dataset, lake_column
from features.windows import months_before
from tests.builders import CATALOGUE, FIRST_PARTY, LONG_AGO, TinyLake

#: Consents are drawn by the tests themselves.
DATASETS = sorted(set(CATALOGUE.datasets) - {"consent_event"})
FIRMS = range(1, 26)
World = Mapping[str, list[dict[str, object]]]
_TEXTS = ["a", "b", "金融借款合同纠纷"]
#: What certificates, licences, honours and funds are called, and how high an honour is.
_TITLES = [
    "小巨人", "专精特新", "创新型中小企业", "科技小巨人", "瞪羚", "独角兽", "新型研发机构", "烟草专卖零售",
    "医保定点", "旅游", "研发", "省级",
]  # fmt: skip
_TITLED = {"cert_name", "category_level", "award_name", "item_level", "programme"}
#: Entries of lists: words, and a plot of land and a payment planned as their providers write them.
_ENTRIES = [*_TEXTS, "12.5/东坡", "3/河滩", "2019-10-31/900"]
#: Datasets whose rows are compared with a row of the year before, or come in many kinds.
_DENSE = {"invoice_line", "carbon_account", "admin_penalty", "court_judgment", "reg_change"}
#: Datasets that are compared with each other month by month, over many months.
_FULL = {"invoice_month", "electricity_month"}
#: Lengths of texts that are numbers of records.
_NUMBERS = {64, 128}
_TOKENS = [f"token {number}" for number in range(6)]
_EDGES = [0, 1, 3, 6, 12, 16, 24, 36, 60]


def whole_world(rng: random.Random, as_of: date) -> World:
    """Rows of every dataset, each of its own key, known by `as_of`, some of them only lately."""
    return {name: _rows(rng, CATALOGUE[name], as_of) for name in DATASETS}


def land_whole(lake: TinyLake, world: World) -> None:
    """Land a world, one file a dataset."""
    for name, rows in world.items():
        lake.land(name, rows)


def _rows(rng: random.Random, dataset: Dataset, as_of: date) -> list[dict[str, object]]:
    by_key: dict[str, dict[str, object]] = {}
    is_dense = "month" in dataset.document.primary_key or dataset.name in _DENSE
    for firm in FIRMS:
        number = rng.choice([0, 12, 40] if is_dense else [0, 2, 8, 25])
        if dataset.name in _FULL:
            number *= 4
        for _ in range(1 if dataset.name == REGISTER else number):
            row = _row(rng, dataset, firm, as_of)
            by_key.setdefault(str([row[name] for name in dataset.lake_key()]), row)
    return list(by_key.values())


def _row(rng: random.Random, dataset: Dataset, firm: int, as_of: date) -> dict[str, object]:
    lately = end_of(as_of) - timedelta(days=rng.randrange(40))
    row: dict[str, object] = {
        "enterprise_key": firm,
        "available_at": rng.choice([LONG_AGO, lately]),
    }
    for name, column in dataset.columns.items():
        if name == "uscc" or not column.is_stored:
            continue
        stored = next(iter(lake_column(name, column)))
        is_rare = name in NEGATIVE_COLUMNS
        is_missing = rng.random() < (0.9 if is_rare else 0.3)
        if column.required or not is_missing:
            row[stored] = _cell(rng, name, column, as_of)
            if name in _TITLED:
                row[stored] = _TITLES[zlib.crc32(f"{row}".encode()) % len(_TITLES)]
        else:
            row[stored] = None
    return row


def _cell(rng: random.Random, name: str, column: Column, as_of: date) -> object:
    if column.values and column.type != "list":
        return rng.choice(sorted(column.values))
    match column.type:
        case "money":
            return _whole(rng, column, rng.choice([1, 100, 10_000_00, 10**12]))
        case "int":
            return as_of.year - rng.randrange(5) if "year" in name else _whole(rng, column, 1)
        case "decimal":
            return _whole(rng, column, 1) * rng.choice([0.01, 0.1, 37.5])
        case "bool":
            return rng.random() < 0.5
        case "party":
            return FIRST_PARTY + rng.randrange(5)
        case "date" | "month" | "ts" | "month_list":
            return _time(rng, column.type, as_of)
        case _:
            return _text(rng, column)


def _text(rng: random.Random, column: Column) -> object:
    if column.type == "list":
        return rng.sample(sorted(column.values or _ENTRIES), rng.randrange(3))
    if column.personal:
        return rng.choice(_TOKENS)
    return rng.choice(list("123456789") if column.max_length in _NUMBERS else _TEXTS)


def _time(rng: random.Random, kind: str, as_of: date) -> object:
    match kind:
        case "date":
            return _day(rng, as_of)
        case "month":
            return _month(rng, as_of)
        case "ts":
            return datetime.combine(_day(rng, as_of), time(rng.choice([0, 9])))
        case _:
            months = {_month(rng, as_of) for _ in range(rng.randrange(9))}
            return [{"month": month, "value": float(rng.randrange(9))} for month in sorted(months)]


def _whole(rng: random.Random, column: Column, scale: int) -> int:
    sign = -1 if column.minimum is None and rng.random() < 0.15 else 1
    return sign * rng.choice([0, 1, 7, rng.randrange(1000)]) * scale


def _day(rng: random.Random, as_of: date) -> date:
    if rng.random() < 0.5:
        edge = months_before(as_of, rng.choice(_EDGES))
        return edge + timedelta(days=rng.choice([-1, 0, 1]))
    return as_of - timedelta(days=rng.choice([rng.randrange(-120, 120), rng.randrange(1200)]))


def _month(rng: random.Random, as_of: date) -> int:
    number = as_of.year * 12 + as_of.month - rng.randrange(-1, 28)
    return number // 12 * 100 + number % 12 + 1
