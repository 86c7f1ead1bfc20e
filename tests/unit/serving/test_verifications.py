"""Verifications through the whole application, on a small lake that is written row by row."""

from collections.abc import Generator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from features.contracts import load_catalogue
from features.vault import Vault
from serving.database.addresses import Addresses
from serving.verifications.repository import forget_counts
from serving.verifications.rules import load_rules
from tests.builders import TinyLake, record
from tests.consents_by_hand import grant
from tests.service import OTHER_BANK, Ask, Running, service

CODE = "91370100MA{:08d}"
FIRM, EMPTY = CODE.format(1), CODE.format(2)
ID_NUMBER = "11010119900307757X"
MAY = ["verification:ask"]


def write_lake(home: Path) -> None:
    lake, vault = TinyLake(home / "lake", CODE), Vault(home / "vault")
    person = {"legal_rep_id_no_token": vault.token("id_number", ID_NUMBER)}
    basic = record(1, "reg_basic", {"name": "晨光五金厂", "reg_capital": "2000000"})
    lake.land("reg_basic", [{**basic, **person}, record(2, "reg_basic", {"name": "空白商行"})])
    months = [("202603", "40"), ("202604", "12")]
    rows = [record(1, "pension_month", {"month": m, "insured": n}) for m, n in months]
    lake.land("pension_month", rows)
    lake.land("patent", [record(1, "patent", {"patent_no": "ZL1", "granted_on": "2020-01-01"})])


@pytest.fixture(scope="module")
def running(fresh_database: Addresses) -> Generator[Running]:
    with service(fresh_database, before=write_lake) as started:
        started.clock.now = datetime(2026, 6, 2, 12)
        yield started


@pytest.fixture
def bank(running: Running) -> Ask:
    """Counts begin anew; and what was authorised before is not any more."""
    running.sql("DELETE FROM verification_count")
    running.sql("UPDATE consent SET status = 'revoked'")
    return running.bank(MAY)


def ask(running: Running, who: Ask, column: str, value: object, **more: Any) -> Any:
    dataset, _, name = column.partition(".")
    question = {"dataset": dataset, "column": name, "value": value}
    question |= {key: more.pop(key) for key in ("operator",) if key in more}
    body = {"uscc": more.pop("uscc", FIRM), "purpose": "apply", "question": question}
    return running.post("/v1/verifications", who, json=body, **more)


def answered(running: Running, who: Ask, column: str, value: object, **more: Any) -> str:
    got = ask(running, who, column, value, **more)
    assert got.status_code == 200, got.text
    return str(got.json()["answer"])


def test_nobody_and_the_firm_are_refused(running: Running) -> None:
    assert ask(running, Ask("", "", {}), "reg_basic.name", "x").status_code == 401
    assert ask(running, running.owner(FIRM), "reg_basic.name", "x").status_code == 403
    assert ask(running, running.bank([]), "reg_basic.name", "x").status_code == 403


def test_a_name_or_a_person_that_does_not_belong_is_a_mismatch(running: Running, bank: Ask) -> None:
    assert answered(running, bank, "reg_basic.name", "晨光五金厂") == "yes"
    assert answered(running, bank, "reg_basic.name", "别家工厂") == "mismatch"
    rep = "reg_basic.legal_rep_id_no"
    assert ask(running, bank, rep, ID_NUMBER).json()["code"] == "need_authorisation"
    grant(running, FIRM, "tax")
    assert answered(running, bank, rep, ID_NUMBER.lower()) == "yes"
    assert answered(running, bank, rep, "110101199003077571") == "mismatch"


def test_no_record_is_never_a_no(running: Running, bank: Ask) -> None:
    assert answered(running, bank, "reg_basic.reg_capital", "100000", uscc=EMPTY) == "unknown"
    assert answered(running, bank, "patent.patent_no", "ZL1", uscc=EMPTY) == "unknown"
    assert ask(running, bank, "reg_basic.name", "x", uscc=CODE.format(9)).status_code == 404


@pytest.mark.parametrize(
    ("column", "operator", "value", "answer"),
    [
        ("reg_basic.reg_capital", "equals", "2000000.00", "yes"),
        ("reg_basic.reg_capital", "at_least", 2_000_000, "yes"),
        ("reg_basic.reg_capital", "at_least", 2_100_000, "no"),
        ("reg_basic.reg_capital", "at_most", 1_900_000, "no"),
        ("reg_basic.reg_capital", "within", ["1000000", "2000000"], "yes"),
        ("patent.patent_no", "equals", "ZL2", "no"),
        ("patent.granted_on", "at_most", "2020-01-01", "yes"),
        # The newest month has 12 insured; the 40 of the month before must not answer for it.
        ("pension_month.insured", "at_least", 40, "no"),
        ("pension_month.insured", "equals", 12, "yes"),
        ("pension_month.month", "equals", "2026-03", "yes"),
    ],
)
def test_answers(
    running: Running, bank: Ask, column: str, operator: str, value: object, answer: str
) -> None:
    grant(running, FIRM, "social_insurance")
    assert answered(running, bank, column, value, operator=operator) == answer


