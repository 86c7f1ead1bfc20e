"""What nobody is told: latent quality, defaults and traps, kept beside the delivery to judge by."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simulator.arrays import Codes, Column, Text, Whole, arrow
from simulator.firms import NEVER, Firms
from simulator.latent import Fate
from simulator.lending import Loans
from simulator.ties import Ties
from simulator.traps import Trap
from simulator.world import World


def write_truth(
    folder: Path,
    world: World,
    block: int,
    firms: Firms,
    ties: Ties,
    fate: Fate,
    loans: Loans,
    *,
    loan_ids: Codes,
    traps: list[Trap],
) -> dict[str, int]:
    """Write one part of each truth file; returns what to count."""
    months = world.calendar.months
    _part(folder / "firms", block, {
        "uscc": firms.uscc, "quality": firms.quality, "entity": firms.entity, "size": firms.size,
        "industry": Text(firms.industry, firms.industry_keys), "born": firms.born,
        "dies": _maybe(firms.dies), "default_month": _maybe(fate.defaults),
        "debt": fate.debt, "stress_last": fate.stress[:, -1],
        "sister": np.where(ties.sister >= 0, firms.uscc[ties.sister], b""),
    })  # fmt: skip
    bad = np.flatnonzero(loans.defaults < months)
    firm, month = loans.firm[bad], loans.defaults[bad]
    _part(folder / "defaults", block, {
        "uscc": firms.uscc[firm], "loan_id": loan_ids[bad], "month": world.calendar.code(month),
        "stress": fate.stress[firm, month], "quality": firms.quality[firm],
        "is_cured": loans.cures[bad] < NEVER, "relapse_month": _maybe(loans.relapses[bad]),
    })  # fmt: skip
    owner = np.concatenate([trap.firm for trap in traps])
    kind = np.repeat(np.arange(len(traps)), [len(trap.firm) for trap in traps])
    _part(folder / "traps", block, {
        "uscc": firms.uscc[owner], "trap": Text(kind, [trap.name for trap in traps]),
        "month": np.concatenate([trap.month for trap in traps]),
    })  # fmt: skip
    counts = {f"trap {trap.name}": len(trap.firm) for trap in traps}
    return {
        "loans": len(loans),
        "defaults": len(bad),
        "defaulted_firms": len(np.unique(firm)),
        **counts,
    }


def _maybe(months: np.ndarray) -> Whole:
    return Whole(np.where(months >= NEVER, np.nan, months))


def _part(folder: Path, block: int, columns: dict[str, Column]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    table = pa.table({name: arrow(column, is_text=False) for name, column in columns.items()})
    pq.write_table(table, folder / f"{folder.name}-{block:04}.parquet", compression="zstd")
