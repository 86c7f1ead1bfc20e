"""What the model is for, and where it ends."""

from training.dossier.blocks import Points, Section, pairs
from training.dossier.review import Review


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
