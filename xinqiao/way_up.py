"""`xinqiao way-up`: the cheapest plan of steps that leads one firm to a grade, or that there is none."""

from datetime import datetime
from typing import Annotated

import typer

from features.clock import now_in_shanghai
from features.contracts import load_catalogue
from features.definitions import REGISTRY
from features.errors import RequestError, UnknownEnterpriseError
from features.lake import Lake
from features.snapshot import open_snapshot
from models.aliases import CHAMPION, named_bundle
from models.bundle import load_bundle
from models.wayup.document import NamedFact, PlanTold, WayUpTold, way_up_told
from models.wayup.guide import Guide
from xinqiao.console import Json, Lang, show, show_json, use_language
from xinqiao.features import self_scope
from xinqiao.settings import Settings, load_settings

HELP = """信用培植：达到目标等级的最省方案，或没有方案的证明。 The cheapest plan to a grade, or the proof of none.

例 Example: xinqiao way-up E1 --grade BBB --lang en
"""


def way_up(
    enterprise: Annotated[
        str, typer.Argument(help="统一社会信用代码或来源编号 · USCC or the provider's id")
    ],
    grade: Annotated[str, typer.Option(help="目标等级 · the grade to reach")],
    as_of: Annotated[
        datetime | None,
        typer.Option("--as-of", formats=["%Y-%m-%d"], help="截止日，默认今天 · default today"),
    ] = None,
    model: Annotated[str, typer.Option(help="模型或别名 · model or alias")] = CHAMPION,
    *,
    lang: Lang = "",
    as_json: Json = False,
) -> None:
    """See `HELP`."""
    use_language(lang)
    told = _told(load_settings(), enterprise, grade, as_of, model)
    if as_json:
        show_json(told.model_dump(mode="json"))
    else:
        _print(told)


def _told(
    settings: Settings, name: str, grade: str, as_of: datetime | None, model: str
) -> WayUpTold:
    now = now_in_shanghai()
    day = now.date() if as_of is None else as_of.date()
    if day > now.date():
        raise RequestError(
            en=f"The as-of date {day} lies in the future; today is {now.date()}.",
            zh=f"截止日 {day} 在今天（{now.date()}）之后。",
        )
    bundle = load_bundle(named_bundle(settings.bundles, model), REGISTRY, settings.tables)
    guide, lake, catalogue = Guide.of(bundle, day), Lake(settings.lake).view(), load_catalogue()
    target, key = guide.to_grade(grade), lake.find_enterprise(name).key
    scope = self_scope(now.date())
    opened = guide.datasets(target)
    with open_snapshot(
        lake, catalogue, day, scope, now=now, enterprises=[key], threads=1, datasets=opened
    ) as snapshot:
        found = guide.show(snapshot, key, target)
    if found is None:
        raise UnknownEnterpriseError(
            en=f"'{name}' was on no register by {day}. Choose a later date.",
            zh=f"截至 {day}，登记信息中没有“{name}”；请选择更晚的截止日。",
        )
    words = bundle.scale.grade(target.grade).label
    return way_up_told(found, guide, "grade", NamedFact(code=target.grade, words=words))


def _print(told: WayUpTold) -> None:
    today = told.today
    show(
        f"截至 {told.as_of}：{today.grade}，{today.score} 分；目标 {told.target.code}",
        f"As of {told.as_of}: {today.grade}, {today.score} points; target {told.target.code}",
    )
    if told.verdict == "reached":
        show("今天已经达到目标。", "The target is reached today.")
        return
    tried = sum(one.combinations for one in told.tried)
    if told.verdict == "none":
        show(
            f"已推算全部 {tried} 种组合，没有一种达到目标。",
            f"All {tried} combinations were computed; none reaches the target.",
        )
    elif told.verdict == "not_found":
        show(f"推算了 {tried} 种组合，没有找到方案。", f"{tried} combinations, and no plan found.")
    plan = told.plan or told.nearest
    if plan is not None:
        _print_plan(plan)
    show(told.assumption.zh, told.assumption.en)
    show(told.disclaimer.zh, told.disclaimer.en)


def _print_plan(plan: PlanTold) -> None:
    show(
        f"到 {plan.by} 不采取措施：{plan.time_points:+d}",
        f"Waiting until {plan.by}: {plan.time_points:+d}",
    )
    for number, step in enumerate(plan.steps, start=1):
        cost = "?" if step.cost_cny is None else f"{step.cost_cny:,.2f}"
        lifts = "、".join(one.words.zh for one in step.lifts)
        lifted = ", ".join(one.words.en for one in step.lifts)
        show(
            f"{number}. {step.words.zh}：{cost} 元，{step.done_by} 起，{step.points:+d} 分"
            + (f"，解除：{lifts}" if lifts else ""),
            f"{number}. {step.words.en}: {cost} yuan, from {step.done_by}, {step.points:+d} points"
            + (f", lifts: {lifted}" if lifted else ""),
        )
    show(
        f"届时：{plan.then.grade}，{plan.then.score} 分",
        f"Then: {plan.then.grade}, {plan.then.score} points",
    )
