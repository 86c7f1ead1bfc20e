"""The stand-alone checker agrees with the program that keeps the record, on the sound and the false."""

import asyncio
import functools
import gzip
import json
import random
import runpy
import subprocess
import sys
from collections.abc import Callable, Coroutine, Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from serving.audit.errors import NotSealedYetError, RecordDamagedError
from serving.audit.export import exporting
from serving.audit.heads import Custody
from serving.audit.repository import Sync
from serving.audit.sealer import rotate_key, seal
from serving.audit.service import proof_about, proof_of, proofs_of, who_read
from serving.audit.verify import verify_record
from serving.database.addresses import Addresses
from serving.errors import NotFoundError
from tests.records import INSERT, NOW, Writers, custody_in, entry

CHECKER = Path(__file__).parents[3] / "bin" / "check-audit"


@pytest.fixture(scope="module")
def custody(fresh_database: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Custody:
    """Three heads, two keys, more rows than a tile."""
    kept = custody_in(tmp_path_factory.mktemp("record"))
    with psycopg.connect(fresh_database.sealer, autocommit=True) as connection:
        for turn in range(3):
            Writers(fresh_database.app, 108, turn).run()
            seal(connection, kept, NOW)
            if turn == 1:
                rotate_key(connection, kept, NOW)
    return kept


@pytest.fixture
def sealer(fresh_database: Addresses) -> Generator[Sync]:
    with psycopg.connect(fresh_database.sealer, autocommit=True) as connection:
        yield connection


@pytest.fixture
def export(sealer: Sync, custody: Custody, tmp_path: Path) -> Path:
    path = tmp_path / "record.jsonl"
    with exporting(path) as begin:
        assert verify_record(sealer, custody, begin=begin).is_whole
    return path


def in_a_loop(test: Callable[..., Coroutine[None, None, None]]) -> Callable[..., None]:
    @functools.wraps(test)
    def run(**fixtures: object) -> None:
        asyncio.run(test(**fixtures))

    return run


def check(path: Path, *more: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(CHECKER), str(path), *more],
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr
    return done.returncode, done.stdout


def test_it_is_short_and_stands_alone() -> None:
    text = CHECKER.read_text("utf-8")
    assert len(text.splitlines()) <= 200
    assert "serving" not in text


def test_a_sound_export_passes(export: Path, custody: Custody, tmp_path: Path) -> None:
    first = json.loads(custody.keys.read_text("utf-8").splitlines()[0])["key_id"]
    code, said = check(export, "--key", first, "--heads", str(custody.heads))
    assert code == 0, said
    assert said.startswith("OK: ")
    assert first in said
    packed = tmp_path / "record.jsonl.gz"
    packed.write_bytes(gzip.compress(export.read_bytes()))
    assert check(packed) == (0, said)
    assert check(export, "--key", "0" * 16)[0] == 1


def test_an_export_can_be_written_compressed(
    sealer: Sync, custody: Custody, tmp_path: Path, export: Path
) -> None:
    path = tmp_path / "again.jsonl.gz"
    with exporting(path) as begin:
        verify_record(sealer, custody, begin=begin)
    assert gzip.decompress(path.read_bytes()) == export.read_bytes()
    assert sorted(found.name for found in tmp_path.iterdir()) == ["again.jsonl.gz", "record.jsonl"]


def test_every_false_export_fails(export: Path, tmp_path: Path) -> None:
    rng = random.Random(1)  # noqa: S311 - a seed, not a secret
    lines = export.read_text("utf-8").splitlines()
    false = tmp_path / "false.jsonl"
    for number in range(60):
        changed = list(lines)
        falsify(changed, number % 4, rng)
        assert changed != lines
        false.write_text("\n".join(changed) + "\n", "utf-8")
        code, said = check(false)
        assert code == 1, f"{number}: {said}"
        assert said.startswith("WRONG: ")


def falsify(lines: list[str], way: int, rng: random.Random) -> None:
    place = rng.randrange(len(lines) - 1)
    if way == 0:
        del lines[place]
    elif way == 1:
        lines[place], lines[place + 1] = lines[place + 1], lines[place]
    elif way == 2:
        lines.insert(place, lines[place])
    else:
        lines[place] = altered(json.loads(lines[place]), rng)


def altered(content: dict[str, Any], rng: random.Random) -> str:
    """One value of a line is another."""
    inner = content.get("key") or content.get("head") or content
    if "row" in inner:
        column = rng.randrange(15)
        inner["row"][column] = "another" if inner["row"][column] != "another" else "value"
    elif "format" in inner:
        inner["columns"].reverse()
    else:
        name = rng.choice(list(inner))
        inner[name] = inner[name] + 1 if isinstance(inner[name], int) else inner[name] + "0"
    return json.dumps(content)


def test_heads_set_aside_must_still_be_there(
    export: Path, custody: Custody, tmp_path: Path
) -> None:
    aside = tmp_path / "aside.jsonl"
    lines = custody.heads.read_bytes().splitlines(keepends=True)
    aside.write_bytes(b"".join(lines[:2]))
    assert check(export, "--heads", str(aside))[0] == 0
    aside.write_bytes(b"".join([lines[0], lines[2]]))
    assert check(export, "--heads", str(aside)) == (1, "WRONG: your head 2 is not in this record\n")


@in_a_loop
async def test_rows_about_a_subject_come_page_by_page_with_their_proof(
    fresh_database: Addresses, custody: Custody, tmp_path: Path
) -> None:
    seen: list[int] = []
    async with await psycopg.AsyncConnection.connect(fresh_database.app) as connection:
        before = None
        while True:
            page = await who_read(connection, "subject-1", before=before, limit=20)
            seen += [row.audit_id for row in page.rows]
            path = tmp_path / "proof.json"
            content = (await proofs_of(connection, custody, page.rows)).content()
            path.write_text(json.dumps(content, indent=1), "utf-8")
            code, said = check(path)
            assert (code, said.startswith(f"OK: {len(page.rows)} rows of ")) == (0, True), said
            if page.next_before is None:
                break
            before = page.next_before
    assert seen == sorted(set(seen), reverse=True)
    with psycopg.connect(fresh_database.sealer) as sealer:
        whole = proof_about(sealer, custody, "subject-1")
    assert {proof.row.audit_id for proof in whole.proofs} == set(seen)


@in_a_loop
async def test_a_proof_is_of_ones_own_sealed_row(
    fresh_database: Addresses, custody: Custody
) -> None:
    async with await psycopg.AsyncConnection.connect(fresh_database.app) as connection:
        row = (await who_read(connection, "subject-2", limit=1)).rows[0]
        proved = await proof_of(connection, custody, row.audit_id, subject="subject-2")
        assert proved.proofs[0].row == row
        for audit_id, subject in ((row.audit_id, "subject-1"), (10**9, "subject-2")):
            with pytest.raises(NotFoundError, match=f"There is no row {audit_id}"):
                await proof_of(connection, custody, audit_id, subject=subject)
        found = await connection.execute(INSERT, entry(1))
        new = await found.fetchone()
        assert new is not None
        with pytest.raises(
            NotSealedYetError, match=f"Row {new[0]} is on record and no signed head"
        ):
            await proof_of(connection, custody, new[0])
        await connection.rollback()


@in_a_loop
async def test_a_changed_row_is_never_proved(fresh_database: Addresses, custody: Custody) -> None:
    async with await psycopg.AsyncConnection.connect(fresh_database.owner) as connection:
        row = (await who_read(connection, "subject-3", limit=1)).rows[0]
        await connection.execute(
            "UPDATE audit_event SET actor = 'nobody' WHERE audit_id = %s", (row.audit_id,)
        )
        with pytest.raises(RecordDamagedError, match=f"Row {row.audit_id} cannot be proved"):
            await proof_of(connection, custody, row.audit_id)
        await connection.rollback()
        await connection.execute("DELETE FROM audit_tile")
        await connection.execute("DELETE FROM audit_seal WHERE leaf_index < 4")
        with pytest.raises(RecordDamagedError, match="cannot be proved"):
            await proof_of(connection, custody, row.audit_id)
        await connection.rollback()


def test_a_false_proof_fails(sealer: Sync, custody: Custody, tmp_path: Path) -> None:
    path = tmp_path / "proof.json"
    content: Any = json.loads(json.dumps(proof_about(sealer, custody, "subject-1").content()))
    content["rows"] = content["rows"][:3]
    path.write_text(json.dumps(content), "utf-8")
    assert check(path)[0] == 0
    for way in range(9):
        false = json.loads(json.dumps(content))
        spoil(false, way)
        assert false != content
        path.write_text(json.dumps(false), "utf-8")
        assert check(path)[0] == 1


def spoil(proof: Any, way: int) -> None:
    row, head = proof["rows"][1], proof["head"]
    match way:
        case 0:
            row["leaf"] += 1
        case 1:
            row["row"][5] = "another"
        case 2:
            row["path"].pop()
        case 3:
            row["path"].append("00" * 32)
        case 4:
            head["size"] += 1
        case 5:
            head["signature"] = "00" * 64
        case 6:
            proof["keys"].pop(0)
        case 7:
            proof["keys"].pop()
        case _:
            proof["columns"].reverse()


def test_its_signatures_are_the_librarys(tmp_path: Path) -> None:
    # The last line runs the program, so it is left out here.
    source = tmp_path / "checker.py"
    source.write_text(CHECKER.read_text("utf-8").replace("sys.exit(main())", ""), "utf-8")
    is_signed = runpy.run_path(str(source))["is_signed"]
    rng = random.Random(2)  # noqa: S311 - a seed, not a secret
    for _ in range(15):
        key = Ed25519PrivateKey.from_private_bytes(rng.randbytes(32))
        public, text = key.public_key().public_bytes_raw(), rng.randbytes(rng.randrange(200))
        signature = key.sign(text)
        assert is_signed(public, text, signature.hex())
        assert not is_signed(public, text + b"x", signature.hex())
        wrong = bytearray(signature)
        wrong[rng.randrange(64)] ^= 1 << rng.randrange(8)
        assert not is_signed(public, text, wrong.hex())
        assert not is_signed(public, text, signature.hex().upper() + " ")
    # RFC 8032, section 7.1, test 2.
    public = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    signature = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    assert is_signed(public, b"\x72", signature)
    # The same signature with the order of the group added to its second half must not pass.
    order = 2**252 + 27742317777372353535851937790883648493
    second = int.from_bytes(bytes.fromhex(signature)[32:], "little") + order
    assert not is_signed(public, b"\x72", signature[:64] + second.to_bytes(32, "little").hex())
