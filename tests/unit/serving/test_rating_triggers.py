"""Rated again upon events: noticed once, under the lender's own consents, told why and no more."""

import itertools
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import pytest

from features.contracts import load_catalogue
from features.errors import CatalogueError
from features.lake import Lake
from features.landed import landed_since, repairs_since
from serving.access.decision import LiveConsent
from serving.auth.marks import new_id
from serving.database.addresses import Addresses
from serving.jobs import Upkeep, rate_triggered
from serving.loans.exposures import live_exposures
from serving.observe.meters import Meters
from serving.ratings.desk import Desk
from serving.ratings.desks import Desks
from serving.ratings.repository import Rating
from serving.ratings.service import Order
from serving.ratings.triggers import issuing, noticing, rules
from serving.ratings.triggers.issuing import issue_due
from serving.ratings.triggers.noticing import notice_triggers
from serving.ratings.triggers.rules import rules_on
from serving.settings import Settings
from tests.builders import TinyLake, at, record
from tests.lending import end_watch, lend, listen, narrow_watch, notices_about, watch
from tests.rated_town import CODE, Town
from tests.service import BANK, OTHER_BANK, Running, service

MAY = ["rating:read", "rating:list"]
TODAY = datetime(2026, 11, 21, 12)


@pytest.fixture(scope="module")
def running(fresh_database: Addresses, town: Town) -> Generator[Running]:
    with service(fresh_database, before=town.move_in) as started:
        listen(started, BANK)
        listen(started, OTHER_BANK)
        yield started


@pytest.fixture(scope="module")
def firms() -> Iterator[str]:
    """Codes of firms the model knows nothing of, for whom `quick` stands in."""
    return map(CODE.format, itertools.count(100))


@pytest.fixture(autouse=True)
def _all_is_quiet(running: Running) -> None:
    """The same day for every test; what others lent and opened is over, and has been looked at."""
    running.clock.now = TODAY
    running.sql("UPDATE loan SET status = 'settled'")
    running.sql("UPDATE consent SET status = 'revoked' WHERE status = 'active'")
    running.sql("DELETE FROM rating_trigger")
    running.sql(
        "UPDATE rating_trigger_mark SET month_end = '2026-10-31', repairs_until = %(now)s",
        now=TODAY,
    )
    a_round(running)
    assert running.sql("SELECT count(*) FROM rating_trigger") == [(0,)]


@dataclass
class Quick:
    """In the place of the model: what it says is set, and by default new each time."""

    grade: str = "BBB"
    feature_hash: str = ""

    async def rate(
        self, _: Desks, desk: Desk, order: Order, consent: LiveConsent, now: datetime
    ) -> Rating:
        """A rating of nothing."""
        number = new_id("R")
        return Rating(
            rating_id=number,
            uscc=order.uscc,
            institution=order.institution,
            asked_by=order.asked_by,
            scope="grantee",
            opened=sorted(consent.scopes),
            consents=list(consent.ids),
            purpose=order.purpose,
            need_id="",
            is_public_only=False,
            as_of=order.as_of_date or now.date(),
            rated_at=now,
            valid_until=now.date() + timedelta(days=30),
            model="m@1",
            bundle_id=desk.bundle.id,
            lake_version=desk.lake.version,
            score=600,
            grade=self.grade,
            feature_hash=self.feature_hash or number,
            document="{}",
        )


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Quick:
    made = Quick()
    monkeypatch.setattr(issuing, "rate", made.rate)
    return made


def a_round(running: Running) -> Counter[str]:
    """What the job does."""

    async def work() -> Counter[str]:
        desk = await running.house.desks.fresh(running.clock.now)
        await notice_triggers(running.house, desk, running.clock.now)
        return await issue_due(running.house, desk, running.clock.now)

    return running.run(work())


def land(running: Running, uscc: str, dataset: str, /, **cells: str) -> None:
    """A row about the firm, known from now on."""
    lake = TinyLake(running.house.settings.home / "lake", CODE)
    row = record(int(uscc[-8:]), dataset, cells)
    lake.land(dataset, [{**row, "available_at": running.clock.now}])


def fined(running: Running, uscc: str) -> None:
    number = f"N{next(running.numbers)}"
    land(
        running,
        uscc,
        "admin_penalty",
        doc_no=number,
        decided_on=running.clock.now.date().isoformat(),
        fine_amount="900000.00",
        severity="serious",
        domain="safety",
    )


