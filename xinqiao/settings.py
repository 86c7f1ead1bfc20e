"""Where things are: the only place that reads the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from features.errors import Language

CHECKOUT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Settings:
    """Folders and language of one run of the command.

    Attributes
    ----------
    home : Path
        State: lake, vault, bundles (`XINQIAO_HOME`, default `var` in the checkout).
    data : Path
        Public data sets (`XINQIAO_DATA`, default `../shared/data` beside the checkout).
    mlruns : Path
        MLflow's folder (`XINQIAO_MLRUNS`, default `mlruns` in the checkout).
    language : Language
        Of words for people (`XINQIAO_LANG`, default `zh`).
    audit_mirror : Path or None
        A second folder for the heads of the record (`XINQIAO_AUDIT_MIRROR`, default none).
    spark : Path
        Python of the environment with PySpark (`XINQIAO_SPARK`, default the one `make spark` makes).
    """

    home: Path
    data: Path
    mlruns: Path
    language: Language
    spark: Path
    audit_mirror: Path | None = None

    @property
    def lake(self) -> Path:
        """The Parquet lake."""
        return self.home / "lake"

    @property
    def database(self) -> Path:
        """The private PostgreSQL, where no other one is given."""
        return self.home / "database"

    @property
    def vault(self) -> Path:
        """Keys of personal identifiers."""
        return self.home / "vault"

    @property
    def audit(self) -> Path:
        """Signed heads and public keys of the record."""
        return self.home / "audit"

    @property
    def online(self) -> Path:
        """Latest feature vectors, memory-mapped."""
        return self.home / "online"

    @property
    def quarters(self) -> Path:
        """Features of past month ends that models learn from."""
        return self.home / "quarters"

    @property
    def months(self) -> Path:
        """Features of past month ends that the early warning learns from."""
        return self.home / "months"

    @property
    def signal_months(self) -> Path:
        """What signals read of past month ends, to see how many borrowers they name."""
        return self.home / "signal_months"

    @property
    def watch(self) -> Path:
        """What runs of the watch found, a file a day."""
        return self.home / "watch"

    @property
    def tables(self) -> Path:
        """Contribution tables by bundle, memory-mapped."""
        return self.home / "tables"

    @property
    def tuning(self) -> Path:
        """Trials of parameter searches."""
        return self.home / "tuning"

    @property
    def studies(self) -> Path:
        """What each model is judged by: rows of firms, so never inside a bundle."""
        return self.home / "studies"

    @property
    def night(self) -> Path:
        """What a night works out, a folder a day."""
        return self.home / "night"

    @property
    def bundles(self) -> Path:
        """Model bundles by their id, and the aliases that name one."""
        return self.home / "bundles"


def load_settings() -> Settings:
    """Read the environment once."""
    return Settings(
        home=_folder("XINQIAO_HOME", "var"),
        data=_folder("XINQIAO_DATA", "../shared/data"),
        mlruns=_folder("XINQIAO_MLRUNS", "mlruns"),
        spark=_interpreter(),
        audit_mirror=_given_folder("XINQIAO_AUDIT_MIRROR"),
        language="en" if os.environ.get("XINQIAO_LANG", "zh").lower().startswith("en") else "zh",
    )


def environment() -> dict[str, str]:
    """All of it, for the processes that the service starts and for the ledger's addresses."""
    return dict(os.environ)


def provider_secret(variable: str) -> str | None:
    """What an endpoint file's `secret_variable` holds; None where it is not set."""
    return os.environ.get(variable) or None


def database_addresses() -> Mapping[str, str]:
    """What is set of the ledger's addresses on a server of one's own."""
    names = ("XINQIAO_DATABASE_URL", "XINQIAO_DATABASE_OWNER_URL", "XINQIAO_DATABASE_SEALER_URL")
    return {name: os.environ[name] for name in names if os.environ.get(name)}


def _given_folder(variable: str) -> Path | None:
    given = os.environ.get(variable)
    return Path(given).resolve() if given else None


def _folder(variable: str, default: str) -> Path:
    """Relative values count from the working folder, defaults from the checkout."""
    given = os.environ.get(variable)
    return Path(given).resolve() if given else (CHECKOUT / default).resolve()


def _interpreter() -> Path:
    """Python for Spark; not resolved, since an environment's Python is a link to another."""
    given = os.environ.get("XINQIAO_SPARK")
    return Path(given).absolute() if given else CHECKOUT / ".venv-spark" / "bin" / "python"
