"""The private server's folders: whose they are, where they lie, and what must be found in them.

Standard library only: the keeper reads this, and starts in a few milliseconds.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

#: The longest socket path that every system takes (107 bytes on Linux, 103 elsewhere).
SOCKET_PATH_BYTES = 103
SOCKET_NAME = ".s.PGSQL.5432"


@dataclass(frozen=True)
class Site:
    """Where one private server lives.

    Its paths have no links in them: processes are found by the folder they work in.

    Attributes
    ----------
    home : Path
        Ours: locks, passwords, and this description.
    place : Path
        The server's own folder, mode 0700: data, log, settings. Inside `home` wherever the server's
        user can come there.
    socket : Path
        Folder of the socket, mode 0700.
    install : Path
        The folder above PostgreSQL's `bin`.
    uid, gid : int
        Whom the server runs as.
    """

    home: Path
    place: Path
    socket: Path
    install: Path
    uid: int
    gid: int

    @property
    def data(self) -> Path:
        """PostgreSQL's data folder."""
        return self.place / "data"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.home / "server.log"

    @property
    def settings(self) -> Path:
        """The settings of this start."""
        return self.place / "postgresql.conf"

    @property
    def access(self) -> Path:
        """Who may come in and how."""
        return self.place / "pg_hba.conf"

    def write(self) -> None:
        """Leave the description for the keeper and for later users."""
        content = {name: str(value) for name, value in asdict(self).items() if name != "home"}
        write_private(self.home / "site.json", json.dumps(content, indent=1))


def read_site(home: Path) -> Site | None:
    """The server of this home as the last start described it; None where none ever started."""
    try:
        content = json.loads((home / "site.json").read_text("utf-8"))
    except FileNotFoundError:
        return None
    return Site(
        home=home,
        place=Path(content["place"]),
        socket=Path(content["socket"]),
        install=Path(content["install"]),
        uid=int(content["uid"]),
        gid=int(content["gid"]),
    )


def users_lock(home: Path) -> Path:
    """Every process that uses the server holds it shared; the keeper stops when it gets it alone."""
    return home / "users.lock"


def keeper_lock(home: Path) -> Path:
    """Held by the keeper as long as it lives."""
    return home / "keeper.lock"


def start_lock(home: Path) -> Path:
    """Held while a process makes sure that the server runs."""
    return home / "start.lock"


def write_private(path: Path, text: str) -> None:
    """Write a file only its owner can read, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def fits_a_socket(folder: Path) -> bool:
    """Whether a socket in this folder has a path short enough.

    Examples
    --------
    >>> fits_a_socket(Path("/run/xinqiao")), fits_a_socket(Path("/" + "深" * 40))
    (True, False)
    """
    return len(os.fsencode(folder / SOCKET_NAME)) <= SOCKET_PATH_BYTES
