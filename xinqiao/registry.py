"""`xinqiao promote`, `rollback`, `history`: who serves, decided by two people and kept on record."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from features.clock import now_in_shanghai
from features.definitions import REGISTRY
from models.aliases import CHAMPION, Entry, read_record
from xinqiao.console import LANGUAGE, Json, out, say, show, show_json
from xinqiao.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from training.promotion import Shelf

# The gate loads LightGBM, which takes a second; only the verbs that judge load it.

PROMOTE_HELP = """评审并启用模型，须两人。 Hold a trained model against the gate and let it serve; takes two people.

例 Example: xinqiao promote base_12m@candidate --by 张三 --reviewer 李四 --reason "yearly retraining"
"""
ROLLBACK_HELP = """回退到上一个在用版本，须两人。 Let the champion before serve again; takes two people.

例 Example: xinqiao rollback --by 张三 --reviewer 李四 --reason "drift of the score"
"""
HISTORY_HELP = """何时何模型在用、由谁决定。 Who served what and when, why, by whom.

例 Example: xinqiao history
"""

By = Annotated[str, typer.Option("--by", help="决定人 · who decides")]
Reviewer = Annotated[str, typer.Option("--reviewer", help="复核人 · a second person")]
Reason = Annotated[str, typer.Option("--reason", help="理由 · why")]

_OUTCOMES = {
    "passed": ("通过", "passed"),
    "failed": ("未通过", "failed"),
    "not_judged": ("不评判", "not judged"),
}
_ACTIONS = {
    "trained": ("训练", "trained"),
    "promoted": ("启用", "promoted"),
    "rolled_back": ("回退", "rolled back"),
}
_CHECKS = {
    "same_answers": ("与训练库一致", "answers as LightGBM"),
    "proof_rows": ("验证样例", "proof rows"),
    "own_study": ("验证材料", "its own study"),
    "ranks": ("排序能力", "ranks better than chance"),
    "alerts_few": ("预警占比", "share alerted"),
    "keeps_directions": ("方向约束", "directions kept"),
    "not_worse": ("不劣于在用版本", "not worse than the champion"),
    "calibrated_by_grade": ("各等级校准", "calibration by grade"),
    "calibrated_slope": ("校准斜率", "calibration slope"),
    "stable": ("评分稳定性", "stability of the score"),
    "segments_size_class": ("分组：规模", "segments: size"),
    "segments_region": ("分组：地区", "segments: region"),
    "segments_industry_section": ("分组：行业", "segments: industry"),
    "segments_entity_type": ("分组：主体类型", "segments: entity type"),
    "segments_first_loan": ("分组：首贷", "segments: first loan"),
}


def promote(
    bundle: Annotated[
        str, typer.Argument(help="模型包编号开头或候选名 · beginning of its id, or MODEL@candidate")
    ],
    by: By,
    reviewer: Reviewer,
    reason: Reason,
    despite: Annotated[
        str,
        typer.Option(
            help="越过未通过项的理由 · why a failed check (never one of safety) is overruled"
        ),
    ] = "",
    *,
    as_json: Json = False,
) -> None:
    """See `PROMOTE_HELP`."""
    entry = promote_bundle(
        load_settings(),
        bundle,
        by=by,
        reviewer=reviewer,
        reason=reason,
        despite=despite,
        as_json=as_json,
    )
    if not as_json:
        _say_serving(entry)


def promote_bundle(
    settings: Settings,
    asked: str,
    *,
    by: str,
    reviewer: str,
    reason: str,
    despite: str = "",
    as_json: bool = False,
) -> Entry:
    """Judge a bundle, print what the checks found, and let it serve if they allow it."""
    from training.promotion import (  # noqa: PLC0415 - see above
        Decision,
        judge,
        require_second_person,
    )
    from training.promotion import promote as serve  # noqa: PLC0415 - see above

    decision = Decision(by, reviewer, reason, now_in_shanghai(), despite)
    require_second_person(decision)
    found, replaces, checks = judge(_shelf(settings), asked)
    records = [check.as_record() for check in checks]
    if as_json:
        show_json({"bundle_id": found.id, "replaces": replaces, "checks": records})
    else:
        _print_checks(records)
    return serve(_shelf(settings), found, decision, checks, replaces=replaces)


def rollback(
    by: By,
    reviewer: Reviewer,
    reason: Reason,
    to: Annotated[
        str,
        typer.Option(
            help="回退到的模型包编号开头；默认上一个 · beginning of a bundle's id; default: the one before"
        ),
    ] = "",
    model: Annotated[str, typer.Option(help="模型 · model")] = CHAMPION,
    *,
    as_json: Json = False,
) -> None:
    """See `ROLLBACK_HELP`."""
    from training.promotion import Decision, roll_back  # noqa: PLC0415 - see above

    decision = Decision(by, reviewer, reason, now_in_shanghai())
    entry = roll_back(_shelf(load_settings()), decision, model=model, to=to)
    if as_json:
        show_json(_told(entry, until=None))
    else:
        _say_serving(entry)


def history(*, as_json: Json = False) -> None:
    """See `HISTORY_HELP`."""
    entries = read_record(load_settings().bundles)
    told = [_told(entry, until=_until(entries, place)) for place, entry in enumerate(entries)]
    if as_json:
        show_json(told)
    elif not told:
        show("还没有训练过模型", "no model has been trained yet")
    else:
        _print_history(told)


def _shelf(settings: Settings) -> "Shelf":
    from training.promotion import Shelf  # noqa: PLC0415 - see above

    return Shelf(settings.bundles, settings.studies, REGISTRY)


def _until(entries: "Sequence[Entry]", place: int) -> str | None:
    """When the next decision about the model took a bundle's place; None while it serves."""
    mine = entries[place]
    later = (e.since for e in entries[place + 1 :] if e.serves and e.model == mine.model)
    return next(later, None) if mine.serves else None


