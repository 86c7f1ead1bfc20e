"""`xinqiao train …`: a new model from the lake."""

from contextlib import ExitStack
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from features.clock import now_in_shanghai
from features.contracts import load_catalogue
from features.definitions import REGISTRY
from features.lake import Lake
from models.rating import INVOICE_RATING
from xinqiao.console import LANGUAGE, Json, out, progress, say, show, show_json
from xinqiao.settings import Settings, load_settings

if TYPE_CHECKING:
    from training.evaluate import Estimate
    from training.rating import TrainedRating

# The training room takes seconds to load (LightGBM, scikit-learn), so only the verbs that train
# load it.

app = typer.Typer(no_args_is_help=True, help="建模 · training")

_STEPS = {
    "validate": ("交叉验证", "cross-validation"),
    "recency": ("近期性检验", "recency check"),
    "fit": ("拟合与登记", "fit and register"),
}
_FIGURES = {
    "auc": ("AUC（各折均值）", "AUC (mean of test folds)"),
    "ks": ("KS", "KS"),
    "brier": ("Brier 分数", "Brier score"),
    "log_loss": ("对数损失", "log loss"),
    "calibration_slope": ("校准斜率", "calibration slope"),
    "calibration_intercept": ("校准截距", "calibration intercept"),
    "without_recency": ("AUC，不含近期性特征", "AUC without recency features"),
    "recency_only": ("AUC，仅近期性特征", "AUC of recency features alone"),
    "carried_by_recency": ("近期性特征贡献的 AUC（配对差）", "AUC carried by recency (paired)"),
}


@app.command()
def rating(
    as_of: Annotated[
        datetime,
        typer.Option("--as-of", formats=["%Y-%m-%d"], help="特征截止日 · as-of date of features"),
    ],
    *,
    as_json: Json = False,
) -> None:
    """训练、验证并登记评级模型。 Train, validate and register the rating model.

    例 Example: xinqiao train rating --as-of 2020-02-29
    """
    from training.rating import metrics_of  # noqa: PLC0415 - see above

    trained = train(load_settings(), as_of.date())
    if as_json:
        show_json(
            {
                "bundle_id": trained.bundle.id,
                "run_id": trained.run_id,
                **metrics_of(trained.cohort, trained.validation, trained.figures),
            }
        )
    else:
        print_validation(trained)


def train(settings: Settings, as_of_date: date) -> "TrainedRating":
    """Train with a progress bar a step."""
    from training.rating import train_rating  # noqa: PLC0415 - see above

    with ExitStack() as bars:
        step_now, advance_now = "", None

        def advance(step: str, done: int, total: int) -> None:
            nonlocal step_now, advance_now
            if advance_now is None or step != step_now:
                bars.close()
                step_now, advance_now = step, bars.enter_context(progress(*_STEPS[step]))
            advance_now(done, total)

        return train_rating(
            Lake(settings.lake).view(),
            load_catalogue(),
            REGISTRY,
            INVOICE_RATING,
            as_of_date=as_of_date,
            now=now_in_shanghai(),
            bundles=settings.bundles,
            mlruns=settings.mlruns,
            on_progress=advance,
        )


def print_validation(trained: "TrainedRating") -> None:
    """Print what repeated folds say, with intervals, then defaults by grade."""
    cohort, validation = trained.cohort, trained.validation
    defaults, firms = int(cohort.is_default.sum()), len(cohort.usccs)
    folds = validation.folds.fold_of
    table = Table(
        title=say(
            f"验证：{firms} 家企业，{defaults} 家违约；{len(folds)} 次重复 {folds.max() + 1} 折，"
            "所有选择均在折内完成",
            f"Validation: {firms} firms, {defaults} defaults; {len(folds)} × {folds.max() + 1} folds, "
            "every choice made inside them",
        ),
        title_justify="left",
    )
    table.add_column(say("指标", "figure"))
    table.add_column(say("值", "value"), justify="right")
    table.add_column(
        say("95% 区间（企业重抽样）", "95% interval (firms drawn again)"), justify="right"
    )
    for name, estimate in trained.figures.items():
        zh, en = _FIGURES[name]
        table.add_row(say(zh, en), f"{estimate.value:.3f}", _interval(estimate))
    out.print(table)
    _print_grades(trained)
    show(
        f"标签：{trained.bundle.manifest.label.zh}。"
        f"各测试折 AUC 标准差 {validation.fold_auc_sd:.3f}；未授权建模而未查看的企业 "
        f"{cohort.without_consent} 家。",
        f"Label: {trained.bundle.manifest.label.en}. "
        f"SD of the AUC over test folds {validation.fold_auc_sd:.3f}; firms not looked at for want of "
        f"a consent for modelling: {cohort.without_consent}.",
    )
    show(
        f"模型包 {trained.bundle.id[:12]}，MLflow 运行 {trained.run_id}",
        f"Bundle {trained.bundle.id[:12]}, MLflow run {trained.run_id}",
    )


def _print_grades(trained: "TrainedRating") -> None:
    scale = trained.bundle.scale
    table = Table(
        title=say("各等级在验证中的违约率", "Default rate by grade in validation"),
        title_justify="left",
    )
    for zh, en in (
        ("等级", "grade"),
        ("含义", "meaning"),
        ("企业数", "firms"),
        ("违约", "defaults"),
        ("90% Jeffreys 区间", "90% Jeffreys interval"),
    ):
        table.add_column(say(zh, en), justify="left" if en in {"grade", "meaning"} else "right")
    for grade in scale.version.grades:
        rate = trained.bundle.manifest.grades[grade.code]
        if rate.n and rate.low is not None and rate.high is not None:
            label = grade.label.zh if LANGUAGE.get() == "zh" else grade.label.en
            span = f"{rate.low:.1%} – {rate.high:.1%}"
            table.add_row(grade.code, label, str(rate.n), str(rate.defaults), span)
    out.print(table)


def _interval(estimate: "Estimate") -> str:
    return (
        f"{estimate.low:+.3f} – {estimate.high:+.3f}"
        if estimate.low < 0
        else (f"{estimate.low:.3f} – {estimate.high:.3f}")
    )
