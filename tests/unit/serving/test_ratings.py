"""Ratings through the whole application, on a town of a few firms."""

import json
from collections.abc import Generator
from typing import Any

import pytest

from serving.database.addresses import Addresses
from serving.ratings.beside import RatingAnswer
from serving.ratings.sight import Opened
from tests.consents_by_hand import grant, revoke
from tests.rated_town import Town
from tests.service import OTHER_BANK, Ask, Running, service

MAY = ["rating:create", "rating:read", "rating:list", "rating:replay"]
UNKNOWN = "91370100MA99999999"


@pytest.fixture(scope="module")
def running(fresh_database: Addresses, town: Town) -> Generator[Running]:
    with service(fresh_database, before=town.move_in) as started:
        yield started


@pytest.fixture
def bank(running: Running) -> Ask:
    return running.bank(MAY)


@pytest.fixture(autouse=True)
def _nothing_is_open_yet(running: Running) -> None:
    """What another test of this ledger opened is closed again."""
    running.sql("UPDATE consent SET status = 'revoked' WHERE status = 'active'")


def ask(running: Running, who: Ask, uscc: str, **more: Any) -> Any:
    headers = more.pop("headers", {})
    body = {"uscc": uscc, "purpose": "apply", **more}
    return running.post("/v1/ratings", who, json=body, headers=headers)


def recorded(running: Running, who: Ask) -> list[tuple[str, str]]:
    rows = running.sql(
        "SELECT action, result FROM audit_event WHERE actor = %(id)s ORDER BY audit_id", id=who.id
    )
    return [(action, result) for action, result in rows]


def test_nobody_is_refused(running: Running, town: Town) -> None:
    assert (
        running.post("/v1/ratings", json={"uscc": town.usccs[0], "purpose": "apply"}).status_code
        == 401
    )
    assert running.get("/v1/ratings").status_code == 401
    assert running.get("/v1/ratings/R-1").status_code == 401
    assert running.post("/v1/ratings/R-1/replay").status_code == 401


def test_without_a_consent_the_answer_is_what_to_ask_for(
    running: Running, bank: Ask, town: Town
) -> None:
    grant(running, town.usccs[0], "tax", purpose="postloan")  # another purpose
    grant(running, town.usccs[0], "tax", grantee=OTHER_BANK)  # another bank
    refused = ask(running, bank, town.usccs[0])
    assert (refused.status_code, refused.json()["code"]) == (403, "need_authorisation")
    assert {"tax", "invoice"} <= set(refused.json()["need_authorisation"]), "all the model reads"
    grant(running, town.usccs[0], "tax")
    short = ask(running, bank, town.usccs[0], require=["tax", "invoice"])
    assert (short.status_code, short.json()["need_authorisation"]) == (403, ["invoice"])
    assert recorded(running, bank) == [("rating:create:refused", "need_authorisation")] * 2


def test_a_rating_adds_up_and_is_kept_word_for_word(
    running: Running, bank: Ask, town: Town
) -> None:
    uscc = town.usccs[1]
    consent_id = grant(running, uscc, "tax", "invoice", "loan", "utilities", "social_insurance")
    given = ask(running, bank, uscc, need_id="N-1")
    assert given.status_code == 201, given.text
    told = RatingAnswer.model_validate_json(given.content)
    reasons = told.reasons
    listed = sum(row.points for row in (*reasons.negative, *reasons.positive))
    assert told.base_points + listed + reasons.others.points + told.points_limit == told.score
    assert told.base_points + sum(told.points.values()) + told.points_limit == told.score
    assert reasons.withheld
    assert all(told.points[group.code] == 0 for group in reasons.withheld)
    assert (told.consents, told.need_id, told.scope) == ([consent_id], "N-1", "grantee")
    assert told.online_build != ""
    again = running.get(given.headers["Location"], bank)
    assert again.content == given.content
    assert recorded(running, bank) == [
        ("rating:create:granted", "granted"),
        ("rating:read:granted", "granted"),
    ]
    (row,) = running.sql(
        "SELECT document, score, consents, lake_version FROM rating WHERE rating_id = %(id)s",
        id=told.rating_id,
    )
    kept, beside = given.text.split(',"beside":')
    nothing = {"marks": [], "statements": [], "review_notes": [], "records_changed_at": None}
    assert json.loads(beside[:-1]) == nothing
    assert row == (f"{kept}}}", told.score, [consent_id], told.lake_version)


def test_a_revoked_consent_closes_what_was_made_from_it(
    running: Running, bank: Ask, town: Town
) -> None:
    uscc = town.usccs[2]
    kept = grant(running, uscc, "tax")
    revoked = grant(running, uscc, "invoice")
    key = {"Idempotency-Key": "once"}
    given = ask(running, bank, uscc, headers=key)
    assert ask(running, bank, uscc, headers=key).headers["Idempotent-Replayed"] == "true"
    revoke(running, revoked)
    path = given.headers["Location"]
    closed = running.get(path, bank)
    assert (closed.status_code, closed.json()["need_authorisation"]) == (403, ["invoice"])
    assert running.post(f"{path}/replay", bank).status_code == 403
    # The first answer was made from invoices: who asks again under its key does not get it either.
    assert ask(running, bank, uscc, headers=key).status_code == 403
    narrower = ask(running, bank, uscc)
    assert narrower.json()["consents"] == [kept]
    assert "invoice_line" in narrower.json()["withheld"]
    # That it was made stays known; what it said does not.
    stubs = running.get("/v1/ratings", bank, params={"uscc": uscc}).json()["items"]
    assert [stub["rating_id"] for stub in stubs] == [
        given.json()["rating_id"],
        narrower.json()["rating_id"],
    ]
    assert not {"score", "grade", "points"} & set(stubs[0])


