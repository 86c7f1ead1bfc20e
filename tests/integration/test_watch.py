"""`xinqiao watch` on a small lake: what it says, keeps and compares, and how it refuses."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from models.watching.opinions import Judge
from models.watching.setting import Setting, set_watch
from tests.builders import TinyLake, record, registered
from tests.command import run
from tests.rated_town import promote_model
from xinqiao import watch as watch_command
from xinqiao.settings import load_settings
from xinqiao.watch import run as watch_run

BANK, OTHER = "BANK1", "BANK2"
#: Of whom bad news is published in May; of the others there is none.
TROUBLED = 1


def loan(key: int, loan_id: str, lender: str) -> dict[str, object]:
    cells = {"loan_id": loan_id, "granted_at": "2025-12-10", "amount": "100000.00", "term_months": "12",
             "lender_uscc": lender, "loan_status": "1"}  # fmt: skip
    return record(key, "loan_account", cells)


def land(home: Path) -> None:
    lake = TinyLake(home / "lake", "91370100MA{:08d}")
    lake.land("reg_basic", [registered(key) for key in (1, 2, 3)])
    lake.land("loan_account", [loan(1, "a", BANK), loan(2, "b", BANK), loan(1, "c", OTHER)])
    lake.land(
        "repayment_snapshot",
        [
            record(key, "repayment_snapshot", {"loan_id": name, "month": "202603", "balance": "90000.00", "dpd": "0"})
            for key, name in ((1, "a"), (2, "b"), (1, "c"))
        ],
    )  # fmt: skip
    named = {"case_no": "1", "published_on": "2026-05-20", "filed_on": "2026-03-01"}
    lake.land("dishonest_debtor", [record(TROUBLED, "dishonest_debtor", named)])


@dataclass(frozen=True)
class Watched:
    home: Path
    april: dict[str, object]
    may: dict[str, object]
    out: Path


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    home = tmp_path_factory.mktemp("watched")
    land(home)
    promote_model(home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XINQIAO_HOME", str(home))
        said: list[dict[str, object]] = []
        for day in ("2026-04-30", "2026-05-31"):
            code, printed = run(patch, "watch", "--as-of", day, "--json", "--out", str(home / "out.parquet"))  # fmt: skip
            assert code == 0, printed
            said.append(json.loads(printed))
        yield Watched(home, said[0], said[1], home / "out.parquet")


def test_a_run_counts_exposures_by_level(watched: Watched) -> None:
    assert watched.may["exposures"] == 3
    assert watched.may["institutions"] == 2
    levels = watched.may["levels"]
    assert isinstance(levels, dict)
    assert sum(levels.values()) == 3
    # Both lenders of the dishonest debtor see a red signal; the other firm has none.
    assert levels["R"] == 2
    assert isinstance(watched.may["signals"], dict)
    assert watched.may["signals"]["W01"]["R"] == 2


def test_what_is_new_is_told_against_the_run_before(watched: Watched) -> None:
    april, may = watched.april["signals"], watched.may["signals"]
    assert isinstance(april, dict)
    assert "W01" not in april
    assert isinstance(watched.may["moves"], dict)
    assert watched.may["moves"]["new"] >= 2
    rows = [row for row in pq.read_table(watched.out).to_pylist() if row["signal"] == "W01"]
    assert {(row["institution"], row["level"], row["since"]) for row in rows} == {
        (name, "R", date(2026, 5, 31)) for name in (BANK, OTHER, "platform")
    }
    assert isinstance(may, dict)


def test_a_model_that_does_not_serve_is_named(watched: Watched) -> None:
    (absent,) = watched.may["without_model"] if isinstance(watched.may["without_model"], list) else [""]  # fmt: skip
    assert "alert_6m" in str(absent)


def test_one_institution_sees_its_own_and_leaves_the_record_alone(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XINQIAO_HOME", str(watched.home))
    kept = {path.name: path.read_bytes() for path in (watched.home / "watch").iterdir()}
    found = watch_run(load_settings(), date(2026, 5, 31), datetime(2026, 11, 21, 9), institution=OTHER)  # fmt: skip
    assert set(found.run.watched.exposures.institutions) == {OTHER}
    whole = watch_run(load_settings(), date(2026, 5, 31), datetime(2026, 11, 21, 9))
    assert found.held == {key: held for key, held in whole.held.items() if key[0] == OTHER}
    # The same run again leaves the very same file.
    assert {path.name: path.read_bytes() for path in (watched.home / "watch").iterdir()} == kept


def test_findings_of_models_are_written_with_what_they_say(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The champion as a warning that warns of everybody; its record begins with the loans."""

    def set_to_warn(bundles: Path, tables: Path, day: date) -> Setting:
        found = set_watch(bundles, tables, day)
        assert found.watch.rating is not None
        warning = Judge(found.watch.rating.bundle)
        return replace(found, watch=replace(found.watch, warning=warning, cut_off=0.0))

    monkeypatch.setattr(watch_command, "set_watch", set_to_warn)
    monkeypatch.setenv("XINQIAO_HOME", str(watched.home))
    out = watched.home / "said.parquet"
    code, printed = run(monkeypatch, "watch", "--as-of", "2026-04-29", "--out", str(out))
    assert code == 0, printed
    rows = pq.read_table(out).to_pylist()
    said = {(row["institution"], row["uscc"]): row["says_en"] for row in rows if row["signal"] == "W54"}  # fmt: skip
    assert {name for name, _ in said} == {
        "platform"
    }  # nothing that proves a record is open to a lender
    for sentences in said.values():
        assert sentences[-1].startswith("No comparison with the grant of the loan on 2025-12-10: ")
    assert all(len(row["says_zh"]) == len(row["says_en"]) for row in rows)


def test_a_person_is_told_in_tables(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XINQIAO_HOME", str(watched.home))
    monkeypatch.setenv("XINQIAO_LANG", "en")
    code, printed = run(monkeypatch, "watch", "--as-of", "2026-05-31", "--institution", BANK)
    assert code == 0, printed
    assert "As of 2026-05-31: 2 exposures" in printed
    assert "W01" in printed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--as-of", "2090-01-01"), "lies in the future"),
        (("--as-of", "2020-01-31"), "No loan runs on 2020-01-31"),
        (("--as-of", "2026-05-31", "--institution", "NOBODY"), "'NOBODY' has no running loan"),
    ],
)
def test_what_cannot_be_watched_is_one_sentence(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.setenv("XINQIAO_HOME", str(watched.home))
    monkeypatch.setenv("XINQIAO_LANG", "en")
    code, printed = run(monkeypatch, "watch", *arguments)
    assert code == 2
    assert said in printed
    assert "Traceback" not in printed
