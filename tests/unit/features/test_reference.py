"""The committed reference pages are what the declarations say."""

from pathlib import Path

import pytest

from features.contracts import load_catalogue
from features.definitions import REGISTRY
from features.reference import catalogue_page, features_page
from tests.builders import CATALOGUE
from tests.negative import WHOLE

PAGES = Path(__file__).parents[3] / "docs" / "reference"
RENDERED = {
    "features.md": features_page(REGISTRY),
    "catalogue.md": catalogue_page(load_catalogue()),
}


@pytest.mark.parametrize("name", sorted(RENDERED))
def test_the_committed_page_is_the_rendered_one(name: str):
    committed = (PAGES / name).read_text(encoding="utf-8")
    assert committed == RENDERED[name], f"docs/reference/{name} is out of date; render it again"


def headings(page: str) -> list[str]:
    return [line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")]


def test_every_feature_and_every_dataset_has_its_heading():
    assert headings(RENDERED["features.md"]) == list(REGISTRY.names)
    assert headings(RENDERED["catalogue.md"]) == sorted(load_catalogue().datasets)


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
    page = catalogue_page(CATALOGUE)
    for said in (
        "## penalty\n\n行政处罚（测试）  \nPenalties (test only)\n",
        "| Sensitivity 敏感级别 | secret |",
        "| Consent scope 授权范围 | `invoice` |",
        "| Key 主键 | `uscc`, `direction`, `invoice_code`, `invoice_no`, `issued_on` |",
        "| `amount` | money, yuan | `amount_fen` BIGINT | yes 是 | 金额（不含税） Amount without tax |",
        "`void` 作废 Void",
        "| `legal_rep_name` | str | `legal_rep_name_token` VARCHAR, `legal_rep_name_sealed` BLOB |  |",
        "| `uscc` | str | `enterprise_key` INTEGER | yes 是 |",
        "| `repaired_at` | ts | `repaired_at` TIMESTAMP |  | 修复时间 Repaired at |",
    ):
        assert said in page, said
