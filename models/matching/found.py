"""What matching everyone found, as Parquet: the first products of each firm, and counts of each product."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from models.matching.batch import NOTHING, Counts, Matches
from models.matching.offering import Offering

MATCHES, PRODUCTS, CONDITIONS = "matches.parquet", "products.parquet", "conditions.parquet"

_MATCHES = pa.schema(
    [
        ("uscc", pa.string()),
        ("product", pa.dictionary(pa.int16(), pa.string())),
        ("place", pa.int8()),
        ("is_sure", pa.bool_()),
    ]
)


@dataclass
class MatchFiles:
    """Writes firms block by block; the folder gets its files whole, when all are in.

    ::

        with MatchFiles(folder, offering) as files:
            files.add(usccs, offering.match(columns, rated))
        files.counts
    """

    folder: Path
    offering: Offering
    counts: Counts | None = None
    _writer: pq.ParquetWriter | None = None
    _codes: list[str] = field(default_factory=list[str])

    def __enter__(self) -> "MatchFiles":
        """Begin."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._codes = [entry.code for entry, _ in self.offering.shelf.products]
        self._writer = pq.ParquetWriter(self._draft(MATCHES), _MATCHES, compression="zstd")
        return self

    def add(self, usccs: Sequence[str], found: Matches) -> None:
        """Write what a block of firms meets."""
        row, place = np.nonzero(found.top != NOTHING)
        codes = pa.array(np.array(usccs, dtype=np.str_)[row], pa.string())
        products = pa.array(found.top[row, place].astype(np.int16), pa.int16())
        columns = [
            codes,
            pa.DictionaryArray.from_arrays(products, pa.array(self._codes, pa.string())),
            pa.array(place.astype(np.int8) + 1, pa.int8()),
            pa.array(found.is_sure[row, place], pa.bool_()),
        ]
        if self._writer is not None:
            self._writer.write_table(pa.Table.from_arrays(columns, schema=_MATCHES))
        self.counts = found.counts if self.counts is None else self.counts + found.counts

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Put the files in place, or none of them."""
        if self._writer is not None:
            self._writer.close()
        if error is not None or self.counts is None:
            self._draft(MATCHES).unlink(missing_ok=True)
            return
        pq.write_table(product_table(self.offering, self.counts), self._draft(PRODUCTS))
        pq.write_table(condition_table(self.offering, self.counts), self._draft(CONDITIONS))
        for name in (PRODUCTS, CONDITIONS, MATCHES):
            self._draft(name).replace(self.folder / name)

    def _draft(self, name: str) -> Path:
        return self.folder / f".{name}.tmp"


def product_table(offering: Offering, counts: Counts) -> pa.Table:
    """A row a product: how many firms it is for, might be for, and just is not for."""
    return pa.table(
        {
            "product": [entry.code for entry, _ in offering.shelf.products],
            "firms": np.full(len(counts.fits), counts.firms),
            "fits": counts.fits,
            "sure": counts.sure,
            "undecided": counts.undecided,
            "near": counts.near,
        }
    )


def condition_table(offering: Offering, counts: Counts) -> pa.Table:
    """A row a product and condition: firms that fail it, that fail it alone, and of which nobody can tell."""
    matcher = offering.shelf.matcher
    rules = np.repeat(np.arange(len(matcher)), np.diff(matcher.start))
    codes = [entry.code for entry, _ in offering.shelf.products]
    return pa.table(
        {
            "product": [codes[rule] for rule in rules.tolist()],
            "condition": [str(matcher.conditions.conditions[at]) for at in matcher.asked.tolist()],
            "left_to_ask": offering.everyone.is_left[matcher.asked],
            "failed": counts.failed[matcher.asked],
            "failed_alone": counts.alone,
            "unknown": counts.unknown[matcher.asked],
        }
    )
