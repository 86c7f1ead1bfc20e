"""Runs: what was trained on what.

Every training is a run in MLflow with its data, code, parameters, figures and the bundle itself.
Which bundle serves is recorded in `training.aliases`. MLflow's telemetry is switched off before it is
imported, here and nowhere else.
"""

import logging
import os
import subprocess
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import ModuleType

_QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}


@dataclass(frozen=True)
class RunRecord:
    """What a training run says about itself.

    Attributes
    ----------
    data : mapping of str to str
        Lake commit and the hashes of the files behind it.
    plots : Path, optional
        Folder of pictures to keep with the run.
    """

    experiment: str
    name: str
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    data: Mapping[str, str]
    plots: Path | None = None


def log_run(record: RunRecord, bundle: Path, folder: Path) -> str:
    """Write the run to MLflow at `sqlite:///<folder>/mlflow.db`.

    Returns
    -------
    str
        The run's id.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _mlflow() as mlflow:
        mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
        experiment = mlflow.get_experiment_by_name(record.experiment)
        experiment_id = (
            experiment.experiment_id
            if experiment is not None
            else mlflow.create_experiment(
                record.experiment, artifact_location=(folder / "artifacts").as_uri()
            )
        )
        with mlflow.start_run(experiment_id=experiment_id, run_name=record.name) as run:
            mlflow.log_params(dict(record.parameters))
            mlflow.log_metrics(dict(record.metrics))
            mlflow.set_tags({**record.data, "code_version": code_version()})
            mlflow.log_artifacts(str(bundle), artifact_path="bundle")
            if record.plots is not None:
                mlflow.log_artifacts(str(record.plots), artifact_path="plots")
            return str(run.info.run_id)


def add_files(run_id: str, files: Iterable[Path], folder: Path) -> None:
    """Put files beside what a finished run has logged."""
    with _mlflow() as mlflow:
        client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")
        for file in files:
            client.log_artifact(run_id, str(file), artifact_path="dossier")


@contextmanager
def _mlflow() -> "Generator[ModuleType]":
    os.environ.update(_QUIET)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    import mlflow  # noqa: PLC0415 - only after telemetry is off, and it takes seconds to load

    yield mlflow


def code_version() -> str:
    """Commit of this checkout, marked when files differ from it; `unknown` outside a repository."""
    here = Path(__file__).parent
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],  # noqa: S607
            cwd=here,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return described.stdout.strip()


def user_name() -> str:
    """Who runs the command, as the system calls them."""
    return os.environ.get("USER") or os.environ.get("LOGNAME") or "unknown"
