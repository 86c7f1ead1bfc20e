"""The first operator comes in by the command, and logs in to the service."""

import io
import json

import pytest

from serving.database.addresses import VARIABLES
from tests.command import run
from tests.databases import Ledger
from tests.service import service


def test_the_first_operator_comes_in_and_logs_in(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = ledger.clone()
    for role, variable in VARIABLES.items():
        monkeypatch.setenv(variable, addresses.of(role))
    monkeypatch.setenv("XINQIAO_LANG", "en")
    code, told = run(monkeypatch, "people", "add", "li.si", "--role", "operator")
    assert code == 0, told
    password = told.split("shown this once: ")[1].strip()
    code, told = run(monkeypatch, "people", "add", "li.si", "--role", "operator")
    assert (code, "is taken" in told) == (1, True)
    code, told = run(monkeypatch, "people", "add", "13800138000", "--role", "operator")
    assert (code, "Never a phone" in told) == (1, True)
    code, told = run(monkeypatch, "people", "add", "zhao.liu", "--role", "owner")
    assert (code, "needs --tenant" in told) == (2, True)
    monkeypatch.setattr("sys.stdin", io.StringIO("a phrase from stdin\n"))
    code, told = run(
        monkeypatch, "people", "add", "wang.wu", "--role", "auditor", "--password-stdin"
    )
    assert (code, "a phrase" in told) == (0, False)
    with service(addresses) as running:
        for login, tried in (("li.si", password), ("wang.wu", "a phrase from stdin")):
            body = {"login": login, "password": tried}
            assert running.post("/v1/session", json=body).status_code == 201
            running.client.cookies.clear()
    code, told = run(monkeypatch, "people", "close", "wang.wu")
    assert code == 0, told
    code, told = run(monkeypatch, "people", "close", "nobody")
    assert (code, "Nobody has the login" in told) == (1, True)
    code, told = run(monkeypatch, "people", "list", "--json")
    listed = {row["login"]: (row["state"], row["roles"]) for row in json.loads(told)}
    assert listed == {"li.si": ("active", ["operator"]), "wang.wu": ("closed", [])}
