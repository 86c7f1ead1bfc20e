"""The reference page of cases: every step, every state in words, every duty with its length and source."""

from features.markdown import GENERATED, codes, sentence, table
from serving.disputes.clocks import DutyDocument, Kind, Period, load_clocks
from serving.disputes.steps import FIRST, STEPS, Guard, Step
from serving.disputes.words import load_words

_TITLES: dict[Kind, str] = {
    "dispute": "Dispute of a record 异议",
    "review": "Review of a rating 人工复核",
    "repair": "Repair of a record 信用修复",
}
_GUARDS: dict[Guard, str] = {
    "assignee": "only the assigned reviewer",
    "not_assignee": "only another operator than the reviewer",
    "not_decided": "nobody who has decided in the case",
    "fresh_reviewer": "a reviewer who has not decided in the case",
    "first_round": "once",
    "in_time": "while an appeal is possible",
    "late": "when no appeal is possible any more",
}
_BY = {"owner": "the firm 企业", "operator": "the platform 平台", "system": "by itself 自动"}


def cases_page() -> str:
    """Markdown: a table of steps for every kind of case, the states in words, the duties."""
    clocks = load_clocks()
    parts = [
        f"# Cases 案件\n\n{GENERATED}\n\nHow they are handled: [how to](../how-to/handle-a-dispute.md).",
        *(f"## {title}\n\n{_steps(kind)}" for kind, title in _TITLES.items()),
        f"## States 状态\n\n{_states()}",
        "## Duties 办理时限\n\nA deadline is at "
        f"{clocks.due_hour}:00; of several that hold, the one that ends first counts. An answer can be appealed "
        f"against for {clocks.appeal_days.days} days ({clocks.appeal_days.evidence}).",
        *(_duty(name, duty) for name, duty in clocks.duties.items()),
    ]
    return "\n\n".join(parts) + "\n"


def _steps(kind: Kind) -> str:
    rows = [_row(step) for step in STEPS if step.kind == kind]
    header = ["step", "from", "to", "who", "needs", "only"]
    first = ["`file`", "", f"`{FIRST[kind]}`", _BY["owner"], "", ""]
    return table(header, [first, *rows])


def _row(step: Step) -> list[str]:
    return [
        f"`{step.name}`",
        codes(step.sources),
        f"`{step.target}`",
        ", ".join(_BY[by] for by in step.by),
        codes(step.needs),
        "; ".join(_GUARDS[guard] for guard in step.guards),
    ]


def _states() -> str:
    states = load_words().states.items()
    return table(["state", "中文", "English"], [[f"`{s}`", w.zh, w.en] for s, w in states])


def _duty(name: str, duty: DutyDocument) -> str:
    rows = [_period(period) for period in duty.periods]
    opens, done = codes(duty.opens), codes(duty.done)
    told = f"Of a {' and a '.join(duty.of)}; opened by {opens}, done by {done}."
    header = ["length", "where", "whose findings", "since", "source"]
    return f"### `{name}` {duty.zh}\n\n{sentence(duty.en)}. {told}\n\n{table(header, rows)}"


def _period(period: Period) -> list[str]:
    unit = period.unit.replace("_", " ")
    source = "; ".join(part for part in (period.source, period.note, period.evidence) if part)
    where = f"regions {', '.join(period.regions)}…" if period.regions else "everywhere"
    return [f"{period.days} {unit}", where, period.about or "any", f"{period.starts}", source]
