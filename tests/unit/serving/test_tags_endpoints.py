"""Tags over HTTP: what each reader sees of them, and that what a firm removes is gone for all."""

from collections.abc import Generator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from serving.database.addresses import Addresses
from serving.tags.repository import every_claim, every_removal
from tests.builders import TinyLake, record, registered
from tests.consents_by_hand import grant, revoke
from tests.rating_documents import rating_document
from tests.service import BANK, FIRM, OTHER_BANK, Ask, Running, service
from tests.warnings_by_hand import assessment, lend, take

OTHER_FIRM = "91370000MA3TEST02X"
USCC = {1: FIRM, 2: OTHER_FIRM}
GRANTED = ("tech", "agri", "tax")


def _plant(home: Path) -> None:
    """A technology firm in a credit village with a repaired penalty, and a firm of which nothing is known."""
    lake = TinyLake(home / "lake", lambda key: USCC.get(key, f"P{key}"))
    lake.land(
        "reg_basic",
        [registered(1) | {"industry_code": "C2614", "entity_type": "company"}, registered(2)],
    )
    rows = {
        "tech_rnd": {"stat_date": "2026-10-01", "is_hnte": "true", "is_tech_sme": "false"},
        "rural_household": {"household_id": "1", "village_code": "371322100201", "grade": "A", "rated_on": "2026-01-01"},
        "tax_credit_rating": {"rating_year": "2025", "grade": "B", "published_on": "2026-04-30"},
        "bid_award": {"notice_no": "1", "awarded_on": "2026-10-01"},
        "credit_repair": {"dataset": "admin_penalty", "record_no": "1", "repaired_at": "2026-10-01"},
    }  # fmt: skip
    for dataset, cells in rows.items():
        lake.land(dataset, [record(1, dataset, cells)])


@pytest.fixture(scope="module")
def running(fresh_database: Addresses) -> Generator[Running]:
    with service(fresh_database, before=_plant) as started:
        yield started


@pytest.fixture
def owner(running: Running) -> Ask:
    running.clock.move(minutes=1)
    running.sql("DELETE FROM tag_removal")
    running.sql("DELETE FROM tag_claim")
    running.sql("DELETE FROM tag_contest")
    return running.owner()


def seen(running: Running, who: Ask, uscc: str = FIRM, **more: str) -> dict[str, dict[str, Any]]:
    answer = running.get("/v1/tags", who, params={"uscc": uscc, **more})
    assert answer.status_code == 200, answer.text
    return {one["tag"]: one for one in answer.json()["tags"]}


def values(tag: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["value"]["en"] for one in tag["rests_on"]}


def states(tags: dict[str, dict[str, Any]], *codes: str) -> list[str]:
    return [tags[code]["state"] if code in tags else "" for code in codes]


def test_a_firm_sees_every_tag_of_its_own_and_why(running: Running, owner: Ask) -> None:
    tags = seen(running, owner)
    assert states(tags, "ind_c", "tech", "tax_ab", "tax_a", "bid_winner", "repaired") == [
        "yes", "yes", "yes", "no", "yes", "yes",
    ]  # fmt: skip
    assert values(tags["tech"]) == {"tag_tech_sme": "no", "tag_hnte": "yes", "tag_zjtx": "no"}
    assert values(tags["green"])["industry_code"] == "2614"
    assert values(tags["collateral"]) == {"real_estate_free_count": "nothing on record"}
    assert "risk_watch" not in tags
    assert tags["rural_household"]["is_personal"]
    assert seen(running, running.owner(OTHER_FIRM), OTHER_FIRM)["ind_c"]["state"] == "unknown"


def test_without_consent_an_institution_sees_what_public_records_say(
    running: Running, owner: Ask
) -> None:
    bank = running.bank(["tag:read"], uscc=OTHER_BANK)
    running.post("/v1/tags/new_citizen/declaration", owner)
    tags = seen(running, bank)
    assert states(tags, "ind_c", "bid_winner") == ["yes", "yes"]
    closed = {"hnte", "tax_ab", "rural_household", "new_citizen", "repaired", "risk_watch"}
    assert closed.isdisjoint(tags)
    refused = running.get("/v1/tags", bank, params={"uscc": FIRM, "purpose": "apply"})
    assert refused.json()["code"] == "need_authorisation"


def test_a_consent_opens_tags_and_of_values_that_are_not_public_a_band(
    running: Running, owner: Ask
) -> None:
    consent = grant(running, FIRM, *GRANTED)
    bank = running.bank(["tag:read"])
    tags = seen(running, bank, purpose="apply")
    assert states(tags, "hnte", "tech", "tax_ab", "rural_household") == ["yes"] * 4
    assert values(tags["tax_ab"])["tax_grade_level"] == "not shown"
    assert values(tags["hnte"]) == {"high_tech_enterprise_flag": "yes"}
    assert {"collateral", "repaired", "carbon_account"}.isdisjoint(tags)
    revoke(running, consent)


