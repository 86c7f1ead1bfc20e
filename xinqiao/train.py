"""`xinqiao train …`: a new model from the lake."""

from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from features.clock import now_in_shanghai
from features.contracts import load_catalogue
from features.definitions import REGISTRY
from features.errors import RequestError
from features.lake import Lake
from models.bundle import Bundle
from models.rating import BASE_12M, INVOICE_RATING, base_12m
from xinqiao.console import LANGUAGE, Json, out, progress, say, show, show_json
from xinqiao.scenarios import print_scenarios
from xinqiao.settings import Settings, load_settings

if TYPE_CHECKING:
    from training.base_rating import TrainedBase
    from training.evaluate import Estimate
    from training.rating import TrainedRating

# The training room takes seconds to load (LightGBM, scikit-learn), so only the verbs that train
# load it.

app = typer.Typer(no_args_is_help=True, help="建模 · training")

_STEPS = {
    "validate": ("交叉验证", "cross-validation"),
    "borrowers": ("各月特征与标签", "features and labels by month"),
    "quarters": ("各季度特征与标签", "features and labels by quarter"),
    "tune": ("参数搜索", "parameter search"),
    "shape": ("无形状约束的对照", "the same without the shape"),
    "scenarios": ("授权情景", "consent scenarios"),
    "recency": ("近期性检验", "recency check"),
    "fit": ("拟合与登记", "fit and register"),
}
_FIGURES = {
    "auc": ("AUC", "AUC"),
    "auc_new_firms": ("AUC，未参与训练的企业", "AUC of firms that nothing was learned from"),
    "ks": ("KS", "KS"),
    "brier": ("Brier 分数", "Brier score"),
    "log_loss": ("对数损失", "log loss"),
    "calibration_slope": ("校准斜率", "calibration slope"),
    "calibration_intercept": ("校准截距", "calibration intercept"),
    "observed_expected": ("实际/预期违约", "defaults observed / expected"),
    "gini_lost_to_shape": ("形状约束损失的 Gini 占比", "share of Gini the shape gives up"),
    "without_recency": ("AUC，不含近期性特征", "AUC without recency features"),
    "recency_only": ("AUC，仅近期性特征", "AUC of recency features alone"),
    "carried_by_recency": ("近期性特征贡献的 AUC（配对差）", "AUC carried by recency (paired)"),
}


@app.command()
def rating(
    as_of: Annotated[
        datetime,
        typer.Option("--as-of", formats=["%Y-%m-%d"], help="数据截止日 · last day of the data"),
    ],
    *,
    model: Annotated[
        str,
        typer.Option(
            help="base_12m 或 invoice-rating；默认湖中有履约记录时为前者 · default: the first if the lake has repayments"
        ),
    ] = "",
    trials: Annotated[
        int,
        typer.Option(min=0, help="搜索的参数组数，0 为固定参数 · parameter sets to try, 0: fixed"),
    ] = 0,
    measure_shape: Annotated[
        bool,
        typer.Option(
            "--measure-shape",
            help="同时拟合无形状约束的模型并比较 · also fit without the shape and compare",
        ),
    ] = False,
    seed: Annotated[int | None, typer.Option(min=0, help="随机种子 · random seed")] = None,
    as_json: Json = False,
) -> None:
    """训练、验证并登记评级模型。 Train, validate and register a rating model.

    例 Example: xinqiao train rating --as-of 2026-06-30 --trials 40
    """
    settings = load_settings()
    if _model_to_train(settings, model, trials) == BASE_12M:
        base = train_base(
            settings, as_of.date(), trials=trials, measures_shape=measure_shape, seed=seed
        )
        if as_json:
            told = {"bundle_id": base.bundle.id, "run_id": base.run_id}
            show_json({**told, **base.bundle.manifest.metrics})
        else:
            print_base(base)
        return
    from training.rating import metrics_of  # noqa: PLC0415 - see above

    trained = train(settings, as_of.date(), seed=seed)
    if as_json:
        metrics = metrics_of(trained.cohort, trained.validation, trained.figures)
        show_json({"bundle_id": trained.bundle.id, "run_id": trained.run_id, **metrics})
    else:
        print_validation(trained)


def _model_to_train(settings: Settings, asked: str, trials: int) -> str:
    """The model asked for, or the one the lake has labels for."""
    has_repayments = bool(Lake(settings.lake).view().files("repayment_snapshot"))
    model = asked or (BASE_12M if has_repayments else INVOICE_RATING.name)
    if model not in {BASE_12M, INVOICE_RATING.name}:
        raise RequestError(
            en=f"There is no rating model '{model}' to train; there are {BASE_12M} and {INVOICE_RATING.name}.",
            zh=f"没有可训练的评级模型“{model}”；现有 {BASE_12M} 与 {INVOICE_RATING.name}。",
        )
    if trials and model != BASE_12M:
        raise RequestError(
            en=f"{model} is trained on too few firms to search: {trials} trials would find their noise. "
            "Leave --trials out.",
            zh=f"{model} 的样本过少，搜索 {trials} 组参数只会拟合噪声；请去掉 --trials。",
        )
    return model


@contextmanager
def bars() -> Generator[Callable[[str, int, int], None]]:
    """A progress bar a step."""
    with ExitStack() as bars:
        step_now, advance_now = "", None

        def advance(step: str, done: int, total: int) -> None:
            nonlocal step_now, advance_now
            if advance_now is None or step != step_now:
                bars.close()
                step_now, advance_now = step, bars.enter_context(progress(*_STEPS[step]))
            advance_now(done, total)

        yield advance


