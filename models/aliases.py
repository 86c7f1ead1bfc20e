"""Which bundle serves, as the record beside the bundles says; `training.aliases` adds to it.

`aliases.json` holds an entry a line. Every line carries the SHA-256 of the one before and its own, so a
line that was changed, moved or taken out from between is noticed. A last line cut off is not: keep a
copy where one matters.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal, NoReturn

from features.errors import BundleError, RegistryError

CHAMPION = "champion"
#: Kinds of probability a rating may print; any other model serves under its own name alone.
RATING_KINDS = frozenset({"default_probability", "pd_12m"})
ALIASES = "aliases.json"

Action = Literal["trained", "promoted", "rolled_back"]

_FEWEST_LETTERS = 6


@dataclass(frozen=True)
class Entry:
    """One line of the record.

    Attributes
    ----------
    model : str
        Name of the model the bundle is a version of.
    kind : str
        Its `probability_kind`.
    action : {"trained", "promoted", "rolled_back"}
        A trained bundle is a candidate; the others serve from then on.
    since : str
        Moment, Asia/Shanghai, ISO 8601.
    by, reviewer, reason : str
    despite : str
        Why a failed check was overruled; empty where none was.
    checks : list of mapping
        What the gate found.
    before, sha256 : str
        Of the line before and of this one; filled in when written.
    """

    model: str
    kind: str
    bundle_id: str
    action: Action
    since: str
    by: str
    reason: str
    reviewer: str = ""
    despite: str = ""
    checks: list[Mapping[str, object]] = field(default_factory=list[Mapping[str, object]])
    before: str = ""
    sha256: str = ""

    @property
    def serves(self) -> bool:
        """Whether the bundle served from then on."""
        return self.action != "trained"


def read_record(bundles: Path) -> list[Entry]:
    """Every entry, oldest first.

    Raises
    ------
    BundleError
        If the file cannot be read.
    RegistryError
        If a line is not as it was written.
    """
    path = bundles / ALIASES
    if not path.exists():
        return []
    try:
        entries = [Entry(**line) for line in json.loads(path.read_text(encoding="utf-8"))]
    except (ValueError, TypeError) as damaged:
        raise BundleError(
            en=f"{path} cannot be read, so no model is known to serve. Restore it from a backup.",
            zh=f"{path} 无法读取，不能确定当前使用的模型，请从备份恢复。",
        ) from damaged
    before = ""
    for place, entry in enumerate(entries, start=1):
        if entry.before != before or entry.sha256 != digest_of(entry):
            raise RegistryError(
                en=f"Line {place} of {path} is not as it was written, so no model is known to serve. Restore "
                "the file from a backup and find out who changed it.",
                zh=f"{path} 第 {place} 条记录与写入时不同，不能确定当前使用的模型；请从备份恢复并查明修改原因。",
            )
        before = entry.sha256
    return entries


def champion_of(entries: list[Entry], model: str) -> Entry | None:
    """The last decision about a model; None if none of it was promoted."""
    return next((e for e in reversed(entries) if e.serves and e.model == model), None)


def served_before(entries: list[Entry], model: str) -> list[str]:
    """Bundles a model can go back to, the latest last; the one that serves is not among them.

    A promotion puts a bundle on the pile. Going back takes what lies above away, so going back twice
    leads further back, not forth.
    """
    pile: list[str] = []
    for entry in entries:
        if not entry.serves or entry.model != model:
            continue
        if entry.action == "rolled_back" and entry.bundle_id in pile:
            pile = pile[: pile.index(entry.bundle_id) + 1]
        else:
            pile.append(entry.bundle_id)
    return [bundle for bundle in pile[:-1] if bundle != pile[-1]]


def named_entry(entries: list[Entry], name: str) -> Entry | None:
    """What a name stands for now.

    Parameters
    ----------
    name : str
        `champion` (of the rating promoted last), a model, or `MODEL@candidate` (trained last).
    """
    if name == CHAMPION:
        kinds = (e for e in reversed(entries) if e.action == "promoted" and e.kind in RATING_KINDS)
        latest = next(kinds, None)
        return champion_of(entries, latest.model) if latest else None
    model, _, role = name.partition("@")
    if role == "candidate":
        return next((e for e in reversed(entries) if not e.serves and e.model == model), None)
    return champion_of(entries, model) if not role else None


def candidate_of(model: str) -> str:
    """Name of the bundle of a model that was trained last.

    Examples
    --------
    >>> candidate_of("base_12m")
    'base_12m@candidate'
    """
    return f"{model}@candidate"


def named_bundle(bundles: Path, name: str = CHAMPION) -> Path:
    """Folder of the bundle a name stands for now.

    Raises
    ------
    BundleError
        If there is none; the sentence says how to get one.
    """
    entries = read_record(bundles)
    found = named_entry(entries, name)
    if found is None:
        _nobody(entries, name)
    return bundles / found.bundle_id


def find_bundle(bundles: Path, asked: str) -> Path:
    """Folder of the one bundle whose id begins as asked, or that the name stands for.

    Raises
    ------
    BundleError
        If no bundle or several begin so.
    """
    entry = named_entry(read_record(bundles), asked)
    if entry is not None:
        return bundles / entry.bundle_id
    folders = sorted(bundles.glob("[!.]*/")) if bundles.is_dir() else []
    ids = [folder.name for folder in folders]
    found = [i for i in ids if len(asked) >= _FEWEST_LETTERS and i.startswith(asked.lower())]
    if len(found) == 1:
        return bundles / found[0]
    known = ", ".join(i[:12] for i in ids[-5:]) or "-"
    raise BundleError(
        en=f"{len(found)} bundles begin with '{asked}'; one is needed, by at least {_FEWEST_LETTERS} letters. "
        f"There are {len(ids)}, e.g. {known}.",
        zh=f"以“{asked}”开头的模型包有 {len(found)} 个，需恰好一个（至少 {_FEWEST_LETTERS} 位）；"
        f"现有 {len(ids)} 个，如 {known}。",
    )


def _nobody(entries: list[Entry], name: str) -> NoReturn:
    model = name if name != CHAMPION else next((e.model for e in reversed(entries)), name)
    if named_entry(entries, candidate_of(model)) is not None:
        how = f"xinqiao promote {candidate_of(model)} --by … --reviewer … --reason …"
        raise BundleError(
            en=f"No model serves as '{name}' yet. One is trained and waits for two people: `{how}`.",
            zh=f"还没有名为“{name}”的模型在用；已训练的候选版本需两人确认：`{how}`。",
        )
    raise BundleError(
        en=f"No model is called '{name}' yet. Train one with `xinqiao train`.",
        zh=f"还没有名为“{name}”的模型，请先运行 `xinqiao train`。",
    )


def digest_of(entry: Entry) -> str:
    """SHA-256 of a line without its own hash."""
    content = json.dumps(asdict(replace(entry, sha256="")), ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()