def test_what_a_firm_removes_is_unknown_to_everybody_at_once_and_may_come_back(
    running: Running, owner: Ask
) -> None:
    consent = grant(running, FIRM, *GRANTED)
    bank = running.bank(["tag:read"])
    assert running.post("/v1/tags/rural_household/removal", owner).status_code == 204
    assert running.post("/v1/tags/rural_household/removal", owner).status_code == 204
    own, theirs = seen(running, owner), seen(running, bank, purpose="apply")
    assert (own["rural_household"]["state"], own["rural_household"]["is_removed"]) == ("unknown", True)  # fmt: skip
    # To the institution it reads as what nothing is on record of.
    assert theirs["rural_household"]["state"] == "unknown"
    assert not theirs["rural_household"]["is_removed"]
    assert running.run(_removals(running)) == [(FIRM, "rural_household")]
    assert running.ask("DELETE", "/v1/tags/rural_household/removal", owner).status_code == 204
    assert seen(running, bank, purpose="apply")["rural_household"]["state"] == "yes"
    assert running.ask("DELETE", "/v1/tags/rural_household/removal", owner).status_code == 404
    revoke(running, consent)


def test_a_tag_that_is_not_personal_is_contested_and_not_removed(
    running: Running, owner: Ask
) -> None:
    refused = running.post("/v1/tags/bid_winner/removal", owner)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    made = running.post("/v1/tags/bid_winner/contests", owner, json={"text": "未参与该项目。"})
    assert made.json()["state"] == "open"
    again = running.post("/v1/tags/bid_winner/contests", owner, json={"text": "再次说明。"})
    assert again.status_code == 409
    operator = running.operator()
    listed = running.get("/v1/tag-contests", operator, params={"state": "open"}).json()["items"]
    assert [one["text"] for one in listed] == ["未参与该项目。"]
    answer = {"outcome": "upheld", "answer_zh": "公告主体有误。"}
    path = f"/v1/tag-contests/{made.json()['contest_id']}/answer"
    assert running.post(path, operator, json=answer).json()["state"] == "upheld"
    assert running.post(path, operator, json=answer).status_code == 409
    tag = seen(running, owner)["bid_winner"]
    assert (tag["state"], tag["contest"]) == ("unknown", "upheld")


def test_the_platform_reads_of_a_contested_tag_the_rule_and_what_is_public(
    running: Running, owner: Ask
) -> None:
    operator = running.operator()
    running.post("/v1/tags/new_citizen/declaration", owner)

    def page_of(tag: str) -> str:
        made = running.post(f"/v1/tags/{tag}/contests", owner, json={"text": f"<b>{tag}</b>"})
        found = running.get(f"/ops/tags/{made.json()['contest_id']}?lang=en", operator)
        assert found.status_code == 200, found.text
        assert f"&lt;b&gt;{tag}&lt;/b&gt;" in found.text
        return found.text

    public, closed, declared = (page_of(tag) for tag in ("ind_c", "tax_ab", "new_citizen"))
    assert "industry_section = &#39;C&#39;" in public
    assert "<dd>manufacturing</dd>" in public.lower()
    assert "tax_grade_level &lt;= 2" in closed
    assert "<dd>not authorised</dd>" in closed
    for page in (closed, running.get("/ops/tags?lang=en", operator).text):
        assert "public records only" in page
        assert "own words are all there is" in page
    assert "能依据的只有企业的说明" in running.get("/ops/tags?lang=zh", operator).text
    assert f"{running.clock.now.date()}" in declared
    listed = running.get("/ops/tags?lang=en", operator).text
    assert [listed.count(one) for one in ("/ops/tags/X-", "No contest waits")] == [3, 0]
    found = running.sql("SELECT contest_id FROM tag_contest WHERE tag = 'ind_c'")[0][0]
    path = f"/ops/tags/{found}/answer"
    empty = running.post(path, operator, data={"outcome": "upheld", "answer_zh": " "})
    assert (empty.status_code, empty.json()["code"]) == (422, "malformed")
    said = {"outcome": "rejected", "answer_zh": "行业代码与登记一致。"}
    assert running.post(path, operator, data=said).status_code == 303
    assert running.post(path, operator, data=said).status_code == 409
    assert "行业代码与登记一致。" in running.get("/me/tags", owner).text
    assert seen(running, owner)["ind_c"]["state"] == "yes"