def ratings_of(running: Running, uscc: str, institution: str = BANK) -> list[str]:
    rows = running.sql(
        "SELECT rating_id FROM rating WHERE uscc = %(uscc)s AND institution = %(institution)s ORDER BY rating_no",
        uscc=uscc,
        institution=institution,
    )
    return [rating_id for (rating_id,) in rows]


def watched(running: Running, uscc: str, *scopes: str, **more: str) -> str:
    """A loan and a consent to watch it, both looked at already."""
    lend(running, uscc, **more)
    consent_id = watch(running, uscc, *scopes, **more)
    a_round(running)
    return consent_id


def test_a_record_leads_to_a_rating_a_row_of_the_record_and_a_notice(
    running: Running, town: Town
) -> None:
    uscc = town.usccs[3]
    lend(running, uscc)
    consent_id = watch(running, uscc, "tax")
    assert a_round(running) == {"issued": 1}
    running.clock.move(days=1)
    fined(running, uscc)
    assert a_round(running) == {"issued": 1}
    assert a_round(running) == {}
    first, second = ratings_of(running, uscc)
    told = notices_about(running, uscc)
    # The second notice takes the place of the first, which has not left.
    assert [one["state"] for one in told] == ["folded", "waiting"]
    assert told[0]["before"] is None
    assert told[0]["causes"] == [{"cause": "consent", "what": "granted", "on": "2026-11-21"}]
    notice = told[1]
    assert (notice["rating_id"], notice["before"]["rating_id"]) == (second, first)
    assert notice["causes"] == [{"cause": "record", "what": "admin_penalty", "on": "2026-11-22"}]
    assert notice["needs"] == ["postloan", "tax"]
    audit = running.sql(
        "SELECT actor, tenant, purpose, consents, subject FROM audit_event "
        "WHERE action = 'rating:issue:granted' AND detail LIKE %(rating)s",
        rating=f"%{second}%",
    )
    subject = running.house.subject_of(uscc)
    assert audit == [("system", BANK, "postloan", [consent_id], subject)]
    answer = running.get(f"/v1/ratings/{second}", running.bank(MAY)).json()
    assert (answer["grade"], answer["score"]) == (notice["grade"], notice["score"])
    assert (answer["purpose"], answer["as_of"]) == ("postloan", "2026-11-22")
    assert set(notice) - {"needs", "state"} == {
        "rating_id",
        "uscc",
        "grade",
        "score",
        "before",
        "as_of",
        "rated_at",
        "valid_until",
        "model",
        "causes",
    }, "nothing else is told"


def test_only_a_lender_with_a_live_consent_gets_one(
    running: Running, town: Town, firms: Iterator[str]
) -> None:
    uscc, guarantor = town.usccs[1], "91370000MA3GUAR01X"
    watched(running, uscc, "tax")
    lend(running, uscc, institution=OTHER_BANK, guarantor=guarantor)  # no consent to either
    watch(running, next(firms), "tax")  # a consent, no loan
    running.clock.move(days=1)
    fined(running, uscc)
    assert a_round(running) == {"issued": 1, "no_consent": 1, "not_admitted": 1}
    assert notices_about(running, uscc, OTHER_BANK) == []


def test_a_consent_without_the_scope_for_watching_or_with_counted_looks_opens_nothing(
    running: Running, firms: Iterator[str]
) -> None:
    plain, counted = next(firms), next(firms)
    for uscc in (plain, counted):
        lend(running, uscc)
    narrow_watch(running, watch(running, plain, "tax"))
    running.sql("UPDATE consent SET scopes = '{tax}' WHERE uscc = %(uscc)s", uscc=plain)
    watch(running, counted, "tax", most=1)
    assert a_round(running) == {"no_consent": 2}
    left = running.sql("SELECT queries_used FROM consent WHERE uscc = %(uscc)s", uscc=counted)
    assert left == [(0,)], "the look is the institution's own to take"


def test_a_revoked_consent_ends_it_and_a_narrower_one_rates_from_less(
    running: Running, town: Town
) -> None:
    uscc = town.usccs[5]
    consent_id = watched(running, uscc, "tax", "utilities")
    running.clock.move(days=1)
    narrow_watch(running, consent_id, "tax")
    assert a_round(running) == {"issued": 1}
    notice = notices_about(running, uscc)[-1]
    assert notice["before"] is None, "it was made from what is closed now"
    assert notice["causes"] == [{"cause": "consent", "what": "narrowed", "on": notice["as_of"]}]
    running.clock.move(days=1)
    end_watch(running, consent_id)
    fined(running, uscc)
    assert a_round(running) == {"no_consent": 1}
    assert len(ratings_of(running, uscc)) == 2


