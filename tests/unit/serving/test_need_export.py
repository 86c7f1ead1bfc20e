"""Needs reach the lake with their clocks and outcomes, once each, whatever breaks on the way."""

from collections.abc import Generator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from features.definitions import REGISTRY
from features.ingest import ingest_files
from features.mapping import identity_mapping
from features.pipeline import build_features
from features.scope import DataScope, Purpose
from features.snapshot import open_snapshot
from serving.database.addresses import Addresses
from serving.landing import Destination
from serving.needs import export
from serving.needs.export import NEEDS, export_new
from tests.applying import apply, offer, state_need
from tests.factories import USCCS, write_csv
from tests.faults import breaking
from tests.loan_ledgers import destination, in_lake
from tests.service import FIRM as UNKNOWN
from tests.service import Running, service

FIRM = USCCS[1]
COUNT = "financing_needs_count_3m"


class PowerCutError(Exception):
    """Everything stops here."""


@pytest.fixture(scope="module")
def running(fresh_database: Addresses) -> Generator[Running]:
    with service(fresh_database) as started:
        started.institution()
        offer(started)
        yield started


@pytest.fixture
def to(running: Running, tmp_path: Path) -> Destination:
    running.sql("DELETE FROM need_change")
    return destination(tmp_path)


def exported(running: Running, to: Destination, batch: int = export.BATCH) -> int:
    async def work() -> int:
        async with running.house.database.connection() as connection:
            return await export_new(connection, to, now=running.clock.now, batch=batch)

    return running.run(work())


def landed(to: Destination) -> int:
    return sum(batch.landed for batch in to.lake.view().batches if batch.dataset == NEEDS)


def test_a_need_is_known_as_it_stood_at_every_moment(running: Running, to: Destination) -> None:
    officer, moments = running.officer(), list[datetime]()

    def later() -> None:
        moments.append(running.clock.now)
        running.clock.move(minutes=10)

    def step(name: str, **body: object) -> None:
        path = f"/v1/applications/{made}/{name}"
        assert running.post(path, officer, json=body).status_code == 200
        later()

    made = apply(running, running.owner(FIRM))
    assert exported(running, to) == 1
    later()
    step("contact")
    step("grant", amount_cny="400000.00", rate_percent=4.35, loan_id="L-1")
    # Nobody saw it between contact and grant.
    assert (exported(running, to), landed(to)) == (1, 2)
    step("revisit", outcome="in_use", satisfaction=5)
    # A revisit changes nothing of the need.
    assert (exported(running, to), exported(running, to), landed(to)) == (1, 0, 2)
    assert not list(to.work.iterdir())

    columns = "status, closed_at, available_at, matched_products, amount_fen, term, purpose, source"
    stated = (["TEST-LOAN"], 50_000_000, 12, "operation", "self")
    matched = ("matched", None, moments[0], *stated)
    assert in_lake(to, NEEDS, columns, moments[0]) == [matched]
    assert in_lake(to, NEEDS, columns, moments[1]) == [matched]
    granted = ("granted", moments[2], moments[2], *stated)
    assert in_lake(to, NEEDS, columns, moments[3]) == [granted]


#: Applications of one need, what it comes to, and how many hours after it was stated it was closed. The n-th
#: application came to its state n hours after; a plus is a loan that its lender named.
WENT = [
    ("", "new", None),
    ("applied declined", "matched", None),
    ("applied contacted declined", "accepted", None),
    ("declined granted applied", "approved", 2),
    ("granted granted+ declined", "granted", 1),
    ("withdrawn declined", "declined", 2),
    ("withdrawn withdrawn", "withdrawn", 2),
    ("withdrawn expired", "matched", None),
    ("expired declined", "declined", 2),
]
_NEED = """
WITH need AS (
    INSERT INTO financing_need (need_id, uscc, institution, amount_fen, term_months, purpose, statements, source, made_by,
        made_at)
    VALUES (%(need)s, %(firm)s, '', 1, 1, 'operation', '{}', 'page', 'U-0', %(now)s) RETURNING need_id)
INSERT INTO need_change (need_id) SELECT need_id FROM need
"""
_APPLICATION = """
INSERT INTO application (application_id, need_id, match_id, uscc, institution, product, family, grade, state, since,
    expires_at, decide_by, applied_by, applied_at, reason, amount_fen, loan_id)
SELECT %(id)s, %(need)s, match_id, %(firm)s, 'x', %(id)s, 'credit', '', %(state)s, %(since)s, %(since)s,
    CASE WHEN %(state)s IN ('applied', 'contacted') THEN %(since)s::timestamp END, 'U-0', %(since)s,
    CASE %(state)s WHEN 'declined' THEN 'other' ELSE '' END, CASE %(state)s WHEN 'granted' THEN 1 END, %(loan)s
FROM match LIMIT 1
"""


