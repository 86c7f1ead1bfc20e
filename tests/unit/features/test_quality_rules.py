"""The rule pack: words for every code, and a delivery in which each mistake is made once."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from features.contracts import CATALOGUE_DIR, load_catalogue
from features.errors import CatalogueError
from features.quality_rules import RULES_PATH, load_rules, reason, warning, words_of
from features.reference_quality import quality_page
from tests.factories import USCCS, Desk, write_csv

RULES = load_rules()

DATASET = """
name: inspection
code: D91
title: {zh: 检查, en: Inspections}
category: {zh: 检查, en: Inspections}
provider: {zh: 各部门, en: Departments}
sharing_mode: bulk
sensitivity: public
cadence: daily
available_lag_days: 7
event_date: held_on
negative: true
publicity: {starts: held_on, by: severity, months: {minor: 3, serious: 36}}
primary_key: [uscc, record]
columns:
  record: {type: str, zh: 编号, en: Record, required: true, max_length: 6}
  held_on: {type: date, zh: 日期, en: Held on}
  period: {type: month, zh: 月份, en: Month}
  seen_at: {type: ts, zh: 时间, en: Seen at}
  heads: {type: int, zh: 人数, en: Heads, minimum: 0}
  rate: {type: decimal, zh: 比率, en: Rate}
  fine: {type: money, zh: 罚款, en: Fine, unit: yuan}
  paid: {type: money, zh: 已缴, en: Paid, unit: yuan}
  is_open: {type: bool, zh: 是否, en: Is open}
  kind: {type: enum, zh: 种类, en: Kind, values: {a: {zh: 甲, en: A}}}
  laws: {type: list, zh: 依据, en: Laws}
  insured: {type: month_list, zh: 人数, en: Insured, unit: heads}
  region_code: {type: str, zh: 区划, en: Region, codes: region}
  industry_code: {type: str, zh: 行业, en: Industry, codes: industry}
  severity:
    type: enum
    zh: 程度
    en: Severity
    required: true
    values: {minor: {zh: 轻微, en: Minor}, serious: {zh: 严重, en: Serious}}
    derive: "CASE WHEN fine >= 50000000 THEN 'serious' WHEN fine >= 0 THEN 'minor' END"
  officer: {type: str, zh: 姓名, en: Officer, personal: person_name, subject: officer_id}
  officer_id: {type: str, zh: 证件, en: ID, personal: id_number, subject: officer_id}
  officer_phone: {type: str, zh: 电话, en: Phone, personal: phone, subject: officer_id}
checks:
  paid_is_no_more: {sql: paid_fen <= fine_fen, zh: 已缴大于罚款, en: more is paid than fined}
  no_thirteen: {sql: heads <> 13, zh: 人数为 13, en: thirteen heads, action: reject}
