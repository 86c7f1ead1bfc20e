"""The sealer among late commits, long transactions, crashes and set-back databases."""

import os
import shutil
import signal
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from serving.audit.errors import RecordDamagedError, SealerBusyError
from serving.audit.heads import Custody
from serving.audit.repository import SEALER_LOCK, Sync
from serving.audit.sealer import rotate_key, seal
from serving.audit.verify import Report, verify_record
from serving.database.addresses import Addresses
from tests.databases import Ledger
from tests.records import NOW, Writers, custody_in, write


@pytest.fixture
def database(ledger: Ledger) -> Addresses:
    return ledger.clone()


@pytest.fixture
def sealer(database: Addresses) -> Generator[Sync]:
    with psycopg.connect(database.sealer, autocommit=True) as connection:
        yield connection


def verified(connection: Sync, custody: Custody) -> Report:
    report = verify_record(connection, custody)
    assert report.findings == ()
    return report


def order(connection: Sync) -> list[int]:
    found = connection.execute("SELECT audit_id FROM audit_seal ORDER BY leaf_index").fetchall()
    return [row[0] for row in found]


def test_every_committed_row_is_sealed_once_and_no_other(
    database: Addresses, sealer: Sync, tmp_path: Path
) -> None:
    custody = custody_in(tmp_path, is_mirrored=True)
    committed = 0
    for turn in range(4):
        committed += Writers(database.app, 120, turn).run()
        done = seal(sealer, custody, NOW + timedelta(hours=turn), batch=50)
        assert done.waiting == 0
        assert done.head.size == committed
    assert committed < 480, "some transactions were taken back, so ids have gaps"
    report = verified(sealer, custody)
    assert (report.size, report.waiting) == (committed, 0)
    assert report.papers.heads[0].size == 0
    assert (tmp_path / "mirror" / "heads.jsonl").read_bytes() == custody.heads.read_bytes()
    for name in ("vault", "vault/newest_head.json"):
        assert (tmp_path / name).stat().st_mode & 0o077 == 0
    assert [path.stat().st_mode & 0o777 for path in (tmp_path / "vault").glob("*.key")] == [0o600]


def test_sealing_again_with_nothing_new_signs_nothing(
    database: Addresses, sealer: Sync, tmp_path: Path
) -> None:
    custody = custody_in(tmp_path)
    with psycopg.connect(database.app) as app:
        write(app, 1)
    first = seal(sealer, custody, NOW)
    again = seal(sealer, custody, NOW + timedelta(days=1))
    assert (first.sealed, again.sealed) == (1, 0)
    assert again.head == first.head


def test_a_late_commit_with_an_early_number_is_sealed_behind(
    database: Addresses, sealer: Sync, tmp_path: Path
) -> None:
    custody = custody_in(tmp_path)
    with psycopg.connect(database.app) as slow, psycopg.connect(database.app) as quick:
        early = write(slow, 1)
        later = write(quick, 2)
        quick.commit()
        # The open transaction is the older one, so even the committed row waits, and is counted.
        held = seal(sealer, custody, NOW + timedelta(minutes=5))
        assert (held.sealed, held.waiting) == (0, 1)
        assert held.oldest_wait == timedelta(minutes=5) - timedelta(milliseconds=2)
        slow.commit()
        assert seal(sealer, custody, NOW).sealed == 2
    assert order(sealer) == [early, later]

    with psycopg.connect(database.app) as slow, psycopg.connect(database.app) as quick:
        quick.execute("SELECT pg_current_xact_id()")  # the transaction begins, its row comes last
        early = write(slow, 3)
        slow.commit()
        later = write(quick, 4)
        quick.commit()
    assert seal(sealer, custody, NOW).sealed == 2
    assert order(sealer)[2:] == [later, early], "the order is that of transactions"
    verified(sealer, custody)


def test_a_clock_that_jumps_back_changes_nothing(
    database: Addresses, sealer: Sync, tmp_path: Path
) -> None:
    custody = custody_in(tmp_path)
    for turn, now in enumerate((NOW, NOW - timedelta(days=400), NOW + timedelta(days=1))):
        with psycopg.connect(database.app) as app:
            write(app, 1000 - turn)
        done = seal(sealer, custody, now)
        assert (done.head.size, done.oldest_wait) == (turn + 1, timedelta())
    verified(sealer, custody)


def test_there_is_one_sealer(database: Addresses, sealer: Sync, tmp_path: Path) -> None:
    custody = custody_in(tmp_path)

    def intrude(step: str) -> None:
        if step == "checked":
            with (
                psycopg.connect(database.sealer, autocommit=True) as other,
                pytest.raises(SealerBusyError, match="Another sealer is at work"),
            ):
                seal(other, custody, NOW)

    seal(sealer, custody, NOW, step=intrude)
    with psycopg.connect(database.sealer, autocommit=True) as other:
        seal(other, custody, NOW)


