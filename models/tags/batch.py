"""Tags of every firm of a lake, as one Parquet file: what a night works out and matching starts from.

Only what is known stands in the file: a firm and tag that are not there are unknown.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.contracts import Catalogue
from features.lake import LakeView
from features.rules.evaluate import Column
from features.rules.vocabulary import Vocabulary
from features.scope import DataScope, Purpose
from features.snapshot import open_snapshot
from models.arrays import FloatArray
from models.matching.facts import load_facts
from models.matching.inputs import FirmColumns, datasets_of, read_columns
from models.tags.book import PREFIX, Tags, load_tags
from models.tags.held import Given, ask_tags
from models.watching.setting import COLUMNS

_SCHEMA = pa.schema(
    [
        ("uscc", pa.string()),
        ("tag", pa.dictionary(pa.int16(), pa.string())),
        ("state", pa.bool_()),
        ("valid_from", pa.date32()),
    ]
)


@dataclass(frozen=True, eq=False)
class TagTable:
    """Tags of n firms: 1 yes, 0 no, NaN unknown.

    Attributes
    ----------
    usccs : list of str, length n
    columns : dict of str to ndarray of float64, shape (n,)
        By name, `tag_` and the code.
    """

    usccs: list[str]
    columns: dict[str, FloatArray]
    as_of_date: date

    def write(self, path: Path) -> Path:
        """Write rows (uscc, tag, state, valid_from) of what is known, tag by tag."""
        path.parent.mkdir(parents=True, exist_ok=True)
        codes = pa.array(np.array(self.usccs, dtype=np.str_), pa.string())
        beside = path.with_name(f".{path.name}")
        with pq.ParquetWriter(beside, _SCHEMA, compression="zstd") as writer:
            for place, column in enumerate(self.columns.values()):
                writer.write_table(self._rows(codes, place, column))
        return beside.replace(path)

    def _rows(self, codes: pa.Array, place: int, column: FloatArray) -> pa.Table:
        known = np.flatnonzero(~np.isnan(column))
        words = [one.removeprefix(PREFIX) for one in self.columns]
        indices = pa.array(np.full(len(known), place, dtype=np.int16), pa.int16())
        day = (self.as_of_date - date(1970, 1, 1)).days
        columns = [
            codes.take(pa.array(known, pa.int64())),
            pa.DictionaryArray.from_arrays(indices, pa.array(words, pa.string())),
            pa.array(column[known] > 0, pa.bool_()),
            pa.array(np.full(len(known), day, dtype=np.int32), pa.int32()).cast(pa.date32()),
        ]
        return pa.Table.from_arrays(columns, schema=_SCHEMA)


def tags_at(day: date) -> Tags:
    """The tags in force on a day, over everything a rule may ask."""
    return load_tags().at(day, Vocabulary.of(COLUMNS, load_facts().terms))


def tag_lake(
    lake: LakeView,
    catalogue: Catalogue,
    as_of_date: date,
    *,
    now: datetime,
    beside: Callable[[FirmColumns], dict[str, Column]] | None = None,
    given: Collection[Given] = (),
    removed: Collection[tuple[str, str]] = (),
    threads: int | None = None,
    memory_limit: str | None = None,
) -> TagTable:
    """Every tag of every firm on the register, from everything that is held.

    Parameters
    ----------
    beside : callable, optional
        From the firms, columns no record gives, such as `grade_rank`; unknown when omitted.
    given, removed : collection
        Certificates and declarations, and (uscc, code) of what firms have taken away.
    """
    tags = tags_at(as_of_date)
    scope = DataScope(
        frozenset(catalogue.datasets), Purpose.SELF_REPORT, max(as_of_date, now.date())
    )
    with open_snapshot(
        lake, catalogue, as_of_date, scope, now=now, datasets=datasets_of(tags.names),
        threads=threads, memory_limit=memory_limit,
    ) as snapshot:  # fmt: skip
        firms = read_columns(snapshot, tags.names)
    columns = firms.columns | (beside(firms) if beside else {})
    found = ask_tags(tags, columns, firms.usccs, given, removed, as_of_date)
    return TagTable(firms.usccs, found, as_of_date)