def test_authorised_data_need_their_own_scope_and_secret_data_are_never_asked(
    running: Running, bank: Ask
) -> None:
    grant(running, FIRM, "tax", "raw", "invoice", "loan")
    refused = ask(running, bank, "pension_month.insured", 1)
    assert (refused.status_code, refused.json()["need_authorisation"]) == (
        403,
        ["social_insurance"],
    )
    for dataset in load_catalogue():
        if dataset.document.sensitivity in {"secret", "internal"}:
            name = next(n for n, c in dataset.columns.items() if c.is_stored and n != "uscc")
            assert (
                ask(running, bank, f"{dataset.name}.{name}", "1").json()["code"] == "not_permitted"
            )


@pytest.mark.parametrize(
    ("column", "operator", "value", "problem"),
    [
        ("gossip.name", "equals", "1", "unknown"),
        ("reg_basic.gossip", "equals", "1", "unknown"),
        ("reg_basic.uscc", "equals", "1", "unknown"),
        ("reg_basic.name", "at_least", "1", "operator_type"),
        ("reg_basic.legal_rep_id_no", "at_least", "1", "operator_type"),
        ("reg_basic.reg_capital", "within", "1", "value_count"),
        ("reg_basic.reg_capital", "equals", ["1", "2"], "value_count"),
        ("reg_basic.reg_capital", "at_least", "2010000", "value_too_fine"),
        ("reg_basic.reg_capital", "at_least", "many", "value_type"),
        ("reg_basic.reg_capital", "equals", "NaN", "value_type"),
        ("reg_basic.reg_capital", "equals", "1e99", "value_type"),
        ("reg_basic.established_on", "equals", "soon", "value_type"),
        ("reg_basic.name", "equals", "  ", "value_length"),
    ],
)
def test_what_cannot_be_asked_is_said_without_repeating_the_value(
    running: Running, bank: Ask, column: str, operator: str, value: object, problem: str
) -> None:
    got = ask(running, bank, column, value, operator=operator)
    assert (got.status_code, got.json()["fields"][0]["problem"]) == (422, problem)
    assert "2010000" not in got.text
    assert "many" not in got.text


def test_a_column_is_asked_about_a_few_times_a_day_and_a_few_more_a_quarter(
    running: Running, bank: Ask
) -> None:
    rules = load_rules()
    column = "reg_basic.reg_capital"
    left = [ask(running, bank, column, "1").json()["left_today"] for _ in range(rules.per_day)]
    assert left == [2, 1, 0]
    refused = ask(running, bank, column, "1")
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert refused.json()["retry_after_seconds"] == 12 * 3600  # noon to midnight
    # Another program of the same institution is the same asker, another column or institution is not.
    assert ask(running, running.bank(MAY), column, "1").status_code == 429
    assert ask(running, bank, "reg_basic.paid_in_capital", "1").status_code == 200
    assert ask(running, running.bank(MAY, uscc=OTHER_BANK), column, "1").status_code == 200
    start, granted = running.clock.now, rules.per_day
    try:
        for _ in range(5):
            running.clock.move(days=1)
            who = running.bank(MAY)
            granted += sum(ask(running, who, column, "1").status_code == 200 for _ in range(4))
        assert granted == rules.per_window
        running.clock.move(days=rules.window_days)
        assert ask(running, running.bank(MAY), column, "1").status_code == 200
    finally:
        running.clock.now = start


def test_counts_are_forgotten_when_no_window_reaches_them(running: Running, bank: Ask) -> None:
    ask(running, bank, "reg_basic.reg_capital", "1")
    day, window = running.clock.now.date(), load_rules().window_days

    async def forget(days: int) -> int:
        async with running.house.database.transaction() as connection:
            return await forget_counts(connection, day.fromordinal(day.toordinal() + days), window)

    assert running.run(forget(window - 1)) == 0
    assert running.run(forget(window)) == 1


def test_neither_the_value_nor_the_answer_is_on_record(running: Running, bank: Ask) -> None:
    value = "7654321.09"
    key = {"Idempotency-Key": "ask-1"}
    assert answered(running, bank, "reg_basic.reg_capital", value, headers=key) == "no"
    rows = running.sql("SELECT fields, detail FROM audit_event WHERE actor = %(id)s", id=bank.id)
    assert rows[0][0] == ["reg_basic.reg_capital"]
    assert value not in str(rows)
    assert value not in running.logged.getvalue()
    [(asked,)] = running.sql("SELECT asked FROM idempotent_answer WHERE key = 'ask-1'")
    assert value not in asked
