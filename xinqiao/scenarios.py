"""Print how a rating does when firms close part of what they could open."""

from typing import TYPE_CHECKING

from rich.table import Table

from xinqiao.console import out, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.study import Scenario

_NAMES = {
    "full": ("全部已授权", "all that firms opened"),
    "public_only": ("仅公开数据", "public data only"),
    "strategic": ("各自关闭最不利的一项", "each closes what speaks most against it"),
}
_COLUMNS = ("auc", "calibration_slope", "observed_expected")


def print_scenarios(scenarios: "Sequence[Scenario]") -> None:
    """One row a scenario; random closings as the range over all of them."""
    table = Table(
        title=say("企业关闭部分授权时（时间外）", "When firms close scopes (out of time)"),
        title_justify="left",
    )
    for zh, en in (
        ("情景", "scenario"),
        ("AUC", "AUC"),
        ("校准斜率", "calibration slope"),
        ("实际/预期", "observed / expected"),
        ("红灯等级", "red grades"),
    ):
        table.add_column(say(zh, en), justify="left" if en == "scenario" else "right")
    random = [scenario for scenario in scenarios if scenario.name.startswith("random_")]
    for scenario in scenarios:
        if scenario not in random:
            figures = scenario.figures
            cells = [f"{figures[name].value:.2f}" for name in _COLUMNS]
            table.add_row(_name(scenario.name), *cells, f"{figures['grades_red'].value:.0f}")
    if random:
        table.add_row(say(f"随机 {len(random)} 种", f"{len(random)} at random"), *_ranges(random))
    out.print(table)


def _name(name: str) -> str:
    scope = name.removeprefix("without_")
    return say(*_NAMES.get(name, (f"关闭 {scope}", f"without {scope}")))


def _ranges(random: "Sequence[Scenario]") -> list[str]:
    found: list[str] = []
    for name, digits in (*((column, 2) for column in _COLUMNS), ("grades_red", 0)):
        values = [scenario.figures[name].value for scenario in random]
        found.append(f"{min(values):.{digits}f} – {max(values):.{digits}f}")
    return found
