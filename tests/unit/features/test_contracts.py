from pathlib import Path

import pytest

from features.contracts import CATALOGUE_DIR, check_catalogue, load_catalogue
from features.errors import CatalogueError
from tests.factories import PENALTY


def folder(tmp_path: Path, text: str, name: str = "penalty") -> Path:
    (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def test_the_shipped_catalogue_is_sound() -> None:
    assert check_catalogue() == []
    assert {"invoice_line", "reg_basic", "consent_event"} <= set(load_catalogue().datasets)


def test_a_negative_dataset_gets_repair_columns(tmp_path: Path) -> None:
    dataset = load_catalogue(folder(tmp_path, PENALTY))["penalty"]
    stored = dataset.lake_columns()
    assert stored["repaired_at"] == "TIMESTAMP"
    assert stored["publicity_end"] == "DATE"
    assert stored["fine_fen"] == "BIGINT"
    assert "uscc" not in stored
    assert not dataset.needs_consent


def test_authorised_rows_carry_their_consent() -> None:
    dataset = load_catalogue()["invoice_line"]
    assert dataset.needs_consent
    assert dataset.columns["consent_id"].required
    assert load_catalogue().opened_by("invoice") == {"invoice_line", "invoice_month"}


def test_personal_columns_are_stored_as_token_and_blob() -> None:
    stored = load_catalogue()["reg_basic"].lake_columns()
    kinds = [stored[f"legal_rep_id_no_{form}"] for form in ("token", "sealed")]
    assert kinds == ["VARCHAR", "BLOB"]
    assert "legal_rep_id_no" not in stored


MISTAKES = [
    ("type: money", "type: monney", "column 'fine' has the unknown type 'monney'; use one of str"),
    ("code: D90\n", "", "'code' is missing"),
    ("sensitivity: public", "sensitivity: secret", "is secret but has no consent_scope"),
    ("sensitivity: public", "sensitivity: authorised", "is authorised but has no consent_scope"),
    ("sensitivity: public", "sensitivity: open", "'sensitivity': Input should be 'public'"),
    ("primary_key: [uscc, decision_no]\n", "", "there is no primary_key"),
    ("[uscc, decision_no]", "[uscc, nothing]", "primary_key names 'nothing', which is no column"),
    ("event_date: decided_on", "event_date: fine", "event_date 'fine' is no date, month or ts"),
    (
        "name: penalty",
        "name: penalties",
        "the file is called 'penalty' but the dataset 'penalties'",
    ),
    ("cadence:", "cadense:", "'cadense' is not a known key; did you mean 'cadence'"),
    ("  points: {type: int", "  line: {type: int", "column 'line' cannot be called so"),
    ("  points: {type: int", '  "a b": {type: int', "column 'a b' cannot be called so"),
    ("  points: {type: int", "  fine_fen: {type: int", "would both be stored as 'fine_fen'"),
    ("{type: int", "{type: enum", "column 'points' is an enum without values"),
    ("{type: list", "{type: list, max_length: 3", "column 'laws' has a max_length but is no text"),
    ("{type: list", "{type: list, minimum: 3", "column 'laws' has a minimum but is no number"),
    (
        "{type: int",
        "{type: int, personal: phone",
        "the personal column 'points' must be of type str",
    ),
    ("{type: int", "{type: int, subject: who", "names the subject 'who', which is no column"),
    ("max_length: 40", "personal: phone", "primary_key names the personal column 'decision_no'"),
    ("  points: {type: int", "  fine: {type: int", "the key 'fine' is given twice"),
    ("negative: true", "negative: [", "is not valid YAML"),
]


@pytest.mark.parametrize(("good", "bad", "sentence"), MISTAKES)
def test_a_mistake_is_one_sentence_that_stops_the_start(
    tmp_path: Path, good: str, bad: str, sentence: str
) -> None:
    assert good in PENALTY
    where = folder(tmp_path, PENALTY.replace(good, bad, 1))
    problems = check_catalogue(where)
    assert any(sentence in problem.en for problem in problems), [p.en for p in problems]
    assert all(problem.zh for problem in problems)
    with pytest.raises(CatalogueError, match="penalty"):
        load_catalogue(where)


def test_a_check_must_be_a_condition_over_stored_columns(tmp_path: Path) -> None:
    text = PENALTY + "checks:\n  c: {sql: fine > 3, zh: 三, en: three}\n"
    problems = check_catalogue(folder(tmp_path, text))
    assert ["check 'c' is no condition over the stored columns" in p.en for p in problems] == [True]
    assert check_catalogue(folder(tmp_path, text.replace("fine >", "fine_fen >"))) == []


RULES = """
publicity: {starts: decided_on, by: severity, months: {minor: 3, serious: 36}}
retention: {years: 5, counts_from: decided_on, basis: {zh: 五年, en: five years}}
"""
SEVERITY = """\
  severity:
    type: enum
    zh: 严重程度
    en: Severity
    derive: CASE WHEN fine > 300000 THEN 'serious' ELSE 'minor' END
    values: {minor: {zh: 轻, en: Minor}, serious: {zh: 重, en: Serious}}
"""
WITH_RULES = PENALTY.replace("columns:\n", f"{RULES.lstrip()}columns:\n{SEVERITY}")

RULE_MISTAKES = [
    ("fine > 3", "fines > 3", "column 'severity' is derived by what is no value over the columns"),
    ("fine > 3", "fine_fen > 3", "column 'severity' is derived by what is no value"),
    ("starts: decided_on", "starts: fine", "publicity starts at 'fine', which is no date column"),
    ("by: severity", "by: points", "publicity goes by 'points', which is no enum column"),
    ("by: severity", "by: weight", "publicity goes by 'weight', which is no enum column"),
    ("{minor: 3, ", "{minr: 3, ", "months for other codes than 'severity' has: minor, minr"),
    ("{minor: 3, ", "{", "months for other codes than 'severity' has: minor."),
    ("negative: true\n", "", "publicity is for negative datasets"),
    ("counts_from: decided_on", "counts_from: fine", "retention counts from 'fine', which is no"),
    ("counts_from: decided_on", "counts_from: gone", "retention counts from 'gone', which is no"),
    ("counts_from: decided_on, ", "", "one of years and counts_from without the other"),
    ("years: 5, counts_from: decided_on, ", "", "neither years nor days_after_consent"),
    ("years: 5,", "years: 5, days_after_consent: 30,", "from the end of a consent, but no row"),
    (
        "  fine:",
        "  boss: {type: str, zh: 人, en: Boss, personal: phone, derive: laws}\n  fine:",
        "the personal column 'boss' cannot be derived",
    ),
]


def test_rules_that_fit_their_columns_are_sound(tmp_path: Path) -> None:
    assert check_catalogue(folder(tmp_path, WITH_RULES)) == []


@pytest.mark.parametrize(("good", "bad", "sentence"), RULE_MISTAKES)
def test_a_rule_must_fit_its_columns(tmp_path: Path, good: str, bad: str, sentence: str) -> None:
    assert good in WITH_RULES
    problems = check_catalogue(folder(tmp_path, WITH_RULES.replace(good, bad, 1)))
    assert [sentence in problem.en for problem in problems] == [True], [p.en for p in problems]
    assert all(problem.zh for problem in problems)


def test_only_a_negative_dataset_keeps_the_repair_columns_for_itself(tmp_path: Path) -> None:
    text = PENALTY + "  repaired_at: {type: ts, zh: 修复, en: Repaired}\n"
    assert "cannot be called so" in check_catalogue(folder(tmp_path, text))[0].en
    assert check_catalogue(folder(tmp_path, text.replace("negative: true\n", ""))) == []


def test_an_empty_folder_and_an_unknown_name_are_said(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="holds no dataset"):
        load_catalogue(tmp_path)
    with pytest.raises(CatalogueError, match="Did you mean 'invoice_line'") as unknown:
        load_catalogue(CATALOGUE_DIR)["invoice_lines"]
    assert "invoice_lines" in unknown.value.zh


def test_a_folder_in_place_of_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "penalty.yaml").mkdir()
    assert "cannot be read" in check_catalogue(tmp_path)[0].en
