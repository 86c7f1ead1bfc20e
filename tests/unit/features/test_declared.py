"""Self-declared data: no promise no declaration, and what the held data contradict is not used."""

import itertools
from datetime import date
from pathlib import Path

import pytest

from features.declared import (
    USABLE,
    Declaration,
    cross_check,
    declare,
    self_scope,
    usable_declarations,
)
from features.declared_rules import load_rules
from features.engine import connect, parquet
from features.errors import RequestError, UnknownEnterpriseError
from features.scope import DataScope, Purpose
from features.snapshot import open_snapshot
from tests.factories import NOW, USCCS, Desk, write_csv

SIGNED = date(2026, 1, 10)
FIRM, OTHER = USCCS[0], USCCS[1]
ALL = frozenset({"reg_basic", "invoice_month"})


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    rows = [["uscc", "name", "insured_count"], [FIRM, "一厂", "40"], [OTHER, "二厂", ""]]
    desk.ingest(write_csv(tmp_path / "reg.csv", rows), mapping=desk.identity("reg_basic"))
    header = ["uscc", "consent_id", "month", "out_amount", "out_count"]
    header += ["red_amount", "in_amount", "in_count"]
    # Last year's sales are 60,000 + 40,000 = 100,000 yuan; the month of 2024 is not last year's.
    months = [("202412", "999999"), ("202501", "60000"), ("202512", "40000")]
    sales = [[FIRM, "C1", month, amount, "1", "0", "0", "0"] for month, amount in months]
    desk.ingest(
        write_csv(tmp_path / "months.csv", [header, *sales]), mapping=desk.identity("invoice_month")
    )
    return desk


def say(desk: Desk, *said: tuple[str, str], uscc: str = FIRM) -> None:
    """Declare items; record ids are `<item>`."""
    ids = iter([item for item, _ in said])
    declare(
        [Declaration(uscc, item, value, SIGNED, "2026-1") for item, value in said],
        desk.lake,
        desk.vault,
        desk.catalogue,
        now=NOW,
        token=lambda: next(ids),
    )


def check(desk: Desk, scope: DataScope | None = None) -> dict[str, int]:
    scope = scope or self_scope(desk.catalogue, NOW.date())
    return dict(
        cross_check(desk.lake, desk.vault, desk.catalogue, scope, as_of_date=NOW.date(), now=NOW)
    )


def verdicts(desk: Desk) -> dict[object, tuple[object, object]]:
    rows = desk.rows("declaration_check")
    return {row["record_id"]: (row["verdict"], row["against"]) for row in rows}


@pytest.mark.parametrize(
    ("item", "value", "verdict", "against"),
    [
        ("employees", "52", "consistent", "reg_basic"),  # 30 % of 40 is 12
        ("employees", "53", "conflict", "reg_basic"),
        ("revenue_last_year", "130000", "consistent", "invoice_month"),  # 30 % of 100,000
        ("revenue_last_year", "130000.01", "conflict", "invoice_month"),
        ("revenue_last_year", "70000", "consistent", "invoice_month"),
        ("revenue_last_year", "69999.99", "conflict", "invoice_month"),
        ("registered_capital", "1000000", "unchecked", None),  # the register does not say
        ("donation_last_year", "5000", "unchecked", None),  # nothing is held about it
    ],
)
def test_a_declaration_is_held_against_what_is_held(
    desk: Desk, item: str, value: str, verdict: str, against: str | None
) -> None:
    say(desk, (item, value))
    assert check(desk) == {verdict: 1}
    assert verdicts(desk) == {item: (verdict, against)}


