"""Who looked, asked through the whole application, and a proof that a program without us accepts."""

import json
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import psycopg
import pytest

from features.identifiers import synthetic_uscc
from serving.access.callers import Role
from serving.audit.heads import Custody
from serving.audit.sealer import seal
from serving.database.addresses import Addresses
from tests.service import BANK, OTHER_BANK, Ask, Running, service

CHECKER = Path(__file__).parents[3] / "bin" / "check-audit"
FIRM, STRANGER = synthetic_uscc("looked", "1"), synthetic_uscc("looked", "2")


@pytest.fixture(scope="module")
def running(fresh_database: Addresses) -> Generator[Running]:
    with service(fresh_database) as started:
        yield started


@pytest.fixture(scope="module")
def owner(running: Running) -> Ask:
    return running.owner(FIRM)


def seal_now(running: Running) -> None:
    home = running.house.settings.home
    with psycopg.connect(running.addresses.sealer, autocommit=True) as connection:
        seal(connection, Custody(home / "audit", home / "vault" / "audit"), running.clock.now)


def test_a_firm_sees_looks_at_itself_and_at_nobody_else(running: Running, owner: Ask) -> None:
    stranger = running.owner(STRANGER)
    for who in (owner, stranger):
        assert running.get("/v1/consents", who).status_code == 200
    looks = running.get("/v1/looks", owner).json()["items"]
    assert {look["tenant"] for look in looks} - {None} == {FIRM}  # no tenant: the auditor's
    assert looks[-1]["action"] == "consent:read:granted"
    # Asking about another firm is answered with one's own.
    asked = running.get("/v1/looks", owner, params={"uscc": STRANGER}).json()["items"]
    assert {look["tenant"] for look in asked} - {None} == {FIRM}


def test_an_institution_sees_what_it_did_itself(running: Running) -> None:
    bank, other = running.bank(["consent:read", "audit:read"]), running.officer(OTHER_BANK)
    running.get("/v1/consents", bank)
    running.get("/v1/consents", other)
    looks = running.get("/v1/looks", bank, params={"tenant": OTHER_BANK}).json()["items"]
    assert {look["tenant"] for look in looks} == {BANK}


def test_an_auditor_asks_about_one_firm_or_pages_through_all(running: Running, owner: Ask) -> None:
    auditor = running.person(Role.AUDITOR, "")
    for _ in range(6):
        running.get("/v1/consents", owner)
    about = running.get("/v1/looks", auditor, params={"uscc": FIRM}).json()["items"]
    assert {look["subject"] for look in about} == {running.house.subject_of(FIRM)}
    seen: list[int] = []
    page = running.get("/v1/looks", auditor, params={"limit": 2}).json()
    while True:
        seen += [look["audit_id"] for look in page["items"]]
        if page["next"] is None or len(seen) >= 6:
            break
        page = running.get("/v1/looks", auditor, params={"limit": 2, "cursor": page["next"]}).json()
    assert len(seen) >= 6
    assert seen == sorted(set(seen), reverse=True)


def test_a_look_is_proved_once_it_is_sealed(running: Running, owner: Ask, tmp_path: Path) -> None:
    running.get("/v1/consents", owner)
    newest = running.get("/v1/looks", owner).json()["items"][0]["audit_id"]
    path = f"/v1/looks/{newest}/proof"
    early = running.get(path, owner)
    assert (early.status_code, early.json()["code"]) == (409, "not_sealed_yet")
    seal_now(running)
    proof = running.get(path, owner)
    assert proof.status_code == 200, proof.text
    assert running.get(path, running.owner(STRANGER)).status_code == 404
    file = tmp_path / "proof.json"
    file.write_bytes(proof.content)
    checked = subprocess.run([sys.executable, CHECKER, file], capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr
    head = running.get("/v1/audit/head").json()["head"]
    assert head == proof.json()["head"]
    altered = json.loads(proof.content)
    row = altered["rows"][0]["row"]
    row[row.index("granted")] = "refused"
    file.write_text(json.dumps(altered), encoding="utf-8")
    refused = subprocess.run([sys.executable, CHECKER, file], capture_output=True, check=False)
    assert refused.returncode != 0
