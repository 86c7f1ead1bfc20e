"""The published Linyi list: quoted as printed, each field with its place, and landed by its headings."""

import shutil
from pathlib import Path

import pytest

from features.contracts import load_catalogue
from features.errors import CatalogueError, MappingError
from features.published import (
    LISTS_DIR,
    check_published,
    coverage,
    list_names,
    load_published,
    published_mapping,
    read_published,
)
from tests.factories import USCCS, Desk, write_csv

LINYI = "linyi-2023-9"
#: Fields as the annex separates them with 、; brackets belong to their field.
FIELDS = {1: 18, 2: 21, 3: 14, 4: 7, 5: 7, 6: 4, 7: 7}
#: The shared contents 共享内容 of the shorter types, copied from the annex.
PRINTED = {
    3: "企业名称、统一社会信用代码、法定代表人姓名、法定代表人证件类型、法定代表人证件号码、行政强制决定文书名称、"
    "行政强制文书号、行政强制执行理由、行政强制执行依据、行政强制执行方式、执行时间、行政机关名称、"
    "行政机关统一社会信用代码、数据提供单位",
    4: "企业名称、统一社会信用代码、水用户信息(户名户号)、缴纳水费明细、近3个月月均用水量、近6个月月均用水量、当前是否欠费",
    6: "企业名称、统一社会信用代码、是否属于国家级高新技术企业、获得科研支持信息(实验室建设、政府资金支持、参与标准制定、人才认证等)",
    7: "新型农业经营主体名称、类别、负责人、所在地、经营内容、农村土地经营权信息、农民住房财产权信息",
}


HEADINGS = [
    "企业名称",
    "统一社会信用代码",
    "行政许可决定文书号",
    "行政许可类别",
    "行政许可内容",
    "行政许可决定日期",
    "行政许可状态",
]


def test_the_seven_types_are_quoted() -> None:
    kinds = load_published(LINYI).kinds
    assert {kind.number: len(kind.fields) for kind in kinds} == FIELDS
    assert {n: "、".join(kinds[n - 1].fields) for n in PRINTED} == PRINTED
    assert f"{kinds[0].mode}({kinds[0].authorisation})" == (
        "国家或地方层面以物理归集方式共享至全国融资信用服务平台(法定代表人证件号码和类型在对外提供时需经企业授权)"
    )
    assert [kind.needs_consent for kind in kinds] == ["identifiers"] * 3 + ["everything"] * 4
    assert kinds[6].plan == "2023年年底"
    assert len(load_published(LINYI).notes) == 3


@pytest.mark.parametrize("name", list_names())
def test_a_published_list_fits_the_catalogue(name: str) -> None:
    assert check_published(load_published(name), load_catalogue()) == []


def test_every_field_has_its_place_and_persons_are_sealed() -> None:
    landings = coverage(load_published(LINYI), load_catalogue())
    assert len(landings) == sum(FIELDS.values())
    assert {row.field for row in landings if row.is_sealed} == {
        "法定代表人姓名",
        "法定代表人证件号码",
        "水用户信息(户名户号)",
        "燃气用户信息(户名户号)",
        "新型农业经营主体名称",
        "负责人",
    }


MISTAKES = [
    ("罚款金额: fine_amount", "罚款金额: fine_amounts", "'罚款金额' leads to 'fine_amounts'"),
    ("dataset: admin_penalty", "dataset: admin_penalties", "which is no dataset of the catalogue"),
    ("sharing_mode: bulk", "sharing_mode: api", "is shared by api, but 'admin_penalty' by bulk"),
    ("needs_consent: identifiers", "needs_consent: everything", "but 'admin_penalty' is public"),
]


@pytest.mark.parametrize(("good", "bad", "sentence"), MISTAKES)
def test_a_list_that_does_not_fit_is_said(
    tmp_path: Path, good: str, bad: str, sentence: str
) -> None:
    folder = shutil.copytree(LISTS_DIR / LINYI, tmp_path / LINYI)
    path = folder / "2-admin_penalty.yaml"
    text = path.read_text(encoding="utf-8")
    assert good in text
    path.write_text(text.replace(good, bad), encoding="utf-8")
    problems = check_published(read_published(folder), load_catalogue())
    assert [sentence in problem.en for problem in problems] == [True]
    assert all(problem.zh for problem in problems)


def test_unknown_lists_and_kinds_name_the_known_ones() -> None:
    with pytest.raises(CatalogueError, match="Did you mean 'linyi-2023-9'"):
        load_published("linyi-2023")
    with pytest.raises(MappingError, match="no kind of information for the dataset 'invoice_line'"):
        published_mapping(load_published(LINYI), load_catalogue()["invoice_line"])


def test_a_file_with_the_printed_headings_lands(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    path = write_csv(
        tmp_path / "行政许可.csv",
        [
            HEADINGS,
            ["甲公司", USCCS[0], "沂行审〔2025〕1号", "普通", "食品经营", "2025/03/01", "有效"],
            ["乙公司", USCCS[1], "沂行审〔2025〕2号", "特许", "供水", "2025-03-02", "撤销"],
            ["乙公司", USCCS[1], "沂行审〔2025〕3号", "别的", "供水", "2025-03-02", "有效"],
        ],
    )
    mapping = published_mapping(load_published(LINYI), desk.dataset("admin_license"))
    batch = desk.ingest(path, mapping=mapping)[0].batch
    assert (batch.delivered, batch.landed, batch.rejected) == (3, 2, 1)
    rows = desk.rows("admin_license")
    assert [row["license_kind"] for row in rows] == ["ordinary", "franchise"]
    assert [row["status"] for row in rows] == ["valid", "revoked"]
    assert rows[0]["content"] == "食品经营"


def test_what_the_contract_requires_beyond_the_list_is_asked_for(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    header = ["统一社会信用代码", "户号", "月份", "用水量", "近3个月月均用水量"]
    path = write_csv(tmp_path / "水费.csv", [header, [USCCS[0], "1", "202503", "12", "11"]])
    mapping = published_mapping(load_published(LINYI), desk.dataset("water_month"))
    assert "has no column '授权编号'" in desk.refuse(path, mapping=mapping).en
