"""Who serves is decided here: promotion through the gate, and the way back. Two people each time."""

import unicodedata
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from features.contracts import Words
from features.errors import BundleError, GateError, RegistryError, StudyError
from features.registry import Registry
from models.aliases import (
    RATING_KINDS,
    Action,
    Entry,
    champion_of,
    find_bundle,
    named_entry,
    read_record,
    served_before,
)
from models.bundle import Bundle, load_bundle
from training.aliases import add_entry
from training.gate import judge_candidate
from training.gate_terms import Check, failed_checks
from training.gate_warning import judge_warning
from training.rivals import Rival
from training.study import Study, read_study


@dataclass(frozen=True)
class Decision:
    """Who decides, who reviewed it, why, and when (Asia/Shanghai wall time)."""

    by: str
    reviewer: str
    reason: str
    now: datetime
    despite: str = ""


@dataclass(frozen=True)
class Shelf:
    """Where bundles and studies are, and the features of this checkout."""

    bundles: Path
    studies: Path
    registry: Registry


def judge(shelf: Shelf, asked: str) -> tuple[Bundle, str, list[Check]]:
    """Hold a bundle against the gate.

    Returns
    -------
    tuple of Bundle, str and list of Check
        The string is the id of the champion it was compared with, empty where nobody serves.

    Raises
    ------
    BundleError, StudyError, RegistryError
    """
    bundle = load_bundle(find_bundle(shelf.bundles, asked), shelf.registry)
    model = bundle.manifest.name
    serving = champion_of(read_record(shelf.bundles), model)
    if serving is not None and serving.bundle_id == bundle.id:
        raise RegistryError(
            en=f"Bundle {bundle.id[:12]} serves as {model} already, since {serving.since}.",
            zh=f"模型包 {bundle.id[:12]} 自 {serving.since} 起已是 {model} 的在用版本。",
        )
    if bundle.manifest.probability_kind not in RATING_KINDS:
        return bundle, serving.bundle_id if serving else "", judge_warning(bundle)
    study = read_study(shelf.studies, bundle.id)
    rival = _rival(shelf, serving.bundle_id) if serving is not None else None
    return bundle, serving.bundle_id if serving else "", judge_candidate(bundle, study, rival)


def promote(
    shelf: Shelf, bundle: Bundle, decision: Decision, checks: list[Check], *, replaces: str
) -> Entry:
    """Let a judged bundle serve.

    Raises
    ------
    GateError
        If a check failed and is not overruled, or cannot be.
    RegistryError
        If there is no second person, or the champion changed meanwhile.
    """
    require_second_person(decision)
    failed = failed_checks(checks, safety_only=bool(decision.despite.strip()))
    if failed:
        zh = "；".join(f"{check.name}：{check.words.zh}" for check in failed)
        en = "; ".join(f"{check.name}: {check.words.en}" for check in failed)
        is_final = any(check.is_safety for check in failed)
        raise GateError(
            en=f"Bundle {bundle.id[:12]} does not serve: {en}. "
            + (
                "This cannot be overruled."
                if is_final
                else "Mend it, or say --despite with a reason."
            ),
            zh=f"模型包 {bundle.id[:12]} 未通过评审：{zh}。"
            + ("该项不得越过。" if is_final else "请改进模型，或用 --despite 说明理由。"),
        )
    # A reason to overrule is kept only where something was overruled.
    told = decision if failed_checks(checks) else replace(decision, despite="")
    return add_entry(shelf.bundles, _entry(bundle, "promoted", told, checks), replaces=replaces)


def roll_back(shelf: Shelf, decision: Decision, *, model: str, to: str = "") -> Entry:
    """Let an earlier champion serve again, after it has loaded and answered its proof rows.

    Parameters
    ----------
    model : str
        Model, or `champion`.
    to : str
        How the bundle's id begins; the one that served before where empty.

    Raises
    ------
    RegistryError
        If it never served, or nothing did before.
    BundleError
        If it is gone or not what it was.
    """
    require_second_person(decision)
    entries = read_record(shelf.bundles)
    serving = named_entry(entries, model)
    if serving is None or not serving.serves:
        raise RegistryError(
            en=f"Nothing serves as '{model}', so there is nothing to go back from.",
            zh=f"没有名为“{model}”的在用版本，无法回退。",
        )
    target = _target(entries, serving, to)
    bundle = load_bundle(shelf.bundles / target, shelf.registry)
    entry = _entry(bundle, "rolled_back", decision, [])
    return add_entry(shelf.bundles, entry, replaces=serving.bundle_id)


def require_second_person(decision: Decision) -> None:
    """Refuse a decision that one person takes alone.

    Raises
    ------
    RegistryError
        If a name or the reason is missing, or both names are the same but for case, width and
        spaces.
    """
    said = {"--by": decision.by, "--reviewer": decision.reviewer, "--reason": decision.reason}
    empty = [option for option, words in said.items() if not _folded(words)]
    if empty:
        raise RegistryError(
            en=f"{', '.join(empty)} must say something: who decides, who reviewed it, and why.",
            zh=f"{'、'.join(empty)} 不能为空：须写明决定人、复核人与理由。",
        )
    if _folded(decision.by) == _folded(decision.reviewer):
        raise RegistryError(
            en="The reviewer must be another person than the one who decides. Ask a second person.",
            zh="复核人不得与决定人相同，请由另一人复核。",
        )


def _folded(name: str) -> str:
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


def _target(entries: list[Entry], serving: Entry, to: str) -> str:
    served = list(
        dict.fromkeys(e.bundle_id for e in entries if e.serves and e.model == serving.model)
    )
    others = [bundle for bundle in served if bundle != serving.bundle_id]
    if to:
        found = [bundle for bundle in others if bundle.startswith(to.lower())]
    else:
        found = served_before(entries, serving.model)[-1:]
    if len(found) != 1:
        known = ", ".join(bundle[:12] for bundle in others) or "-"
        raise RegistryError(
            en=f"{len(found)} earlier champions of {serving.model} fit; one is needed. Bundles that served, but for "
            f"the present one: {known}.",
            zh=f"{serving.model} 可回退的版本有 {len(found)} 个，需恰好一个；曾在用的其他版本：{known}。",
        )
    return found[0]


def _rival(shelf: Shelf, bundle_id: str) -> Rival:
    """The champion as far as it can be had; what cannot be loaded says why."""
    study: Study | None = None
    with suppress(StudyError):
        study = read_study(shelf.studies, bundle_id)
    try:
        return Rival(load_bundle(shelf.bundles / bundle_id, shelf.registry), study)
    except BundleError as refused:
        words = Words(
            zh=f"在用版本无法加载，不能比较：{refused.zh}",
            en=f"the champion cannot be loaded, so they cannot be compared: {refused.en}",
        )
        return Rival(words, study)


def _entry(bundle: Bundle, action: Action, decision: Decision, checks: list[Check]) -> Entry:
    return Entry(
        model=bundle.manifest.name,
        kind=bundle.manifest.probability_kind,
        bundle_id=bundle.id,
        action=action,
        since=decision.now.isoformat(timespec="seconds"),
        by=decision.by.strip(),
        reviewer=decision.reviewer.strip(),
        reason=decision.reason.strip(),
        despite=decision.despite.strip(),
        checks=[check.as_record() for check in checks],
    )
