"""The sharing list 共享清单 as data: one YAML file a dataset, one folder a version, checked here.

A dataset entry says what a provider delivers (columns, types, key), who may see it
(sensitivity, consent scope), how it arrives (mode, cadence) and when it counts (event date,
usual lag). Everything downstream asks this module, nothing restates it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from features.contract_checks import document_problems
from features.datasets import (
    CONSENT_COLUMN,
    ENVELOPE,
    LAKE_ENVELOPE,
    LAKE_TYPES,
    NAME_COLUMN,
    NEGATIVE_COLUMNS,
    REGISTER,
    Check,
    Column,
    Dataset,
    DatasetDocument,
    Personal,
    Publicity,
    Retention,
    Sensitivity,
    Words,
    delivered_columns,
    lake_column,
)
from features.documents import load_document, suggestion
from features.errors import CatalogueError

__all__ = [
    "CATALOGUE_DIR",
    "CONSENT_COLUMN",
    "ENVELOPE",
    "LAKE_ENVELOPE",
    "LAKE_TYPES",
    "NAME_COLUMN",
    "NEGATIVE_COLUMNS",
    "REGISTER",
    "Catalogue",
    "Check",
    "Column",
    "Dataset",
    "DatasetDocument",
    "Personal",
    "Publicity",
    "Retention",
    "Sensitivity",
    "Words",
    "check_catalogue",
    "lake_column",
    "load_catalogue",
]

#: The catalogue the platform runs on; published lists beside it are held against it.
CATALOGUE_DIR = Path(__file__).parent / "catalogue" / "unified-1"


@dataclass(frozen=True)
class Catalogue:
    """All datasets, by name."""

    datasets: Mapping[str, Dataset]

    def __getitem__(self, name: str) -> Dataset:
        """Return the dataset of that name.

        Raises
        ------
        CatalogueError
            If there is none; near names are listed.
        """
        try:
            return self.datasets[name]
        except KeyError:
            hint = suggestion(name, list(self.datasets))
            raise CatalogueError(
                en=f"There is no dataset '{name}' in the catalogue.{hint} "
                "`xinqiao catalogue check` names them all.",
                zh=f"共享清单中没有数据集“{name}”。全部名称见 `xinqiao catalogue check`。",
            ) from None

    def __iter__(self) -> Iterator[Dataset]:
        """Datasets in name order."""
        return (self.datasets[name] for name in sorted(self.datasets))

    def opened_by(self, consent_scope: str) -> frozenset[str]:
        """Names of the datasets that one consent scope opens."""
        return frozenset(d.name for d in self if d.document.consent_scope == consent_scope)


@cache
def load_catalogue(directory: Path = CATALOGUE_DIR) -> Catalogue:
    """Load every dataset of a catalogue folder; the first mistake stops the start.

    Raises
    ------
    CatalogueError
        With the first problem `check_catalogue` finds.
    """
    datasets, problems = _read(directory)
    if problems:
        raise problems[0]
    return Catalogue(datasets)


def check_catalogue(directory: Path = CATALOGUE_DIR) -> list[CatalogueError]:
    """Every problem of a catalogue folder, one sentence each; empty when it is sound."""
    return _read(directory)[1]


def _read(directory: Path) -> tuple[dict[str, Dataset], list[CatalogueError]]:
    datasets: dict[str, Dataset] = {}
    problems: list[CatalogueError] = []
    paths = sorted(directory.glob("*.yaml"))
    if not paths:
        problems.append(
            CatalogueError(
                en=f"The catalogue folder {directory} holds no dataset (*.yaml).",
                zh=f"共享清单目录 {directory} 中没有数据集（*.yaml）。",
            )
        )
    for path in paths:
        try:
            document = load_document(path, DatasetDocument, CatalogueError)
        except CatalogueError as problem:
            problems.append(problem)
            continue
        found = list(document_problems(document, path))
        problems.extend(found)
        if not found:
            datasets[document.name] = Dataset(document, delivered_columns(document), path)
    return datasets, problems
