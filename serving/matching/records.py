"""What is on record of firms: from the online build while it speaks for them, else from the lake.

By the law of consent a column of the build with what is withheld blanked is the column that the lake gives
under that scope, bit for bit. A firm that something has happened to since, and whatever the build does not
hold, is read through a snapshot.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
import numpy.typing as npt

from features.firm_segments import HIDDEN_FIGURES, KIND_DATASETS, PUBLIC_SIZE
from features.on_demand import keys_of
from features.rules.evaluate import Column
from features.scope import DataScope, Purpose
from features.snapshot import open_snapshot
from models.matching.facts import load_facts
from models.matching.inputs import FirmColumns, datasets_of, read_columns
from models.watching.setting import COLUMNS
from serving.ratings.desk import Desk
from serving.reading import Stop

#: Beyond so many firms the lake is read whole rather than firm by firm.
_FEW = 2_000
_SIZE = "size_class"


@dataclass(frozen=True)
class Question:
    """What is asked of the records, and how much of them is open.

    Attributes
    ----------
    names : collection of str
        What rules ask about; those no record answers are left out.
    withheld : frozenset of str
        Datasets the look does not see.
    """

    desk: Desk
    names: Collection[str]
    withheld: frozenset[str]
    now: datetime
    stop: Stop

    def of(self, usccs: Sequence[str]) -> FirmColumns:
        """Of some firms, in any order; those on no register are left out."""
        online, unsure = self.desk.online, self.desk.unsure
        rows = {uscc: online.find(uscc) for uscc in usccs if not unsure.holds(uscc)}
        found = {uscc: row for uscc, row in rows.items() if row is not None}
        known = self._of_build(list(found), np.array(list(found.values()), dtype=np.intp))
        return _stacked([known, *self._changed([uscc for uscc in usccs if uscc not in found])])

    def of_everybody(self) -> FirmColumns:
        """Of every firm of the register."""
        unsure = self.desk.unsure
        if unsure.is_everyone or len(unsure.usccs) > _FEW or self._beside:
            return self._of_lake(None, self.names)
        changed = sorted(unsure.usccs)
        codes = self.desk.online.usccs.astype(np.str_)
        rows = np.flatnonzero(~np.isin(codes, np.array(changed, dtype=np.str_)))
        return _stacked([self._of_build(codes[rows].tolist(), rows), *self._changed(changed)])

    @cached_property
    def _features(self) -> list[str]:
        """Features and facts that the build holds."""
        return [name for name in self.desk.held.names if name in self._wanted]

    @cached_property
    def _attributes(self) -> dict[str, npt.NDArray[np.generic]]:
        """Attributes of the register that the build holds under the scope, of all its firms."""
        kinds = self.desk.online.kinds
        if kinds is None or not self.withheld.isdisjoint(KIND_DATASETS - {HIDDEN_FIGURES}):
            return {}
        found = {name: kinds[name] for name in kinds.dtype.names or () if name in self._wanted}
        if _SIZE in found and HIDDEN_FIGURES in self.withheld:
            found[_SIZE] = kinds[PUBLIC_SIZE]
        return found

    @cached_property
    def _beside(self) -> frozenset[str]:
        """What the lake must answer of every firm."""
        return self._wanted - {*self._features, *self._attributes}

    @cached_property
    def _wanted(self) -> frozenset[str]:
        known = {*COLUMNS.names, *(entry.name for entry in load_facts().of("register"))}
        return frozenset(known.intersection(self.names))

    def _of_build(self, usccs: list[str], rows: npt.NDArray[np.intp]) -> FirmColumns:
        online = self.desk.online
        places = online.columns(self._features)
        values = np.array(online.vectors[rows[:, np.newaxis], places], dtype=np.float64)
        values[:, online.hidden(self.withheld)[places]] = np.nan
        columns: dict[str, Column] = dict(zip(self._features, values.T.copy(), strict=True))
        columns |= {name: _plain(column[rows]) for name, column in self._attributes.items()}
        if not (usccs and self._beside):
            return FirmColumns(usccs, columns)
        beside = self._of_lake(usccs, self._beside)
        place = {uscc: row for row, uscc in enumerate(usccs)}
        order = [place[uscc] for uscc in beside.usccs]
        mine = {name: column[order] for name, column in columns.items()}
        return FirmColumns(beside.usccs, mine | beside.columns)

    def _changed(self, usccs: Sequence[str]) -> list[FirmColumns]:
        """Of firms for which the build does not speak."""
        return [self._of_lake(usccs, self.names)] if usccs else []

    def _of_lake(self, usccs: Sequence[str] | None, names: Collection[str]) -> FirmColumns:
        """All firms without `usccs`."""
        desk, now = self.desk, self.now
        keys = None if usccs is None else sorted(keys_of(desk.lake, usccs).values())
        opened = frozenset(desk.catalogue.datasets) - self.withheld
        scope = DataScope(opened, Purpose.SELF_REPORT, until=now.date())
        with (
            open_snapshot(
                desk.lake,
                desk.catalogue,
                desk.as_of_date,
                scope,
                now=now,
                enterprises=keys,
                threads=1,
                datasets=datasets_of(names),
            ) as snapshot,
            self.stop.watch(snapshot),
        ):
            return read_columns(snapshot, names)


def _plain(column: npt.NDArray[np.generic]) -> Column:
    """Text as rules compare it; numbers as they are."""
    return column.astype(np.float64) if column.dtype.kind == "f" else column.astype(np.str_)


def _stacked(parts: Sequence[FirmColumns]) -> FirmColumns:
    """Firms one after the other."""
    some = [part for part in parts if len(part)] or list(parts[:1])
    if len(some) == 1:
        return some[0]
    columns = {
        name: _plain(np.concatenate([part.columns[name] for part in some]))
        for name in some[0].columns
    }
    return FirmColumns([uscc for part in some for uscc in part.usccs], columns)
