"""Beijing's 72,848 published events: every one lands, repeats, or is rejected with its reason."""

from datetime import datetime
from pathlib import Path

import pytest

from benchmarks.area_beijing import compare, count_names, land
from benchmarks.setting import Setting
from features.contracts import load_catalogue
from features.engine import connect, parquet, readable
from features.lake import Batch, Lake
from xinqiao.settings import load_settings

DATA = load_settings().data
NOW = datetime(2026, 11, 21, 12)

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(
        not (DATA / "beijing").is_dir(),
        reason=f"Beijing's public events are not in {DATA}; set XINQIAO_DATA",
    ),
]


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    return Setting(DATA, tmp_path_factory.mktemp("beijing"), NOW)


@pytest.fixture(scope="module")
def batches(setting: Setting) -> dict[str, Batch]:
    return land(setting)


def test_every_event_has_its_fate(batches: dict[str, Batch]) -> None:
    events = batches["public_event"]
    assert events.delivered == 72_848
    assert events.delivered == events.landed + events.duplicates + events.rejected
    # One reason a row: amounts, dates and categories of the source are all readable.
    assert sum(events.reasons.values()) == events.rejected
    assert {reason.partition(":")[0] for reason in events.reasons} == {"uscc"}
    register = batches["reg_basic"]
    assert register.delivered + register.skipped == events.delivered


def test_no_event_lands_under_a_code_that_another_name_holds(
    setting: Setting, batches: dict[str, Batch]
) -> None:
    """Second implementation: names and codes counted straight from the raw file."""
    view = Lake(setting.work / "lake").view()
    rows = parquet(view.files("public_event"), load_catalogue()["public_event"].lake_columns())
    raw = readable(setting.data / "beijing" / "events.parquet")
    with connect() as connection:
        kinds = connection.execute(
            f"SELECT DISTINCT left(party_id, 2) FROM {rows} e "
            f"JOIN {view.parties_sql()} p ON p.party_key = e.enterprise_key"
        ).fetchall()
        # Firms that raw rows name under exactly one enterprise code: rows of that name without any code.
        expected = connection.execute(
            f"WITH raw AS (SELECT * FROM read_parquet({raw})), holder AS (SELECT entity_name, min(uscc) AS code "
            "FROM raw WHERE regexp_matches(uscc, '^9[123]') GROUP BY 1 HAVING count(DISTINCT uscc) = 1) "
            f"SELECT count(*) FROM raw r JOIN holder h USING (entity_name) JOIN {view.parties_sql()} p "
            "ON p.party_id = h.code WHERE r.uscc IS NULL"
        ).fetchall()[0][0]
    assert {row[0] for row in kinds} == {"91", "92", "93"}
    noted = batches["public_event"].warnings["uscc:linked_by_name"]
    # Landed rows were noted, repeats were not; a few more had an unusable code beside the name.
    assert 0.5 * expected < noted < expected


def test_names_are_mostly_known_or_unknown_and_seldom_ambiguous(
    setting: Setting, batches: dict[str, Batch]
) -> None:
    names, unknown, ambiguous = count_names(setting, batches["public_event"])
    assert names == 9_671
    assert ambiguous < 10 < unknown < names / 2


def test_the_shares_of_the_benchmark_add_up(tmp_path: Path) -> None:
    entries = list(compare(Setting(DATA, tmp_path, NOW)))
    fates = [entry.ours for entry in entries[:5]]
    assert sum(fates) == pytest.approx(100, abs=0.05)
