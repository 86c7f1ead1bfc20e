"""Runs and versions: what was trained on what, and which bundle serves.

Every training is a run in MLflow with its data, code, parameters, figures and the bundle itself. A
bundle lives under `var/bundles/<id>`; `aliases.json` beside it records which one an alias names, and
since when. MLflow's telemetry is switched off before it is imported, here and nowhere else.
"""

import json
import logging
import os
import subprocess
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from features.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import ModuleType

CHAMPION = "champion"
_ALIASES = "aliases.json"
_QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}


@dataclass(frozen=True)
class Alias:
    """Which bundle a name stands for, since when, and why."""

    name: str
    bundle_id: str
    since: str
    by: str
    reason: str


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


def set_alias(bundles: Path, alias: Alias) -> None:
    """Point an alias at a bundle; the earlier ones stay in the history."""
    history = [asdict(known) for known in alias_history(bundles)]
    temporary = bundles / f".{_ALIASES}"
    temporary.write_text(
        json.dumps([*history, asdict(alias)], ensure_ascii=False, indent=1), encoding="utf-8"
    )
    temporary.replace(bundles / _ALIASES)


def alias_history(bundles: Path) -> list[Alias]:
    """Every assignment of every alias, oldest first."""
    path = bundles / _ALIASES
    if not path.exists():
        return []
    try:
        return [Alias(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]
    except (ValueError, TypeError) as damaged:
        raise BundleError(
            en=f"{path} cannot be read, so no model is known to serve. Restore it from a backup.",
            zh=f"{path} 无法读取，不能确定当前使用的模型，请从备份恢复。",
        ) from damaged


def named_bundle(bundles: Path, name: str = CHAMPION) -> Path:
    """Folder of the bundle an alias names now.

    Raises
    ------
    BundleError
        If nothing has been trained yet.
    """
    found = [alias for alias in alias_history(bundles) if alias.name == name]
    if not found:
        raise BundleError(
            en=f"No model is called '{name}' yet. Train one with `xinqiao train`.",
            zh=f"还没有名为“{name}”的模型，请先运行 `xinqiao train`。",
        )
    return bundles / found[-1].bundle_id


def alias_now(bundle_id: str, *, now: datetime, reason: str, name: str = CHAMPION) -> Alias:
    """What a name stands for from now on, by the user who runs the command."""
    user = os.environ.get("USER") or os.environ.get("LOGNAME") or "unknown"
    return Alias(name, bundle_id, now.isoformat(timespec="seconds"), user, reason)
