"""Pages without a browser: words for every code, failures in the reader's form, and what leaves with a page."""

import re
from collections.abc import Generator
from pathlib import Path

import pytest

from features.definitions import REGISTRY
from features.scope import Purpose
from serving.access.callers import Role
from serving.access.decision import Action
from serving.auth.institutions.states import ALLOWED, State
from serving.database.addresses import Addresses
from serving.disputes.steps import STEPS
from serving.ratings.schemas import RatingDocument
from serving.web import ops, rating_view
from serving.web.rating_view import HALF, RatingView, Row
from serving.web.site import FILES
from serving.web.words import load_words, words_for
from tests.access_world import PASSWORD, World, make_world
from tests.rating_documents import rating_document
from tests.service import Running, service

WEB = Path(rating_view.__file__).parent
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(scope="module")
def running(fresh_database: Addresses) -> Generator[Running]:
    with service(fresh_database) as started:
        yield started


@pytest.fixture
def world(running: Running) -> World:
    running.clock.move(minutes=1)
    running.client.cookies.clear()
    return make_world(running)


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        ("actions", set(Action)),
        ("purposes", set(Purpose)),
        ("roles", set(Role)),
        ("institution_states", set(State)),
        ("institution_steps", {step for steps in ALLOWED.values() for step in steps}),
        ("steps", {step.name for step in STEPS}),
        ("step_fields", {name for step in STEPS for name in step.needs}),
    ],
)
def test_every_code_has_words(kind: str, codes: set[str]) -> None:
    assert {str(code) for code in codes} <= load_words()[kind].keys()


def test_a_code_without_words_is_shown_as_it_is() -> None:
    assert words_for("fields", "admin_penalty").en == "admin_penalty"


def test_an_operators_form_can_fill_what_every_step_needs() -> None:
    assert {n for s in STEPS if "operator" in s.by for n in s.needs} <= set(ops.FIELDS)


def test_templates_hold_no_script_no_inline_style_and_no_other_host() -> None:
    for path in sorted(WEB.glob("templates/*.html")):
        text = path.read_text("utf-8")
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=|javascript:|//\w", text), path.name
        assert "|safe" not in text, path.name
    sheet = (WEB / "files" / "site.css").read_text("utf-8")
    assert "url(" not in sheet
    assert "@import" not in sheet


def test_rows_add_up_and_bars_keep_their_side() -> None:
    # 560 - 10 + 20 + 5 = 575; the longest bar, 20, takes the whole half, 10 half of it.
    view = RatingView(RatingDocument.model_validate_json(rating_document()))
    *parts, total = view.rows
    assert sum(row.points for row in parts) == total.points == 575
    assert view.largest == 20
    assert [row.bar(view.largest) for row in parts[1:]] == [
        {"x": HALF - 50, "width": 50},
        {"x": HALF, "width": HALF},
        {"x": HALF, "width": 25},
    ]
    assert Row("others", 0).bar(view.largest) == {"x": HALF, "width": 0}
    assert view.of_a_thousand == 45


def test_the_limit_of_the_scale_is_a_row_of_its_own() -> None:
    told = RatingDocument.model_validate_json(rating_document(points_limit=-4, score=571))
    kinds = [row.kind for row in RatingView(told).rows]
    assert kinds == ["base", "reason", "reason", "others", "limit", "total"]


def test_the_ladder_rises_from_c_to_aaa() -> None:
    ladder = RatingView(RatingDocument.model_validate_json(rating_document())).ladder
    assert [rung.grade for rung in ladder] == ["C", "CC", "CCC", "B", "BB", "BBB", "A", "AA", "AAA"]
    assert ladder[-1].score_from == 655  # as the scale's own example says
    assert ladder[0].score_from == 253


def test_a_browser_is_told_on_a_page_what_a_program_is_told(running: Running, world: World) -> None:
    owner = world.caller(Role.OWNER)
    said = running.get("/v1/consents/none", owner).json()
    told = running.get("/v1/consents/none", owner, headers=BROWSER)
    assert told.status_code == 404
    assert told.headers["content-type"] == "text/html; charset=utf-8"
    assert said["detail"] in told.text
    assert told.headers["x-request-id"] in told.text
    english = running.get("/me/consents/none", owner, headers={**BROWSER, "Accept-Language": "en"})
    assert "none that you may know of" in english.text


