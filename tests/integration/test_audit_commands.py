"""`xinqiao audit`: a record sealed, verified, exported, proved and falsified."""

import json
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from features.vault import Vault
from serving.database.addresses import VARIABLES, Addresses
from tests.command import run
from tests.databases import Ledger
from tests.records import INSERT, entry

CHECKER = Path(__file__).parents[2] / "bin" / "check-audit"
USCC = "91110000100000001A"


@pytest.fixture
def database(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Addresses:
    addresses = ledger.clone()
    monkeypatch.setenv("XINQIAO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XINQIAO_AUDIT_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("XINQIAO_LANG", "en")
    monkeypatch.setenv(VARIABLES["app"], addresses.app)
    monkeypatch.setenv(VARIABLES["sealer"], addresses.sealer)
    return addresses


def test_a_record_from_its_first_row_to_a_found_falsification(
    database: Addresses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = Vault(tmp_path / "home" / "vault").token("audit_subject", USCC)
    with psycopg.connect(database.app) as app:
        for number in range(6):
            app.execute(INSERT, entry(number) | {"subject": subject if number % 2 else "another"})

    code, said = run(monkeypatch, "audit", "verify")
    assert (code, said.count("6 rows not sealed yet: nothing was changed")) == (0, 1), said
    assert "sealed 6 rows, 6 in all; 0 wait" in run(monkeypatch, "audit", "seal")[1]
    assert "endorsed by" in run(monkeypatch, "audit", "rotate-key")[1]
    done = json.loads(run(monkeypatch, "audit", "seal", "--json")[1])
    assert (done["sealed"], done["size"], done["waiting"]) == (0, 6, 0)

    proof, export = tmp_path / "proof.json", tmp_path / "record.jsonl.gz"
    code, said = run(monkeypatch, "audit", "proof", USCC, "--out", str(proof))
    assert (code, said.startswith("3 rows proved")) == (0, True), said
    heads = str(tmp_path / "mirror" / "heads.jsonl")
    code, said = run(
        monkeypatch, "audit", "verify", "--json", "--export", str(export), "--heads", heads
    )
    found = json.loads(said)
    assert (code, found["is_whole"], found["leaves"], found["heads"]) == (0, True, 6, 2)
    for path in (proof, export):
        check = [sys.executable, str(CHECKER), str(path), "--key", found["first_key_id"]]
        assert subprocess.run(check, check=False, stdout=subprocess.DEVNULL).returncode == 0

    with psycopg.connect(database.owner) as owner:
        owner.execute("UPDATE audit_event SET actor = 'nobody' WHERE audit_id = 3")
    code, said = run(monkeypatch, "audit", "verify")
    assert code == 1
    assert "✗ Row 3 or its seal, leaf 2, was changed." in said
    # The head of six rows vouches for all before it, so nothing is read again.
    code, said = run(monkeypatch, "audit", "verify", "--since", "6", "--json")
    assert (code, json.loads(said)["since"]) == (0, 6), said


def test_an_export_is_whole_or_not_asked_for(
    database: Addresses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = str(tmp_path / "record.jsonl")
    code, said = run(monkeypatch, "audit", "verify", "--export", export, "--since", "3")
    assert (code, said) == (
        1,
        "Error: An export holds the record from leaf 0. Leave out --since 3.\n",
    )


def test_without_an_address_of_the_sealer_it_says_which(
    database: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLES["sealer"])
    code, said = run(monkeypatch, "audit", "seal")
    assert (code, VARIABLES["sealer"] in said) == (1, True)
