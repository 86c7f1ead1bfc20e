from pathlib import Path

import pytest

from features.contracts import load_catalogue
from features.errors import MappingError
from features.mapping import Rule, identity_mapping, load_mapping
from tests.factories import INVOICES, Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_every_shipped_mapping_fits_its_dataset() -> None:
    catalogue = load_catalogue()
    folder = Path(__file__).parents[3] / "features" / "mappings"
    names = {
        "consent_modelling": "consent_event",
        "input_invoices": "invoice_line",
        "output_invoices": "invoice_line",
        "loan_outcome": "loan_outcome",
        "registration": "reg_basic",
    }
    for stem, dataset in names.items():
        mapping = load_mapping(folder / "cumcm2020c" / f"{stem}.yaml", catalogue[dataset])
        assert mapping.dataset.name == dataset
    for stem, dataset in {"registration": "reg_basic", "events": "public_event"}.items():
        mapping = load_mapping(folder / "beijing" / f"{stem}.yaml", catalogue[dataset])
        assert mapping.dataset.name == dataset


def test_source_columns_are_listed_once(desk: Desk) -> None:
    mapping = desk.mapping(INVOICES)
    assert mapping.source_columns() == [
        "企业",
        "发票号码",
        "开票日期",
        "购方",
        "金额",
        "税额",
        "价税合计",
        "状态",
    ]


def test_the_hash_is_of_the_file(desk: Desk) -> None:
    one = desk.mapping(INVOICES, name="a")
    assert desk.mapping(INVOICES, name="b").sha256 == one.sha256
    assert desk.mapping(INVOICES + "\n", name="c").sha256 != one.sha256


def test_identity_maps_every_column_to_itself(desk: Desk) -> None:
    mapping = identity_mapping(desk.dataset("penalty"))
    assert mapping.rules["fine"].source == "fine"
    assert set(mapping.source_columns()) == set(desk.dataset("penalty").columns)


def test_template_columns_may_hold_colons_and_spaces() -> None:
    rule = Rule(template="a:{x:y z}-{w}")
    assert rule.source_columns() == ["x:y z", "w"]
    assert rule.template_parts() == ["a:", "x:y z", "-", "w", ""]


