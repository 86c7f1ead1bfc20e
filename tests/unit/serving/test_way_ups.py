"""Ways up through the whole application: only for the firm itself, on record by hash, and on its page."""

import re
import shutil
from collections.abc import Generator
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from models.products.book import load_products
from models.wayup.document import WayUpTold
from models.wayup.peers import PeerTable, Spread, scopes_of
from serving.database.addresses import Addresses
from serving.look import Look
from serving.wayup.peers import refresh_peers
from serving.web import own_way_up
from tests.builders import TinyLake
from tests.rated_town import CODE, build_vectors, model_features, promote_model
from tests.service import FIRM as NOBODY
from tests.service import Running, service
from tests.wayup_firm import FIRM, SEED, land_firm

USCC = CODE.format(FIRM)


@pytest.fixture(scope="module")
def running(
    fresh_database: Addresses, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Running]:
    home = tmp_path_factory.mktemp("village")
    lake = TinyLake(home / "lake", CODE)
    land_firm(lake)
    build_vectors(home, lake, model_features())
    promote_model(home, SEED)
    with service(
        fresh_database,
        before=lambda new: shutil.copytree(home, new, symlinks=True, dirs_exist_ok=True) and None,
        request_seconds=60.0,
    ) as started:
        started.clock.now = datetime(2026, 6, 2, 12)
        yield started


@pytest.fixture(scope="module")
def answer(running: Running) -> dict[str, Any]:
    found = running.post("/v1/way-ups", running.owner(USCC), json={"target_grade": "BB"})
    assert found.status_code == 200, found.text
    return found.json()


def test_nobody_else_is_told(running: Running) -> None:
    body = {"target_grade": "AAA"}
    assert running.post("/v1/way-ups", json=body).status_code == 401
    assert running.post("/v1/way-ups", running.officer(), json=body).status_code == 403
    bank = running.bank(["rating:create"])
    assert running.post("/v1/way-ups", bank, json=body).status_code == 403
    # A firm that is on no register here.
    assert running.post("/v1/way-ups", running.owner(NOBODY), json=body).status_code == 404


def test_points_add_up_and_the_record_keeps_the_hash(
    running: Running, answer: dict[str, Any]
) -> None:
    told = WayUpTold.model_validate(answer["way_up"])
    assert answer["sha256"] == told.sha256
    # Back in touch with the tax authority, the firm has the grade that the model gives it.
    assert told.verdict == "plan"
    assert told.today.grade == "CCC"
    shown = told.plan
    assert shown is not None
    assert [(s.code, s.cost_cny, [f.code for f in s.lifts]) for s in shown.steps] == [
        ("lift_nonnormal", 2000.0, ["tax_nonnormal"])
    ]
    gained = sum(step.points for step in shown.steps)
    assert told.today.score + shown.time_points + gained == shown.then.score
    kept = running.sql(
        "SELECT detail::jsonb->>'sha256' FROM audit_event WHERE action = 'way_up:read:granted' ORDER BY audit_id DESC LIMIT 1"
    )
    assert kept == [(told.sha256,)]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"target_grade": "A", "product": "P01"}, 422),
        ({"target_grade": "ZZZ"}, 422),
        ({"product": "NOSUCH"}, 404),
        ({"product": "P01", "said": {"grade_rank": 1}}, 422),
    ],
)
def test_what_is_no_target_is_refused(running: Running, body: dict[str, Any], status: int) -> None:
    owner = running.owner(USCC)
    assert running.post("/v1/way-ups", owner, json=body).status_code == status


def test_a_product_is_a_target(running: Running) -> None:
    owner = running.owner(USCC)
    code = load_products()[0].code
    said = {"need_amount_cny": 100000, "need_term_months": 12, "need_purpose": "operation"}

    found = running.post("/v1/way-ups", owner, json={"product": code, "said": said})

    assert found.status_code == 200, found.text
    told = WayUpTold.model_validate(found.json()["way_up"])
    assert told.kind == "product"
    assert told.nearest is not None
    assert told.nearest.remaining == len(told.nearest.lacks) > 0


def options(text: str) -> list[str]:
    return re.findall(r"<option(?: selected)?>(\w+)</option>", text)


def test_the_page_asks_where_to_and_tells(running: Running) -> None:
    owner = running.owner(USCC)
    empty = running.get("/me/way-up?lang=en", owner)
    assert empty.status_code == 200
    assert "Choose a grade" in empty.text
    # The next grade first, and nothing but what lies above.
    above = ["CC", "CCC", "B", "BB", "BBB", "A", "AA", "AAA"]
    assert options(empty.text) == above[above.index("CCC") + 1 :]
    assert "Your grade now: <b>CCC</b>" in empty.text
    unknown = running.get("/me/way-up", running.owner(NOBODY)).text
    assert options(unknown) == ["C", *above]

    shown = running.get("/me/way-up?grade=BB&lang=zh", owner)
    assert shown.status_code == 200
    assert "补办申报并解除税务非正常户" in shown.text
    assert "2,000.00" in shown.text
    assert "不构成评级或授信承诺" in shown.text
    assert (options(shown.text)[0], "<option selected>BB</option>" in shown.text) == ("B", True)


def test_the_best_grade_has_nothing_above_it(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def best(_look: Look) -> str:
        return "AAA"

    monkeypatch.setattr(own_way_up, "grade_today", best)
    text = running.get("/me/way-up?lang=zh", running.owner(USCC)).text
    assert "已是最高等级" in text
    assert "<select" not in text


def test_ranges_of_like_firms_stand_beside_the_plan_and_never_in_it(
    running: Running, answer: dict[str, Any]
) -> None:
    assert answer["way_up"]["peers"] == []
    desk = running.run(running.house.desks.desk(running.clock.now))
    spread = Spread(firms=41, low=-5, high=9)
    scopes = scopes_of(desk.scorer)
    table = PeerTable(
        bundle_id=desk.bundle.id,
        build=desk.as_of_date.isoformat(),
        spreads={
            scope: dict.fromkeys(("AAA", *"ABC", "AA", "BBB", "BB", "CCC", "CC"), spread)
            for scope in scopes
        },
    )
    folder = running.house.settings.home / "wayup"
    folder.mkdir(exist_ok=True)
    (folder / "peers.json").write_text(table.model_dump_json(), "utf-8")
    # The table is of this model and this day, so nothing is worked out again.
    assert running.run(refresh_peers(running.house.settings.home, desk, running.clock.now)) == 0
    found = running.post("/v1/way-ups", running.owner(USCC), json={"target_grade": "BB"}).json()
    told = {one["consent_scope"]: one for one in found["way_up"]["peers"]}
    row = desk.online.vectors[desk.online.find(USCC)]
    names = [feature.name for feature in desk.bundle.manifest.features]
    own = row[desk.online.columns(names)]
    lacks = {s for s, d in scopes.items() if np.isnan(own[desk.scorer.hidden_columns(d)]).all()}
    assert told.keys() == lacks
    assert lacks, "the firm has data under every scope"
    assert found["way_up"]["plan"] == answer["way_up"]["plan"]
    page = running.get("/me/way-up?grade=BB", running.owner(USCC)).text
    assert "−5 … +9" in page
