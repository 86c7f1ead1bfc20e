"""Regions and industries: what exists, what it is part of, and the same answer in SQL."""

import pytest

from features.codes.industries import (
    industry_table_sql,
    is_industry_sql,
    load_industries,
    section_of,
    section_of_division,
)
from features.codes.regions import (
    in_scope,
    is_region_sql,
    load_regions,
    region_exists,
    region_name,
    region_parents,
)
from features.engine import connect, literal

# The divisions that the policies name, and one zone that has a code of its own.
NAMED = [
    "371302",
    "371311",
    "371312",
    "371321",
    "371322",
    "371323",
    "371324",
    "371325",
    "371326",
    "371327",
    "371328",
    "371329",
    "371371",
    "630102",
    "630103",
    "630104",
    "630105",
    "630106",
    "630121",
    "630123",
    "630100",
    "630200",
    "632200",
    "632300",
    "632500",
    "632600",
    "632700",
    "632800",
    "610102",
    "610103",
    "610104",
    "610111",
    "610112",
    "610113",
    "610114",
    "610115",
    "610116",
    "610117",
    "610118",
    "610122",
    "610124",
    "230381",
    "370100",
    "370200",
    "370300",
    "370400",
    "370500",
    "370600",
    "370700",
    "370800",
    "370900",
    "371000",
    "371100",
    "371300",
    "371400",
    "371500",
    "371600",
    "371700",
    "710000",
    "810000",
    "820000",
]


@pytest.mark.parametrize("code", NAMED)
def test_every_division_the_policies_name_exists(code: str) -> None:
    assert region_exists(code)
    assert region_name(code)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("371399", "reserved for synthetic codes"),
        ("630122", "湟中县 became 湟中区, 630106, in 2019"),
        ("110103", "崇文区 was abolished in 2010"),
        ("3713", "a prefix is no code"),
        ("", "nothing is no code"),
    ],
)
def test_what_is_no_division_now(code: str, why: str) -> None:
    assert not region_exists(code), why


def test_a_renamed_county_has_its_present_name() -> None:
    assert region_name("371324") == "兰陵县"  # 苍山县 until 2013
    assert len(load_regions()) > 3_000


def test_parents_lead_to_the_province() -> None:
    assert [region_name(code) for code in region_parents("230381")] == ["黑龙江省", "鸡西市"]
    # A city under its province directly has no prefecture of its own number above it but the zone's.
    assert region_parents("710000") == ()


@pytest.mark.parametrize(
    ("code", "scope", "is_inside"),
    [
        ("371302", ["3713"], True),
        ("371402", ["3713"], False),
        ("371302", ["63", "371302"], True),
        ("371302", [], False),
        ("371302", ["*"], True),
    ],
)
def test_scope(code: str, scope: list[str], is_inside: bool) -> None:  # noqa: FBT001 - a table's column
    assert in_scope(code, scope) is is_inside


def test_divisions_of_all_sections_follow_each_other() -> None:
    assert list(section_of_division()) == [f"{number:02d}" for number in range(1, 98)]
    assert "".join(load_industries().sections) == "ABCDEFGHIJKLMNOPQRST"
    numbers = [section.number for section in load_industries().sections.values()]
    assert numbers == [*range(1, 20), None]


@pytest.mark.parametrize(
    ("code", "section"),
    [
        ("01", "A"),
        ("05", "A"),
        ("06", "B"),
        ("13", "C"),
        ("43", "C"),
        ("44", "D"),
        ("3911", "C"),
        ("C3911", "C"),
        ("C", "C"),
        ("D3911", None),
        ("97", "T"),
        ("98", None),
        ("00", None),
        ("1", None),
        ("39111", None),
        ("U", None),
        ("", None),
    ],
)
def test_section_of_a_code_and_the_same_in_sql(code: str, section: str | None) -> None:
    assert section_of(code) == section
    with connect(threads=1) as connection:
        (found,) = connection.execute(f"SELECT {is_industry_sql(literal(code))}").fetchall()[0]
    assert found == (section is not None)


def test_sql_knows_the_regions_and_keeps_what_is_missing_missing() -> None:
    with connect(threads=1) as connection:
        found = connection.execute(
            f"SELECT {is_region_sql('code')} FROM (VALUES ('371302'), ('371399'), (NULL)) AS t(code)"
        ).fetchall()
        rows = connection.execute(f"SELECT count(*) FROM {industry_table_sql()}").fetchall()
    assert found == [(True,), (False,), (None,)]
    assert rows == [(97,)]
