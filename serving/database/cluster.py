"""Make a data folder, with the passwords that open it."""

import json
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from serving.database.addresses import ROLES
from serving.database.installing import run_as
from serving.database.site import Site, write_private
from serving.errors import DatabaseError

#: The role that may do everything; only the starter speaks as it.
ADMINISTRATOR = "postgres"
SHIPPED_SETTINGS = Path(__file__).with_name("postgresql.conf")

Passwords = Mapping[str, str]


def read_passwords(home: Path) -> Passwords:
    """Passwords by role, made at the first start; readable by their owner only.

    Raises
    ------
    DatabaseError
        If they are gone while the data they open are there.
    """
    path = home / "passwords.json"
    if path.exists():
        return json.loads(path.read_text("utf-8"))
    if prepared_mark(home).exists():
        raise DatabaseError(
            en=f"The ledger's passwords in {path} are gone. Bring the file back from a backup.",
            zh=f"业务数据库的口令文件 {path} 已不存在，请从备份恢复。",
        )
    made = {role: secrets.token_urlsafe(24) for role in (ADMINISTRATOR, *ROLES)}
    write_private(path, json.dumps(made, indent=1))
    return made


def prepared_mark(home: Path) -> Path:
    """Left when the roles and the empty ledger have been made."""
    return home / "prepared"


def make_cluster(site: Site, password: str, *, extra: Mapping[str, str]) -> None:
    """Make the data folder unless it is there; a start cut short leaves none.

    The collation is byte order: it is the same on every system, so no index depends on a library
    that an update of the system may change.

    Raises
    ------
    DatabaseError
        If PostgreSQL refuses, in its words.
    """
    _write_settings(site, extra)
    if site.data.exists():
        return
    fresh, given = site.place / "data.new", site.place / ".password"
    shutil.rmtree(fresh, ignore_errors=True)
    _write_for_server(site, given, password)
    command = [str(site.install / "bin" / "initdb"), "-D", str(fresh), "-U", ADMINISTRATOR]
    command += ["--encoding=UTF8", "--locale=C", "--data-checksums", "--auth=scram-sha-256"]
    command += [f"--pwfile={given}", *(["--no-sync"] if extra.get("fsync") == "off" else [])]
    done = run_as((site.uid, site.gid), command)
    given.unlink()
    if done.returncode:
        words = " ".join(done.stderr.split())[-500:]
        raise DatabaseError(
            en=f"PostgreSQL could not make its data folder in {site.place}: {words}",
            zh=f"PostgreSQL 无法在 {site.place} 建立数据文件夹：{words}",
        )
    fresh.rename(site.data)


def _write_settings(site: Site, extra: Mapping[str, str]) -> None:
    added = "".join(f"{name} = '{value}'\n" for name, value in extra.items())
    _write_for_server(site, site.settings, SHIPPED_SETTINGS.read_text("utf-8") + added)
    _write_for_server(site, site.access, "local all all scram-sha-256\n")


def _write_for_server(site: Site, path: Path, text: str) -> None:
    write_private(path, text)
    if os.geteuid() == 0:
        os.chown(path, site.uid, site.gid)