def test_a_conflict_is_used_nowhere_and_the_unchecked_is_marked(desk: Desk) -> None:
    say(desk, ("employees", "400"), ("revenue_last_year", "100000"), ("donation_last_year", "1"))
    check(desk)
    scope = self_scope(desk.catalogue, NOW.date())
    view = desk.lake.view()
    with open_snapshot(view, desk.catalogue, NOW.date(), scope, now=NOW) as snapshot:
        usable = snapshot.connection.execute(
            f"SELECT item, verdict FROM ({usable_declarations(NOW.date())}) ORDER BY item"
        ).fetchall()
    assert usable == [("donation_last_year", "unchecked"), ("revenue_last_year", "consistent")]
    # A scope that hides the checks hides the declarations: the grain reads both.
    assert USABLE.datasets == {"self_declared", "declaration_check"}


def test_checking_again_lands_only_what_changed(desk: Desk) -> None:
    say(desk, ("employees", "60"), ("donation_last_year", "1"))
    check(desk)
    before = desk.lake.view().version
    check(desk)
    assert desk.lake.view().version == before
    rows = [["uscc", "name", "insured_count"], [FIRM, "一厂", "55"]]
    desk.ingest(write_csv(desk.root / "new.csv", rows), mapping=desk.identity("reg_basic"))
    assert check(desk) == {"consistent": 1, "unchecked": 1}
    assert desk.lake.view().batches[-1].landed == 1
    assert verdicts(desk)["employees"] == ("consistent", "reg_basic")


def test_data_outside_the_own_scope_is_not_compared_with(desk: Desk) -> None:
    say(desk, ("revenue_last_year", "1"))
    closed = DataScope(frozenset({"reg_basic"}), Purpose.SELF_REPORT, NOW.date())
    assert check(desk, closed) == {"unchecked": 1}
    institution = DataScope(ALL, Purpose.APPLY, NOW.date(), grantee=OTHER)
    with pytest.raises(RequestError, match="not an institution's"):
        check(desk, institution)


def test_silence_about_one_firm_is_not_filled_from_another(desk: Desk) -> None:
    say(desk, ("employees", "40"), ("revenue_last_year", "100000"), uscc=OTHER)
    assert check(desk) == {"unchecked": 2}


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (Declaration(FIRM, "employees", "4", None, "1"), "has no promise"),
        (Declaration(FIRM, "employees", "4", SIGNED, " "), "has no promise"),
        (Declaration(FIRM, "employees", "4", date(2026, 1, 16), "1"), "after today"),
        (Declaration(FIRM, "employees", "many", SIGNED, "1"), r"\(persons\) needs a number"),
        (Declaration(FIRM, "employees", "inf", SIGNED, "1"), r"\(persons\) needs a number"),
        (Declaration(FIRM, "certificate_no", " ", SIGNED, "1"), "needs a text"),
        (Declaration(FIRM, "employes", "4", SIGNED, "1"), "Did you mean 'employees'"),
    ],
)
def test_what_cannot_be_declared(desk: Desk, said: Declaration, sentence: str) -> None:
    before = desk.files()
    ids = itertools.count()
    good = Declaration(FIRM, "employees", "4", SIGNED, "1")
    with pytest.raises(RequestError, match=sentence):
        declare(
            [good, said],
            desk.lake,
            desk.vault,
            desk.catalogue,
            now=NOW,
            token=lambda: f"r{next(ids)}",
        )
    assert desk.files() == before


def test_a_firm_nobody_knows_declares_nothing(desk: Desk) -> None:
    with pytest.raises(UnknownEnterpriseError, match=USCCS[2]):
        say(desk, ("employees", "4"), uscc=USCCS[2])


def test_every_rule_reads_columns_its_dataset_has(desk: Desk) -> None:
    """Datasets that are not in the catalogue yet are passed over; those that are must fit."""
    topics = desk.dataset("self_declared").columns["topic"].values
    for item in load_rules().items.values():
        assert item.topic in topics
        for held in item.against:
            if held.dataset in desk.catalogue.datasets:
                columns = desk.dataset(held.dataset).lake_columns()
                with connect(threads=1) as connection:
                    connection.execute(
                        f"SELECT {held.value} FROM {parquet([], columns)} WHERE {held.where}"
                    )
