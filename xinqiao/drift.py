"""`xinqiao drift`: how far the population has moved away from the one a model was made on."""

from dataclasses import asdict
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from features.clock import now_in_shanghai
from features.contracts import load_catalogue
from features.definitions import REGISTRY
from features.errors import RequestError
from features.lake import Lake
from models.aliases import CHAMPION, named_bundle
from models.bundle import load_bundle
from models.drift import Drift, measure_drift
from xinqiao.console import Json, out, say, show, show_json
from xinqiao.settings import Settings, load_settings

if TYPE_CHECKING:
    from models.bundle import Bundle
    from models.drift import Month

HELP = """监测某月人群相对建模样本的偏移；退出码 0 稳定，3 关注，4 处置。 Drift of a month; exits 0 stable, 3 watch, 4 act.

例 Example: xinqiao drift --as-of 2026-05-31 --since 2026-02-28
"""

#: For a scheduler; 1 and 2 are errors as everywhere.
EXIT_CODES = {"stable": 0, "watch": 3, "act": 4}
#: Rows of the table; `--json` holds every feature.
_SHOWN = 12

_LEVELS = {"stable": ("稳定", "stable"), "watch": ("关注", "watch"), "act": ("处置", "act")}
_REASONS = {
    "score": ("评分偏移", "score"),
    "features": ("特征偏移", "features"),
    "concentration": ("等级集中", "concentration"),
    "migration": ("等级跳变", "migration"),
}


def drift(
    as_of: Annotated[
        datetime, typer.Option("--as-of", formats=["%Y-%m-%d"], help="月末 · month end")
    ],
    model: Annotated[str, typer.Option(help="模型或别名 · model or alias")] = CHAMPION,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="与更早月末比较迁徙 · earlier month end, for migration"
        ),
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """See `HELP`."""
    found = drift_of(
        load_settings(), model, as_of.date(), since.date() if since is not None else None
    )
    if as_json:
        show_json(_as_json(found))
    else:
        _print(found)
    raise typer.Exit(EXIT_CODES[found.level])


def drift_of(settings: Settings, model: str, as_of_date: date, since: date | None) -> Drift:
    """Hold a month against the histograms of the model that serves under a name."""
    today = now_in_shanghai().date()
    if as_of_date > today or (since is not None and since >= as_of_date):
        raise RequestError(
            en=f"--since must lie before --as-of {as_of_date}, and that not after today, {today}.",
            zh=f"--since 须早于 --as-of {as_of_date}，且后者不得晚于今天（{today}）。",
        )
    bundle = load_bundle(named_bundle(settings.bundles, model), REGISTRY)
    earlier = _month(settings, bundle, since) if since is not None else None
    return measure_drift(bundle, _month(settings, bundle, as_of_date), earlier)


def _month(settings: Settings, bundle: "Bundle", as_of_date: date) -> "Month":
    from training.monitoring import look_at_month  # noqa: PLC0415 - scikit-learn takes seconds

    return look_at_month(
        Lake(settings.lake).view(),
        load_catalogue(),
        REGISTRY,
        bundle,
        as_of_date=as_of_date,
        now=now_in_shanghai(),
    )


def _as_json(found: Drift) -> dict[str, object]:
    moves = found.moves
    return {
        "level": found.level,
        "reasons": found.reasons,
        "firms": found.firms,
        "score_stability": found.score_stability,
        "mean_probability": found.mean_probability,
        "mean_probability_before": found.mean_probability_before,
        "shifted_gain": found.shifted_gain,
        "herfindahl": found.grades.herfindahl,
        "largest_grade": found.grades.largest_share,
        "migration": None
        if moves is None
        else {
            "counts": moves.counts.tolist(),
            "within_one_notch": moves.within_one_notch,
            "upper_p_values": [
                [None if p != p else p for p in row]  # noqa: PLR0124 - NaN is not itself
                for row in moves.upper_p_values.tolist()
            ],
        },
        "features": [asdict(shift) for shift in found.features],
    }


def _print(found: Drift) -> None:
    table = Table(title=say("特征偏移", "Features that moved most"), title_justify="left")
    for zh, en in (("特征", "feature"), ("CSI", "CSI"), ("缺失", "missing"), ("建模时", "then")):
        table.add_column(say(zh, en), justify="left" if en == "feature" else "right")
    table.add_column(say("模型占比", "share of gain"), justify="right")
    for shift in found.features[:_SHOWN]:
        table.add_row(
            shift.name,
            f"{shift.stability:.3f}",
            f"{shift.missing:.1%}",
            f"{shift.missing_before:.1%}",
            f"{shift.gain:.1%}",
        )
    out.print(table)
    reasons = "、".join(say(*_REASONS[name]) for name in found.reasons)
    show(
        f"{found.firms} 家企业：评分 PSI {found.score_stability:.3f}；偏移特征占模型 {found.shifted_gain:.1%}；平均违约概率 "
        f"{found.mean_probability:.2%}（建模时 {found.mean_probability_before:.2%}）；最大等级占比 "
        f"{found.grades.largest_share:.1%}，Herfindahl {found.grades.herfindahl:.3f}",
        f"{found.firms} firms: PSI of the score {found.score_stability:.3f}; features that moved carry "
        f"{found.shifted_gain:.1%} of the model; mean probability {found.mean_probability:.2%} (then "
        f"{found.mean_probability_before:.2%}); largest grade {found.grades.largest_share:.1%}, Herfindahl "
        f"{found.grades.herfindahl:.3f}",
    )
    if found.moves is not None:
        show(
            f"等级迁徙在一级以内的占 {found.moves.within_one_notch:.1%}",
            f"{found.moves.within_one_notch:.1%} of firms stayed within one grade",
        )
    show(
        f"结论：{say(*_LEVELS[found.level])}{'（' + reasons + '）' if reasons else ''}",
        f"Conclusion: {say(*_LEVELS[found.level])}{' (' + reasons + ')' if reasons else ''}",
    )
