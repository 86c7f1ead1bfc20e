"""The public tables `fit` is measured on, and how each is cut.

Nothing here is a parameter of a model: a set is a table, the columns nobody may learn from, and a
protocol. Every side gets the same columns and the same outer and inner folds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.area_rating import contest_cohort
from benchmarks.peers.marks import OUTCOME
from benchmarks.setting import Setting
from models.arrays import IntArray
from training.table.columns import LabelledTable, label_table
from training.table.kinds import UNUSED
from training.table.protocol import Protocol, Split, group_codes, join_test, parse_protocol
from training.table.reading import read_table
from training.table.scoring import arrow_array

#: Folds that peers choose on; `fit` decides about its own by the same rule of the same protocol.
INNER_FOLDS = 3
#: Column pandas leaves behind when it writes a frame.
INDEX = "__index_level_0__"
#: The outcome itself under other names, and `Term`, which is shortened when a loan fails.
SBA_OUTCOME = ("ChgOffDate", "ChgOffPrinGr", "BalanceGross", "MIS_Status")
SBA_TERM = "Term"
#: Known only after approval, a weight, and the loan's number.
SBA_OTHERS = ("DisbursementDate", "DisbursementGross", "pop_weight", "LoanNr_ChkDgt")


@dataclass(frozen=True)
class TableSet:
    """One table and how it is cut.

    Attributes
    ----------
    name : str
    target : str
        Its value 1 is the outcome.
    protocol : str
        As `--protocol` takes it; the outer split is the test table where there is one.
    write : callable
        Writes `table.parquet`, and `test.parquet` if there is a test table, into a folder.
    drop : tuple of str
        Columns nobody learns from.
    seeds : tuple of int
        Of the folds; the figures are means over them.
    has_test : bool
        The outer split is a second table.
    """

    name: str
    target: str
    protocol: str
    write: Callable[[Setting, Path], None]
    drop: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (7,)
    has_test: bool = False

    def command(self, folder: Path, out: Path, seed: int) -> list[str | Path]:
        """Arguments of `xinqiao fit` on what `write` wrote."""
        options = [word for name in self.drop for word in ("--drop", name)]
        options += ["--test", str(folder / "test.parquet")] if self.has_test else []
        asked = ["--target", self.target, "--protocol", self.protocol, "--seed", str(seed)]
        return ["fit", folder / "table.parquet", *asked, *options, "--out", out, "--json"]

    def labelled(self, folder: Path) -> tuple[LabelledTable, Protocol]:
        """The rows and the protocol as `fit` sees them."""
        table, border = read_table(folder / "table.parquet"), None
        if self.has_test:
            table, border = join_test(table, read_table(folder / "test.parquet"))
        protocol = parse_protocol(self.protocol, border)
        drop = (*self.drop, *(name for name in protocol.outside if name not in self.drop))
        return label_table(table, target=self.target, drop=drop), protocol


def _copied(file: str) -> Callable[[Setting, Path], None]:
    def write(setting: Setting, folder: Path) -> None:
        table = pq.read_table(setting.data / file)
        kept = [name for name in table.column_names if name != INDEX]
        pq.write_table(table.select(kept), folder / "table.parquet")

    return write


def _write_contest(setting: Setting, folder: Path) -> None:
    """The platform's own features, one row a firm of known outcome."""
    cohort = contest_cohort(setting)
    columns = {
        name: arrow_array(cohort.matrix[:, place].copy())
        for place, name in enumerate(cohort.features.names)
    }
    outcome = arrow_array(cohort.is_default.astype("int64"))
    pq.write_table(pa.table({**columns, "default": outcome}), folder / "table.parquet")