def _told(entry: Entry, *, until: str | None) -> dict[str, object]:
    failed = [check["name"] for check in entry.checks if check["outcome"] == "failed"]
    return {
        "model": entry.model,
        "bundle_id": entry.bundle_id,
        "action": entry.action,
        "since": entry.since,
        "until": until,
        "serves": entry.serves and until is None,
        "by": entry.by,
        "reviewer": entry.reviewer,
        "reason": entry.reason,
        "despite": entry.despite,
        "gate": ("overruled" if failed else "passed") if entry.checks else "",
        "failed": failed,
        "checks": entry.checks,
        "sha256": entry.sha256,
    }


def _say_serving(entry: Entry) -> None:
    show(
        f"{entry.model} 自 {entry.since} 起使用模型包 {entry.bundle_id[:12]}（决定 {entry.by}，复核 {entry.reviewer}）",
        f"{entry.model} is served by bundle {entry.bundle_id[:12]} since {entry.since} (decided by {entry.by}, "
        f"reviewed by {entry.reviewer})",
    )


def _print_checks(records: "Sequence[Mapping[str, object]]") -> None:
    table = Table(title=say("启用前评审", "The gate before serving"), title_justify="left")
    for zh, en in (("项目", "check"), ("结论", "outcome"), ("依据", "found")):
        table.add_column(say(zh, en))
    for record in records:
        name, words = str(record["name"]), record["words"]
        told = words[LANGUAGE.get()] if isinstance(words, dict) else ""
        table.add_row(
            say(*_CHECKS.get(name, (name, name))),
            say(*_OUTCOMES[str(record["outcome"])]),
            str(told),
        )
    out.print(table)


def _print_history(told: "Sequence[Mapping[str, object]]") -> None:
    table = Table(title=say("模型登记簿", "Registry"), title_justify="left")
    for zh, en in (
        ("模型", "model"),
        ("模型包", "bundle"),
        ("事项", "what"),
        ("起", "from"),
        ("止", "until"),
        ("决定人", "by"),
        ("复核人", "reviewed by"),
        ("评审", "gate"),
        ("理由", "reason"),
    ):
        table.add_column(say(zh, en))
    gates = {"passed": ("通过", "passed"), "overruled": ("越过", "overruled"), "": ("", "")}
    for line in told:
        until = line["until"] or (say("在用", "serves") if line["serves"] else "")
        reason = " / ".join(str(line[key]) for key in ("reason", "despite") if line[key])
        table.add_row(
            str(line["model"]),
            str(line["bundle_id"])[:12],
            say(*_ACTIONS[str(line["action"])]),
            str(line["since"]),
            str(until),
            str(line["by"]),
            str(line["reviewer"]),
            say(*gates[str(line["gate"])]),
            reason,
        )
    out.print(table)
