"""What the model is for, what it was made from, where it ends, and who answers for it."""

from collections.abc import Sequence

import numpy as np

from training.dossier.blocks import Block, Cell, Note, Points, Section, Table, number, pairs, text
from training.dossier.review import Review
from training.study import Sample

_EXCLUDED = {
    "in_default": ("截止日已违约", "in default at the date"),
    "recently_cured": ("恢复未满观察期", "recovered too short a time ago"),
    "dead": ("已注销或吊销", "no longer in business"),
    "censored": ("观察期不足", "observed too short a time"),
    "no_record": ("没有任何可见记录", "no record that may be seen"),
}


def purpose(review: Review) -> Section:
    """What the probability is of, and the uses it was made for."""
    say, manifest = review.say, review.bundle.manifest
    is_dated = manifest.probability_kind == "pd_12m"
    kind = (
        say("未来十二个月的违约概率", "probability of default within 12 months")
        if is_dated
        else say(
            "违约标签无日期的概率，不是十二个月违约概率",
            "probability of an undated default label, not of 12 months",
        )
    )
    return Section(
        "purpose",
        say("用途", "Purpose and intended use"),
        say(
            "先看模型回答什么问题；任何其他用途都不在本档案的评审范围内。",
            "What the model answers comes first; any other use is outside this review.",
        ),
        (
            pairs(
                say("模型回答的问题", "What the model answers"),
                (say("项目", "item"), say("内容", "content")),
                [
                    (say("输出", "output"), kind),
                    (say("违约定义", "definition of default"), say.word(manifest.label)),
                    (
                        say("用途", "intended use"),
                        say(
                            "供金融机构在企业授权下对中小微企业作授信前评估与贷后观察的参考",
                            "a reference for lenders who assess small firms with their consent, before and after a loan",
                        ),
                    ),
                    (
                        say("使用者", "users"),
                        say(
                            "授信人员、风险管理与模型评审人员",
                            "credit officers, risk managers, model reviewers",
                        ),
                    ),
                    (say("声明", "disclaimer"), say.word(manifest.disclaimer)),
                ],
            ),
        ),
    )


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


def limits(review: Review) -> Section:
    """What the model must not be used for."""
    say = review.say
    items = [
        say(
            "不得作为自动拒贷的唯一依据；须由人复核，企业有权获知理由并提出异议。",
            "Never the only ground for an automatic refusal: a person decides, and the firm may ask why and object.",
        ),
        say(
            "不得用于个人信用评价、雇佣、定价歧视或授权目的以外的任何用途。",
            "Not for rating natural persons, hiring, discriminating prices, or anything a consent does not name.",
        ),
        say(
            "标签只来自本平台可见的贷款：从未获贷的企业不在样本中，对其结论仅供参考。",
            "Labels come from loans the platform can see: firms that never got one are not in the sample.",
        ),
        say(
            "样本期未经历的经济环境不在结论之内；超出取值范围的企业应人工判断。",
            "Nothing is known of times unlike those of the sample; firms outside its range need a person.",
        ),
        say(
            "贡献与曲线说明模型如何计算，不说明因果。",
            "Points and curves say how the model computes, not what causes default.",
        ),
        _origin(review),
    ]
    return Section(
        "limits",
        say("局限与禁用", "Limits"),
        say(
            "以下情形不得使用模型，或其结论不成立。",
            "Where the model must not be used, or what it says does not hold.",
        ),
        (Points(tuple(items)),),
    )


def _origin(review: Review) -> str:
    say = review.say
    if review.study.parameters.get("is_synthetic") == "True":
        return say(
            "本模型在合成城市上训练：所有数字只检验方法，不说明任何真实企业；不得用于真实授信。",
            "Trained on a synthetic city: its figures test the method and say nothing about real firms; not for real "
            "credit.",
        )
    return say(
        "若训练所用为合成城市，所有数字只检验方法，不说明真实企业；用于真实授信前须以真实数据重新训练和验证。",
        "Where the data were those of the synthetic city, figures test the method and say nothing about real firms; "
        "train and validate on real data before any real credit.",
    )