def test_another_tenant_finds_nothing(running: Running, bank: Ask, town: Town) -> None:
    uscc = town.usccs[3]
    grant(running, uscc, "tax")
    grant(running, uscc, "tax", grantee=OTHER_BANK)
    path = ask(running, bank, uscc).headers["Location"]
    stranger = running.bank(MAY, uscc=OTHER_BANK)
    for who in (stranger, running.owner(town.usccs[4])):
        assert running.get(path, who).status_code == 404
        assert running.post(f"{path}/replay", who).status_code == 404
        assert running.get("/v1/ratings", who).json()["items"] == []
    assert (
        ask(running, running.owner(town.usccs[4]), uscc, purpose="self_report").status_code == 404
    )
    owner = running.owner(uscc)
    assert running.get(path, owner).status_code == 200
    assert len(running.get("/v1/ratings", owner).json()["items"]) == 1
    assert running.get(path, running.operator()).status_code == 403
    assert running.get("/v1/ratings", running.auditor()).status_code == 200


def test_an_owner_sees_everything_about_its_firm_as_often_as_it_likes(
    running: Running, town: Town
) -> None:
    uscc = town.usccs[5]
    owner = running.owner(uscc)
    answers = [ask(running, owner, uscc, purpose="self_report").json() for _ in range(3)]
    assert {answer["score"] for answer in answers} == {answers[0]["score"]}
    assert answers[0]["scope"] == "self"
    assert answers[0]["withheld"] == []
    assert answers[0]["consents"] == []
    assert ask(running, owner, uscc).status_code == 422  # an owner does not apply to itself


def test_public_data_alone_give_a_rating_of_low_confidence(
    running: Running, bank: Ask, town: Town
) -> None:
    given = ask(running, bank, town.usccs[6], public_only=True)
    assert given.status_code == 201, given.text
    told = given.json()
    assert (told["is_public_only"], told["confidence"], told["consents"]) == (True, "L", [])
    assert len(told["grade_range"]) == 2
    assert {"tax_filing_month", "invoice_line", "consent_event"} <= set(told["withheld"])
    assert "tax" in told["need_authorisation"]
    path = f"/v1/ratings/{told['rating_id']}"
    assert running.get(path, bank).status_code == 200


def test_unknown_firms_and_dates_to_come_are_said(running: Running, bank: Ask, town: Town) -> None:
    assert ask(running, bank, UNKNOWN).status_code == 404
    assert ask(running, bank, "张三").status_code == 422
    assert ask(running, bank, town.usccs[0], as_of="2027-01-01").status_code == 422
    assert ask(running, bank, town.usccs[0], as_of="0001-01-01").status_code == 422
    assert running.get("/v1/ratings/%00", bank).status_code == 422
    assert running.get("/v1/ratings?uscc=%00", bank).status_code == 422
    assert ask(running, bank, town.usccs[0], purpose="self_report").status_code == 422
    assert recorded(running, bank) == [("rating:create:refused", "not_found")]


def test_a_consent_for_one_query_is_spent_by_one(running: Running, bank: Ask, town: Town) -> None:
    grant(running, town.usccs[7], "tax", most=1)
    key = {"Idempotency-Key": "paid"}
    first = ask(running, bank, town.usccs[7], headers=key)
    assert first.status_code == 201
    assert ask(running, bank, town.usccs[7]).status_code == 403
    assert ask(running, bank, town.usccs[7], headers=key).content == first.content


def test_the_lake_gives_the_same_rating_as_the_vectors(
    running: Running, bank: Ask, town: Town
) -> None:
    desk = running.run(running.house.desks.desk(running.clock.now))
    now = running.clock.now
    compared = 0
    for scopes in ((), ("tax",), ("invoice", "loan"), ("registration_detail", "utilities")):
        sight = desk.sight(Opened("grantee", frozenset(scopes)))
        for uscc in town.usccs[8:11]:
            ready, looked_up = (
                desk.at_hand(uscc, desk.as_of_date),
                desk.look_up(uscc, desk.as_of_date, sight, now),
            )
            assert ready is not None
            assert looked_up is not None
            one, other = desk.rate(ready, sight), desk.rate(looked_up, sight)
            if one is None or other is None:
                assert one is other
                continue
            assert one.feature_hash == other.feature_hash
            assert one.grade == other.grade
            assert one.portraits.scores.keys() == other.portraits.scores.keys()
            assert one.portraits.peers() == other.portraits.peers()
            assert one.knockouts.holding() == other.knockouts.holding()
            compared += 1
    assert compared > 4


def test_no_record_holds_a_value_or_a_code(running: Running, bank: Ask, town: Town) -> None:
    uscc = town.usccs[11]
    grant(running, uscc, "tax")
    assert ask(running, bank, uscc).status_code == 201
    (detail,) = running.sql("SELECT detail FROM audit_event WHERE actor = %(id)s", id=bank.id)
    assert set(json.loads(detail[0])) == {"rating", "bundle"}
    assert all(uscc not in json.dumps(line) for line in running.log_lines)
