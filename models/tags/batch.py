"""Tags of every firm of a lake, as one Parquet file: what a night works out and matching starts from.

Only what is known stands in the file: a firm and tag that are not there are unknown.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

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

TAGS = "tags.parquet"
_SCHEMA = pa.schema(
    [
        ("uscc", pa.string()),
        ("tag", pa.dictionary(pa.int16(), pa.string())),
        ("state", pa.bool_()),
        ("valid_from", pa.date32()),
    ]
)
_EPOCH = date(1970, 1, 1)


class TagFile:
    """A Parquet file of (uscc, tag, state, valid_from), block by block; in place when it is whole.

    ::

        with TagFile(folder / TAGS, [tag.name for tag in tags.tags], day) as file:
            file.add(usccs, tags.ask(columns, rows=len(usccs)))
    """

    def __init__(self, path: Path, names: Sequence[str], as_of_date: date) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._beside = path, path.with_name(f".{path.name}.tmp")
        self._names, self._day = names, (as_of_date - _EPOCH).days
        self._words = pa.array([name.removeprefix(PREFIX) for name in names], pa.string())
        self._writer = pq.ParquetWriter(self._beside, _SCHEMA, compression="zstd")

    def __enter__(self) -> Self:
        """The file is open."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Put it in place, or leave nothing if the work failed."""
        self._writer.close()
        if kind is None:
            self._beside.replace(self._path)
        else:
            self._beside.unlink(missing_ok=True)

    def add(self, usccs: Sequence[str], columns: Mapping[str, Column]) -> None:
        """Write what is known of n firms, tag by tag; of what is unknown nothing.

        Parameters
        ----------
        columns : mapping of str to ndarray of shape (n,)
            Every tag by name: 1 yes, 0 no, NaN unknown.
        """
        states = np.stack([np.asarray(columns[name], dtype=np.float64) for name in self._names])
        tag, row = np.nonzero(~np.isnan(states))
        arrays = [
            pa.array(list(usccs), pa.string()).take(pa.array(row)),
            pa.DictionaryArray.from_arrays(pa.array(tag.astype(np.int16)), self._words),
            pa.array(states[tag, row] > 0),
            pa.array(np.full(len(tag), self._day, dtype=np.int32)).cast(pa.date32()),
        ]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=_SCHEMA))


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
        """Write what is known; see `TagFile`."""
        with TagFile(path, tuple(self.columns), self.as_of_date) as file:
            file.add(self.usccs, self.columns)
        return path


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
