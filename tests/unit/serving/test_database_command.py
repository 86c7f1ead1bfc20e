"""`xinqiao database`, on the private server and on one that is given."""

import json
from collections.abc import Generator
from pathlib import Path

import pytest

from serving.database.migrate import newest
from tests.command import run
from tests.databases import Ledger, reachable_folder, remove_home


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    folder = reachable_folder()
    monkeypatch.setenv("XINQIAO_HOME", str(folder))
    monkeypatch.setenv("XINQIAO_LANG", "en")
    yield folder
    if (folder / "database").exists():
        remove_home(folder / "database")
    folder.rmdir()


def test_the_private_ledger_forward_and_back(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, words = run(monkeypatch, "database", "status", "--json")
    assert code == 0
    assert json.loads(words) == {
        "private": True,
        "running": False,
        "schema": None,
        "needed": newest(),
    }
    assert run(monkeypatch, "database", "migrate") == (
        0,
        f"The ledger's schema is at {newest()}.\n",
    )
    assert run(monkeypatch, "database", "rollback", "base") == (
        0,
        "The ledger's schema is at nothing.\n",
    )
    code, words = run(monkeypatch, "database", "rollback", "0815")
    assert code == 1
    assert words.startswith("Error: The ledger's schema was not changed: ")


def test_a_ledger_of_ones_own(home: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = ledger.clone("template1")
    monkeypatch.setenv("XINQIAO_DATABASE_URL", addresses.app)
    code, words = run(monkeypatch, "database", "migrate")
    assert (code, "Set XINQIAO_DATABASE_OWNER_URL" in words) == (1, True)
    monkeypatch.setenv("XINQIAO_DATABASE_OWNER_URL", addresses.owner)
    assert run(monkeypatch, "database", "migrate")[0] == 0
    code, words = run(monkeypatch, "database", "status")
    assert (
        words
        == f"The ledger is running; its schema is at {newest()}, this program needs {newest()}.\n"
    )
    assert not (home / "database").exists()
