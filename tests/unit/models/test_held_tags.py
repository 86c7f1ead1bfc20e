"""Tags that firms hold: what certificates add, what a firm takes away, and the file of a night."""

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from models.tags.batch import tag_lake, tags_at
from models.tags.held import Answer, Claims, Given, answers_of, ask_tags
from tests.builders import CATALOGUE, NOW, TinyLake, record, registered

DAY = date(2026, 3, 31)
TAGS = tags_at(DAY)


def _answers(**values: float | str) -> dict[str, Answer]:
    return {one.tag.entry.code: one for one in answers_of(TAGS, values, "F", [], [], DAY)}


def test_an_answer_names_what_its_rule_asked_and_what_was_said() -> None:
    answers = _answers(tech_sme_flag=0.0, specialised_rank_now=2.0, industry_section="C")
    tech = answers["tech"]
    assert tech.state == "yes"
    assert [(one.name, one.value) for one in tech.rests_on] == [
        ("tag_tech_sme", 0.0), ("tag_hnte", None), ("tag_zjtx", 1.0),
    ]  # fmt: skip
    assert (answers["ind_c"].state, answers["ind_e"].state) == ("yes", "no")
    assert (answers["hnte"].state, answers["four_geese"].state) == ("unknown", "unknown")


def test_a_certificate_counts_from_its_first_to_its_last_day() -> None:
    until = date(2026, 3, 31)
    given = [Given("F", "four_geese", date(2026, 3, 1), until), Given("G", "new_citizen", DAY, DAY)]
    states: dict[int, list[str]] = {}
    for day in (28, 1, 31, 32):
        on = date(2026, 2, 28) if day == 28 else date(2026, 4, 1) if day == 32 else until.replace(day=day)  # fmt: skip
        found = {a.tag.entry.code: a.state for a in answers_of(TAGS, {}, "F", given, [], on)}
        states[day] = [found["four_geese"], found["new_citizen"]]
    unknown = ["unknown", "unknown"]
    assert states == {28: unknown, 1: ["yes", "unknown"], 31: ["yes", "unknown"], 32: unknown}


def test_what_a_firm_removes_is_unknown_to_whatever_asks_for_it() -> None:
    columns = {"specialised_rank_now": np.array([2.0, 2.0]), "tech_sme_flag": np.array([0.0, 1.0])}
    found = ask_tags(TAGS, columns, ["A", "B"], [], [("A", "zjtx"), ("B", "zjtx")], DAY)
    assert np.isnan(found["tag_zjtx"]).all()
    assert np.isnan(found["tag_tech"][0])
    assert found["tag_tech"][1] == 1.0  # by another way
    assert found["tag_zjtx_prov"].tolist() == [1.0, 1.0]


def test_claims_are_found_among_the_firms_of_a_block() -> None:
    given = [Given("B", "four_geese", DAY, DAY), Given("Z", "four_geese", DAY, DAY), Given("B", "zjtx", DAY, DAY)]  # fmt: skip
    claims = Claims(given, [("C", "ind_c"), ("Z", "ind_c"), ("B", "ind_c")])
    marks = claims.among(["A", "B", "C"], DAY)
    assert marks.given == {"tag_four_geese": [1], "tag_zjtx": [1]}
    assert {name: sorted(rows) for name, rows in marks.removed.items()} == {"tag_ind_c": [1, 2]}
    found = TAGS.ask(
        {name: np.full(3, np.nan) for name in TAGS.names if TAGS.vocabulary.terms[name].unit != "code"}
        | {name: np.array(["C"] * 3) for name in TAGS.names if TAGS.vocabulary.terms[name].unit == "code"},
        rows=3, given=marks.given, removed=marks.removed,
    )  # fmt: skip
    assert np.isnan(found["tag_four_geese"]).tolist() == [True, False, True]
    # A tag by rule heeds nobody's word.
    assert np.isnan(found["tag_zjtx"]).all()
    assert np.isnan(found["tag_ind_c"]).tolist() == [False, True, True]


def test_a_night_writes_what_is_known_and_nothing_else(tmp_path: Path) -> None:
    lake = TinyLake(tmp_path / "lake")
    lake.land(
        "reg_basic",
        [registered(1) | {"industry_code": "C2614", "entity_type": "company"}, registered(2)],
    )
    lake.land("bid_award", [record(1, "bid_award", {"notice_no": "1", "awarded_on": "2026-01-01"})])
    given = [Given("F00002", "four_geese", DAY, DAY)]
    table = tag_lake(lake.view, CATALOGUE, DAY, now=NOW, given=given, removed=[("F00001", "ind_c")])
    rows = pq.read_table(table.write(tmp_path / "out" / "tags.parquet")).to_pylist()
    assert {row["valid_from"] for row in rows} == {DAY}
    said = {(row["uscc"], row["tag"]): row["state"] for row in rows}
    assert said["F00001", "bid_winner"] is True
    assert said["F00002", "bid_winner"] is False  # on no public list
    assert said["F00001", "individual_biz"] is False
    assert said["F00002", "four_geese"] is True
    for unknown in (("F00001", "ind_c"), ("F00002", "ind_c"), ("F00001", "four_geese"), ("F00001", "hnte")):  # fmt: skip
        assert unknown not in said
