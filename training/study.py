"""What one training leaves to be judged by: rows, outcomes, probabilities, segments; kept on disk.

The dossier is written from it, and the gate of promotion reads it again weeks later to hold another
model against the same rows. It holds rows of firms, so it lives beside the lake and never in a bundle.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import StudyError
from models.arrays import BoolArray, FloatArray
from training.evaluate import Estimate

IntArray = npt.NDArray[np.int64]
TextArray = npt.NDArray[np.str_]

DEVELOPMENT, OUT_OF_TIME = "development", "out_of_time"
#: What firms are told apart by when a model is judged; never model input.
SEGMENTS = ("size_class", "region", "industry_section", "entity_type", "first_loan")
_ABOUT = "study.json"
_ROW_COLUMNS = ("firm", "as_of_date", "is_default", "is_indeterminate", "probability")


@dataclass(frozen=True)
class Sample:
    """Rows a model is judged on; a firm has a row a date.

    Attributes
    ----------
    firm : ndarray of int64, shape (n,)
        Enterprise keys.
    as_of_date : ndarray of datetime64[D], shape (n,)
    is_default, is_indeterminate : ndarray of bool, shape (n,)
        An indeterminate row counts as no default.
    probability : ndarray of float64, shape (n,)
        In development from models that had not seen the firm.
    matrix : ndarray of float64, shape (n, k)
        Features in the order of the study's `features`, NaN where unknown.
    segments : mapping of str to ndarray of str, shape (n,)
        One value a row for each of `SEGMENTS`; empty where unknown.
    """

    firm: IntArray
    as_of_date: npt.NDArray[np.datetime64]
    is_default: BoolArray
    is_indeterminate: BoolArray
    probability: FloatArray
    matrix: FloatArray
    segments: Mapping[str, TextArray]

    def rows(self, chosen: BoolArray | IntArray) -> "Sample":
        """Some of the rows, by their places or a mark a row."""
        return Sample(
            firm=self.firm[chosen],
            as_of_date=self.as_of_date[chosen],
            is_default=self.is_default[chosen],
            is_indeterminate=self.is_indeterminate[chosen],
            probability=self.probability[chosen],
            matrix=self.matrix[chosen],
            segments={name: values[chosen] for name, values in self.segments.items()},
        )


@dataclass(frozen=True)
class Scenario:
    """How the model does when firms withhold something.

    Attributes
    ----------
    name : str
        Stable code, e.g. `without_tax`, `public_only`, `random_07`, `strategic`.
    withheld : tuple of str
        Consent scopes withheld; empty where each firm withholds its own.
    figures : dict of str to Estimate
        At least `auc`, `calibration_slope`, `observed_expected`.
    """

    name: str
    withheld: tuple[str, ...]
    figures: dict[str, Estimate]


@dataclass(frozen=True)
class Study:
    """One training, ready to be judged.

    Attributes
    ----------
    bundle_id, model, version : str
    features : tuple of str
        Columns of both matrices.
    data_until : date
    figures : dict of str to Estimate
        Out of time, with 95 % intervals; `gini_lost_to_shape` among them where it was measured.
    scenarios : tuple of Scenario
    parameters : dict of str to str
    """

    bundle_id: str
    model: str
    version: str
    features: tuple[str, ...]
    data_until: date
    figures: dict[str, Estimate]
    scenarios: tuple[Scenario, ...]
    parameters: dict[str, str]
    development: Sample
    out_of_time: Sample


def write_study(study: Study, studies: Path) -> Path:
    """Keep a study at `<studies>/<bundle id>/`, whole or not at all; returns the folder."""
    home = studies / study.bundle_id
    draft = studies / f".draft-{study.bundle_id}"
    draft.mkdir(parents=True, exist_ok=True)
    for name, sample in ((DEVELOPMENT, study.development), (OUT_OF_TIME, study.out_of_time)):
        pq.write_table(
            _table(sample, study.features), draft / f"{name}.parquet", compression="zstd"
        )
    about = {
        "bundle_id": study.bundle_id,
        "model": study.model,
        "version": study.version,
        "features": list(study.features),
        "data_until": study.data_until.isoformat(),
        "figures": {name: asdict(figure) for name, figure in study.figures.items()},
        "scenarios": [asdict(scenario) for scenario in study.scenarios],
        "parameters": study.parameters,
    }
    (draft / _ABOUT).write_text(json.dumps(about, ensure_ascii=False, indent=1), encoding="utf-8")
    if not home.exists():
        draft.rename(home)
    return home


def read_study(studies: Path, bundle_id: str) -> Study:
    """Read a kept study.

    Raises
    ------
    StudyError
        If there is none, or it cannot be read.
    """
    home = studies / bundle_id
    try:
        about = json.loads((home / _ABOUT).read_text(encoding="utf-8"))
        features = tuple(about["features"])
        samples = [
            _sample(pq.read_table(home / f"{name}.parquet"), features)
            for name in (DEVELOPMENT, OUT_OF_TIME)
        ]
        return Study(
            bundle_id=about["bundle_id"],
            model=about["model"],
            version=about["version"],
            features=features,
            data_until=date.fromisoformat(about["data_until"]),
            figures=_figures(about["figures"]),
            scenarios=tuple(
                Scenario(s["name"], tuple(s["withheld"]), _figures(s["figures"]))
                for s in about["scenarios"]
            ),
            parameters=about["parameters"],
            development=samples[0],
            out_of_time=samples[1],
        )
    except (OSError, ValueError, KeyError, TypeError) as damaged:
        raise StudyError(
            en=f"The study of model {bundle_id[:12]} cannot be read at {home}: {damaged}. Train the model "
            "again; a model without its study cannot be judged.",
            zh=f"无法读取模型 {bundle_id[:12]} 的验证材料（{home}）：{damaged}。请重新训练；没有验证材料的模型不能评审。",
        ) from damaged


def _table(sample: Sample, features: tuple[str, ...]) -> pa.Table:
    rows = {name: getattr(sample, name) for name in _ROW_COLUMNS}
    segments = {f"segment_{name}": values for name, values in sample.segments.items()}
    values = {f"feature_{name}": sample.matrix[:, k] for k, name in enumerate(features)}
    return pa.table({**rows, **segments, **values})


def _sample(table: pa.Table, features: tuple[str, ...]) -> Sample:
    columns = {name: table[name].to_numpy() for name in _ROW_COLUMNS}
    segments = {
        name.removeprefix("segment_"): np.asarray(table[name].to_pylist(), dtype=np.str_)
        for name in table.column_names
        if name.startswith("segment_")
    }
    matrix = np.column_stack([table[f"feature_{name}"].to_numpy() for name in features])
    return Sample(**columns, matrix=matrix, segments=segments)


def _figures(told: Mapping[str, Mapping[str, float]]) -> dict[str, Estimate]:
    return {name: Estimate(**figure) for name, figure in told.items()}