def test_even_a_body_beyond_the_limit_is_refused_on_a_page(running: Running, world: World) -> None:
    form = {"text": "x" * 1_100_000}
    told = running.post("/logout", world.caller(Role.OWNER), data=form, headers=BROWSER)
    assert (told.status_code, told.headers["content-type"]) == (413, "text/html; charset=utf-8")


def test_nobody_finds_the_form_and_comes_back_after_it(running: Running, world: World) -> None:
    told = running.get("/me/consents", headers=BROWSER)
    assert told.status_code == 401
    assert 'name="onward" value="/me/consents"' in told.text
    form = {"login": world.things["own"]["login"], "password": PASSWORD, "onward": "/me/consents"}
    answer = running.post("/login", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/me/consents")
    assert "HttpOnly" in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    "onward", ["//evil.example/me", "https://evil.example", "/\\evil.example", "javascript:x", ""]
)
def test_a_login_leads_nowhere_else(running: Running, world: World, onward: str) -> None:
    form = {"login": world.things["own"]["login"], "password": PASSWORD, "onward": onward}
    answer = running.post("/login", data=form)
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/",
    )  # a scientist has no pages


def test_a_wrong_password_is_not_repeated_on_the_page(running: Running, world: World) -> None:
    form = {"login": world.things["own"]["login"], "password": "SECRET-TYPED"}
    told = running.post("/login", data=form, headers=BROWSER)
    assert told.status_code == 401
    assert world.things["own"]["login"] in told.text
    assert "SECRET-TYPED" not in told.text


def test_what_was_typed_is_escaped(running: Running, world: World) -> None:
    del world
    form = {"login": '"><b>x</b>', "password": "y"}
    told = running.post("/login", data=form, headers=BROWSER)
    assert "<b>x" not in told.text
    assert "&lt;b&gt;x" in told.text


def test_choices_are_kept_in_cookies_that_hold_nothing_else(running: Running, world: World) -> None:
    del world
    told = running.get("/?lang=en&size=large")
    cookies = told.headers.get_list("set-cookie")
    assert [cookie.split(";")[0] for cookie in cookies] == ["lang=en", "size=large"]
    assert running.get("/").text.count('class="large"') == 1  # the client sends them back
    odd = running.get("/?lang=%3Cb%3E&size=huge")
    assert "set-cookie" not in odd.headers


def test_a_consent_without_having_read_the_notice_is_refused(
    running: Running, world: World
) -> None:
    things = world.things["own"]
    form = {
        "grantee": things["institution"],
        "purpose": "postloan",
        "scope": "tax",
        "until": things["today"],
        "notice": "notice-2025-1",
    }
    told = running.post("/me/consents", world.caller(Role.OWNER), data=form, headers=BROWSER)
    assert told.status_code == 409
    assert "现行版本" in told.text


def test_pages_are_no_part_of_the_api_and_its_document(running: Running) -> None:
    paths = running.get("/openapi.json").json()["paths"]
    assert [path for path in paths if re.match(r"/($|me|bank|ops|log|how)", path)] == []


def test_files_are_kept_for_ever_under_their_hash(running: Running) -> None:
    told = running.get(FILES.address("site.css"))
    assert told.status_code == 200
    assert "immutable" in told.headers["cache-control"]
    assert running.get("/static/web/nothing.css").status_code == 404


def test_the_public_page_lists_every_feature_with_its_direction(
    running: Running, world: World
) -> None:
    del world
    text = running.get("/how").text
    for feature in REGISTRY:
        assert feature.words.zh in text, feature.name
    assert "目前没有模型在用" in text


def test_own_looks_are_left_out_until_asked_for(running: Running, world: World) -> None:
    owner = world.caller(Role.OWNER)
    running.get("/me/consents", owner)
    assert "本企业" not in running.get("/me/reads", owner).text
    assert "本企业" in running.get("/me/reads?own=true", owner).text


def test_the_list_of_looks_goes_on_where_it_stopped(running: Running, world: World) -> None:
    owner = world.caller(Role.OWNER)
    for _ in range(3):
        running.get("/me/consents", owner)
    first = running.get("/me/reads?own=true&limit=2", owner).text
    following = re.search(r'href="(/me/reads\?cursor=[^"]+)"', first)
    assert following is not None
    second = running.get(following[1].replace("&amp;", "&"), owner).text
    rows = [re.findall(r'<th scope="row"', text) for text in (first, second)]
    assert len(rows[0]) == 2
    assert rows[1]
