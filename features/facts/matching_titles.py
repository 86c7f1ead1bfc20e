"""Titles a firm holds 资质与称号: what certificates, licences, honours and public funds call it.

All of them are public: who has none on record holds none. A certificate or licence counts while it runs,
an honour or a fund for three years.
"""

from collections.abc import Callable, Iterable
from datetime import date

from features.definitions.declare import declare
from features.definitions.expressions import Value, count
from features.definitions.public_list import lasts
from features.facts.shapes import NO_DIRECTION
from features.facts.titles import is_high, states
from features.registry import Aggregate, Feature, Grain
from features.windows import Window, column_name

#: How long an honour or a fund says something of a firm.
_REMEMBERED = Window(36)
_CERTIFIED = (
    "little_giant", "specialised", "innovative", "tech_little_giant", "gazelle", "unicorn",
    "research_organisation", "medical_insurance", "tourism",
)  # fmt: skip
_HONOURED = ("little_giant", "specialised", "innovative", "tech_little_giant", "gazelle", "unicorn")
_LICENSED = ("tobacco_retail", "medical_insurance", "tourism")


def _titled(
    dataset: str, text: str, titles: Iterable[str], stands: Callable[[date], str]
) -> Callable[[date], str]:
    """Records that stand, with a column a title: whether they state it."""

    def select(as_of_date: date) -> str:
        """One row a record."""
        said = ", ".join(f"{states('title', name)} AS {name}" for name in titles)
        return (
            f"SELECT enterprise_key, {said} FROM (SELECT *, concat_ws(' ', {text}) AS title "
            f"FROM visible_{dataset} WHERE {stands(as_of_date)}) AS titled"
        )

    return select


def _licence_stands(as_of_date: date) -> str:
    day = f"DATE '{as_of_date}'"
    return (
        f"decided_on <= {day} AND (status IS NULL OR status = 'valid') "
        f"AND (valid_from IS NULL OR valid_from <= {day}) AND {lasts('valid_to', as_of_date)}"
    )


_CERTIFICATE = Grain(
    "titled_certificate", frozenset({"qualification_cert"}),
    _titled(
        "qualification_cert", "cert_name, category_level", _CERTIFIED,
        lambda day: f"issued_on <= DATE '{day}' AND {lasts('valid_to', day)}",
    ),
)  # fmt: skip
_LICENCE = Grain(
    "titled_licence", frozenset({"admin_license"}),
    _titled("admin_license", "cert_name, doc_name, content", _LICENSED, _licence_stands),
)  # fmt: skip
_HONOUR = Grain(
    "titled_honour", frozenset({"honor_award"}),
    _titled(
        "honor_award", "award_name, item_level", _HONOURED,
        lambda day: _REMEMBERED.covers("awarded_on", day),
    ),
)  # fmt: skip
_HIGH_HONOUR = Grain(
    "high_honour",
    frozenset({"honor_award"}),
    lambda day: (
        f"SELECT enterprise_key FROM visible_honor_award WHERE {is_high('item_level')} "
        f"AND {_REMEMBERED.covers('awarded_on', day)}"
    ),
)
_FUND = Grain(
    "titled_fund", frozenset({"policy_fund"}),
    _titled(
        "policy_fund", "programme", ("research_fund",),
        lambda day: _REMEMBERED.covers("paid_on", day),
    ),
)  # fmt: skip


def _held(title: str, zh: str, en: str, *grains: Grain) -> Feature:
    """Whether any record states the title."""
    of = {grain.name: Aggregate(grain, "count(*)", title) for grain in grains}
    some = " + ".join(f"coalesce({{{name}}}, 0)" for name in of)
    return declare(
        column_name(f"title_{title}", "now"),
        Value("flag", f"CASE WHEN {some} > 0 THEN 1 ELSE 0 END", of),
        NO_DIRECTION, "R24", f"当前持有：{zh}", f"holds a title now: {en}", missing="zero",
    )  # fmt: skip


#: The higher title counts: 3 little giant, 2 specialised firm, 1 innovative firm.
_RANK = (
    "max(CASE WHEN little_giant THEN 3 WHEN specialised THEN 2 WHEN innovative THEN 1 ELSE 0 END)"
)

FACTS: tuple[Feature, ...] = (
    declare(
        column_name("specialised_rank", "now"),
        Value(
            "count",
            "CASE WHEN coalesce({certificate}, 0) > coalesce({honour}, 0) THEN {certificate} ELSE {honour} END",
            {"certificate": Aggregate(_CERTIFICATE, _RANK), "honour": Aggregate(_HONOUR, _RANK)},
        ),
        NO_DIRECTION, "R24", "优质中小企业梯度（0无、1创新型、2专精特新、3小巨人）",
        "step of specialised firms: 0 none, 1 innovative, 2 specialised, 3 little giant", missing="zero",
    ),
    _held("tech_little_giant", "科技小巨人", "technology little giant", _CERTIFICATE, _HONOUR),
    _held("gazelle", "瞪羚企业", "gazelle firm", _CERTIFICATE, _HONOUR),
    _held("unicorn", "独角兽企业", "unicorn", _CERTIFICATE, _HONOUR),
    _held("research_organisation", "新型研发机构", "new research organisation", _CERTIFICATE),
    _held("tobacco_retail", "烟草专卖零售许可", "licence to sell tobacco", _LICENCE),
    _held("medical_insurance", "医保定点", "designated for medical insurance", _LICENCE, _CERTIFICATE),
    _held("tourism", "文旅资质", "certified for tourism", _LICENCE, _CERTIFICATE),
    declare(
        column_name("honours_high", "count", _REMEMBERED.name), count(Aggregate(_HIGH_HONOUR, "count(*)")),
        NO_DIRECTION, "R24", "近36个月国家级、省级表彰次数", "national and provincial honours of the last 36 months",
        missing="zero",
    ),
    declare(
        column_name("research_support", "count", _REMEMBERED.name),
        count(Aggregate(_FUND, "count(*)", "research_fund")),
        NO_DIRECTION, "R24", "近36个月到账的研发类政策资金笔数", "payments of public money for research in the last 36 months",
        missing="zero",
    ),
)  # fmt: skip
