"""Whose row it is: by code, by name, or nobody's, and what the batch says about it."""

import random
from pathlib import Path

import pytest

from features.ingest import Delivery, ingest_files
from features.linking import normalise_name
from tests.factories import NOW, USCCS, Desk, write_csv

PENALTIES = """
dataset: penalty
provider: {name: 城管}
columns:
  uscc: {from: 代码, or_name: 名称}
  decision_no: 文号
  decided_on: 日期
"""
INVALID_TOO = PENALTIES.replace("or_name: 名称", "or_name: 名称, or_name_when_invalid: true")
ENTERPRISES = INVALID_TOO.replace("when_invalid: true", 'when_invalid: true, kinds: ["91"]')
HEADER = ["代码", "名称", "文号", "日期"]
REGISTER = ["uscc", "name"]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def register(desk: Desk, *rows: tuple[str, str], name: str = "register") -> Delivery:
    path = write_csv(desk.root / f"{name}.csv", [REGISTER, *rows])
    return desk.ingest(path, mapping=desk.identity("reg_basic"))[0]


def penalties(desk: Desk, *firms: tuple[str, str], mapping: str = PENALTIES) -> Delivery:
    """One penalty for each (code, name), numbered from 1."""
    rows = [[code, name, str(no), "2025-01-01"] for no, (code, name) in enumerate(firms, start=1)]
    path = write_csv(desk.root / "penalties.csv", [HEADER, *rows])
    return desk.ingest(path, mapping=desk.mapping(mapping, "penalty"), share=1)[0]


def landed(desk: Desk) -> dict[str, str]:
    """`{decision number: code}`."""
    return {str(row["decision_no"]): str(row["uscc"]) for row in desk.rows("penalty")}


@pytest.mark.parametrize(
    "written",
    ["信桥（北京）科技有限公司", " 信桥(北京) 科技有限公司", "信桥〔北京〕科技有限公司"],
)
def test_a_name_finds_its_firm_however_it_is_written(desk: Desk, written: str) -> None:
    register(desk, (USCCS[0], "信桥(北京)科技有限公司"))
    batch = penalties(desk, ("", written)).batch
    assert landed(desk) == {"1": USCCS[0]}
    assert dict(batch.warnings) == {"uscc:linked_by_name": 1}
    assert [row["dq_status"] for row in desk.rows("penalty")] == ["ok"]


def test_a_name_nobody_bears_or_several_do_links_nothing(desk: Desk) -> None:
    register(desk, (USCCS[0], "甲"), (USCCS[1], "乙"), (USCCS[2], "乙"))
    batch = penalties(desk, ("", "甲"), ("", "乙"), ("", "丙"), ("", "")).batch
    assert landed(desk) == {"1": USCCS[0]}
    assert dict(batch.reasons) == {
        "uscc:missing": 1,
        "uscc:name_ambiguous": 1,
        "uscc:name_unknown": 1,
    }
    assert batch.delivered == 4


def test_names_and_codes_of_the_same_file_count_like_the_register(desk: Desk) -> None:
    register(desk, (USCCS[0], "甲"))
    penalties(desk, (USCCS[1], "乙"), ("", "乙"), (USCCS[2], "甲"), ("", "甲"))
    # 乙 goes by one code in the file; 甲 by one in the register and another in the file.
    assert landed(desk) == {"1": USCCS[1], "2": USCCS[1], "3": USCCS[2]}


def test_an_invalid_code_is_replaced_only_if_the_mapping_says_so(desk: Desk) -> None:
    register(desk, (USCCS[0], "甲"))
    wrong = USCCS[0][:-1] + "9"
    firms = ((wrong, "甲"), (wrong, "丙"), (USCCS[1], "丁"), (wrong + "00", "甲"))
    reasons = penalties(desk, *firms).batch.reasons
    assert reasons["uscc:invalid_uscc"] == 3
    assert landed(desk) == {"3": USCCS[1]}
    again = penalties(desk, *firms, mapping=INVALID_TOO).batch
    assert landed(desk) == {"1": USCCS[0], "3": USCCS[1], "4": USCCS[0]}
    assert dict(again.reasons) == {"uscc:name_unknown": 1}


def test_the_code_of_an_authority_is_no_enterprise(desk: Desk) -> None:
    # 92… is an individual business; the mapping takes enterprises (91) only.
    register(desk, (USCCS[0], "甲"))
    batch = penalties(desk, (USCCS[2], "甲"), (USCCS[2], "丙"), mapping=ENTERPRISES).batch
    assert landed(desk) == {"1": USCCS[0]}
    assert dict(batch.reasons) == {"uscc:not_an_enterprise": 1}


def test_a_replaced_name_still_finds_its_firm(desk: Desk) -> None:
    register(desk, (USCCS[0], "旧名"), name="a")
    renamed = register(desk, (USCCS[0], "新名"), name="b").batch
    assert dict(renamed.warnings) == {"name:differs_from_register": 1}
    penalties(desk, ("", "旧名"), ("", "新名"))
    assert landed(desk) == {"1": USCCS[0], "2": USCCS[0]}
    # Whoever takes the old name later makes it ambiguous; it never moves.
    register(desk, (USCCS[1], "旧名"), name="c")
    (desk.root / "penalties.csv").unlink()
    path = write_csv(
        desk.root / "later.csv",
        [HEADER, ["", "旧名", "9", "2025-01-02"], ["", "新名", "8", "2025-01-02"]],
    )
    batch = desk.ingest(path, mapping=desk.mapping(PENALTIES, "penalty"))[0].batch
    assert dict(batch.reasons) == {"uscc:name_ambiguous": 1}


