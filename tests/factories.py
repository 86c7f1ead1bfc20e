"""Small deliveries, a catalogue with a negative dataset, and a desk at which they are taken in."""

import atexit
import csv
import io
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.contracts import CATALOGUE_DIR, Catalogue, Dataset, load_catalogue
from features.engine import connect, parquet
from features.errors import XinqiaoError
from features.ingest import MAX_REJECTED_SHARE, Delivery, ingest_files
from features.lake import RETIRED_COLUMNS, Lake
from features.mapping import Mapping, identity_mapping, load_mapping
from features.vault import Vault

NOW = datetime.fromisoformat("2026-01-15T12:00:00")
USCCS = ("91350100M000100Y43", "91371302MA3TE5T11E", "92371302MA3TE5T11B", "93371323MA3TE5T11M")

PENALTY = """
name: penalty
code: D90
title: {zh: 行政处罚, en: Administrative penalties}
category: {zh: 行政处罚, en: Penalties}
provider: {zh: 各部门, en: Departments}
sharing_mode: bulk
sensitivity: public
cadence: daily
available_lag_days: 7
event_date: decided_on
negative: true
primary_key: [uscc, decision_no]
columns:
  decision_no: {type: str, zh: 文号, en: Decision number, required: true, max_length: 40}
  decided_on: {type: date, zh: 决定日期, en: Decided on, required: true}
  fine: {type: money, zh: 罚款, en: Fine, unit: yuan, minimum: 0}
  points: {type: int, zh: 记分, en: Points}
  rate: {type: decimal, zh: 比率, en: Rate}
  laws: {type: list, zh: 依据, en: Laws}
  is_public: {type: bool, zh: 是否公示, en: Is published}
  period: {type: month, zh: 所属月份, en: Month}
"""

INVOICES = """
dataset: invoice_line
provider: {name: 税务局}
columns:
  uscc: {synthetic: 企业, namespace: test}
  consent_id: {template: "test:{企业}"}
  direction: {constant: sales}
  invoice_no: 发票号码
  issued_on: 开票日期
  counterparty: {template: "test:{购方}"}
  amount: 金额
  tax: 税额
  total: 价税合计
  status: {from: 状态, codes: {有效: valid, 作废: void}}
"""
INVOICE_HEADER = ["企业", "发票号码", "开票日期", "购方", "金额", "税额", "价税合计", "状态"]


def invoice(number: int, *, firm: str = "E1", amount: str = "100.00", **changes: str) -> list[str]:
    """One row under `INVOICE_HEADER`; changes by column name."""
    row = dict(
        zip(
            INVOICE_HEADER,
            [firm, str(number), "2025-03-01", "B1", amount, "0", amount, "有效"],
            strict=True,
        )
    )
    return list((row | changes).values())


def csv_text(rows: Sequence[Sequence[str]], *, newline: str = "\n", delimiter: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator=newline, delimiter=delimiter).writerows(rows)
    return text.getvalue()


def write_csv(
    path: Path, rows: Sequence[Sequence[str]], *, encoding: str = "utf-8", newline: str = "\n"
) -> Path:
    path.write_bytes(csv_text(rows, newline=newline).encode(encoding))
    return path


def write_invoices(path: Path, rows: Sequence[Sequence[str]], encoding: str = "utf-8") -> Path:
    return write_csv(path, [INVOICE_HEADER, *rows], encoding=encoding)


def write_xlsx(path: Path, rows: Sequence[Sequence[object]], *, sheet: str = "Sheet") -> Path:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.title = sheet
    for row in rows:
        page.append(list(row))
    book.save(path)
    return path


def write_parquet(path: Path, columns: dict[str, Sequence[object] | pa.Array]) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


@cache
def with_penalties() -> Catalogue:
    """The shipped catalogue and one dataset more, loaded once a process."""
    folder = Path(mkdtemp(prefix="xinqiao-catalogue-"))
    atexit.register(shutil.rmtree, folder)
    shutil.copytree(CATALOGUE_DIR, folder, dirs_exist_ok=True)
    (folder / "penalty.yaml").write_text(PENALTY, encoding="utf-8")
    return load_catalogue(folder)


@dataclass
class Desk:
    """One lake, one vault and one catalogue in a folder of their own."""

    root: Path

    def __post_init__(self) -> None:
        self.root.mkdir(exist_ok=True)
        self.catalogue: Catalogue = with_penalties()
        self.lake = Lake(self.root / "lake")
        self.vault = Vault(self.root / "vault")

    def dataset(self, name: str) -> Dataset:
        return self.catalogue[name]

    def mapping(self, text: str, dataset: str = "invoice_line", name: str = "mapping") -> Mapping:
        path = self.root / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        return load_mapping(path, self.dataset(dataset))

    def identity(self, dataset: str) -> Mapping:
        return identity_mapping(self.dataset(dataset))

    def ingest(
        self,
        *paths: Path,
        mapping: Mapping | str = INVOICES,
        now: datetime = NOW,
        share: float = MAX_REJECTED_SHARE,
    ) -> list[Delivery]:
        chosen = self.mapping(mapping) if isinstance(mapping, str) else mapping
        return ingest_files(paths, chosen, self.lake, self.vault, now=now, max_rejected_share=share)

    def refuse(
        self, *paths: Path, mapping: Mapping | str = INVOICES, share: float = MAX_REJECTED_SHARE
    ) -> XinqiaoError:
        """The error of a run that must fail: two languages, no file and no commit left behind."""
        before = self.files()
        with pytest.raises(XinqiaoError) as refused:
            self.ingest(*paths, mapping=mapping, share=share)
        error = refused.value
        assert error.en, "no English sentence"
        assert error.zh, "no Chinese sentence"
        assert self.files() == before, "a refused run left files behind"
        return error

    def files(self) -> set[str]:
        if not self.lake.root.exists():
            return set()
        return {
            path.relative_to(self.lake.root).as_posix()
            for path in self.lake.root.rglob("*")
            if path.is_file() and path.name != "LOCK"
        }

    def rows(
        self, dataset: str = "invoice_line", *, superseded: bool = False
    ) -> list[dict[str, object]]:
        """Stored rows with the firm's code beside them, in row_id order."""
        view = self.lake.view()
        rows = view.rows(self.dataset(dataset))
        retired = parquet(view.retired_files(dataset), RETIRED_COLUMNS)
        unless = "" if superseded else f"WHERE row_id NOT IN (SELECT row_id FROM {retired})"
        with connect(threads=1) as connection:
            table = connection.sql(
                f"SELECT p.party_id AS uscc, p.origin, r.* FROM {rows} r "
                f"JOIN {view.parties_sql()} p ON p.party_key = r.enterprise_key {unless} ORDER BY row_id"
            ).to_arrow_table()
        return table.to_pylist()

    def content(self, dataset: str = "invoice_line") -> set[tuple[object, ...]]:
        """What the lake says, without what depends on the order of delivery."""
        ignored = {"row_id", "enterprise_key", "counterparty_key"}
        return {
            tuple(str(value) for name, value in row.items() if name not in ignored)
            for row in self.rows(dataset)
        }

    def quarantine(self, dataset: str = "invoice_line") -> list[dict[str, object]]:
        files = self.lake.view().quarantine_files(dataset)
        return [row for path in files for row in pq.read_table(path).to_pylist()]