def train_base(
    settings: Settings,
    data_until: date,
    *,
    trials: int = 0,
    measures_shape: bool = False,
    seed: int | None = None,
) -> "TrainedBase":
    """Train the 12-month rating from the data until a day."""
    from training.base_rating import SEED, Folders, train_base_rating  # noqa: PLC0415 - see above

    catalogue = load_catalogue()
    with bars() as advance:
        return train_base_rating(
            Lake(settings.lake).view(),
            catalogue,
            REGISTRY,
            base_12m(catalogue),
            data_until=data_until,
            now=now_in_shanghai(),
            folders=Folders(
                bundles=settings.bundles,
                mlruns=settings.mlruns,
                parts=settings.quarters,
                tuning=settings.tuning,
                studies=settings.studies,
            ),
            trials=trials,
            measures_shape=measures_shape,
            seed=SEED if seed is None else seed,
            on_progress=advance,
        )


def train(settings: Settings, as_of_date: date, *, seed: int | None = None) -> "TrainedRating":
    """Train the invoice rating."""
    from training.rating import SEED, train_rating  # noqa: PLC0415 - see above

    with bars() as advance:
        return train_rating(
            Lake(settings.lake).view(),
            load_catalogue(),
            REGISTRY,
            INVOICE_RATING,
            as_of_date=as_of_date,
            now=now_in_shanghai(),
            bundles=settings.bundles,
            mlruns=settings.mlruns,
            studies=settings.studies,
            seed=SEED if seed is None else seed,
            on_progress=advance,
        )


def print_validation(trained: "TrainedRating") -> None:
    """Print what repeated folds say, with intervals, then defaults by grade."""
    cohort, validation = trained.cohort, trained.validation
    defaults, firms = int(cohort.is_default.sum()), len(cohort.usccs)
    folds = validation.folds.fold_of
    print_figures(
        say(
            f"验证：{firms} 家企业，{defaults} 家违约；{len(folds)} 次重复 {folds.max() + 1} 折，"
            "所有选择均在折内完成",
            f"Validation: {firms} firms, {defaults} defaults; {len(folds)} × {folds.max() + 1} folds, "
            "every choice made inside them",
        ),
        trained.figures,
    )
    _print_grades(trained.bundle)
    show(
        f"标签：{trained.bundle.manifest.label.zh}。"
        f"各测试折 AUC 标准差 {validation.fold_auc_sd:.3f}；未授权建模而未查看的企业 "
        f"{cohort.without_consent} 家。",
        f"Label: {trained.bundle.manifest.label.en}. "
        f"SD of the AUC over test folds {validation.fold_auc_sd:.3f}; firms not looked at for want of "
        f"a consent for modelling: {cohort.without_consent}.",
    )
    _print_names(trained.bundle, trained.run_id)


def print_base(trained: "TrainedBase") -> None:
    """Print what the later month ends say, with intervals, then defaults by grade."""
    cohort, validation = trained.cohort, trained.validation
    first, last = cohort.timeline.out_of_time[0], cohort.timeline.out_of_time[-1]
    rows, defaults = len(validation.is_default), int(validation.is_default.sum())
    print_figures(
        say(
            f"时间外验证：{first} 至 {last} 的 {len(cohort.timeline.out_of_time)} 个季度，"
            f"{validation.firms} 家企业 {rows} 行，其中 {validation.defaulted_firms} 家违约（{defaults} 行）",
            f"Out of time: {len(cohort.timeline.out_of_time)} quarters from {first} to {last}, {rows} rows of "
            f"{validation.firms} firms, {defaults} defaults ({validation.defaulted_firms} firms)",
        ),
        validation.figures,
    )
    _print_grades(trained.bundle)
    print_scenarios(trained.scenarios)
    early = cohort.is_development
    left_out = ", ".join(f"{reason} {count}" for reason, count in cohort.excluded.items())
    show(
        f"标签：{trained.bundle.manifest.label.zh}。训练期 {cohort.timeline.development[0]} 至 "
        f"{cohort.timeline.development[-1]}：{early.sum()} 行，{cohort.is_default[early].sum()} 行违约。"
        f"排除：{left_out}；未授权建模而未查看的企业 {cohort.without_consent} 家。",
        f"Label: {trained.bundle.manifest.label.en}. Development {cohort.timeline.development[0]} to "
        f"{cohort.timeline.development[-1]}: {early.sum()} rows, {cohort.is_default[early].sum()} defaults. "
        f"Left out: {left_out}; firms not looked at for want of a consent for modelling: "
        f"{cohort.without_consent}.",
    )
    _print_names(trained.bundle, trained.run_id)


def _print_names(bundle: Bundle, run_id: str) -> None:
    show(
        f"模型包 {bundle.id[:12]}，MLflow 运行 {run_id}",
        f"Bundle {bundle.id[:12]}, MLflow run {run_id}",
    )


def print_figures(title: str, figures: "Mapping[str, Estimate]") -> None:
    """Print figures with their intervals."""
    table = Table(title=title, title_justify="left")
    table.add_column(say("指标", "figure"))
    table.add_column(say("值", "value"), justify="right")
    table.add_column(
        say("95% 区间（企业重抽样）", "95% interval (firms drawn again)"), justify="right"
    )
    for name, estimate in figures.items():
        zh, en = _FIGURES[name]
        table.add_row(say(zh, en), f"{estimate.value:.3f}", _interval(estimate))
    out.print(table)


def _print_grades(bundle: Bundle) -> None:
    scale = bundle.scale
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
        rate = bundle.manifest.grades[grade.code]
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