def test_what_is_closed_to_the_institution_is_no_cause(running: Running, town: Town) -> None:
    """A month of another bank's loan: with the scope it counts, without not even that it came."""
    uscc = town.usccs[6]
    watched(running, uscc, "tax")
    watched(running, uscc, "tax", "loan", institution=OTHER_BANK)
    running.clock.move(days=1)
    land(
        running,
        uscc,
        "repayment_snapshot",
        loan_id="x",
        month="202610",
        balance="5.00",
        dpd="120",
        five_class="substandard",
    )
    assert a_round(running) == {"not_open": 1, "issued": 1}
    (cause,) = notices_about(running, uscc, OTHER_BANK)[-1]["causes"]
    assert (cause["cause"], cause["what"]) == ("record", "repayment_snapshot")
    assert len(notices_about(running, uscc)) == 1


def test_nothing_is_issued_where_nothing_changed(
    running: Running, firms: Iterator[str], quick: Quick
) -> None:
    uscc, quick.feature_hash = next(firms), "same"
    watched(running, uscc, "tax")
    for days, told in ((0, "unchanged"), (30, "unchanged"), (1, "issued")):
        running.clock.move(days=days)  # the rating holds for thirty days
        watch(running, uscc, "tax")  # opens nothing more
        assert a_round(running) == {told: 1}, days
    watch(running, uscc, "utilities")
    running.clock.move(days=1)
    assert a_round(running) == {"issued": 1}, "it is open to more now"


def test_one_a_day_unless_the_grade_changes(
    running: Running, firms: Iterator[str], quick: Quick
) -> None:
    uscc = next(firms)
    consent_id = watched(running, uscc, "tax")

    def again() -> Counter[str]:
        narrow_watch(running, consent_id, "tax")
        return a_round(running)

    assert again() == {"later": 1}
    assert a_round(running) == {}
    quick.grade = "BB"
    assert again() == {"issued": 1}, "another grade is told at once"
    assert again() == {"later": 1}
    running.clock.now = datetime.combine(running.clock.now.date(), time(23, 59, 59))
    assert a_round(running) == {}, "a second before midnight"
    running.clock.move(seconds=1)
    assert a_round(running) == {"issued": 1}
    assert len(ratings_of(running, uscc)) == 3
    causes = running.sql("SELECT count(*) FROM rating_trigger WHERE settled_at IS NULL")
    assert causes == [(0,)]


def test_a_month_end_rates_everybody_once(
    running: Running, firms: Iterator[str], quick: Quick
) -> None:
    usccs = [next(firms), next(firms)]
    for uscc in usccs:
        watched(running, uscc, "tax")
    running.clock.now = datetime(2026, 11, 30, 19, 59)
    assert a_round(running) == {}
    running.clock.move(minutes=1)
    assert a_round(running) == {"issued": 2}
    assert a_round(running) == {}
    for uscc in usccs:
        notice = notices_about(running, uscc)[-1]
        assert notice["as_of"] == "2026-11-30"
        assert notice["causes"] == [{"cause": "month_end", "what": "", "on": "2026-11-30"}]


def test_a_month_end_that_was_slept_through_is_made_up_for(
    running: Running, firms: Iterator[str], quick: Quick
) -> None:
    watched(running, next(firms), "tax")
    running.sql("UPDATE rating_trigger_mark SET month_end = '2026-09-30'")
    running.clock.move(days=1)
    assert a_round(running) == {"issued": 1}


