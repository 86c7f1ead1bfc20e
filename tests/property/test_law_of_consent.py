"""features(snapshot(as_of, scope)) == mask(features(snapshot(as_of, all)), scope), bit for bit."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from features.clock import end_of
from features.scope import DataScope, Purpose
from features.snapshot import open_snapshot
from tests.builders import (
    CATALOGUE,
    FAR,
    TinyLake,
    at,
    by_enterprise,
    consent,
    features_of,
    invoice,
    invoice_month,
    penalty,
    registered,
    seeded,
    whole_scope,
)
from tests.law import exact, masked, random_scope
from tests.negative import ONE_EACH

FIRMS = range(1, 26)
FIRST_DAY = date(2024, 1, 1)
DAYS = 40
OPENING = {"granted", "narrowed"}
STRICTNESS = {"granted": 0, "narrowed": 1, "revoked": 2, "expired": 2}


@dataclass(frozen=True)
class Event:
    """A consent event, and from when on a correction has taken its place."""

    key: int
    consent_id: str
    event_id: str
    event: str
    occurred_at: datetime
    available_at: datetime
    grantee: str
    purpose: Purpose
    scopes: tuple[str, ...]
    valid_from: date
    valid_to: date
    corrected_at: datetime | None = None

    def row(self) -> dict[str, object]:
        """As the lake stores it."""
        return consent(
            self.key,
            self.event,
            self.occurred_at,
            event_id=self.event_id,
            consent_id=self.consent_id,
            scopes=self.scopes,
            grantee=self.grantee,
            purpose=self.purpose,
            valid_from=self.valid_from,
            valid_to=self.valid_to,
            available_at=self.available_at,
        )


def live_scopes(events: Sequence[Event], key: int, scope: DataScope, as_of: date) -> set[str]:
    """The plain model: consent by consent, what the last event known by then leaves open."""
    midnight = end_of(as_of)
    latest: dict[str, Event] = {}
    for event in events:
        is_known = event.available_at <= midnight and event.occurred_at <= midnight
        is_replaced = event.corrected_at is not None and event.corrected_at <= midnight
        if event.key != key or event.grantee != scope.grantee or not is_known or is_replaced:
            continue
        held = latest.get(event.consent_id)
        if held is None or _weight(event) > _weight(held):
            latest[event.consent_id] = event
    return {
        opened
        for event in latest.values()
        if event.event in OPENING
        and event.purpose is scope.purpose
        and event.valid_from <= as_of <= event.valid_to
        for opened in event.scopes
    }


def _weight(event: Event) -> tuple[datetime, int, str]:
    return event.occurred_at, STRICTNESS[event.event], event.event_id


def random_events(rng: random.Random) -> list[Event]:
    """Histories on a coarse grid of time, so that ties and edges are common."""
    events: list[Event] = []
    for number in range(len(FIRMS) * 6):
        occurred = moment_in(rng)
        day = FIRST_DAY + timedelta(days=rng.randrange(DAYS))
        events.append(
            Event(
                key=rng.choice(FIRMS),
                consent_id=rng.choice(["c1", "c1", "c2"]),
                event_id=f"e{number:04d}",
                event=rng.choice(["granted", "granted", "narrowed", "revoked", "expired"]),
                occurred_at=occurred,
                available_at=occurred + timedelta(days=rng.choice([0, 0, 0, 1, 10])),
                grantee=rng.choice(["bank", "bank", "bank", "other"]),
                purpose=rng.choice([Purpose.PRE_CREDIT, Purpose.PRE_CREDIT, Purpose.POSTLOAN]),
                scopes=rng.choice([("invoice",), ("invoice", "loan"), ("loan",), ()]),
                valid_from=rng.choice([date(2020, 1, 1), day]),
                valid_to=rng.choice([FAR, day + timedelta(days=rng.randrange(20))]),
            )
        )
    return events


def moment_in(rng: random.Random) -> datetime:
    hours = rng.choice([0, 0, 12])
    return at(FIRST_DAY.isoformat()) + timedelta(days=rng.randrange(DAYS), hours=hours)


def land_events(lake: TinyLake, events: list[Event], rng: random.Random) -> list[Event]:
    """Land events shuffled over two files, then corrections of a few of them."""
    shuffled = rng.sample(events, len(events))
    half = len(shuffled) // 2
    row_ids = lake.land("consent_event", [event.row() for event in shuffled[:half]])
    lake.land("consent_event", [event.row() for event in shuffled[half:]])
    wrong = dict(zip(row_ids[:8], shuffled[:8], strict=True))
    right = [
        replace(
            event,
            event=rng.choice(["granted", "revoked"]),
            scopes=("invoice",),
            available_at=event.available_at + timedelta(days=5),
        )
        for event in wrong.values()
    ]
    ended = [event.available_at for event in right]
    lake.land(
        "consent_event",
        [event.row() for event in right],
        retire=dict(zip(wrong, ended, strict=True)),
    )
    corrected = [replace(e, corrected_at=m) for e, m in zip(shuffled[:8], ended, strict=True)]
    return [*corrected, *shuffled[8:], *right]


def land_credit_data(lake: TinyLake) -> None:
    lake.land("reg_basic", [registered(key) for key in FIRMS])
    lake.land("invoice_line", [invoice(key, date(2023, 6, 1), key * 100_00) for key in FIRMS])
    lake.land("invoice_month", [invoice_month(key, 202306, key * 100_00) for key in FIRMS])
    lake.land("penalty", [penalty(key, "p", date(2023, 6, 1)) for key in FIRMS if key % 2])


@pytest.mark.parametrize("seed", range(4))
def test_live_consents_decide_enterprise_by_enterprise(seed: int, tmp_path: Path):
    rng = seeded(seed)
    lake = TinyLake(tmp_path)
    land_credit_data(lake)
    events = land_events(lake, random_events(rng), rng)
    opened = 0
    for _ in range(25):
        as_of = FIRST_DAY + timedelta(days=rng.randrange(-2, DAYS + 20))
        scope = random_scope(rng, "bank", rng.choice([Purpose.PRE_CREDIT, Purpose.POSTLOAN]))
        consented = {key: live_scopes(events, key, scope, as_of) for key in FIRMS}
        full = features_of(lake, as_of, registry=ONE_EACH)
        seen = exact(features_of(lake, as_of, scope, registry=ONE_EACH))
        assert seen == masked(full, scope, consented), f"as of {as_of} under {scope}"
        opened += sum(row["sales_amount_sum_12m_cny"] != "NULL" for row in seen.values())
    assert opened > 0, "a law that is never tested on visible rows proves nothing"


def sales_seen(lake: TinyLake, as_of: date, *, purpose: Purpose = Purpose.PRE_CREDIT) -> bool:
    scope = replace(whole_scope(purpose), grantee="bank")
    registry = ONE_EACH.select(["sales_amount_sum_12m_cny"])
    table = by_enterprise(features_of(lake, as_of, scope, registry=registry))
    return table[1]["sales_amount_sum_12m_cny"] is not None


def lake_with(tmp_path: Path, *events: Mapping[str, object]) -> TinyLake:
    lake = TinyLake(tmp_path)
    land_credit_data(lake)
    lake.land("consent_event", list(events))
    return lake


def test_a_consent_holds_from_its_first_to_its_last_day(tmp_path: Path):
    granted = consent(
        1, "granted", at("2024-01-02"), valid_from=date(2024, 1, 10), valid_to=date(2024, 1, 20)
    )
    lake = lake_with(tmp_path, granted)
    days = [date(2024, 1, day) for day in (9, 10, 20, 21)]
    assert [sales_seen(lake, day) for day in days] == [False, True, True, False]


def test_a_revocation_on_the_day_counts_at_the_end_of_the_day(tmp_path: Path):
    lake = lake_with(
        tmp_path,
        consent(1, "granted", at("2024-01-02"), event_id="1"),
        consent(1, "revoked", at("2024-01-10 23:59:59.999999"), event_id="2"),
    )
    assert sales_seen(lake, date(2024, 1, 9))
    assert not sales_seen(lake, date(2024, 1, 10))


def test_a_revocation_that_arrives_late_counts_once_it_is_known(tmp_path: Path):
    late = consent(
        1, "revoked", at("2024-01-05"), event_id="2", available_at=at("2024-01-08 09:00")
    )
    lake = lake_with(tmp_path, consent(1, "granted", at("2024-01-02"), event_id="1"), late)
    seen = [sales_seen(lake, date(2024, 1, day)) for day in (6, 7, 8)]
    assert seen == [True, True, False]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_a_grant_and_a_revocation_at_one_instant_the_revocation_holds(
    order: tuple[int, int], tmp_path: Path
):
    moment = at("2024-01-02 08:00")
    tied = [
        consent(1, "granted", moment, event_id="2"),
        consent(1, "revoked", moment, event_id="1"),
    ]
    lake = lake_with(tmp_path, *(tied[place] for place in order))
    assert not sales_seen(lake, date(2024, 1, 3))


def test_the_last_event_of_a_consent_counts_whatever_purpose_it_names(tmp_path: Path):
    lake = lake_with(
        tmp_path,
        consent(1, "granted", at("2024-01-02"), event_id="1"),
        consent(1, "revoked", at("2024-01-03"), event_id="2", purpose=Purpose.POSTLOAN),
    )
    assert not sales_seen(lake, date(2024, 1, 5))
    assert not sales_seen(lake, date(2024, 1, 5), purpose=Purpose.POSTLOAN)


def test_another_institutions_revocation_under_the_same_number_changes_nothing(tmp_path: Path):
    lake = lake_with(
        tmp_path,
        consent(1, "granted", at("2024-01-02"), event_id="1"),
        consent(1, "revoked", at("2024-01-03"), event_id="2", grantee="other"),
    )
    assert sales_seen(lake, date(2024, 1, 5))


def test_a_corrected_event_counts_until_the_correction_arrives(tmp_path: Path):
    lake = TinyLake(tmp_path)
    land_credit_data(lake)
    (wrong,) = lake.land("consent_event", [consent(1, "granted", at("2024-01-09"), event_id="1")])
    # The grant was meant for loans only; the correction also dates it earlier.
    right = consent(
        1, "granted", at("2024-01-02"), scopes=["loan"], available_at=at("2024-01-15 10:00")
    )
    lake.land("consent_event", [right], retire={wrong: at("2024-01-15 10:00")})
    assert sales_seen(lake, date(2024, 1, 14))
    assert not sales_seen(lake, date(2024, 1, 15))


def test_no_institution_reads_the_platforms_own_records(tmp_path: Path):
    lake = lake_with(tmp_path, consent(1, "granted", at("2024-01-02")))
    as_of, now = date(2024, 1, 5), at("2024-01-05 12:00")
    counts: dict[str | None, int] = {}
    for grantee in (None, "bank"):
        scope = replace(whole_scope(Purpose.PRE_CREDIT), grantee=grantee)
        with open_snapshot(lake.view, CATALOGUE, as_of, scope, now=now) as snapshot:
            rows = snapshot.connection.sql("SELECT count(*) FROM visible_consent_event").fetchall()
        counts[grantee] = int(rows[0][0])
    assert counts == {None: 1, "bank": 0}
