"""Ratings with their reasons, tags and matches of every firm: one pass over the night's features, a block at a time.

Blocks are worked on by a few threads and written in their order, so the files do not depend on how many.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from time import perf_counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.rules.evaluate import Column
from features.slices import in_order
from models.arrays import FloatArray
from models.bundle import Bundle
from models.knockouts import Knockouts
from models.matching.batch import Counts, Matches
from models.matching.found import MatchFiles
from models.matching.offering import Offering, Rated
from models.night.firms import FirmBlock, NightFirms
from models.portrait import Kinds
from models.record import rating_table
from models.tags.batch import TAGS, TagFile
from models.tags.held import Claims

RATINGS = "ratings.parquet"
#: Nobody has said anything of any firm's tags.
UNCLAIMED = Claims()
#: A block with its ratings, tags and matches, and the seconds its two stages took.
_Worked = tuple[FirmBlock, pa.Table | None, dict[str, Column], Matches, FloatArray]


@dataclass(frozen=True, eq=False)
class Raters:
    """What rates a firm.

    Attributes
    ----------
    bundle : Bundle
        The champion.
    origins : dict of str to str
        Id of a firm with its provider, by USCC.
    """

    bundle: Bundle
    knockouts: Knockouts
    origins: dict[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """What is to be looked up of a firm."""
        features = (feature.name for feature in self.bundle.manifest.features)
        return tuple(dict.fromkeys((*features, *self.knockouts.names)))

    @property
    def letters(self) -> list[str]:
        """Of the scale, best first, the one of default last."""
        version = self.bundle.scale.version
        return [*(grade.code for grade in version.grades), version.default_grade.code]

    def rate(self, block: FirmBlock, day: date) -> tuple[pa.Table, Rated]:
        """Ratings of a block as rows, and as rules ask for them."""
        features = [feature.name for feature in self.bundle.manifest.features]
        matrix = np.column_stack([_numbers(block, name) for name in features])
        asked = {name: _numbers(block, name) for name in self.knockouts.names}
        table = rating_table(
            self.bundle,
            matrix,
            usccs=block.usccs,
            source_ids=[self.origins.get(uscc, uscc) for uscc in block.usccs],
            as_of_date=day,
            scope="self",
            knockouts=self.knockouts.check(asked, len(block)),
            kinds=Kinds(block.segments["size_class"], block.segments["industry_section"]),
        )
        return table, Rated.of(self.letters, table["grade"], table["score"])


@dataclass(frozen=True)
class Swept:
    """What a pass over all firms found, and the seconds of work of its two stages over all threads."""

    firms: int
    rated: int
    counts: Counts | None
    rating_seconds: float
    matching_seconds: float


def sweep(
    firms: NightFirms,
    raters: Raters | None,
    offering: Offering,
    day: date,
    folder: Path,
    *,
    claims: Claims = UNCLAIMED,
    threads: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
) -> Swept:
    """Rate and match every firm and write `ratings.parquet`, `tags.parquet` and the files of `models.matching.found`.

    Each file is put in place when it is whole.

    Parameters
    ----------
    raters : Raters or None
        Nobody is rated, and no ratings are written, without.
    claims : Claims
        What people said of firms' tags.
    """
    beside = folder / f".{RATINGS}.tmp"
    writer: pq.ParquetWriter | None = None
    done = rated = 0
    seconds = np.zeros(2)

    def work(block: FirmBlock) -> _Worked:
        started = perf_counter()
        table, ranks = raters.rate(block, day) if raters else (None, Rated.unknown(len(block)))
        between = perf_counter()
        seen = offering.seen(block.columns, ranks, claims.among(block.usccs, day))
        found = offering.matched(seen, ranks)
        took = np.array([between - started, perf_counter() - between])
        return block, table, {name: seen[name] for name in tag_names}, found, took

    tag_names = [tag.name for tag in offering.tags.tags]
    names = tuple(dict.fromkeys((*(raters.names if raters else ()), *offering.names)))
    with (
        MatchFiles(folder, offering) as files,
        TagFile(folder / TAGS, tag_names, day) as tags,
    ):
        done_in_order = in_order(work, firms.blocks(names), workers=threads)
        for block, table, tagged, found, took in done_in_order:
            files.add(block.usccs, found)
            tags.add(block.usccs, tagged)
            seconds += took
            if table is not None:
                if writer is None:
                    writer = pq.ParquetWriter(beside, table.schema, compression="zstd")
                writer.write_table(table)
                rated += len(table) - table["score"].null_count
            done += len(block)
            if on_progress is not None:
                on_progress(done, len(firms))
    if writer is not None:
        writer.close()
        beside.replace(folder / RATINGS)
    return Swept(done, rated, files.counts, *seconds.tolist())


def _numbers(block: FirmBlock, name: str) -> FloatArray:
    return np.asarray(block.columns[name], dtype=np.float64)
