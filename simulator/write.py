"""A block's rows become the files of a delivery: joined by dataset, dirtied, ordered by code, written."""

import io
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import yaml

from simulator.arrays import Codes, Column, Ints, Text, arrow, fixed, take
from simulator.parameters import Dirt
from simulator.rows import Rows
from simulator.streams import Streams

#: What is delivered by the million comes as Parquet; the rest is CSV, as departments write it.
PARQUET = frozenset(
    {
        "annual_figures", "consent_event", "electricity_month", "financing_need", "gas_month",
        "housing_fund_filing", "housing_fund_month", "invoice_line", "invoice_month", "loan_account", "loan_outcome",
        "medical_filing", "medical_month", "pension_filing", "pension_month", "reg_annual_report", "repayment_snapshot",
        "tax_credit_rating", "tax_filing_month", "trade_month", "water_month",
    }
)  # fmt: skip
#: Nobody's code or name is wrong here: the platform's own records, and the register itself.
_CLEAN = frozenset({"reg_basic", "consent_event", "financing_need", "reg_shareholder"})
_LISTS = ("scopes", "penalty_kinds")
_LATE_DAYS = 30
_ORDER = ("reg_basic", "consent_event")


@dataclass
class Tally:
    """What was written, and what is wrong with it."""

    rows: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    wrong_codes: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    repeats: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    columns: dict[str, list[str]] = field(default_factory=dict[str, list[str]])


def write_block(
    folder: Path,
    streams: Streams,
    dirt: Dirt,
    rows: list[Rows],
    usccs: Codes,
    names: Text,
    today: np.datetime64,
    tally: Tally,
) -> None:
    """Write one file per dataset and version; nothing that is delivered after today."""
    grouped: defaultdict[tuple[str, int], list[Rows]] = defaultdict(list)
    last = today.astype("datetime64[s]") + 86_399
    for part in rows:
        grouped[part.dataset, part.version].append(part)
    for (dataset, version), parts in sorted(grouped.items()):
        rng = streams.named(f"dirt {dataset} {version}")
        late = [_late(rng, part, dirt) for part in parts]
        tables = [
            _table(rng, part.take(part.delivered <= last), usccs, names, dirt, tally)
            for part in late
        ]
        table = pa.concat_tables(tables, promote_options="default")
        if table.num_rows:
            _write(folder, dataset, streams.block, version, table, dirt)
            known = tally.columns.setdefault(dataset, [])
            known += [name for name in table.column_names if name not in known]
            tally.rows[dataset] += table.num_rows


def _late(rng: np.random.Generator, part: Rows, dirt: Dirt) -> Rows:
    """Some months come a month late."""
    if not part.dataset.endswith("_month"):
        return part
    slow = rng.random(len(part)) < dirt.late_month
    delivered = part.delivered + np.where(slow, _LATE_DAYS * 86_400, 0)
    return Rows(
        part.dataset, part.firm, part.event, delivered, part.columns, part.scope, part.version
    )


def _table(
    rng: np.random.Generator,
    part: Rows,
    usccs: Codes,
    names: Text,
    dirt: Dirt,
    tally: Tally,
) -> pa.Table:
    is_text = part.dataset not in PARQUET
    owner = usccs[part.firm]
    given = owner
    columns: dict[str, Column] = {"uscc": owner}
    if is_text and part.dataset not in _CLEAN:
        given = _wrong_codes(rng, owner, dirt)
        columns["uscc"] = given
        columns["enterprise_name"] = _wrong_names(rng, names, part.firm, dirt)
    columns |= part.columns
    for name in _LISTS:
        if name in columns:
            columns[name] = _full_width(rng, columns[name], dirt)
    columns["delivered_at"] = part.delivered
    # Codes say nothing about a firm, so neither does an order by code.
    order = np.lexsort((part.delivered, owner))
    if part.dataset not in _CLEAN:
        again = np.flatnonzero(rng.random(len(order)) < dirt.repeated)
        tally.repeats[part.dataset] += len(again)
        order = np.append(order, order[again])
    tally.wrong_codes[part.dataset] += int((given[order] != owner[order]).sum())
    return pa.table(
        {name: arrow(take(column, order), is_text=is_text) for name, column in columns.items()}
    )


def _wrong_codes(rng: np.random.Generator, usccs: Codes, dirt: Dirt) -> Codes:
    """In some rows two characters changed places: the check character finds it."""
    wrong = rng.random(len(usccs)) < dirt.wrong_code
    letters = np.array(usccs).view(np.uint8).reshape(-1, usccs.dtype.itemsize).copy()
    wrong &= letters[:, 12] != letters[:, 13]
    letters[wrong, 12], letters[wrong, 13] = letters[wrong, 13], letters[wrong, 12].copy()
    return fixed(letters)


def _wrong_names(rng: np.random.Generator, names: Text, firm: Ints, dirt: Dirt) -> Text:
    wrong = rng.random(len(firm)) < dirt.wrong_name
    other = rng.integers(0, max(1, len(names.values)), len(firm))
    return Text(np.where(wrong, other, firm), names.values)


def _full_width(rng: np.random.Generator, column: Column, dirt: Dirt) -> Column:
    """Lists are written with full-width marks, a few with half-width ones."""
    if not isinstance(column, Text):
        return column
    half = rng.random(len(column.codes)) < dirt.half_width
    values = [*column.values, *(value.replace(";", "；") for value in column.values)]
    shift = np.where(half | (column.codes < 0), 0, len(column.values))
    return Text(column.codes + shift, values)


def _write(
    folder: Path, dataset: str, block: int, version: int, table: pa.Table, dirt: Dirt
) -> None:
    place = folder / dataset
    place.mkdir(exist_ok=True)
    stem = f"{dataset}-{block:04}-{version}"
    if dataset in PARQUET:
        pq.write_table(table, place / f"{stem}.parquet", compression="zstd")
        return
    buffer = io.BytesIO()
    pa_csv.write_csv(table, buffer)
    content = buffer.getvalue()
    if dataset in dirt.gb18030:
        content = content.decode().encode("gb18030")
    (place / f"{stem}.csv").write_bytes(content)


def write_orders(folder: Path, dirt: Dirt, tally: Tally) -> None:
    """A mapping per dataset, and `delivery.yaml` in the order in which to land."""
    mappings = folder / "mappings"
    mappings.mkdir()
    steps: list[dict[str, Any]] = []
    first = [name for name in _ORDER if name in tally.columns]
    for dataset in [*first, *sorted(set(tally.columns) - set(first))]:
        mapping: dict[str, Any] = {
            "dataset": dataset,
            "provider": {"name": "合成城市"},
            "columns": {name: name for name in tally.columns[dataset] if name != "delivered_at"},
            "available_at": {"from": "delivered_at"},
        }
        if dataset in dirt.gb18030:
            mapping["file"] = {"encoding": "gb18030"}
        _dump(mappings / f"{dataset}.yaml", mapping)
        suffix = "parquet" if dataset in PARQUET else "csv"
        steps.append(
            {
                "files": f"{dataset}/*.{suffix}",
                "dataset": dataset,
                "mapping": f"mappings/{dataset}.yaml",
            }
        )
    _dump(folder / "delivery.yaml", {"deliveries": steps})


def _dump(path: Path, content: object) -> None:
    text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False, default_flow_style=None)
    path.write_text(text, encoding="utf-8")