MISTAKES = [
    (
        "dataset: invoice_line",
        "dataset: reg_basic",
        "maps the dataset 'reg_basic', not 'invoice_line'",
    ),
    ("  amount: 金额", "  amuont: 金额", r"maps 'amuont'.*Did you mean 'amount'"),
    ("  amount: 金额\n", "", r"leaves out the required column\(s\) amount"),
    (
        "{constant: sales}",
        "{}",
        "exactly one of 'from', 'constant', 'template', 'synthetic' or 'digest'",
    ),
    ("{constant: sales}", "{constant: sales, from: x}", "exactly one of"),
    ("{constant: sales}", "{konstant: sales}", "'columns.direction.konstant' is not a known key"),
    ("{constant: sales}", "{constant: 1}", r"'columns.direction.constant': .*valid string, got 1"),
    ("{constant: sales}", "{template: fixed}", "names at least one"),
    ("{constant: sales}", '{template: "{a"}', "names at least one"),
    ("{constant: sales}", '{template: "{a}{"}', "a brace that opens or closes nothing"),
    ("{constant: sales}", "{synthetic: x, namespace: n}", "only 'uscc' can be synthetic"),
    ("namespace: test", 'namespace: "a:b"', "namespace"),
    (", namespace: test", "", "'synthetic' needs a 'namespace'"),
    ("namespace: test", 'namespace: test, kind: "9"', "kind"),
    ("{constant: sales}", "{digest: []}", "columns.direction.digest"),
    ("{constant: sales}", "{digest: [金额]}", "'direction' cannot be a digest"),
    ("{constant: sales}", "{from: x, or_name: 企业}", "only 'uscc' can have or_name and kinds"),
    ("{constant: sales}", '{from: x, kinds: ["91"]}', "only 'uscc' can have or_name and kinds"),
    ("namespace: test", "namespace: test, or_name: x", "'or_name' stands in for a code"),
    ("{constant: sales}", "{from: x, or_name_when_invalid: true}", "needs 'or_name'"),
    ("dataset: invoice_line", "dataset: invoice_line\nrows: {状态: []}", "rows.状态"),
    ("dataset: invoice_line", "dataset: invoice_line\nrows: {状态: {ends_with: [x]}}", "rows.状态"),
    (
        "作废: void",
        "作废: voided",
        r"code\(s\) voided, which 'status' does not know; it knows valid, void",
    ),
    ("amount: 金额", "amount: {from: 金额, codes: {a: b}}", "it knows none"),
    (
        "amount: 金额",
        "amount: {from: 金额, date_formats: ['%Y']}",
        "has date_formats but is no date",
    ),
    (
        "开票日期",
        "{from: 开票日期, date_formats: ['%Q']}",
        "the date format '%Q', which cannot be read",
    ),
    ("provider: {name", "provider: {nom", "provider.nom"),
    ("dataset: invoice_line", "dataset: invoice_line\nfile: {delimiter: ';;'}", "file.delimiter"),
    ("dataset: invoice_line", "dataset: invoice_line\nfile: {thousands: '.'}", "file.thousands"),
    ("dataset: invoice_line", "dataset: invoice_line\nfile: {encoding: latin1}", "file.encoding"),
]
AVAILABLE = [
    ("{after: nothing}", "available_at counts from 'nothing', which is not mapped"),
    ("{after: amount}", "available_at counts from 'amount', which is no date"),
    ("{after: issued_on, days: -1}", "available_at.days"),
    ("{constant: '2020-01-01', days: 3}", "'days' counts from a column"),
    ("{constant: soon}", "available_at.constant"),
    ("{constant: '2020-01-01T00:00:00+08:00'}", "wall time without a zone"),
    ("{after: issued_on, from: x}", "exactly one of 'after', 'from' or 'constant'"),
]


@pytest.mark.parametrize(("good", "bad", "sentence"), MISTAKES)
def test_a_mistake_is_one_sentence(desk: Desk, good: str, bad: str, sentence: str) -> None:
    assert good in INVOICES
    with pytest.raises(MappingError, match=sentence) as error:
        desk.mapping(INVOICES.replace(good, bad, 1))
    assert error.value.zh


@pytest.mark.parametrize(("rule", "sentence"), AVAILABLE)
def test_a_wrong_availability_is_one_sentence(desk: Desk, rule: str, sentence: str) -> None:
    with pytest.raises(MappingError, match=sentence) as error:
        desk.mapping(f"{INVOICES}available_at: {rule}\n")
    assert error.value.zh


@pytest.mark.parametrize(
    "leak",
    [
        "name: 姓名",
        'name: {template: "{企业}{姓名}"}',
        "name: 企业\n  address: 证件",
        "name: 企业\navailable_at: {from: 证件}",
        "name: 企业\nrows: {证件: present}",
        "name: 企业\n  region_code: {digest: [姓名]}",
    ],
)
def test_a_personal_source_may_not_feed_a_plain_column(desk: Desk, leak: str) -> None:
    text = (
        "dataset: reg_basic\nprovider: {name: x}\ncolumns:\n  uscc: 代码\n"
        f"  legal_rep_name: 姓名\n  legal_rep_id_no: 证件\n  {leak}\n"
    )
    with pytest.raises(MappingError, match="personal identifier and also for a column") as error:
        desk.mapping(text, "reg_basic")
    assert "明文" in error.value.zh


def test_a_missing_file_and_a_folder_are_said(tmp_path: Path, desk: Desk) -> None:
    with pytest.raises(MappingError, match="There is no file"):
        load_mapping(tmp_path / "none.yaml", desk.dataset("penalty"))
    with pytest.raises(MappingError, match="cannot be read"):
        load_mapping(tmp_path, desk.dataset("penalty"))
