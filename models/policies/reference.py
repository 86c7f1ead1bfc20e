"""The reference page of policies, rendered from their catalogue."""

from collections.abc import Sequence
from datetime import date

from features.markdown import GENERATED, codes, facts, sentence
from models.policies.book import PolicyEntry, PolicyKind, PolicyVersion, policies_standing
from models.products.reference import MARKS, limit_lines, offered_to

_KINDS: dict[PolicyKind, str] = {
    "interest": "interest 贴息",
    "fees": "fees 费用补助",
    "reward": "reward 奖励",
    "refund": "refund 返还",
    "insurance": "insurance premium 保费补贴",
    "tax": "tax 税收优惠",
    "right": "right 权益",
}


def policies_page(entries: Sequence[PolicyEntry], as_of_date: date) -> str:
    """Markdown: one heading a policy with whom it is for, what it comes to and how to claim it.

    Parameters
    ----------
    as_of_date : date
        Versions in force on this day are shown.

    Returns
    -------
    str
        The page, ending with a newline.
    """
    found = policies_standing(entries, as_of_date)
    intro = (
        f"# Policies 惠企政策\n\n{GENERATED}\n\n"
        f"{len(found)} policies of the starter catalogue. Where one says *illustrative*, at least one of its numbers "
        "is an example or general knowledge, to be confirmed against the text before anybody relies on it. A firm "
        "must exist and be on no list of serious dishonesty; rules ask what those of [products](products.md) ask.\n"
    )
    return "\n".join([intro, *(_policy(entry, version) for entry, version in found)])


def _policy(entry: PolicyEntry, version: PolicyVersion) -> str:
    told = {
        "Kind 类型": _KINDS[entry.kind],
        "Authority 主管部门": f"{entry.authority.zh} {entry.authority.en}",
        "Benefit 内容": f"{version.benefit.zh} {version.benefit.en}",
        "Comes to 金额": limit_lines(version.amount) if version.amount else "",
        **offered_to(version),
        "How to claim 申领方式": f"{version.claim.zh} {version.claim.en}",
        "Numbers 参数": MARKS[version.evidence],
        "Columns 专栏": codes(entry.channels),
        "In force 有效期": f"{version.valid_from} – {version.valid_until or '…'}",
        "Source 来源": version.source,
    }
    rows = facts({name: text for name, text in told.items() if text})
    return f"## {entry.code} {entry.name.zh}\n\n{sentence(entry.name.en)}.\n\n{rows}\n"
