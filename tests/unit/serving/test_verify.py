"""What a verification says, and where."""

from collections.abc import Generator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg import Rollback

from serving.audit.findings import WORDS, Finding
from serving.audit.heads import Custody
from serving.audit.papers import read_papers
from serving.audit.repository import Sync
from serving.audit.sealer import seal
from serving.audit.verify import verify, verify_record
from serving.database.addresses import Addresses
from tests.databases import Ledger
from tests.records import NOW, Writers, custody_in, write


@pytest.fixture(scope="module")
def custody(fresh_database: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Custody:
    """Heads of 0, 300 and some 600 leaves."""
    kept = custody_in(tmp_path_factory.mktemp("record"))
    with psycopg.connect(fresh_database.sealer, autocommit=True) as connection:
        with psycopg.connect(fresh_database.app) as app:
            for number in range(300):
                write(app, number)
        seal(connection, kept, NOW)
        Writers(fresh_database.app, 360, 1).run()
        seal(connection, kept, NOW + timedelta(hours=1))
    return kept


@pytest.fixture
def owner(fresh_database: Addresses) -> Generator[Sync]:
    with psycopg.connect(fresh_database.owner, autocommit=True) as connection:
        yield connection


def found(owner: Sync, custody: Custody, *changes: str, since: int = 0) -> list[Finding]:
    """Findings after some changes, which are taken back."""
    findings: list[Finding] = []
    with owner.transaction():
        for change in changes:
            assert owner.execute(change.encode()).rowcount > 0
        findings += verify(owner, read_papers(custody), since=since).findings
        raise Rollback
    return findings


def test_the_row_or_the_seal_is_named(owner: Sync, custody: Custody) -> None:
    row = owner.execute("SELECT audit_id FROM audit_seal WHERE leaf_index = 41").fetchone()
    assert row is not None
    edited = f"UPDATE audit_event SET purpose = 'other' WHERE audit_id = {row[0]}"
    assert found(owner, custody, edited) == [Finding("row_changed", 41, row[0])]
    deleted = f"DELETE FROM audit_event WHERE audit_id = {row[0]}"
    assert found(owner, custody, deleted) == [Finding("row_deleted", 41, row[0])]
    unsealed = "DELETE FROM audit_seal WHERE leaf_index = 41"
    assert found(owner, custody, unsealed) == [
        Finding("seal_missing", detail="41..41"),
        Finding("row_skipped", audit_id=row[0]),
    ]
    tile = "UPDATE audit_tile SET hash = '' WHERE level = 1 AND tile_index = 0"
    assert found(owner, custody, tile) == [Finding("tile_changed", detail="1/0")]


def test_a_row_added_to_the_last_sealed_transaction_is_named(owner: Sync, custody: Custody) -> None:
    # It stands behind the last leaf in the log's order, but its transaction was taken in whole.
    added = (
        "INSERT INTO audit_event (transaction_id, at, request_id, actor_kind, actor, role, action, consents, "
        "fields, result, detail) SELECT transaction_id, at, request_id, actor_kind, actor, role, action, consents, "
        "fields, result, detail FROM audit_event JOIN audit_seal USING (audit_id) ORDER BY leaf_index DESC LIMIT 1"
    )
    assert [it.kind for it in found(owner, custody, added)] == ["row_skipped"]


def test_a_rewritten_past_shows_between_two_heads(owner: Sync, custody: Custody) -> None:
    # Seal and tile both fit what stands there now; only the head of 300 knows better.
    changes = ("UPDATE audit_seal SET leaf_hash = sha256('x') WHERE leaf_index = 299",)
    findings = found(owner, custody, *changes)
    assert [(it.kind, it.detail) for it in findings] == [
        ("row_changed", ""),
        ("head_mismatch", "0..299"),
    ]


def test_a_cut_log_says_what_is_gone(owner: Sync, custody: Custody) -> None:
    size = read_papers(custody).heads[-1].size
    cut = (
        "DELETE FROM audit_event WHERE audit_id IN (SELECT audit_id FROM audit_seal WHERE leaf_index >= 310)",
        "DELETE FROM audit_seal WHERE leaf_index >= 310",
        "DELETE FROM audit_tile WHERE tile_index > 0",
    )
    assert found(owner, custody, *cut) == [Finding("seals_truncated", detail=f"310..{size - 1}")]


def test_since_reads_only_what_is_behind_a_head(owner: Sync, custody: Custody) -> None:
    early = "UPDATE audit_event SET actor = 'x' WHERE audit_id = (SELECT audit_id FROM audit_seal WHERE leaf_index = 7)"
    late = early.replace("= 7)", "= 307)")
    assert found(owner, custody, early, since=300) == []
    assert [it.leaf for it in found(owner, custody, early, late, since=299)] == [7, 307]
    assert [it.leaf for it in found(owner, custody, early, late, since=350)] == [307]
    # What is passed over must still be the tree of its head.
    seal_before = "UPDATE audit_seal SET leaf_hash = '' WHERE leaf_index = 280"
    kinds = {it.kind for it in found(owner, custody, seal_before, since=300)}
    assert kinds == {"head_mismatch", "row_changed"}
    tile = "DELETE FROM audit_tile WHERE level = 1 AND tile_index = 0"
    assert found(owner, custody, tile, since=300)[0] == Finding("tile_missing", detail="1/0")


def test_a_verification_sees_one_moment(ledger: Ledger, tmp_path: Path) -> None:
    # A row that is written and sealed while the verification reads is not part of what it saw.
    custody, database = custody_in(tmp_path), ledger.clone()
    with (
        psycopg.connect(database.owner) as owner,
        psycopg.connect(database.sealer, autocommit=True) as sealer,
        psycopg.connect(database.sealer, autocommit=True) as reader,
    ):
        write(owner, 1)
        owner.commit()
        seal(sealer, custody, NOW)
        sizes: list[int] = []

        def meanwhile(*_: object) -> None:
            write(owner, 2)
            owner.commit()
            sizes.append(seal(sealer, custody, NOW).head.size)

        report = verify_record(reader, custody, progress=meanwhile)
        assert (report.findings, report.size, sizes) == ((), 1, [2])


def test_a_copy_of_the_heads_convicts_a_new_history(ledger: Ledger, tmp_path: Path) -> None:
    database = ledger.clone()
    one, two = custody_in(tmp_path / "one"), custody_in(tmp_path / "two")
    with psycopg.connect(database.sealer, autocommit=True) as sealer:
        with psycopg.connect(database.owner) as owner:
            write(owner, 1)
        seal(sealer, one, NOW)
        with psycopg.connect(database.owner) as owner:
            owner.execute("UPDATE audit_event SET actor = 'nobody'")
            owner.execute("TRUNCATE audit_seal, audit_tile")
        seal(sealer, two, NOW)
        assert verify_record(sealer, two).is_whole, "by itself the new history is sound"
        findings = verify_record(sealer, two, copies=[one.heads]).findings
        assert [it.kind for it in findings] == ["heads_differ"]


def test_every_finding_has_words_for_its_place() -> None:
    for kind in WORDS:
        finding = Finding(kind, 3, 4, "5..6")
        assert "{" not in finding.en + finding.zh
        assert finding.en != finding.zh


def test_an_auditor_without_the_vault_is_told_what_was_not_checked(
    owner: Sync, custody: Custody, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path) -> None:
        raise PermissionError(path)

    assert verify_record(owner, custody).papers.is_note_read
    monkeypatch.setattr("serving.audit.papers.read_note", refused)
    report = verify_record(owner, custody)
    assert (report.is_whole, report.papers.is_note_read) == (True, False)