def inventory(review: Review) -> Section:
    """Identity, versions, hashes and parameters."""
    say, manifest, study = review.say, review.bundle.manifest, review.study
    head = (say("项目", "item"), say("内容", "content"))
    facts = [
        (say("模型", "model"), f"{study.model} {study.version}"),
        (
            say("模型包编号（清单的 SHA-256）", "bundle id (SHA-256 of its manifest)"),
            study.bundle_id,
        ),
        (say("制作时刻", "made at"), f"{manifest.created_at:%Y-%m-%d %H:%M %z}"),
        (say("数据截至", "data until"), study.data_until.isoformat()),
        (say("主标尺", "master scale"), manifest.scale_id),
        (say("评判阈值", "limits of judgement"), review.limits.id),
        (
            say("校准直线", "calibration line"),
            f"logit(PD) = {manifest.calibration.intercept:.4f} + {manifest.calibration.slope:.4f} · m",
        ),
        (say("特征数", "features"), say.count(len(manifest.features))),
        (say("参考企业数", "reference firms"), say.count(manifest.reference_firms)),
        *((f"{name}", version) for name, version in manifest.libraries.items()),
    ]
    blocks: list[Block] = [
        pairs(say("模型清单", "Model inventory"), head, facts),
        pairs(
            say("文件与 SHA-256", "Files and SHA-256"),
            (say("文件", "file"), "SHA-256"),
            list(manifest.files.items()),
        ),
    ]
    if study.parameters:
        title = say("参数（含随机种子）", "Parameters, random seed among them")
        blocks.append(
            pairs(
                title,
                (say("参数", "parameter"), say("值", "value")),
                list(study.parameters.items()),
            )
        )
    return Section(
        "inventory",
        say("模型清单", "Inventory"),
        say(
            "凭编号与哈希可核对：在用的模型就是这里评审的模型。",
            "By id and hashes anyone can check that the model that serves is the model reviewed here.",
        ),
        tuple(blocks),
    )


def sign_off(review: Review) -> Section:
    """Decisions on record, and lines to sign."""
    say = review.say
    return Section(
        "sign-off",
        say("签署", "Sign-off"),
        say(
            "评审人须独立于开发人；签署前先看黄灯、红灯与未评判的项目。",
            "The reviewer must be independent of the developer, and looks at amber, red and unjudged figures first.",
        ),
        tuple(_signing(review)),
    )


_ACTIONS = {
    "trained": ("训练", "trained"),
    "promoted": ("启用", "promoted"),
    "rolled_back": ("回退", "rolled back"),
}


def _signing(review: Review) -> Sequence[Block]:
    say = review.say
    blocks: list[Block] = []
    if review.history:
        rows = tuple(
            (
                text(entry.since),
                text(say(*_ACTIONS[entry.action])),
                text(entry.by),
                text(entry.reviewer or "–"),
                text(entry.reason),
                text(entry.despite or "–"),
            )
            for entry in review.history
        )
        head = (
            say("时刻", "when"),
            say("决定", "decision"),
            say("决定人", "by"),
            say("复核人", "reviewer"),
            say("理由", "reason"),
            say("越过未通过项的理由", "why a failed check was overruled"),
        )
        blocks.append(Table(say("登记记录", "On record"), head, rows))
    else:
        blocks.append(Note(say("尚无登记的决定。", "No decision is on record yet.")))
    roles = (
        say("开发人", "developer"),
        say("独立评审人", "independent reviewer"),
        say("决定（同意·有条件·不同意）", "decision (yes · with conditions · no)"),
    )
    head = (
        say("角色", "role"),
        say("姓名", "name"),
        say("日期", "date"),
        say("签名", "signature"),
    )
    empty = tuple((text(role), text(""), text(""), text("")) for role in roles)
    blocks.append(Table(say("待签", "To be signed"), head, empty))
    return blocks
