"""The reference page of products, rendered from their catalogue."""

from collections.abc import Sequence
from datetime import date

from features.codes.regions import region_name
from features.datasets import Words
from features.markdown import GENERATED, codes, facts, sentence, table
from models.channels.book import ChannelBook
from models.products.base import base_rule
from models.products.book import (
    Cap,
    Limit,
    Mark,
    OfferVersion,
    Part,
    ProductEntry,
    ProductVersion,
    Rate,
    TermRange,
    standing,
)
from models.products.carbon import CarbonVersion, load_carbon_link
from models.products.rates import load_rates

MARKS: dict[Mark, str] = {
    "V": "read on the page named 见来源页面",
    "P": "illustrative 示例参数",
}
_GUARANTEES = {
    "credit": "credit 信用",
    "mortgage": "mortgage 抵押",
    "pledge": "pledge 质押",
    "guarantee": "guarantee 担保",
    "locked_account": "locked account 锁定回款账户",
    "receivables": "receivables 应收账款",
}


def products_page(entries: Sequence[ProductEntry], columns: ChannelBook, as_of_date: date) -> str:
    """Markdown: what every product asks, the carbon link, the columns, and one heading a product.

    Parameters
    ----------
    as_of_date : date
        Versions in force on this day are shown.

    Returns
    -------
    str
        The page, ending with a newline.
    """
    found = standing(entries, as_of_date)
    intro = (
        f"# Products 融资产品\n\n{GENERATED}\n\n"
        f"{len(found)} products of the starter catalogue. Where a product says *illustrative*, at least one of its "
        "numbers is an example, shown as 示例参数 wherever it is shown. A rule asks [features](features.md), "
        "[facts](facts.md), [tags](tags.md), and what a need or a lender states. A limit is the least of its parts; "
        "a rate rises evenly from the best grade to the weakest the product takes.\n"
    )
    parts = [
        intro,
        f"## Base rule 基本条件\n\nEvery product asks 所有产品均要求:\n\n{_lines(base_rule(as_of_date))}\n",
        _rates(as_of_date),
        _carbon(load_carbon_link().at(as_of_date)),
        columns_table(columns),
        *(_product(entry, version) for entry, version in found),
    ]
    return "\n".join(parts)


def columns_table(columns: ChannelBook) -> str:
    """The columns that products and policies stand in."""
    rows = [
        (f"`{one.code}`", f"{one.words.zh} {one.words.en}", codes(one.tags), "yes 是" if one.strict else "no 否")
        for one in columns.channels
    ]  # fmt: skip
    header = ("code 代码", "column 专栏", "tags of its firms 标签", "strict 严格")
    return f"## Columns 专栏\n\n{table(header, rows)}\n"


def offered_to(version: OfferVersion) -> dict[str, str]:
    """Whom something is offered to, for the table under its heading."""
    told = {
        "Rule 条件": f"`{_inline(version.when)}`" if version.when is not None else "",
        "Tags required 要求标签": codes(version.requires_tags),
        "Tags excluded 排除标签": codes(version.excludes_tags),
        "Purposes 用途": codes(version.purposes),
        "Regions 地区": ", ".join(_region(prefix) for prefix in version.regions),
    }
    return {name: text for name, text in told.items() if text}


def limit_lines(limit: Limit) -> str:
    """A limit in one cell: its own parts, then its caps in order."""
    own = _ceiling(limit)
    least = [f"at least 最低 {limit.at_least}"] if limit.at_least else []
    caps = [
        f"{f'if `{_inline(cap.when)}`' if cap.when is not None else 'else 其他'}: {_ceiling(cap)}"
        for cap in limit.caps
    ]
    return "; ".join([*([own] if own else []), *least, *caps])


