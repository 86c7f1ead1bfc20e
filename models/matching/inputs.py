"""What rules ask of the records: features, facts and attributes of the register, for one firm or all.

::

    with open_snapshot(lake, catalogue, day, scope, now=now, datasets=datasets_of(names)) as snapshot:
        firms = read_columns(snapshot, names)

What a need, a rating or a certificate answers is not here: such names are left out, and whoever knows
them adds them. A feature whose dataset the scope withholds is NaN, unknown.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from features.pipeline import build_features
from features.register_attributes import ATTRIBUTE_DATASETS, read_attributes
from features.registry import Registry
from features.rules.evaluate import Column
from features.snapshot import Snapshot
from models.matching.facts import load_facts
from models.watching.setting import COLUMNS


@dataclass(frozen=True, eq=False)
class FirmColumns:
    """Values of n firms, in the order of their keys in the lake.

    Attributes
    ----------
    usccs : list of str, length n
    columns : dict of str to ndarray, shape (n,)
        Numbers float64 with NaN, codes text with `""`, where nothing is known.
    """

    usccs: list[str]
    columns: dict[str, Column]

    def __len__(self) -> int:
        """Count the firms."""
        return len(self.usccs)

    def row(self, place: int) -> dict[str, float | str | None]:
        """One firm's values; None where nothing is known."""
        return {name: _known(column[place]) for name, column in self.columns.items()}


def read_columns(snapshot: Snapshot, names: Iterable[str]) -> FirmColumns:
    """Columns of every firm of a snapshot, of those names that records answer.

    Parameters
    ----------
    snapshot : Snapshot
        With at least the views of `datasets_of(names)`.
    """
    registry, attributes = _parted(names)
    found = build_features(snapshot, registry)
    columns: dict[str, Column] = {
        name: found.table[name].to_numpy(zero_copy_only=False).astype(np.float64)
        for name in registry.names
    }
    if attributes:
        read = read_attributes(snapshot)
        columns |= {name: getattr(read, name) for name in attributes}
    return FirmColumns(found.usccs, columns)


def datasets_of(names: Iterable[str]) -> frozenset[str]:
    """Datasets a look for these names must open views of."""
    registry, attributes = _parted(names)
    return registry.datasets | (ATTRIBUTE_DATASETS if attributes else frozenset())


def _parted(names: Iterable[str]) -> tuple[Registry, list[str]]:
    """Features and facts in the registry's order, and attributes of the register."""
    wanted = set(names)
    register = [entry.name for entry in load_facts().of("register") if entry.name in wanted]
    return COLUMNS.select([name for name in COLUMNS.names if name in wanted]), register


def _known(value: object) -> float | str | None:
    if isinstance(value, str):
        return str(value) or None
    number = float(np.asarray(value))
    return None if np.isnan(number) else number
