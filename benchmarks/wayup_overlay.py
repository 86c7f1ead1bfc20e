"""A plan delivered for real: its changed rows land in a copy of the lake, and the firm is looked at on the plan's day."""

import os
import shutil
from datetime import date
from pathlib import Path

from features.clock import end_of
from features.contracts import load_catalogue
from features.engine import identifier, literal
from features.lake import LINE_BITS, Batch, Lake, LakeView, LakeWriter
from features.pipeline import build_features
from features.registry import Registry
from features.scope import DataScope, Purpose
from features.segments import contract_of
from features.snapshot import open_snapshot
from features.whatif import WhatIf
from models.arrays import FloatArray

_EVER = date(9999, 12, 31)


def whole_scope() -> DataScope:
    """All that is held about a firm, for the firm itself."""
    return DataScope(frozenset(load_catalogue().datasets), Purpose.SELF_REPORT, until=_EVER)


def delivered(what: WhatIf, lake: Path, later: date, registry: Registry, work: Path) -> FloatArray:
    """Features of the firm on a day, from a lake into which the rows last computed have been delivered.

    Parameters
    ----------
    what : WhatIf
        Its last work was `build_alone` of the plan.
    lake : Path
        Stays as it is; the copy shares its files.
    """
    folder = work / "overlay"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(lake, folder, copy_function=_linked)
    copied = Lake(folder)
    with copied.writing() as writer:
        batches = _batches(what, writer, later)
        if batches:
            writer.commit(batches, now=end_of(what.as_of_date))
    return _looked_at(copied.view(), what.key, later, registry)


def _linked(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target


def _looked_at(view: LakeView, key: int, later: date, registry: Registry) -> FloatArray:
    with open_snapshot(
        view,
        load_catalogue(),
        later,
        whole_scope(),
        now=end_of(later),
        enterprises=[key],
        threads=1,
        datasets=registry.datasets,
    ) as snapshot:
        return build_features(snapshot, registry).matrix()[0]


def _batches(what: WhatIf, writer: LakeWriter, later: date) -> list[Batch]:
    found: list[Batch] = []
    ask = what.snapshot.connection.execute
    for dataset in what.datasets:
        name, number = dataset.name, writer.next_batch_no(len(found))
        new = f"SELECT * FROM visible_{name} EXCEPT SELECT * FROM held_{name}"
        gone = (
            f"SELECT row_id FROM held_{name} WHERE row_id NOT IN "
            f"(SELECT row_id FROM (SELECT * FROM visible_{name} INTERSECT SELECT * FROM held_{name}))"
        )
        count = int(ask(f"SELECT count(*) FROM ({new})").fetchall()[0][0])
        ended = int(ask(f"SELECT count(*) FROM ({gone})").fetchall()[0][0])
        if not count and not ended:
            continue
        first = number << LINE_BITS
        moment = f"TIMESTAMP '{end_of(later)}'"
        rows = (
            f"SELECT * REPLACE ({first} + row_number() OVER () AS row_id, "
            f"least(available_at, {moment}) AS available_at) FROM ({new})"
        )
        data = _written(what, writer, "data", name, number, rows)
        retired = None
        if ended:
            since = f"TIMESTAMP '{end_of(what.as_of_date)}'"
            retired = _written(
                what,
                writer,
                "retired",
                name,
                number,
                f"SELECT row_id, {since} AS valid_to FROM ({gone})",
            )
        found.append(
            _batch(number, name, count, data, retired, contract_of(dataset.lake_columns()))
        )
    return found


def _written(
    what: WhatIf, writer: LakeWriter, kind: str, dataset: str, number: int, sql: str
) -> str:
    path = writer.new_file(kind, dataset, f"{number:08d}")
    what.snapshot.connection.execute(f"COPY ({sql}) TO {literal(str(path))} (FORMAT parquet)")
    return writer.relative(path)


def _batch(
    number: int, dataset: str, rows: int, data: str, retired: str | None, contract: str
) -> Batch:
    return Batch(
        batch_no=number,
        batch_id=f"overlay-{number}",
        dataset=dataset,
        file_name=f"{identifier(dataset)}.parquet",
        file_sha256="",
        mapping="",
        mapping_sha256="",
        provider="overlay",
        collected_at="",
        delivered=rows,
        landed=rows,
        warned=0,
        duplicates=0,
        superseded=0,
        rejected=0,
        reasons={},
        first_event=None,
        last_event=None,
        data=data,
        retired=retired,
        contract=contract,
    )