def _product(entry: ProductEntry, version: ProductVersion) -> str:
    told = {
        "Lender 机构": _both(entry.lender),
        "Numbers 参数": MARKS[version.evidence],
        **offered_to(version),
        "Limit 额度": limit_lines(version.limit) or "not named 未公布",
        "Rate 利率": _rate(version.rate),
        "Term 期限": _term(version.term_months),
        "Fees 费用": "; ".join(f"{_both(f.words)} ≤ {f.percent_at_most:g} %" for f in version.fees),
        "Security 担保方式": ", ".join(_GUARANTEES[one] for one in version.guarantee),
        "Repayment 还款": _both(version.repayment) if version.repayment else "",
        "Carbon link 碳挂钩": "yes 是" if version.carbon_linked else "",
        "Columns 专栏": codes(entry.channels),
        "In force since 生效": f"{version.valid_from}",
        "Source 来源": version.source,
        "Notes 说明": "; ".join(map(_both, version.notes)),
    }
    rows = facts({name: text for name, text in told.items() if text})
    return f"## {entry.code} {entry.name.zh}\n\n{sentence(entry.name.en)}.\n\n{rows}\n"


def _rates(as_of_date: date) -> str:
    percent = load_rates().base("lpr_1y", as_of_date)
    return f"## Rates counted from 基准利率\n\nOne-year LPR 一年期LPR: {percent:g} %.\n"


def _carbon(link: CarbonVersion | None) -> str:
    if link is None:
        return ""
    rows = [
        (
            f"{level} {_both(one.words)}",
            f"{one.rate_change_bp:+g} bp",
            f"× {one.limit_factor:g}",
            f"× {one.term_factor:g}",
            _both(one.service) if one.service else "",
        )
        for level, one in sorted(link.grades.items())
    ]
    bonus = link.reduction
    header = ("grade 等级", "rate 利率", "limit 额度", "longest term 最长期限", "service 服务")
    return (
        f"## Carbon link 碳挂钩\n\n{table(header, rows)}\n\n"
        f"Intensity 强度: {bonus.bp_per_percent:g} bp for each full percent it fell in a year, {bonus.bp_at_most:g} bp "
        f"at most 同比每下降满1%. {_both(link.claw_back)}. {MARKS[link.evidence]}: {link.source}.\n"
    )


def _rate(rate: Rate) -> str:
    base = "LPR " if rate.base == "lpr_1y" else ""
    ends = [
        "…" if end is None else f"{end:+g}" if base else f"{end:g}"
        for end in (rate.least, rate.most)
    ]
    if rate.least is None and rate.most is None:
        return "not named 未公布"
    text = ends[0] if rate.least == rate.most else " to ".join(ends)
    return f"{base}{text} % a year 年利率"


def _term(term: TermRange) -> str:
    most = "…" if term.most is None else f"{term.most}"
    return f"{term.least} to {most} months 个月"


def _ceiling(one: Limit | Cap) -> str:
    amount = [f"≤ {one.at_most}"] if one.at_most else []
    return ", ".join([*amount, *(f"≤ {_sum(bound)}" for bound in one.bounds)])


def _sum(parts: Sequence[Part]) -> str:
    return " + ".join(f"{part.times:g} × `{part.of}`" for part in parts)


def _region(prefix: str) -> str:
    return "everywhere 全国" if prefix == "*" else f"{prefix} {region_name(prefix) or ''}".strip()


def _both(words: Words) -> str:
    return words.zh if words.zh == words.en else f"{words.zh} {words.en}"


def _lines(condition: object) -> str:
    return "\n".join(f"- `{one}`" for one in _parts(condition, bracketed=False))


def _inline(condition: object) -> str:
    return "" if condition is None else " and ".join(_parts(condition))


def _parts(condition: object, *, bracketed: bool = True) -> list[str]:
    """Conditions that must all hold, as their file writes them."""
    match condition:
        case {"all_of": [*items]}:
            return [f"({one})" if bracketed and " or " in str(one) else str(one) for one in items]
        case _:
            return [str(condition)]