def test_the_best_that_came_of_its_applications_is_where_a_need_stands(
    running: Running, to: Destination
) -> None:
    apply(running, running.owner(USCCS[2]))
    now = running.clock.now
    for number, (states, _, _) in enumerate(WENT):
        need = f"F-went{number}"
        running.sql(_NEED, need=need, firm=FIRM, now=now)
        for place, state in enumerate(states.split(), start=1):
            given = {"state": state.rstrip("+"), "loan": "L-2" if state.endswith("+") else ""}
            since = now + timedelta(hours=place)
            running.sql(
                _APPLICATION, id=f"{need}-{place}", need=need, firm=FIRM, since=since, **given
            )
    # The need just stated goes as well, in several commits.
    assert exported(running, to, batch=4) == 1 + len(WENT)
    closed = {
        hours: None if hours is None else now + timedelta(hours=hours) for hours in (None, 1, 2)
    }
    expected = [(f"F-went{n}", status, closed[hours]) for n, (_, status, hours) in enumerate(WENT)]
    day_after = now + timedelta(days=1)
    found = in_lake(to, NEEDS, "need_id, status, closed_at", day_after)
    assert [row for row in found if row[0].startswith("F-went")] == expected


def test_who_dies_on_the_way_loses_and_doubles_nothing(
    running: Running, to: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    state_need(running, running.owner(FIRM), FIRM)
    for step in (1, 6):  # of the lake's own
        with breaking(step, PowerCutError("cut")), pytest.raises(PowerCutError, match="cut"):
            exported(running, to)
    with monkeypatch.context() as patch:

        async def settle(*_: Any) -> None:
            raise PowerCutError("cut")

        patch.setattr(export, "settle", settle)
        with pytest.raises(PowerCutError, match="cut"):
            exported(running, to)
    assert (landed(to), running.sql("SELECT count(*) FROM need_change")) == (1, [(1,)])
    assert (exported(running, to), landed(to)) == (1, 1)
    assert running.sql("SELECT count(*) FROM need_change") == [(0,)]


def test_features_count_what_a_firm_stated_itself_and_a_wrong_code_stops_nobody(
    running: Running, to: Destination
) -> None:
    officer, firm = running.officer(), USCCS[3]
    for _ in range(2):
        state_need(running, running.owner(firm), firm)
    state_need(running, officer, firm)
    # Of before such codes were refused.
    running.sql(_NEED, need="F-unknown", firm=UNKNOWN, now=running.clock.now)
    assert exported(running, to) == 4
    assert in_lake(to, NEEDS, "source, officer_id", running.clock.now) == [
        ("officer", officer.id),
        ("self", None),
        ("self", None),
    ]
    assert [batch.rejected for batch in to.lake.view().batches] == [1]
    path = write_csv(to.work / "reg.csv", [["uscc", "name"], [firm, "企业"]])
    register = identity_mapping(to.catalogue["reg_basic"])
    ingest_files([path], register, to.lake, to.vault, now=running.clock.now)

    def counted(*withheld: str) -> object:
        seen = frozenset(to.catalogue.datasets) - frozenset(withheld)
        scope = DataScope(seen, Purpose.SELF_REPORT, running.clock.now.date())
        view, now = to.lake.view(), running.clock.now
        with open_snapshot(view, to.catalogue, now.date(), scope, now=now) as snapshot:
            return build_features(snapshot, REGISTRY.select([COUNT])).table[COUNT].to_pylist()

    assert (counted(), counted(NEEDS)) == ([2], [None])