@pytest.mark.parametrize("step", ["add_triggers", "move_mark", "live_exposures"])
def test_a_kill_while_noticing_loses_nothing(
    running: Running,
    firms: Iterator[str],
    quick: Quick,
    step: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uscc = next(firms)
    watched(running, uscc, "tax")
    running.clock.move(days=1)
    fined(running, uscc)
    with monkeypatch.context() as patch:
        patch.setattr(noticing, step, dies)
        with pytest.raises(KeyboardInterrupt):
            a_round(running)
    assert a_round(running) == {"issued": 1}
    assert a_round(running) == {}
    assert len(ratings_of(running, uscc)) == 2


@pytest.mark.parametrize("step", ["add_rating", "write_entry", "post", "settle"])
def test_a_kill_while_rating_leaves_one_rating_and_one_notice(
    running: Running,
    firms: Iterator[str],
    quick: Quick,
    step: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uscc = next(firms)
    consent_id = watched(running, uscc, "tax")
    running.clock.move(days=1)
    narrow_watch(running, consent_id, "tax")
    with monkeypatch.context() as patch:
        patch.setattr(issuing, step, dies)
        with pytest.raises(KeyboardInterrupt):
            a_round(running)
    assert len(ratings_of(running, uscc)) == 1
    assert a_round(running) == {"issued": 1}
    assert (len(ratings_of(running, uscc)), len(notices_about(running, uscc))) == (2, 2)
    recorded = running.sql(
        "SELECT count(*) FROM audit_event WHERE action = 'rating:issue:granted' AND subject = %(subject)s",
        subject=running.house.subject_of(uscc),
    )
    assert recorded == [(2,)]


async def dies(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_firm_that_fails_waits_and_the_others_go_on(
    running: Running, firms: Iterator[str], quick: Quick, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = next(firms), next(firms)
    for uscc in (bad, good):
        lend(running, uscc)
        watch(running, uscc, "tax")

    async def broken(
        desks: Desks, desk: Desk, order: Order, consent: LiveConsent, now: datetime
    ) -> Rating:
        if order.uscc == bad:
            raise CatalogueError(en="The disk is full.", zh="磁盘已满。")
        return await quick.rate(desks, desk, order, consent, now)

    with monkeypatch.context() as patch:
        patch.setattr(issuing, "rate", broken)
        with pytest.raises(CatalogueError, match="The disk is full"):
            a_round(running)
    assert [len(ratings_of(running, uscc)) for uscc in (bad, good)] == [0, 1]
    running.clock.move(minutes=14, seconds=59)
    assert a_round(running) == {}
    running.clock.move(seconds=1)
    assert a_round(running) == {"issued": 1}


def test_two_at_once_rate_each_exposure_once(
    running: Running, firms: Iterator[str], quick: Quick
) -> None:
    usccs = [next(firms) for _ in range(3)]
    for uscc in usccs:
        lend(running, uscc)
        watch(running, uscc, "tax")

    async def work() -> Counter[str]:
        desk = await running.house.desks.desk(running.clock.now)
        await notice_triggers(running.house, desk, running.clock.now)
        return await issue_due(running.house, desk, running.clock.now)

    told = sum(running.together(work(), work(), work()), Counter[str]())
    assert told["issued"] == 3
    assert [len(ratings_of(running, uscc)) for uscc in usccs] == [1, 1, 1]


def test_a_corrected_dispute_is_a_cause_once(
    running: Running, firms: Iterator[str], quick: Quick
) -> None:
    uscc = next(firms)
    watched(running, uscc, "tax")
    running.clock.move(days=1)
    running.sql(
        "WITH made AS (INSERT INTO credit_case (case_id, kind, uscc, dataset, about, text, state, state_since, filed_by,"
        " filed_at) VALUES ('D-trigger', 'dispute', %(uscc)s, 'admin_penalty', 'others', 'x', 'correction_landed',"
        " %(now)s, 'U-0', %(now)s) RETURNING case_id) "
        "INSERT INTO case_event (case_id, step, from_state, to_state, at, actor, actor_role, said) "
        "SELECT case_id, 'land', 'corrected', 'correction_landed', %(now)s, 'system', 'system', '{}' FROM made",
        uscc=uscc,
        now=running.clock.now,
    )
    assert a_round(running) == {"issued": 1}
    (cause,) = notices_about(running, uscc)[-1]["causes"]
    assert (cause["cause"], cause["what"]) == ("correction", "admin_penalty")
    running.sql(
        "INSERT INTO case_event (case_id, step, from_state, to_state, at, actor, actor_role, said) "
        "VALUES ('D-trigger', 'rated', 'correction_landed', 'answered', %(now)s, 'system', 'system', '{}')",
        now=running.clock.now,
    )
    assert a_round(running) == {}, "steps are looked at again, and known"


def test_rows_are_found_by_their_ids_whichever_file_they_are_in(running: Running) -> None:
    catalogue = load_catalogue()
    lake = Lake(running.house.settings.home / "lake")
    before = lake.view().version
    uscc = CODE.format(3)
    fined(running, uscc)
    land(running, CODE.format(4), "admin_license", doc_no="x")
    found = landed_since(lake.view(), catalogue, before, ["admin_penalty", "abnormal_list"])
    assert found == {"admin_penalty": {uscc}}
    assert landed_since(lake.view(), catalogue, before + 1, ["admin_penalty"]) == {}


def test_a_repair_counts_when_it_takes_effect_or_lands(running: Running) -> None:
    catalogue = load_catalogue()
    lake = Lake(running.house.settings.home / "lake")
    uscc, before = CODE.format(5), lake.view().version
    land(
        running,
        uscc,
        "credit_repair",
        dataset="tax_nonnormal",
        record_no="1",
        repaired_at="2031-05-01 00:00",
    )
    view = lake.view()

    def found(version: int, after: str, until: str) -> dict[str, frozenset[str]]:
        return dict(repairs_since(view, catalogue, version, at(after), at(until)))

    here = {"tax_nonnormal": {uscc}}
    assert found(view.version, "2031-04-30", "2031-05-01") == here, "it has come to hold"
    assert found(view.version, "2031-04-29", "2031-04-30 23:59") == {}, "not yet"
    assert found(view.version, "2031-05-01", "2031-05-02") == {}, "told before"
    assert found(before, "2031-06-01", "2031-06-02") == here, "it landed late"


def test_a_code_the_catalogue_does_not_have_is_named(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = rules.TRIGGERS.read_text("utf-8").replace("D05,", "D5,")
    path = rules.Path(str(tmp_path)) / "triggers.yaml"
    path.write_text(text, "utf-8")
    monkeypatch.setattr(rules, "TRIGGERS", path)
    with pytest.raises(CatalogueError, match=r"no dataset D5\. Correct"):
        rules.load_rules.__wrapped__()


def test_february_ends_on_its_last_day() -> None:
    chosen = rules_on(date(2028, 2, 29))
    assert chosen.month_end_by(datetime(2028, 2, 28, 23)) == date(2028, 1, 31)
    assert chosen.month_end_by(datetime(2028, 2, 29, 20)) == date(2028, 2, 29)


def test_exposures_are_asked_of_touched_firms_alone(
    running: Running, firms: Iterator[str], quick: Quick, monkeypatch: pytest.MonkeyPatch
) -> None:
    uscc = next(firms)
    watched(running, uscc, "tax")
    fined(running, uscc)
    asked: list[object] = []

    async def noted(connection: object, usccs: object = None) -> object:
        asked.append(usccs)
        return await live_exposures(connection, usccs)  # type: ignore[arg-type]

    monkeypatch.setattr(noticing, "live_exposures", noted)
    a_round(running)
    assert asked == [{uscc}]


def test_the_upkeep_does_it_and_counts_what_came_of_it(running: Running, town: Town) -> None:
    """Landed, noticed, rated and told by the job itself; after the consent ended, no more."""
    uscc, meters = town.usccs[7], Meters()
    house = running.house
    settings = Settings(house.settings.home, running.addresses.app)
    upkeep = Upkeep(settings, house.database, house.vault, meters)
    lend(running, uscc)
    consent_id = watch(running, uscc, "tax")
    running.run(rate_triggered(upkeep, running.clock.now))
    known = len(ratings_of(running, uscc))
    running.clock.move(days=1)
    fined(running, uscc)
    assert running.run(rate_triggered(upkeep, running.clock.now)) == 1
    assert notices_about(running, uscc)[-1]["causes"][0]["what"] == "admin_penalty"
    running.clock.move(days=1)
    end_watch(running, consent_id)
    fined(running, uscc)
    assert running.run(rate_triggered(upkeep, running.clock.now)) == 0
    assert len(ratings_of(running, uscc)) == known + 1
    upkeep.desks.close()
    page = meters.page().decode()
    assert 'xinqiao_rated_again_total{outcome="no_consent"} 1.0' in page


def test_without_a_model_nothing_is_noticed_and_nothing_lost(running: Running) -> None:
    house = running.house
    settings = Settings(house.settings.home / "nowhere", running.addresses.app)
    upkeep = Upkeep(settings, house.database, house.vault, Meters())
    before = running.sql("SELECT * FROM rating_trigger_mark")
    assert running.run(rate_triggered(upkeep, running.clock.now)) == 0
    upkeep.desks.close()
    assert running.sql("SELECT * FROM rating_trigger_mark") == before
