"""The committed reference pages are what the declarations say."""

from pathlib import Path

import pytest

from features.contracts import load_catalogue
from features.definitions import REGISTRY
from features.facts import FACTS
from features.published import list_names, load_published
from features.reference import features_page
from features.reference_catalogue import catalogue_page, published_page
from tests.builders import CATALOGUE
from tests.negative import WHOLE

PAGES = Path(__file__).parents[3] / "docs" / "reference"
LISTS = [load_published(name) for name in list_names()]
RENDERED = {
    "features.md": features_page(REGISTRY),
    "facts.md": features_page(FACTS, "Facts 事实字典"),
    "catalogue.md": catalogue_page(load_catalogue(), LISTS),
    "published-lists.md": published_page(LISTS),
}


@pytest.mark.parametrize("name", sorted(RENDERED))
def test_the_committed_page_is_the_rendered_one(name: str):
    committed = (PAGES / name).read_text(encoding="utf-8")
    assert committed == RENDERED[name], f"docs/reference/{name} is out of date; render it again"


def headings(page: str) -> list[str]:
    return [line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")]


def test_every_feature_and_every_dataset_has_its_heading():
    assert headings(RENDERED["features.md"]) == list(REGISTRY.names)
    assert headings(RENDERED["facts.md"]) == list(FACTS.names)
    assert headings(RENDERED["catalogue.md"]) == sorted(load_catalogue().datasets)
    assert headings(RENDERED["published-lists.md"]) == list_names()


def test_a_feature_says_what_a_reader_needs():
    page = features_page(REGISTRY.select(["sales_amount_sum_3m_cny"]))
    for said in (
        "近3个月销项金额  \nSales amount in the last 3 months\n",
        "| Unit 单位 | 元 yuan |",
        "| Direction 方向 | higher is safer 越高越安全 |",
        "| Missing 缺失 | unknown, stays missing 未知，保持缺失 |",
        "| Datasets 数据集 | `invoice_line` |",
        "| Reason group 原因组 | `R07` |",
        "| Window 窗口 | `3m` |",
        "| Recency 时近性 | yes 是 |",
        "{fen} / 100\n-- fen: sum(amount_fen) FROM invoice WHERE is_valid AND is_sale, window 3m; 0 if none",
        "| Grain 粒度 | `invoice` Single invoices, void ones included; the tax rate in whole percent. |",
    ):
        assert said in page, said


def test_zero_and_its_own_time_axis_are_said_too():
    assert "none on record, counts as 0" in features_page(WHOLE)
    season = features_page(REGISTRY.select(["sales_season_correlation_24m"]))
    assert "| Window 窗口 | the grain's own 由粒度决定 |" in season


def test_a_dataset_says_what_a_provider_needs():
    page = catalogue_page(CATALOGUE, LISTS)
    for said in (
        "## penalty\n\n行政处罚（测试）  \nPenalties (test only)\n",
        "| Sensitivity 敏感级别 | secret 商业秘密、个人隐私 |",
        "| Consent scope 授权范围 | `invoice` |",
        "| Key 主键 | `uscc`, `direction`, `invoice_code`, `invoice_no`, `issued_on` |",
        "| `amount` | money, yuan | `amount_fen` BIGINT | yes 是 | 金额（不含税） Amount without tax |",
        "`void` 作废 Void",
        "| `legal_rep_name` | str | `legal_rep_name_token` VARCHAR, `legal_rep_name_sealed` BLOB |  |",
        "| `uscc` | str | `enterprise_key` INTEGER | yes 是 |",
        "| `repaired_at` | ts | `repaired_at` TIMESTAMP |  | 修复时间 Repaired at |",
    ):
        assert said in page, said


def test_a_dataset_shows_its_rules_and_the_printed_fields_that_lead_to_it():
    page = RENDERED["catalogue.md"]
    for said in (
        "| D13 | [admin_penalty](#admin_penalty) 行政处罚 | public | – | bulk 物理归集 | daily |",
        "| **行政管理信息 Administration** |",
        "`decided_on` by 按 `severity`: `minor` 3, `general` 12, `serious` 36 |",
        "| `not_collected_in_shandong` | reject | `NOT (summary_procedure AND region_code LIKE '37%')` |",
        "| In linyi-2023-9 对应 | 2 行政处罚信息: 企业名称 → `enterprise_name`、",
        "`severity` where the provider gives none",
        " 30 days after the consent 天，自授权终止 (授权终止后三十日内删除（平台规则）",
    ):
        assert said in page, said


def test_an_enterprise_name_is_said_not_to_be_kept():
    assert "| `enterprise_name` | str | not kept 不入湖 |  |" in RENDERED["catalogue.md"]
