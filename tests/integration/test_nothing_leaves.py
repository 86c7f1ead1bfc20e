"""Everything the service says, logs, counts and keeps, searched for planted identifiers and values."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import psycopg
import pytest

from serving.access.callers import Role
from serving.audit.heads import Custody
from serving.audit.sealer import seal
from serving.consent.notices import notice_on
from serving.ratings.batches.work import work_batches
from tests.access_world import World, make_world
from tests.consents_by_hand import grant
from tests.databases import Ledger
from tests.leaving import (
    AUTHORISED,
    PERSONS,
    SECRET,
    Sample,
    access_lines,
    dump,
    endpoints,
    files,
    filled,
    forms,
    found_in,
    plant,
    shape,
    story,
)
from tests.service import Running, service
from tests.warnings_by_hand import assessment, finding, take

OPENED = ("tax", "utilities", "social_insurance", "invoice", "loan")
LANGUAGES = ("zh", "en")


@dataclass
class Stage:
    """The service with the planted firm, and a world of callers around it."""

    running: Running
    world: World
    firm: str
    requests: int = 0
    heard: int = 0

    def send(self, sample: Sample, role: Role, language: str, world: World) -> httpx.Response:
        """One request; whatever comes back is searched at once."""
        self.running.clock.move(seconds=0.5)  # an address may ask twice a second
        self.running.client.cookies.clear()
        world.known.pop(Role.CLIENT, None)  # so many requests outlive a token
        self.requests += 1
        things = world.things["own"]
        method, path = filled(sample.ask, things).split(maxsplit=1)
        headers = {"Accept-Language": language}
        if method == "POST" and sample.by == role:
            headers["Idempotency-Key"] = f"key-{self.requests}"
        answer = self.running.ask(
            method,
            path,
            world.caller(role),
            json=filled(sample.body, things),
            data=filled(sample.form, things),
            headers=headers,
        )
        said = f"{answer.headers}\n{answer.text}"
        own = ("authorised", "secret") if role is Role.OWNER else sample.shows
        assert not found_in(said, own), f"{sample.ask} as {role} in {language}"
        broken = [line for line in self.new_lines() if line["event"] == "request.broke"]
        assert not broken, f"{sample.ask} as {role}: {broken}"
        return answer

    def new_lines(self) -> list[dict[str, Any]]:
        """What was logged since this was asked last; reading leaves the log at its end."""
        self.running.logged.seek(self.heard)
        lines = [json.loads(line) for line in self.running.logged]
        self.heard = self.running.logged.tell()
        return lines


@pytest.fixture
def stage(ledger: Ledger) -> Generator[Stage]:
    with staged(ledger) as made:
        yield made


@contextmanager
def staged(ledger: Ledger) -> Generator[Stage]:
    """The planted firm with its consents and warnings, before anybody has asked."""
    # Everybody is to be answered, however slow the machine.
    with service(ledger.clone(), request_seconds=60.0) as running:
        running.clock.now = datetime(2026, 6, 2, 12)
        world = make_world(running)
        own = world.things["own"]
        plant(running.house.settings.home, own["firm"], own["institution"])
        grant(running, own["firm"], *OPENED, grantee=own["institution"], purpose="apply", most=None)
        raw = (*OPENED, "raw")
        grant(running, own["firm"], *raw, grantee=own["institution"], purpose="pre_credit")
        own |= {
            "notice": notice_on(running.clock.now.date()).version,
            "person_id": PERSONS["representative id"],
            "pension": AUTHORISED["pension"],
            "lender": SECRET["lender"],
        }
        own |= warned(running, own["firm"], own["institution"])
        yield Stage(running, world, own["firm"])


def warned(running: Running, firm: str, institution: str) -> dict[str, str]:
    """Warnings that rest on the planted values; their ids by name."""
    seen = [
        finding("W35", "R", float(AUTHORISED["pension"]), "cny"),
        finding("W38", "O", float(AUTHORISED["power"]), "kwh"),
        finding("W10", "O"),
    ]
    day = running.clock.now.date()
    take(running, assessment(firm, on=day, institution=institution, more=seen))
    own = "SELECT signal, alert_id FROM alert WHERE institution = %(own)s"
    ids = dict(running.sql(own, own=institution))
    return {"warned": ids["W38"], "warned_of_public": ids["W10"]}


def test_every_endpoint_has_a_sample(stage: Stage) -> None:
    known = {sample.shape.partition("?")[0] for sample in (*story(), *access_lines())}
    missing = sorted(ask for ask in endpoints(stage.running.app) if shape(ask) not in known)
    assert not missing, f"add a line to tests/integration/leaving.yaml for: {', '.join(missing)}"


def test_a_planted_value_is_found_in_every_spelling() -> None:
    for name, value in {**PERSONS, **AUTHORISED, **SECRET}.items():
        for spelling in forms(value):
            assert [hit for hit in found_in(f"…{spelling}…") if hit.endswith(name)], spelling
    assert found_in("欧*** 1****************X 138******78 1,234.56") == []


@dataclass
class Told:
    """The stage after everybody has asked for everything in the story, and what its owner was told."""

    stage: Stage
    owner: str


@pytest.fixture(scope="module")
def told(ledger: Ledger) -> Generator[Told]:
    """Everything that comes back is searched here, at once."""
    with staged(ledger) as stage:
        yield Told(stage, tell_story(stage))


def tell_story(stage: Stage) -> str:
    """Send every sample as everybody in both languages; what the owner was answered."""
    told = ""
    for sample in story():
        roles = sorted(Role, key=lambda role: role != sample.by)
        answers = {
            (role, language): stage.send(sample, role, language, stage.world)
            for role in roles
            for language in LANGUAGES
        }
        if sample.by:
            first = answers[Role(sample.by), "zh"]
            assert first.status_code < 300, f"{sample.ask} as {sample.by}: {first.text}"
            again = answers[Role(sample.by), "en"]  # a second one may take the first one's place
            made = (again if again.status_code < 300 else first).json() if sample.keep else {}
            keep = {name: str(made[member]) for name, member in sample.keep.items()}
            stage.world.things["own"] |= keep
        if sample.ask == "POST /v1/rating-batches":
            while stage.running.run(work_batches(stage.running.house, stage.running.clock.now)):
                pass
        told += "".join(answer.text for (role, _), answer in answers.items() if role == "owner")
        if sample.ask == "GET /v1/reports/{raw}":
            assert AUTHORISED["pension"] in answers[Role.CLIENT, "zh"].text, "raw detail is shown"
    return told


def test_nothing_leaves(told: Told) -> None:
    # The search is alive: the firm was told its own values, and its persons behind masks.
    assert [
        value for value in (*AUTHORISED.values(), *SECRET.values()) if value not in told.owner
    ] == []
    assert "欧***" in told.owner


def test_nothing_leaves_whoever_asks_for_whatever(stage: Stage) -> None:
    told = {sample.shape for sample in story()}  # asked already, with more to say
    for sample in access_lines():
        if sample.shape in told:
            continue
        for language in LANGUAGES:
            world = make_world(stage.running)
            world.things["own"]["firm"] = stage.firm
            for role in Role:
                stage.send(sample, role, language, world)


def test_nothing_is_logged_counted_or_kept(told: Told) -> None:
    running, home = told.stage.running, told.stage.running.house.settings.home
    with psycopg.connect(running.addresses.sealer, autocommit=True) as sealer:
        seal(sealer, Custody(home / "audit", home / "vault"), running.clock.now)
    places = dict(dump(running.addresses.owner)) | dict(files(home))
    places |= {"log": running.logged.getvalue(), "metrics": running.get("/metrics").text}
    assert {"report", "audit_event", "idempotent_answer", "rating"} <= places.keys()
    assert any(name.startswith("audit/") for name in places), "heads are searched"
    assert min(len(places[name]) for name in ("report", "rating", "log", "metrics")) > 1000
    assert {name: found for name, text in places.items() if (found := found_in(text))} == {}
