"""What the model was made from: windows, rows, firms, defaults, exclusions, consent."""

import numpy as np

from training.dossier.blocks import Cell, Note, Section, Table, number, text
from training.dossier.review import Review
from training.study import Sample

_EXCLUDED = {
    "in_default": ("截止日已违约", "in default at the date"),
    "recently_cured": ("恢复未满观察期", "recovered too short a time ago"),
    "dead": ("已注销或吊销", "no longer in business"),
    "censored": ("观察期不足", "observed too short a time"),
    "no_record": ("没有任何可见记录", "no record that may be seen"),
}


def data(review: Review) -> Section:
    """Windows, rows, firms, defaults, exclusions, datasets and the rule of consent."""
    say = review.say
    return Section(
        "data",
        say("数据与时间窗", "Data and windows"),
        say(
            "一行是一家企业在一个截止日的状态；开发期用于训练，时间外只用于评判，二者按日期分开。"
            "逾期未达违约者（不确定）不参与学习，评判时计为未违约。",
            "A row is a firm at an as-of date. Development is learned from, the later dates are only judged. Rows late "
            "without default (indeterminate) teach nothing and count as no default when judged.",
        ),
        (_samples(review), _dates(review), _exclusions(review), _datasets(review), _rule(review)),
    )


def _samples(review: Review) -> Table:
    say = review.say
    named = (
        (say("开发期", "development"), review.study.development),
        (say("时间外", "out of time"), review.study.out_of_time),
    )
    rows = tuple(
        (
            text(name),
            text(f"{sample.as_of_date.min()} … {sample.as_of_date.max()}"),
            *_counts(review, sample),
        )
        for name, sample in named
    )
    head = (say("样本", "sample"), say("截止日", "as-of dates"), *_count_heads(review))
    return Table(say("样本", "Samples"), head, rows)


def _dates(review: Review) -> Table:
    say = review.say
    rows: list[tuple[Cell, ...]] = []
    named = (
        (say("开发期", "development"), review.study.development),
        (say("时间外", "out of time"), review.study.out_of_time),
    )
    for name, sample in named:
        for day in np.unique(sample.as_of_date):
            inside = sample.as_of_date == day
            rows.append((text(f"{day}"), text(name), *_counts(review, sample, inside)))
    head = (say("截止日", "as-of date"), say("样本", "sample"), *_count_heads(review))
    return Table(say("按截止日", "By as-of date"), head, tuple(rows))


def _count_heads(review: Review) -> tuple[str, ...]:
    say = review.say
    return (
        say("行", "rows"),
        say("企业", "firms"),
        say("违约行", "default rows"),
        say("不确定行", "indeterminate rows"),
        say("违约率", "default rate"),
    )


def _counts(
    review: Review,
    sample: Sample,
    inside: "np.ndarray[tuple[int], np.dtype[np.bool_]] | None" = None,
) -> tuple[Cell, ...]:
    say = review.say
    rows = np.ones(len(sample.firm), dtype=np.bool_) if inside is None else inside
    y = sample.is_default[rows]
    return (
        number(say.count(y.size)),
        number(say.count(np.unique(sample.firm[rows]).size)),
        number(say.count(int(y.sum()))),
        number(say.count(int(sample.is_indeterminate[rows].sum()))),
        number(say.percent(float(y.mean()))),
    )


def _exclusions(review: Review) -> Table:
    say, metrics = review.say, review.bundle.manifest.metrics
    found = {
        name.removeprefix("excluded_"): count
        for name, count in metrics.items()
        if name.startswith("excluded_")
    }
    rows = [
        (text(say(*_EXCLUDED.get(name, (name, name)))), number(say.count(count)))
        for name, count in found.items()
    ]
    if "without_consent" in metrics:
        name = say(
            "未授权建模而未查看的企业", "firms not looked at for want of a consent for modelling"
        )
        rows.append((text(name), number(say.count(metrics["without_consent"]))))
    return Table(
        say("排除", "Left out"),
        (say("原因", "reason"), say("企业·截止日数", "firms at dates")),
        tuple(rows),
    )


def _datasets(review: Review) -> Table:
    say, scopes = review.say, review.bundle.manifest.consent_scopes
    known = {dataset.name: dataset.document.title for dataset in review.catalogue}
    uses = {
        name: sum(name in feature.datasets for feature in review.bundle.manifest.features)
        for name in scopes
    }
    rows = tuple(
        (
            text(f"{name} {say.word(known[name])}" if name in known else name),
            text(scope or say("公开", "public")),
            number(say.count(uses[name])),
        )
        for name, scope in scopes.items()
    )
    return Table(
        say("数据集与授权范围", "Datasets and the consent that opens them"),
        (say("数据集", "dataset"), say("授权范围", "consent scope"), say("特征数", "features")),
        rows,
    )


def _rule(review: Review) -> Note:
    return Note(
        review.say(
            "授权规则：一行数据只有在其截止日授权有效、且训练当日该企业仍授权建模时才可参与训练；此后关闭的范围一律遮住。",
            "Rule of consent: a row is learned from only if its consent was live at its as-of date and the firm still "
            "consents to modelling on the day of training; what was closed since is hidden.",
        )
    )
