"""A folder of files as a delivery: which files belong to which dataset, and in what order they land.

Either a `delivery.yaml` says it::

    deliveries:
      - {files: "登记/*.xlsx", dataset: reg_basic, mapping: registration.yaml}
      - {files: events.parquet, dataset: public_event, mapping: events.yaml, max_rejected: 0.9}

or the names do: sub-folders called like datasets (with a `mapping.yaml` beside the files if need be),
or files that begin with the name of one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from features.contracts import REGISTER, Catalogue
from features.documents import Document, load_document, suggestion
from features.errors import DeliveryError
from features.mapping import Mapping, identity_mapping, load_mapping
from features.published import list_names, load_published, published_mapping
from features.sources import SUFFIXES

DELIVERY = "delivery.yaml"
MAPPING = "mapping.yaml"
#: Names find enterprises in the register, and rows need their consent, so these two land first.
_FIRST = (REGISTER, "consent_event")


class PartDocument(Document):
    """One entry of a `delivery.yaml`.

    Parameters
    ----------
    files : str
        A pattern below the folder, e.g. `tax/**/*.csv`.
    mapping : Path, optional
        Beside the `delivery.yaml`; without it the files use the contract's column names.
    max_rejected : float, optional
        Share of bad rows above which these files are refused, in place of the usual one.
    """

    files: str = Field(min_length=1)
    dataset: str
    mapping: Path | None = None
    max_rejected: float | None = Field(default=None, ge=0, le=1)


class DeliveryDocument(Document):
    """A `delivery.yaml` as written."""

    deliveries: list[PartDocument] = Field(min_length=1)


@dataclass(frozen=True)
class Part:
    """Files of one dataset in one format: what one commit makes visible."""

    mapping: Mapping
    files: tuple[Path, ...]
    max_rejected: float | None = None


@dataclass(frozen=True)
class Plan:
    """Parts in the order they land, and data files that no part takes."""

    parts: tuple[Part, ...]
    unclaimed: tuple[Path, ...]


def plan_delivery(folder: Path, catalogue: Catalogue, document: Path | None = None) -> Plan:
    """Decide what the files of a folder are; nothing is read but names and mappings.

    Parameters
    ----------
    folder : Path
    document : Path, optional
        A `delivery.yaml` that lies elsewhere; by default the folder's own, if it has one.

    Raises
    ------
    DeliveryError, CatalogueError, MappingError
        If the folder holds no data, a file belongs to no dataset or twice to one, a pattern finds
        nothing, or a dataset or mapping does not exist.
    """
    files = _data_files(folder)
    written = document or folder / DELIVERY
    if document is not None or written.is_file():
        parts = _written_parts(folder, files, catalogue, written)
    else:
        parts = _named_parts(folder, files, catalogue)
    claimed = {path for part in parts for path in part.files}
    parts.sort(key=lambda part: _rank(part.mapping.dataset.name))
    return Plan(tuple(parts), tuple(path for path in files if path not in claimed))


def _rank(dataset: str) -> tuple[int, str]:
    return (_FIRST.index(dataset) if dataset in _FIRST else len(_FIRST), dataset)


def _data_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DeliveryError(
            en=f"There is no folder {folder}. Check the path.",
            zh=f"文件夹 {folder} 不存在，请检查路径。",
        )
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and path.is_file() and not _is_hidden(path, folder)
    )
    if not files:
        known = ", ".join(SUFFIXES)
        raise DeliveryError(
            en=f"The folder {folder} holds no data file ({known}). Nothing landed.",
            zh=f"文件夹 {folder} 中没有数据文件（{known}），未入库。",
        )
    return files


def _is_hidden(path: Path, folder: Path) -> bool:
    """Leftovers of editors (`.x`, `~$x`) are nobody's delivery."""
    return any(part.startswith((".", "~$")) for part in path.relative_to(folder).parts)


def _written_parts(
    folder: Path, files: Sequence[Path], catalogue: Catalogue, written: Path
) -> list[Part]:
    parts: list[Part] = []
    claimed: dict[tuple[str, Path], str] = {}
    for entry in load_document(written, DeliveryDocument, DeliveryError).deliveries:
        path_of_mapping = written.parent / entry.mapping if entry.mapping is not None else None
        mapping = catalogue_mapping(catalogue, entry.dataset, path_of_mapping)
        found = _matching(folder, files, entry.files, written)
        for path in found:
            if (entry.dataset, path) in claimed:
                other = claimed[entry.dataset, path]
                raise DeliveryError(
                    en=f"{written}: '{other}' and '{entry.files}' both claim {path.name} for "
                    f"'{entry.dataset}'. Let one pattern of a dataset match it.",
                    zh=f"{written}：“{other}”与“{entry.files}”都将 {path.name} 归入“{entry.dataset}”，"
                    "每个文件在同一数据集中只能匹配一个模式。",
                )
            claimed[entry.dataset, path] = entry.files
        parts.append(Part(mapping, tuple(found), entry.max_rejected))
    return parts


def _matching(folder: Path, files: Sequence[Path], pattern: str, written: Path) -> list[Path]:
    if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
        raise DeliveryError(
            en=f"{written}: the pattern '{pattern}' leads out of the folder. Give one below it.",
            zh=f"{written}：模式“{pattern}”超出了该文件夹，请使用文件夹内的相对模式。",
        )
    matched = set(folder.glob(pattern))
    found = [path for path in files if path in matched]
    if not found:
        raise DeliveryError(
            en=f"{written}: no data file of {folder} matches '{pattern}'. Mend the pattern or add the file.",
            zh=f"{written}：{folder} 中没有与“{pattern}”匹配的数据文件，请修改模式或补充文件。",
        )
    return found


def catalogue_mapping(catalogue: Catalogue, dataset: str, mapping: Path | None) -> Mapping:
    """The mapping of a dataset: a file, the headings of a published list, or the contract's own names."""
    contract = catalogue[dataset]
    if mapping is None:
        return identity_mapping(contract)
    if not mapping.is_file() and str(mapping) in list_names():
        return published_mapping(load_published(str(mapping)), contract)
    return load_mapping(mapping, contract)


def _named_parts(folder: Path, files: Sequence[Path], catalogue: Catalogue) -> list[Part]:
    groups: dict[tuple[str, Path | None], list[Path]] = {}
    for path in files:
        inside = path.relative_to(folder)
        name = _dataset_named(inside, list(catalogue.datasets))
        mapping = folder / inside.parts[0] / MAPPING
        is_mapped = len(inside.parts) > 1 and mapping.is_file()
        groups.setdefault((name, mapping if is_mapped else None), []).append(path)
    return [
        Part(catalogue_mapping(catalogue, name, mapping), tuple(paths))
        for (name, mapping), paths in groups.items()
    ]


def _dataset_named(inside: Path, known: Sequence[str]) -> str:
    """The dataset a file's sub-folder is called, or its own name begins with."""
    is_in_folder = len(inside.parts) > 1
    given = inside.parts[0] if is_in_folder else inside.stem
    fitting = [
        name
        for name in known
        if given == name or (not is_in_folder and re.match(f"{re.escape(name)}(?![A-Za-z])", given))
    ]
    if fitting:
        return max(fitting, key=len)
    what_en, what_zh = ("sub-folder", "子文件夹") if is_in_folder else ("file", "文件")
    raise DeliveryError(
        en=f"The {what_en} '{given}' is not named after a dataset.{suggestion(given, list(known))} "
        f"Rename it, or say in {DELIVERY} what it holds.",
        zh=f"{what_zh}“{given}”的名称不是数据集名，请改名，或在 {DELIVERY} 中写明其内容。",
    )