def _write_smesd(setting: Setting, folder: Path) -> None:
    """Register, counts of lawsuits and of relations; no times, which tell the outcome.

    Firms that stand in both parts are judged and not learned from.
    """
    source = setting.data / "smesd"
    with duckdb.connect() as connection:
        connection.execute("set threads = 1")
        for name in ("companies", "lawsuits", "edges"):
            connection.execute(
                f"create view {name} as from read_parquet('{source / f'{name}_dev.parquet'}')"
            )
        counts = ", ".join(
            [
                "count(*) as lawsuits",
                *(f"count(*) filter (cause = {n}) as cause_{n}" for n in range(11)),
                *(f"count(*) filter (court_level = {n}) as court_{n}" for n in range(4)),
                *(f"count(*) filter (result = {n}) as result_{n}" for n in range(4)),
            ]
        )
        kinds = ", ".join(
            [
                "count(*) as relations",
                "count(distinct dst) as related",
                "sum(weight) as relation_weight",
                *(f"count(*) filter (edge_type = {n}) as relation_{n}" for n in range(20)),
                "sum(coalesce(other.suits, 0)) as lawsuits_of_related",
            ]
        )
        whole = f"""
            with sued as (select split, company_id, {counts} from lawsuits group by all),
            other as (select company_id, count(*) as suits from lawsuits group by all),
            tied as (select split, src as company_id, {kinds}
                     from edges left join other on other.company_id = edges.dst group by all)
            select companies.* exclude (split, company_id), sued.* exclude (split, company_id),
                   tied.* exclude (split, company_id)
            from companies
            left join sued using (split, company_id) left join tied using (split, company_id)
            where split = ? and (split = 'valid' or company_id not in
                  (select company_id from companies where split = 'valid'))
            order by company_id"""
        for part, name in (("train", "table"), ("valid", "test")):
            found = connection.sql(whole.replace("?", f"'{part}'")).to_arrow_table()
            columns = [column for column in found.column_names if column != INDEX]
            pq.write_table(found.select(columns), folder / f"{name}.parquet")


SETS: Sequence[TableSet] = (
    TableSet("cumcm2020c", "default", "kfold:5", _write_contest),
    TableSet(
        "financial_distress",
        "distress",
        "group:Company:5",
        _copied("financial_distress/dev.parquet"),
    ),
    TableSet("polish", "class", "kfold:10", _copied("polish/polish_5year.parquet")),
    TableSet(
        "sba",
        "default",
        "time:ApprovalFY<=2002",
        _copied("sba/sba_fy_le_2005.parquet"),
        drop=(*SBA_OUTCOME, SBA_TERM, *SBA_OTHERS),
    ),
    TableSet("smesd", "bankrupt", "kfold:5", _write_smesd, has_test=True),
)


def write_peer_table(labelled: LabelledTable, path: Path) -> None:
    """The columns `fit` learns from, and the outcome."""
    used = [column.name for column in labelled.columns if column.kind not in UNUSED]
    outcome = arrow_array(labelled.is_positive.astype("int64"))
    pq.write_table(labelled.frame.select(used).append_column(OUTCOME, outcome), path)


def write_splits(
    labelled: LabelledTable, protocol: Protocol, splits: Sequence[Split], path: Path, *, seed: int
) -> None:
    """`split, row, inner`: the inner fold a training row is held out in, -1 for a test row."""
    names: list[str] = []
    rows: list[int] = []
    inner: list[int] = []
    for split in splits:
        fold_of = dict.fromkeys(split.test.tolist(), -1)
        inside = protocol.inner(labelled, split.train, folds=INNER_FOLDS, seed=seed)
        for place, fold in enumerate(inside):
            fold_of.update(dict.fromkeys(fold.test.tolist(), place))
        names += [split.name] * len(fold_of)
        rows += fold_of.keys()
        inner += fold_of.values()
    pq.write_table(
        pa.table(
            {
                "split": pa.array(names, pa.string()),
                "row": pa.array(rows, pa.int64()),
                "inner": pa.array(inner, pa.int64()),
            }
        ),
        path,
    )


def units_of(labelled: LabelledTable, protocol: Protocol) -> IntArray | None:
    """Groups to be drawn together; None where every row stands alone."""
    return group_codes(labelled, protocol.column or "") if protocol.kind == "group" else None
