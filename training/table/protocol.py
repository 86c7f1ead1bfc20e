"""How a model on any table is judged: which rows it learns from and which it is held against.

`kfold:10` holds every row out once, `group:COL:5` holds all rows of one value of COL out together,
`time:COL<=V` learns from the past and is judged on what came after. With a test table the model
learns from all rows of the first and is judged on the second.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from features.errors import TableError
from models.arrays import BoolArray, IntArray
from training.table.columns import LabelledTable, require_column
from training.table.kinds import Kind, as_days, as_numbers, as_text, column_of, pc

_KFOLD = re.compile(r"^kfold:(\d+)$")
_GROUP = re.compile(r"^group:(.+):(\d+)$")
_TIME = re.compile(r"^time:(.+?)<=(.+)$")


@dataclass(frozen=True)
class Split:
    """Rows to learn from and rows to be judged on.

    Attributes
    ----------
    name : str
    train, test : ndarray of int64
        Rows of the labelled table, ascending; they never share one.
    """

    name: str
    train: IntArray
    test: IntArray


@dataclass(frozen=True)
class Protocol:
    """A way of holding rows out.

    Attributes
    ----------
    kind : str
        `kfold`, `group` or `time`.
    column : str or None
        Of groups or time.
    folds : int
        0 for a cut in time.
    until : str
        Last value learned from, of a cut in time.
    test_from : int or None
        Place of the test table's first row in the combined table; the outer split is then by file.
    """

    kind: Literal["kfold", "group", "time"]
    column: str | None = None
    folds: int = 0
    until: str = ""
    test_from: int | None = None

    def __str__(self) -> str:
        """As it is written on the command line."""
        tail = {"kfold": "", "group": f":{self.column}", "time": f":{self.column}<={self.until}"}
        folds = f":{self.folds}" if self.folds else ""
        return f"{self.kind}{tail[self.kind]}{folds}"

    @property
    def outside(self) -> tuple[str, ...]:
        """Columns that say how to split; to be dropped from what is learned unless kept on purpose."""
        return (self.column,) if self.column else ()

    def splits(self, labelled: LabelledTable, *, seed: int) -> list[Split]:
        """The outer splits.

        Parameters
        ----------
        seed : int
            Of the shuffle before folds are cut; no part in a cut by time or file.

        Raises
        ------
        TableError
            If the column is unknown, folds outnumber what they are cut from, or a side of the cut
            lacks an outcome.
        """
        every = np.arange(len(labelled.is_positive), dtype=np.int64)
        if self.test_from is not None:
            return [_cut("test", labelled.row < self.test_from, labelled.is_positive)]
        if self.kind == "time":
            return [_in_time(labelled, self.column or "", self.until)]
        return self._folds(labelled, every, self.folds, seed)

    def inner(
        self, labelled: LabelledTable, train_rows: IntArray, *, folds: int, seed: int
    ) -> list[Split]:
        """Folds inside the rows of one training part, to choose and calibrate by.

        Groups stay together. Under a cut in time folds are drawn at random from the past: nothing of
        the future is touched, every past row is held out once, and a second cut would leave the
        choice to the few outcomes of the last stretch.

        Parameters
        ----------
        train_rows : ndarray of int64
            Rows of the labelled table; so are those of the splits returned.
        """
        return self._folds(labelled, train_rows, folds, seed)

    def _folds(self, labelled: LabelledTable, rows: IntArray, folds: int, seed: int) -> list[Split]:
        outcome = labelled.is_positive[rows]
        _require_rows(folds, int(min(outcome.sum(), (~outcome).sum())), "rows of each outcome")
        if self.kind == "group":
            groups = group_codes(labelled, self.column or "")[rows]
            _require_rows(folds, len(np.unique(groups)), f"values of '{self.column}'")
            grouped = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=seed)
            parts = grouped.split(outcome, outcome, groups)
        else:
            plain = StratifiedKFold(n_splits=folds, shuffle=True, random_state=seed)
            parts = plain.split(outcome, outcome)
        return list(_named(rows, parts))


def parse_protocol(text: str, test: int | None = None) -> Protocol:
    """Read a protocol as it is written on the command line.

    Parameters
    ----------
    text : str
        `kfold:10`, `group:COL:5` or `time:COL<=V`.
    test : int, optional
        Place of the first row that came from the test table (`join_test`).

    Raises
    ------
    TableError
        If it is none of the three, or has less than two folds.

    Examples
    --------
    >>> parse_protocol("group:company:5").outside
    ('company',)
    """
    if found := _TIME.match(text):
        return Protocol("time", found[1], until=found[2].strip(), test_from=test)
    if found := _GROUP.match(text):
        protocol = Protocol("group", found[1], folds=int(found[2]), test_from=test)
    elif found := _KFOLD.match(text):
        protocol = Protocol("kfold", folds=int(found[1]), test_from=test)
    else:
        raise TableError(
            en=f"The protocol '{text}' is none of `kfold:10`, `group:COL:5`, `time:COL<=V`.",
            zh=f"验证方式“{text}”无法识别，应为 `kfold:10`、`group:列名:5` 或 `time:列名<=值`。",
        )
    if protocol.folds < 2:  # noqa: PLR2004 - one fold holds nothing out
        raise TableError(
            en=f"The protocol '{text}' asks for {protocol.folds} folds; 2 or more are needed.",
            zh=f"验证方式“{text}”只有 {protocol.folds} 折，至少需要 2 折。",
        )
    return protocol


def join_test(table: pa.Table, test: pa.Table) -> tuple[pa.Table, int]:
    """Put the test table below the first; returns both and the place of its first row.

    Raises
    ------
    TableError
        If the test table lacks a column, or a column's types cannot be brought together.
    """
    for name in table.column_names:
        require_column(name, test.column_names)
    try:
        both = pa.concat_tables(
            [table, test.select(table.column_names)], promote_options="permissive"
        )
    except pa.ArrowException as differing:
        where = " ".join(str(differing).split())
        raise TableError(
            en=f"The test table's columns are of other types than the first's: {where}",
            zh=f"测试表与训练表的列类型不一致：{where}",
        ) from differing
    return both, table.num_rows


def group_codes(labelled: LabelledTable, column: str) -> IntArray:
    """A number for each group, shape (n,); a row without a value is a group of its own."""
    require_column(column, labelled.source.column_names)
    text = as_text(labelled.source[column])
    levels = pc.unique(text.drop_null())
    codes = np.asarray(pc.fill_null(pc.index_in(text, levels), -1), dtype=np.int64)
    own = np.arange(len(codes), dtype=np.int64) + len(levels)
    return np.where(codes < 0, own, codes)


def _in_time(labelled: LabelledTable, column: str, until: str) -> Split:
    require_column(column, labelled.source.column_names)
    values, limit = labelled.source[column], pa.array([until])
    read = as_days if column_of(column, values).kind is Kind.DATE else as_numbers
    moments, last = read(values), float(read(limit)[0])
    if np.isnan(last) or np.isnan(moments).all():
        raise TableError(
            en=f"'{column}' cannot be cut at '{until}': both must be dates or both numbers.",
            zh=f"无法在“{until}”处切分“{column}”：两者须同为日期或同为数值。",
        )
    is_known = ~np.isnan(moments)
    return _cut("after", moments <= last, labelled.is_positive, is_known)


def _cut(
    name: str, is_train: BoolArray, is_positive: BoolArray, is_known: BoolArray | None = None
) -> Split:
    """One split; rows that stand on neither side are left out."""
    known = np.ones_like(is_train) if is_known is None else is_known
    train, test = np.flatnonzero(is_train & known), np.flatnonzero(~is_train & known)
    for side, side_zh, rows in (("before", "之前", train), ("after", "之后", test)):
        bad, good = int(is_positive[rows].sum()), int((~is_positive[rows]).sum())
        if bad == 0 or good == 0:
            raise TableError(
                en=f"The part {side} the cut has {bad} rows with the outcome and {good} without; both sides "
                "need both. Move the cut.",
                zh=f"切分点{side_zh}的部分有 {bad} 行正样本、{good} 行负样本；两侧都需要两类样本，请移动切分点。",
            )
    return Split(name, train.astype(np.int64), test.astype(np.int64))


def _named(rows: IntArray, parts: Iterable[tuple[IntArray, IntArray]]) -> Iterable[Split]:
    for place, (train, test) in enumerate(parts, 1):
        yield Split(f"fold {place}", np.sort(rows[train]), np.sort(rows[test]))


def _require_rows(folds: int, found: int, what: str) -> None:
    if found < folds:
        raise TableError(
            en=f"{folds} folds need at least {folds} {what}, the table has {found}. Ask for fewer folds.",
            zh=f"{folds} 折至少各需 {folds} 个样本或分组，现有 {found} 个。请减少折数。",
        )