def test_a_contest_outlives_its_tag_and_is_still_answered(running: Running, owner: Ask) -> None:
    operator = running.operator()
    # Of a code that the book had once.
    running.sql(
        "INSERT INTO tag_contest (contest_id, uscc, tag, text, state, made_by, made_at)"
        " VALUES ('X-old', %(uscc)s, 'old_title', '称号已过期。', 'open', 'U-0', %(now)s)",
        uscc=FIRM,
        now=running.clock.now,
    )
    words = {"zh": "标签已下架（old_title）", "en": "no longer in the book (old_title)"}
    for who in (owner, operator):
        (listed,) = running.get("/v1/tag-contests", who).json()["items"]
        assert (listed["tag"], listed["words"]) == ("old_title", words)
    assert words["zh"] in running.get("/ops/tags?lang=zh", operator).text
    found = running.get("/ops/tags/X-old?lang=en", operator)
    assert (found.status_code, "称号已过期。" in found.text) == (200, True)
    said = {"outcome": "upheld", "answer_zh": "该称号已停止使用。"}
    assert running.post("/ops/tags/X-old/answer", operator, data=said).status_code == 303
    own = running.get("/me/tags?lang=en", owner).text
    assert words["en"] in own
    assert said["answer_zh"] in own
    assert "old_title" not in seen(running, owner)


def test_a_certificate_counts_while_it_runs(running: Running, owner: Ask) -> None:
    operator, today = running.operator(), running.clock.now.date()

    def certify(tag: str, **more: str) -> Any:
        one = {"tag": tag, "uscc": FIRM, "authority": "农业农村局", "evidence_no": "雁1", **more}
        return running.post("/v1/tag-certificates", operator, json={"certificates": [one]})

    brought = certify("four_geese", valid_from=f"{today}").json()["certificates"][0]
    # Two years, as long as such a tag counts.
    assert brought["valid_until"] == f"{today.replace(year=today.year + 2)}"
    tag = seen(running, owner)["four_geese"]
    assert (tag["state"], tag["kind"], tag["valid_from"]) == ("yes", "certified", f"{today}")
    assert running.run(_claims(running, today)) == [(FIRM, "four_geese")]
    certify("four_geese", valid_from="2026-01-01", valid_until="2026-11-19")  # until yesterday
    assert seen(running, owner)["four_geese"]["state"] == "unknown"
    assert (
        certify("hnte", valid_from=f"{today}").status_code == 409
    )  # asked of records, not certified
    assert certify("risk_watch", valid_from=f"{today}").status_code == 409
    assert certify("nothing", valid_from=f"{today}").status_code == 404
    assert running.post("/v1/tags/four_geese/declaration", owner).status_code == 409


def test_the_platform_sees_what_was_certified_and_whether_a_firm_is_watched(
    running: Running, owner: Ask
) -> None:
    operator = running.operator()
    assert states(seen(running, operator), "risk_watch", "tech") == ["unknown", ""]
    lend(running, FIRM, "L-1")
    take(running, assessment(FIRM, "W10:O", on=running.clock.now.date()))
    running.post("/v1/tags/new_citizen/declaration", owner)
    assert states(seen(running, operator), "risk_watch", "new_citizen") == ["yes", "yes"]
    assert "risk_watch" not in seen(running, owner)


def test_the_grade_is_a_tag_while_the_rating_counts(running: Running, owner: Ask) -> None:
    running.sql(
        "INSERT INTO rating (rating_id, uscc, institution, asked_by, scope, opened, consents, purpose, need_id, "
        "is_public_only, as_of, rated_at, valid_until, model, bundle_id, lake_version, score, grade, feature_hash, "
        "document) VALUES ('R-1', %(uscc)s, '', 'U-0', 'self', '{}', '{}', 'self_report', '', false, %(now)s, %(now)s, "
        "%(until)s, 'm@1', 'b', 1, 575, 'BB', 'f', %(document)s)",
        uscc=FIRM,
        now=running.clock.now,
        until=date(2026, 11, 20),
        document=rating_document(rating_id="R-1", uscc=FIRM),
    )
    tags = seen(running, owner)
    assert states(tags, "credit_bb", "credit_bbb") == ["yes", "no"]
    assert values(tags["credit_bb"]) == {"grade_rank": "BB"}
    before, running.clock.now = running.clock.now, datetime(2026, 11, 21, 12)
    assert states(seen(running, running.owner()), "credit_bb") == ["unknown"]
    running.clock.now = before


async def _removals(running: Running) -> list[tuple[str, str]]:
    async with running.house.database.transaction() as connection:
        return await every_removal(connection)


async def _claims(running: Running, day: date) -> list[tuple[str, str]]:
    async with running.house.database.transaction() as connection:
        return [(one.uscc, one.tag) for one in await every_claim(connection, day)]


def test_an_institution_asks_in_its_own_name_alone(running: Running, owner: Ask) -> None:
    consent = grant(running, FIRM, *GRANTED, grantee=BANK)
    stranger = running.bank(["tag:read"], uscc=OTHER_BANK)
    refused = running.get("/v1/tags", stranger, params={"uscc": FIRM, "purpose": "apply"})
    assert refused.status_code == 403
    assert running.get("/v1/tags", running.owner(OTHER_FIRM), params={"uscc": FIRM}).status_code == 404  # fmt: skip
    revoke(running, consent)