def test_the_sealer_commits_itself(database: Addresses, tmp_path: Path) -> None:
    with (
        psycopg.connect(database.sealer) as connection,
        pytest.raises(ValueError, match="needs a connection with autocommit"),
    ):
        seal(connection, custody_in(tmp_path), NOW)


def test_a_sealer_killed_at_any_step_loses_and_doubles_nothing(
    database: Addresses, sealer: Sync, tmp_path: Path
) -> None:
    # Four steps of the empty head once; then a pass over some 12 rows by 5 has 1 (checked) + 3 · 4
    # (read, seals, tiles, committed) + 4 (signed, noted, appended, mirrored) = 17.
    custody = custody_in(tmp_path, is_mirrored=True)
    committed = killed = 0
    for strike in range(19):
        committed += Writers(database.app, 12, strike, threads=2).run()
        killed += kill_at(database, custody, strike)
        if strike % 3 == 0:
            killed += kill_at(database, custody, strike // 2)
        done = seal(sealer, custody, NOW, batch=5)
        assert done.head.size == committed
        assert sorted(order(sealer)) == rows(sealer)
        verified(sealer, custody)
        assert (tmp_path / "mirror" / "heads.jsonl").read_bytes() == custody.heads.read_bytes()
    assert killed > 17, "most strikes hit a sealer at work"


def kill_at(database: Addresses, custody: Custody, strike: int) -> bool:
    """A sealer of its own process that kills itself at a step; whether it came to that."""
    child = os.fork()
    if child == 0:
        left = [strike]

        def step(_: str) -> None:
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1

        try:
            with psycopg.connect(database.sealer, autocommit=True) as connection:
                seal(connection, custody, NOW, batch=5, step=step)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    with psycopg.connect(database.owner, autocommit=True) as connection:
        # The server may learn of the death a moment later; the lock says when it has.
        connection.execute("SELECT pg_advisory_lock(%s)", (SEALER_LOCK,))
        connection.execute("SELECT pg_advisory_unlock(%s)", (SEALER_LOCK,))
    return os.WIFSIGNALED(status)


def rows(connection: Sync) -> list[int]:
    return [
        row[0]
        for row in connection.execute("SELECT audit_id FROM audit_event ORDER BY 1").fetchall()
    ]


def test_a_torn_line_is_written_again(database: Addresses, sealer: Sync, tmp_path: Path) -> None:
    custody = custody_in(tmp_path, is_mirrored=True)
    with psycopg.connect(database.app) as app:
        write(app, 1)
    seal(sealer, custody, NOW)
    whole = custody.heads.read_bytes()
    last = whole.rindex(b"\n", 0, -1) + 1
    for cut in (last, last + 1, last + 100, len(whole) - 1):
        custody.heads.write_bytes(whole[:cut])
        (tmp_path / "mirror" / "heads.jsonl").write_bytes(whole[: cut - 1])
        verified(sealer, custody)
        seal(sealer, custody, NOW)
        assert custody.heads.read_bytes() == whole
        assert (tmp_path / "mirror" / "heads.jsonl").read_bytes() == whole


def test_a_database_set_back_is_refused(database: Addresses, sealer: Sync, tmp_path: Path) -> None:
    custody = custody_in(tmp_path)
    Writers(database.app, 36, 1).run()
    seal(sealer, custody, NOW)
    size = verified(sealer, custody).size
    with psycopg.connect(database.owner) as owner:
        owner.execute("DELETE FROM audit_seal WHERE leaf_index >= %s", (size - 1,))
    with pytest.raises(
        RecordDamagedError, match=f"holds {size - 1} seals and the newest head covers"
    ) as set_back:
        seal(sealer, custody, NOW)
    assert "被回退" in set_back.value.zh


def test_a_rewritten_past_is_not_signed(database: Addresses, sealer: Sync, tmp_path: Path) -> None:
    custody = custody_in(tmp_path)
    Writers(database.app, 36, 1).run()
    seal(sealer, custody, NOW)
    with psycopg.connect(database.owner) as owner:
        owner.execute("UPDATE audit_seal SET leaf_hash = sha256('x') WHERE leaf_index = 5")
        write(owner, 77)
    with pytest.raises(RecordDamagedError, match="does not begin with the"):
        seal(sealer, custody, NOW)
    assert verify_record(sealer, custody).findings[0].kind == "row_changed"


def test_a_log_whose_last_row_is_gone_is_not_gone_on_with(
    database: Addresses, sealer: Sync, tmp_path: Path
) -> None:
    custody = custody_in(tmp_path)
    Writers(database.app, 36, 1).run()
    seal(sealer, custody, NOW)
    with psycopg.connect(database.owner) as owner:
        owner.execute("DELETE FROM audit_event WHERE audit_id = %s", (order(sealer)[-1],))
    with pytest.raises(RecordDamagedError, match="The row of the last seal, leaf"):
        seal(sealer, custody, NOW)


def test_lost_public_files_are_not_begun_anew(
    database: Addresses, sealer: Sync, tmp_path: Path
) -> None:
    custody = custody_in(tmp_path)
    seal(sealer, custody, NOW)
    shutil.rmtree(tmp_path / "audit")
    with pytest.raises(RecordDamagedError, match=r"The public keys .*keys\.jsonl are missing"):
        seal(sealer, custody, NOW)


def test_seals_without_any_head_are_refused(
    database: Addresses, sealer: Sync, tmp_path: Path
) -> None:
    Writers(database.app, 36, 1).run()
    seal(sealer, custody_in(tmp_path / "one"), NOW)
    with pytest.raises(RecordDamagedError, match="there is no head at all"):
        seal(sealer, custody_in(tmp_path / "two"), NOW)


def test_a_row_of_a_transaction_that_has_not_been_is_found(
    database: Addresses, sealer: Sync, tmp_path: Path
) -> None:
    custody = custody_in(tmp_path)
    with psycopg.connect(database.owner) as owner:
        number = write(owner, 1)
        owner.execute("UPDATE audit_event SET transaction_id = '900000000'")
    assert seal(sealer, custody, NOW).waiting == 1
    findings = verify_record(sealer, custody).findings
    assert [(found.kind, found.audit_id) for found in findings] == [("row_skipped", number)]


def test_a_database_whose_transactions_count_anew_is_refused(
    database: Addresses, sealer: Sync, tmp_path: Path
) -> None:
    custody = custody_in(tmp_path)
    with psycopg.connect(database.app) as app:
        write(app, 1)
    seal(sealer, custody, NOW)
    with psycopg.connect(database.owner) as owner:
        # As a dump is restored on a fresh server: the sealed rows are of transactions to come.
        owner.execute("UPDATE audit_event SET transaction_id = '900000000'")
    with pytest.raises(RecordDamagedError, match="counts transactions from below the last sealed"):
        seal(sealer, custody, NOW)


def test_older_heads_put_back_are_refused(
    database: Addresses, sealer: Sync, tmp_path: Path
) -> None:
    custody = custody_in(tmp_path)
    Writers(database.app, 36, 1).run()
    seal(sealer, custody, NOW)
    older = custody.heads.read_bytes()
    for turn in (2, 3):
        Writers(database.app, 36, turn).run()
        seal(sealer, custody, NOW)
    custody.heads.write_bytes(older)
    with pytest.raises(RecordDamagedError, match="Heads were lost or put back"):
        seal(sealer, custody, NOW)
    assert "heads_put_back" in {found.kind for found in verify_record(sealer, custody).findings}


def test_a_changed_mirror_is_refused(database: Addresses, sealer: Sync, tmp_path: Path) -> None:
    custody = custody_in(tmp_path, is_mirrored=True)
    seal(sealer, custody, NOW)
    copy = tmp_path / "mirror" / "heads.jsonl"
    copy.write_bytes(copy.read_bytes().replace(b'"size": 0', b'"size": 1'))
    with pytest.raises(RecordDamagedError, match="is not a copy of"):
        seal(sealer, custody, NOW)
    assert [found.kind for found in verify_record(sealer, custody).findings] == ["heads_differ"]


def test_a_new_key_is_endorsed_and_the_old_one_forgotten(
    database: Addresses, sealer: Sync, tmp_path: Path
) -> None:
    custody = custody_in(tmp_path)
    keys = [seal(sealer, custody, NOW).head.key_id]
    for turn in range(2):
        keys.append(rotate_key(sealer, custody, NOW).key_id)
        with psycopg.connect(database.app) as app:
            write(app, turn)
        assert seal(sealer, custody, NOW).head.key_id == keys[-1]
        assert [path.stem for path in (tmp_path / "vault").glob("*.key")] == keys[-1:]
    papers = verified(sealer, custody).papers
    assert [key.key_id for key in papers.keys] == keys
    assert [key.endorsed_by for key in papers.keys] == ["", *keys[:-1]]


def test_a_missing_private_key_is_refused(
    database: Addresses, sealer: Sync, tmp_path: Path
) -> None:
    custody = custody_in(tmp_path)
    key = seal(sealer, custody, NOW).head.key_id
    (tmp_path / "vault" / f"{key}.key").unlink()
    with pytest.raises(RecordDamagedError, match=f"The private key .*{key}.key is missing"):
        seal(sealer, custody, NOW)
