"""The reference page of alerts: steps, levels and their duties, endings, upgrades, how values are told."""

from features.markdown import GENERATED, codes, sentence, table
from models.signals.duties import LevelsDocument, load_levels
from serving.alerts.evidence import load_evidence
from serving.alerts.steps import ENDED, JUDGED, STEPS

_BY = {"institution": "the institution 机构", "system": "by itself 自动"}


def alerts_page() -> str:
    """Markdown: the table of steps and the dated data of levels."""
    levels = load_levels()
    return "\n\n".join(
        [
            f"# Alerts 贷后预警\n\n{GENERATED}\n\nHow they are handled: [how to](../how-to/handle-a-warning.md).",
            f"## Steps 办理步骤\n\n{_steps()}",
            f"A lender closes with {codes(JUDGED)}. By itself an alert ends as {codes(ENDED)}.",
            f"## Levels 级别\n\nA deadline is at {levels.due_hour}:00.\n\n{_levels(levels)}",
            f"## Endings 自动关闭\n\n{_endings(levels)}",
            f"## Upgrades 叠加升级\n\n{_upgrades(levels)}",
            f"## Values 数值的展示\n\n{_bands()}\n",
        ]
    )


def _steps() -> str:
    rows = [
        [
            f"`{step.name}`",
            codes(step.sources),
            f"`{step.target}`" if step.target else "as it was",
            ", ".join(_BY[by] for by in step.by),
            codes(step.needs),
        ]
        for step in STEPS
    ]
    return table(["step", "from", "to", "who", "needs"], rows)


def _levels(levels: LevelsDocument) -> str:
    rows = [
        [
            f"{level} {entry.words.zh}",
            sentence(entry.means.en),
            _days(duty.acknowledge_working_days, "working days"),
            _days(duty.handle_working_days, "working days"),
            _days(duty.repeat_days, "days"),
            f"{duty.valid_from}",
            duty.source,
        ]
        for level, entry in levels.levels.items()
        for duty in entry.duties
    ]
    header = ["level", "means", "acknowledge", "report", "repeated every", "since", "source"]
    return table(header, rows)


def _days(count: int | None, unit: str) -> str:
    return "–" if count is None else f"{count} {unit}"


def _endings(levels: LevelsDocument) -> str:
    rows = [
        [f"{one.clear_runs} runs", f"{one.forgotten_days} days", f"{one.valid_from}", one.source]
        for one in levels.ending
    ]
    return table(["clear in", "without any answer for", "since", "source"], rows)


def _upgrades(levels: LevelsDocument) -> str:
    rows = [
        [
            f"`{code}` {entry.words.zh}",
            f"{rule.count} different {rule.of} from {rule.dimensions} dimension(s) within {rule.within_days} days",
            rule.to,
            f"{entry.cooldown_days} days",
            f"{rule.valid_from}",
            rule.source,
        ]
        for code, entry in levels.upgrades.items()
        for rule in entry.versions
    ]
    return table(["code", "of", "to", "cooldown", "since", "source"], rows)


def _bands() -> str:
    rows = [
        [f"`{unit}`", ", ".join(f"{e:g}" for e in edges)]
        for unit, edges in load_evidence().edges.items()
    ]
    told = "Values that are not public are told as the band between two edges at most; of other units nothing is told."
    return f"{told}\n\n{table(['unit', 'edges'], rows)}"