"""
GOOD = {
    "uscc": USCCS[0],
    "record": "1",
    "held_on": "2025-01-31",
    "period": "202501",
    "seen_at": "2025-01-31 08:00:00",
    "heads": "5",
    "rate": "0.5",
    "fine": "100",
    "paid": "100",
    "is_open": "是",
    "kind": "a",
    "laws": "甲；乙",
    "insured": "202501，3；202412，4；",
    "region_code": "371302",
    "industry_code": "3911",
    "severity": "",
    "officer": "张三",
    "officer_id": "11010519491231002X",
    "officer_phone": "13800138000",
}

# The reasons of a row, and the cells that differ from `GOOD`. Half of the rest is in MISTAKES_OF_FILES.
MISTAKES: list[tuple[str, Mapping[str, str]]] = [
    ("record:missing", {"record": "无"}),
    ("severity:missing", {"fine": "-5", "paid": "-5"}),
    ("rate:not_a_number", {"rate": "半"}),
    ("heads:not_an_integer", {"heads": "5.5"}),
    ("insured:not_an_integer", {"insured": "202501，3.5；"}),
    ("fine:not_an_amount", {"fine": "100.005", "severity": "minor"}),
    ("insured:not_positive", {"insured": "202501，0；"}),
    ("held_on:not_a_date", {"held_on": "2025-02-30"}),
    ("period:not_a_month", {"period": "202513"}),
    ("seen_at:not_a_time", {"seen_at": "8点"}),
    ("is_open:not_a_bool", {"is_open": "或"}),
    ("kind:unknown_code", {"kind": "b"}),
    ("laws:not_a_list", {"laws": "；"}),
    ("insured:not_a_month_list", {"insured": "202501"}),
    ("insured:half_width_marks", {"insured": "202501,3;"}),
    ("insured:duplicate_month", {"insured": "202501，3；202501，3；"}),
    ("insured:month_too_old", {"insured": "202501，3；202212，3；"}),
    ("insured:in_the_future", {"insured": "202602，3；"}),
    ("held_on:in_the_future", {"held_on": "2026-01-16"}),
    ("officer:not_a_name", {"officer": "张12345"}),
    ("officer_id:not_an_id", {"officer_id": "13800138000"}),
    ("officer_phone:not_a_phone", {"officer_phone": "11010519491231002X"}),
    ("laws:personal_value", {"laws": "甲；13800138000"}),
    ("record:too_long", {"record": "1234567"}),
    ("heads:below_minimum", {"heads": "-1"}),
    ("uscc:invalid_uscc", {"uscc": USCCS[0][:17] + "4"}),
    ("check:no_thirteen", {"heads": "13"}),
]
DOUBTS: list[tuple[str, Mapping[str, str]]] = [
    ("region_code:unknown_code", {"region_code": "371399"}),
    ("industry_code:unknown_code", {"industry_code": "9811"}),
    ("uscc:legacy_check", {"uscc": "91350100M000100Y56"}),
    ("uscc:unknown_prefix", {"uscc": "99350100M000100Y4A"}),
    ("officer_id:wrong_check_digit", {"officer_id": "110105194912310021"}),
    ("check:paid_is_no_more", {"paid": "100.01"}),
]
#: Reasons that take more than one row or another kind of file, and the tests that bring them about.
ELSEWHERE = {
    "rounded": "test_column_sql.py",
    "wrong_number_of_fields": "test_ingest.py",
    "conflicting_duplicate": "test_quality_rules.py",
    "synthetic_collision": "test_ingest.py",
    "name_unknown": "test_linking.py",
    "name_ambiguous": "test_linking.py",
    "not_an_enterprise": "test_linking.py",
}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    folder = tmp_path / "catalogue"
    shutil.copytree(CATALOGUE_DIR, folder)
    (folder / "inspection.yaml").write_text(DATASET, encoding="utf-8")
    desk.catalogue = load_catalogue(folder)
    return desk


def deliver(desk: Desk, rows: list[Mapping[str, str]]) -> Path:
    cells = [
        list({**GOOD, "record": str(line), **row}.values()) for line, row in enumerate(rows, 2)
    ]
    return write_csv(desk.root / "a.csv", [list(GOOD), *cells])


def test_each_mistake_once_gives_exactly_its_reason(desk: Desk) -> None:
    path = deliver(desk, [changes for _, changes in MISTAKES] + [{}])
    (delivery,) = desk.ingest(path, mapping=desk.identity("inspection"), share=1)
    found = {row["line"]: row["reasons"] for row in desk.quarantine("inspection")}
    assert found == {line: [code] for line, (code, _) in enumerate(MISTAKES, 2)}
    assert dict(delivery.batch.reasons) == {code: 1 for code, _ in MISTAKES}
    assert (delivery.batch.landed, delivery.batch.warned, dict(delivery.batch.warnings)) == (
        1,
        0,
        {},
    )


def test_other_content_under_the_same_key_is_refused_once(desk: Desk) -> None:
    path = deliver(desk, [{"record": "1"}, {"record": "1", "heads": "6"}, {"record": "1"}])
    (delivery,) = desk.ingest(path, mapping=desk.identity("inspection"))
    (row,) = desk.quarantine("inspection")
    assert row["reasons"] == ["row:conflicting_duplicate"]
    assert delivery.batch.landed == 1


def lenient(desk: Desk) -> str:
    columns = "".join(
        f"  {name}: {name}\n" for name in desk.dataset("inspection").columns if name in GOOD
    )
    return (
        f"dataset: inspection\nprovider: {{name: 某局}}\nuscc_check: lenient\ncolumns:\n{columns}"
    )


def test_each_doubt_once_lands_marked_and_counted(desk: Desk) -> None:
    path = deliver(desk, [changes for _, changes in DOUBTS] + [{}, dict(DOUBTS[0][1])])
    mapping = desk.mapping(lenient(desk), "inspection")
    (delivery,) = desk.ingest(path, mapping=mapping)
    counts = {code: 1 for code, _ in DOUBTS} | {DOUBTS[0][0]: 2}
    assert dict(delivery.batch.warnings) == counts
    assert next(iter(delivery.batch.warnings)) == DOUBTS[0][0], "the most frequent comes first"
    assert (delivery.batch.rejected, delivery.batch.warned) == (0, len(DOUBTS) + 1)
    statuses = [row["dq_status"] for row in desk.rows("inspection")]
    assert statuses == ["warn"] * len(DOUBTS) + ["ok", "warn"]
    assert dict(desk.lake.view().batches[-1].warnings) == counts, "the log keeps them"


def test_a_strict_mapping_rejects_an_old_body_check(desk: Desk) -> None:
    path = deliver(desk, [{}, dict(DOUBTS[2][1])])
    desk.ingest(path, mapping=desk.identity("inspection"))
    assert [row["reasons"] for row in desk.quarantine("inspection")] == [["uscc:invalid_uscc"]]


def test_a_row_may_have_several_doubts(desk: Desk) -> None:
    path = deliver(desk, [{**DOUBTS[0][1], **DOUBTS[5][1]}])
    (delivery,) = desk.ingest(path, mapping=desk.identity("inspection"))
    assert dict(delivery.batch.warnings) == {DOUBTS[0][0]: 1, DOUBTS[5][0]: 1}
    assert delivery.batch.warned == 1


@pytest.mark.parametrize(
    ("changes", "severity", "end"),
    [
        ({"fine": "499999.99"}, "minor", "2025-04-30"),  # 31 January and three months
        ({"fine": "500000"}, "serious", "2028-01-31"),  # the limit; three years
        (
            {"fine": "500000", "severity": "minor"},
            "minor",
            "2025-04-30",
        ),  # the provider's word first
        ({"fine": "500000", "publicity_end": "2025-06-01"}, "serious", "2025-06-01"),
        ({"held_on": ""}, "minor", "None"),
    ],
)
def test_derived_values_and_the_end_of_publicity(
    desk: Desk, changes: Mapping[str, str], severity: str, end: str
) -> None:
    path = write_csv(
        desk.root / "a.csv",
        [[*GOOD, "publicity_end"], list({**GOOD, "publicity_end": "", **changes}.values())],
    )
    desk.ingest(path, mapping=desk.identity("inspection"))
    (row,) = desk.rows("inspection")
    assert (row["severity"], str(row["publicity_end"])) == (severity, end)


def test_a_batch_refused_for_a_check_says_so_in_its_words(desk: Desk) -> None:
    path = deliver(desk, [{"heads": "13"}])
    error = desk.refuse(path, mapping=desk.identity("inspection"))
    assert "Most often thirteen heads (1 rows, first in line 2)" in error.en
    assert "最常见原因：人数为 13（1 行" in error.zh


def test_every_reason_is_brought_about_by_a_test() -> None:
    made = {code.partition(":")[2] for code, _ in MISTAKES if not code.startswith("check:")}
    assert made | set(ELSEWHERE) == set(RULES.reasons)
    for code, place in ELSEWHERE.items():
        assert f":{code}" in (Path(__file__).parent / place).read_text(encoding="utf-8")
    doubted = {code.partition(":")[2] for code, _ in DOUBTS if not code.startswith("check:")}
    assert doubted == set(RULES.warnings)


def test_every_code_has_words_and_advice_in_both_languages() -> None:
    for found in (*RULES.reasons.values(), *RULES.warnings.values()):
        assert re.search("[一-鿿]", found.zh) and re.search("[一-鿿]", found.fix.zh)  # noqa: PT018 - one claim
        assert found.en[0].islower() and found.fix.en[0].isupper()  # noqa: PT018 - one claim


def test_a_code_without_words_cannot_be_given() -> None:
    with pytest.raises(KeyError, match="'odd' has no words"):
        reason("amount", "odd")
    with pytest.raises(KeyError, match="'missing' has no words"):
        warning("amount", "missing")


def test_words_of_a_check_are_the_dataset_s_own(desk: Desk) -> None:
    document = desk.dataset("inspection").document
    assert words_of("check:no_thirteen", document).en == "thirteen heads"
    assert words_of("fine:missing", document).en == "is required but empty"
    assert words_of("uscc:legacy_check", document, is_warning=True).en.startswith("has an old")


def test_numbers_of_the_pack_are_numbers_of_the_catalogue() -> None:
    numbers, catalogue = RULES.numbers, load_catalogue().datasets
    listed = {*numbers.positive, *numbers.zero_allowed, *numbers.unknown_marks}
    known = [name.split(".") for name in sorted(listed) if name.split(".")[0] in catalogue]
    assert ["reg_basic", "insured_count"] in known
    for dataset, name in known:
        assert catalogue[dataset].columns[name].type in {"int", "money", "decimal"}, name


@pytest.mark.parametrize(
    ("code", "is_known"),
    [("91", True), ("N3", True), ("N4", False), ("Z1", False), ("9", False), ("", False)],
)
def test_prefixes(code: str, is_known: bool) -> None:  # noqa: FBT001 - a table's column
    assert RULES.uscc.knows(code) is is_known


@pytest.mark.parametrize(
    ("found", "instead", "sentence"),
    [
        (
            "    - loan_account.rate\n",
            "    - loan_account.term_months\n",
            "both positive and zero_allowed",
        ),
        ("reason: not_a_name", "reason: odd", "'odd' of personal.slipped has no words"),
        ("window: 24", "window: 0", "month_lists.window"),
    ],
)
def test_a_wrong_pack_is_refused(tmp_path: Path, found: str, instead: str, sentence: str) -> None:
    text = RULES_PATH.read_text(encoding="utf-8")
    assert found in text
    path = tmp_path / "rules.yaml"
    path.write_text(text.replace(found, instead), encoding="utf-8")
    with pytest.raises(CatalogueError, match=re.escape(sentence)):
        load_rules(path)


def test_the_page_has_a_heading_for_every_reason_and_warning() -> None:
    page = quality_page(RULES)
    for code in (*RULES.reasons, *RULES.warnings):
        assert f"### `{code}`" in page
    committed = Path(__file__).parents[3] / "docs" / "reference" / "quality-rules.md"
    assert committed.read_text(encoding="utf-8") == page, "run `make docs`"