def test_a_name_that_differs_from_the_register_is_noted(desk: Desk) -> None:
    register(desk, (USCCS[0], "甲（北京）"))
    firms = ((USCCS[0], "甲(北京)"), (USCCS[0], "乙"), (USCCS[1], "未登记"), (USCCS[0], ""))
    batch = penalties(desk, *firms).batch
    assert batch.landed == 4
    assert dict(batch.warnings) == {"enterprise_name:differs_from_register": 1}
    by_contract = write_csv(
        desk.root / "named.csv",
        [
            ["uscc", "enterprise_name", "decision_no", "decided_on"],
            [USCCS[0], "丙", "7", "2025-01-01"],
        ],
    )
    delivered = desk.ingest(by_contract, mapping=desk.identity("penalty"))[0].batch
    assert dict(delivered.warnings) == {"enterprise_name:differs_from_register": 1}


def test_the_name_is_not_part_of_the_record(desk: Desk) -> None:
    register(desk, (USCCS[0], "甲"))
    penalties(desk, (USCCS[0], "甲"))
    path = write_csv(desk.root / "b.csv", [HEADER, ["", "甲", "1", "2025-01-01"]])
    batch = desk.ingest(path, mapping=desk.mapping(PENALTIES, "penalty"))[0].batch
    assert (batch.landed, batch.duplicates) == (0, 1)


@pytest.mark.parametrize("seed", range(6))
def test_more_register_rows_never_move_a_link_to_another_firm(tmp_path: Path, seed: int) -> None:
    """Names and codes are drawn from few, so that they collide; each world is landed twice."""
    rng = random.Random(seed)  # noqa: S311 - worlds are drawn, not secrets
    names = ["甲", "乙", "丙", "丁", "甲（乙）"]
    entries = [(code, rng.choice(names)) for code in USCCS]
    few = rng.randrange(1, len(entries))
    delivered = [(rng.choice(["", *USCCS[:2]]), rng.choice(names)) for _ in range(8)]
    links: list[dict[str, str]] = []
    for kind, known in (("few", entries[:few]), ("all", entries)):
        desk = Desk(tmp_path / kind)
        register(desk, *known)
        penalties(desk, (USCCS[3], "戊"), *delivered)
        links.append(landed(desk))
    shared = links[0].keys() & links[1].keys()
    assert shared
    assert {no: links[0][no] for no in shared} == {no: links[1][no] for no in shared}


def test_normalising_twice_changes_nothing() -> None:
    rng = random.Random(1)  # noqa: S311 - names are drawn, not secrets
    for _ in range(200):
        name = "".join(rng.choices("信桥（）()【】 　ＡbＣ①Ⅷ﨑", k=12))
        assert normalise_name(normalise_name(name)) == normalise_name(name)


# --- rejected rows, read again ------------------------------------------------------------------


def retry(desk: Desk) -> Delivery:
    return ingest_files(
        [desk.root / "penalties.csv"],
        desk.mapping(PENALTIES, "penalty"),
        desk.lake,
        desk.vault,
        now=NOW,
        retry_rejected=True,
    )[0]


def test_rejected_rows_land_when_the_register_knows_their_name(desk: Desk) -> None:
    register(desk, (USCCS[0], "甲"))
    first = penalties(desk, ("", "甲"), ("", "乙"), ("", "丙")).batch
    register(desk, (USCCS[1], "乙"), name="later")
    again = retry(desk)
    assert again.is_new
    assert (again.batch.delivered, again.batch.landed, again.batch.rejected) == (2, 1, 1)
    assert again.batch.batch_id != first.batch_id
    assert landed(desk) == {"1": USCCS[0], "2": USCCS[1]}


def test_a_retry_that_changes_nothing_leaves_nothing(desk: Desk) -> None:
    register(desk, (USCCS[0], "甲"))
    penalties(desk, ("", "甲"), ("", "乙"))
    before, commits = desk.files(), len(desk.lake.view().commits)
    again = retry(desk)
    assert not again.is_new
    assert (desk.files(), len(desk.lake.view().commits)) == (before, commits)


def test_a_retry_does_not_undo_a_later_correction(desk: Desk) -> None:
    register(desk, (USCCS[0], "甲"))
    penalties(desk, ("", "甲"), ("", "乙"))
    corrected = write_csv(desk.root / "c.csv", [HEADER, [USCCS[0], "甲", "1", "2025-06-30"]])
    desk.ingest(corrected, mapping=desk.mapping(PENALTIES, "penalty"))
    register(desk, (USCCS[1], "乙"), name="later")
    assert retry(desk).batch.landed == 1
    days = {row["decision_no"]: str(row["decided_on"]) for row in desk.rows("penalty")}
    assert days == {"1": "2025-06-30", "2": "2025-01-01"}
