"""Real products as pages on the web describe them, read into the terms of the catalogue.

A requirement that is a number or a yes becomes a rule; the rest stays a note in the words of the page.
What a page does not say stays unknown. Pages of third parties with low confidence are marked P.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from features.codes.regions import load_regions
from models.products.book import ProductEntry
from xinqiao.settings import load_settings

PATH = load_settings().data / "products" / "loan_products_cn.jsonl"
_UNSAID = {"zh": "页面未注明", "en": "not named on the page"}
_SMALL = "size_class in ['micro', 'small'] or entity_type = 'individual'"
#: Whom a product is for, where that is a fact and no description.
_TARGETS = {
    "小微企业": _SMALL,
    "个体工商户/小微企业": _SMALL,
    "中小微企业": "size_class in ['micro', 'small', 'medium'] or entity_type = 'individual'",
    "农民专业合作社": "entity_type = 'coop'",
    "科技型中小企业": "tag_tech_sme",
    "高新技术企业": "tag_hnte",
    "专精特新企业": "tag_zjtx",
    "专精特新“小巨人”企业": "tag_zjtx_national",
}
#: Requirements that records answer, as rules.
_RULES: Mapping[str, Callable[[Any], str]] = {
    "operating_years_min": lambda years: f"enterprise_age_months >= {years} years",
    "operating_years_max": lambda years: f"enterprise_age_months < {years} years",
    "tax_paid_12m_min_yuan": lambda yuan: f"tax_paid_sum_12m_cny >= {yuan} 元",
    "tax_paid_in_last_3m": lambda _: "tax_paid_sum_3m_cny > 0 元",
    "no_tax_violation": lambda _: "not tax_major_violation_flag_24m and admin_penalties_tax_count_24m = 0",
    "invoice_months_min": lambda months: f"sales_history_months >= {months} months",
    "invoice_amount_12m_min_yuan": lambda yuan: f"sales_amount_sum_12m_cny >= {yuan} 元",
    "not_in_dishonest_list": lambda _: "not dishonest_debtor_now",
    "not_in_abnormal_list": lambda _: "not abnormal_list_now",
    "not_in_tax_blacklist": lambda _: "not tax_major_violation_now",
    # What must at least hold; how far back a lender looks is not said, so it stays a note as well.
    "no_overdue_or_bad_judicial": lambda _: "not loan_default_now and not dishonest_debtor_now",
    "debt_ratio_max_agri": lambda most: f"debt_ratio <= {most * 100:g} %",
}  # fmt: skip
#: Requirements told elsewhere: by the region, the limit, or the days until an answer.
_ELSEWHERE = {"registered_in", "approval_days", "ltv_max", "pure_credit_cap_wan"}
#: Rules that say less than the page does.
_ALSO_A_NOTE = {"no_overdue_or_bad_judicial", "debt_ratio_max_agri"}
#: A district called 城区 or 矿区 is no help.
_SHORT = 2
_SECURITY = {
    "credit": "信用",
    "mortgage": "抵押",
    "pledge": "质押",
    "guarantee": "担保|保证|增信|分险",
}


@cache
def read_records() -> tuple[dict[str, Any], ...]:
    """The file, a record a product, with its requirements read."""
    lines = PATH.read_text(encoding="utf-8").splitlines()
    records: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return tuple(one | {"requirements": json.loads(one["requirements"])} for one in records)


@cache
def real_products() -> tuple[ProductEntry, ...]:
    """All of them as entries of a catalogue."""
    return tuple(_entry(record) for record in read_records())


def regions_of(text: str) -> list[str]:
    """Prefixes of the regions a page names.

    Examples
    --------
    >>> regions_of("临沂郯城(山东)"), regions_of("青岛/济南(山东)"), regions_of("全国")
    (['371322'], ['3702', '3701'], ['*'])
    """
    if text == "全国":
        return ["*"]
    named = re.sub(r"\(.*\)", "", text).split("/")
    return [_narrowest(one) for one in named]


def _narrowest(text: str) -> str:
    """Prefix of the smallest division named."""
    found = sorted(
        re.sub(r"(0000|00)$", "", code)
        for code, name in load_regions().items()
        if len(name) > _SHORT and re.sub(r"(省|市|县|区)$", "", name) in text
    )
    inside = [
        code
        for code in found
        if all(code.startswith(above) for above in found if len(above) < len(code))
    ]
    return max(inside, key=len)


def _entry(record: dict[str, Any]) -> ProductEntry:
    name, lender = record["product_name"], record["institution"]
    return ProductEntry.model_validate(
        {
            "code": record["product_id"],
            "name": {"zh": name, "en": name} if name else _UNSAID,
            "lender": {"zh": lender, "en": lender} if lender else _UNSAID,
            "versions": [_version(record)],
        }
    )


def _version(record: dict[str, Any]) -> dict[str, Any]:
    asked = record["requirements"]
    rules = list(_rules(record["target"], asked))
    notes = [*_notes(record["target"], asked), *filter(None, [record["guarantee"]])]
    days = re.findall(r"\d+", str(asked.get("approval_days", "")))
    repayment = record["repayment"]
    return {
        "valid_from": "2026-01-01",
        "source": f"{record['source_url']} ({record['source_kind']}, {record['confidence']})",
        "evidence": "P" if record["confidence"] == "low" else "V",
        "when": {"all_of": rules} if rules else None,
        "requires_tags": ["tax_ab"] if asked.get("tax_grade_in") == ["A", "B"] else [],
        "regions": regions_of(record["region"]),
        "limit": _limit(record),
        "rate": {"least": record["rate_low_pct"], "most": record["rate_high_pct"]},
        "term_months": {"least": record["term_min_months"] or 1, "most": record["term_max_months"]},
        "guarantee": _guarantee(record["guarantee"] or ""),
        "repayment": {"zh": repayment, "en": repayment} if repayment else None,
        "approval_days": int(days[-1]) if days else None,
        "notes": [{"zh": text, "en": text} for text in notes],
    }


def _rules(target: str, asked: dict[str, Any]) -> Iterator[str]:
    if target in _TARGETS:
        yield _TARGETS[target]
    for key, value in asked.items():
        if key in _RULES:
            yield _RULES[key](value)


def _notes(target: str, asked: dict[str, Any]) -> Iterator[str]:
    if target not in _TARGETS:
        yield f"面向：{target}"
    for key, value in asked.items():
        is_told = key in _RULES and key not in _ALSO_A_NOTE
        if not is_told and key not in _ELSEWHERE | {"tax_grade_in"}:
            yield f"{key}: {value}"


def _limit(record: dict[str, Any]) -> dict[str, Any]:
    asked = record["requirements"]
    limit: dict[str, Any] = {
        "at_least": _wan(record["min_amount_wan"]),
        "at_most": _wan(record["max_amount_wan"]),
    }
    if "ltv_max" in asked:
        limit["bounds"] = [[{"of": "real_estate_value_cny", "times": asked["ltv_max"]}]]
    if "pure_credit_cap_wan" in asked:
        secured = {"when": "offers_real_estate", "at_most": limit["at_most"]}
        limit["caps"] = [secured, {"at_most": _wan(asked["pure_credit_cap_wan"])}]
    return limit


def _wan(amount: float | None) -> str | None:
    return None if amount is None else f"{amount:g} 万元"


def _guarantee(text: str) -> list[str]:
    return [kind for kind, words in _SECURITY.items() if re.search(words, text)]
