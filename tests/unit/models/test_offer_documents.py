"""The catalogues of products and policies: codes once, versions apart, and every example number said to be one."""

from pathlib import Path

import pytest

from features.errors import ModelDocumentError
from models.policies.book import PolicyEntry, load_policies, policy_base
from models.products.base import base_rule
from models.products.book import ProductEntry, load_products
from models.products.rates import load_rates
from tests.product_world import DAY

_VERSION = "{valid_from: 2026-01-01, source: a page, evidence: V, regions: ['*'], %s}"
_POLICY = _VERSION % "benefit: {zh: 一, en: one}, claim: {zh: 一, en: one}"
_PRODUCT = _VERSION % "limit: {}, rate: {}, term_months: {}"
_WORDS = "name: {zh: 一, en: one}"
POLICY = "{code: Y99, %s, kind: tax, authority: {zh: 一, en: one}, versions: [%s]}"
PRODUCT = "{code: X1, %s, lender: {zh: 一, en: one}, versions: [%s]}"


def write(folder: Path, key: str, *entries: str) -> Path:
    lines = "\n".join(f"- {entry}" for entry in entries)
    (folder / "own.yaml").write_text(f"{key}:\n{lines}\n", encoding="utf-8")
    return folder


def test_a_code_is_given_once(tmp_path: Path) -> None:
    policy, product = POLICY % (_WORDS, _POLICY), PRODUCT % (_WORDS, _PRODUCT)
    with pytest.raises(ModelDocumentError, match="The policies give Y99 twice"):
        load_policies(write(tmp_path, "policies", policy, policy))
    with pytest.raises(ModelDocumentError, match="The products give X1 twice"):
        load_products(write(tmp_path, "products", product, product))


def test_versions_begin_on_days_of_their_own(tmp_path: Path) -> None:
    policy = POLICY % (_WORDS, f"{_POLICY}, {_POLICY}")
    with pytest.raises(ModelDocumentError, match="two versions of Y99 begin on the same day"):
        load_policies(write(tmp_path, "policies", policy))


@pytest.mark.parametrize("entry", [*load_products(), *load_policies()], ids=lambda one: one.code)
def test_an_example_number_is_said_to_be_one(entry: ProductEntry | PolicyEntry) -> None:
    for version in entry.versions:
        is_told = "illustrative" in version.source or "general knowledge" in version.source
        assert is_told == (version.evidence == "P"), version.source
        assert (
            any(mark in version.source for mark in (".", "号", "条例", "报", "社", "厅")) or is_told
        )


def test_rules_reach_back_before_the_oldest_data() -> None:
    for day in (DAY.replace(year=2012), DAY):
        assert base_rule(day) is not None
        assert policy_base(day) is not None
    assert load_rates().base("lpr_1y", DAY) == 3.0
