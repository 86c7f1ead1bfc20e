"""A fitted table as a bundle: proved first, then written."""

import hashlib
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from features.errors import BundleError
from models.arrays import IntArray
from models.table_bundle import (
    TableBundle,
    TableColumn,
    TableRecipe,
    write_table_bundle,
)
from models.tree_model import read_ensemble
from training.table.columns import LabelledTable
from training.table.fitting import TableModel, taken
from training.table.monotone import Sweep, prove_directions
from training.table.scoring import arrow_array


def bundle_table(
    labelled: LabelledTable,
    model: TableModel,
    directions: dict[str, int],
    report: dict[str, object],
    destination: Path,
    *,
    now: datetime,
    seed: int,
) -> tuple[TableBundle, list[Sweep]]:
    """Prove the model and write it down.

    Parameters
    ----------
    now : datetime
        With a time zone.

    Raises
    ------
    TableError
        If a direction does not hold.
    BundleError
        If our reader of trees gives another margin than the library that grew them, or the folder cannot be
        written.
    """
    ensemble = read_ensemble(model.text)
    matrix = model.encoder.transform(taken(labelled, model.train))
    margin = np.asarray(model.booster.predict(matrix, raw_score=True, num_threads=1))
    if not np.array_equal(ensemble.margin(matrix), margin):
        raise BundleError(
            en="Our reader of trees gives other margins than LightGBM. Nothing was written; report this.",
            zh="模型读取结果与 LightGBM 不一致，未写入任何内容，请反馈此问题。",
        )
    places = {c.name: model.encoder.names.index(c.outputs[0]) for c in model.encoder.codings}
    sweeps = prove_directions(ensemble, matrix, places, directions)
    recipe = TableRecipe(
        created_at=now,
        target=labelled.target,
        positive=labelled.positive,
        shape=model.chosen.candidate.shape,
        columns=[
            TableColumn(
                name=coding.name,
                kind=coding.kind.value,
                matrix=list(coding.outputs),
                direction=directions.get(coding.name, 0),  # pyright: ignore[reportArgumentType] - read as -1, 0 or 1
            )
            for coding in model.encoder.codings
        ],
        dropped=model.encoder.dropped,
        table=table_hash(labelled, model.train),
        line=model.line,
        model_text=model.text,
        encoder=model.encoder.to_json(),
        report=report,
    )
    rng = np.random.default_rng(seed)
    return write_table_bundle(recipe, destination, sample=matrix, rng=rng), sweeps


def table_hash(labelled: LabelledTable, rows: IntArray) -> str:
    """SHA-256 of the training rows as they were read, whatever file they came from [hex]."""
    sink = pa.BufferOutputStream()
    table = labelled.source.take(arrow_array(rows)).combine_chunks()
    plain = pa.table(
        {name: table[name] for name in table.column_names}
    )  # without the file's metadata
    with pa.ipc.new_stream(sink, plain.schema) as stream:
        stream.write_table(plain)
    return hashlib.sha256(sink.getvalue()).hexdigest()
