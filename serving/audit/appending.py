"""Files that only grow by whole lines, and survive being killed or losing power at any byte."""

import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_SH, flock
from pathlib import Path

#: More than any line of ours, so the last two lines are always inside.
_TAIL_BYTES = 8192


def read_lines(path: Path) -> list[bytes]:
    """All whole lines without their line feed; a torn last line is left out."""
    if not path.exists():
        return []
    return path.read_bytes().split(b"\n")[:-1]


def last_lines(path: Path) -> list[bytes]:
    """The last whole lines, two at least if there are two."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        begin = file.seek(max(0, size - _TAIL_BYTES))
        lines = file.read().split(b"\n")[:-1]
    return lines[1:] if begin else lines


def whole_bytes(path: Path) -> int:
    """Length up to and with the last line feed [bytes]."""
    if not path.exists():
        return 0
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        begin = file.seek(max(0, size - _TAIL_BYTES))
        tail = file.read()
    return begin + tail.rfind(b"\n") + 1


def cut_torn(path: Path) -> None:
    """Remove what stands after the last line feed: a write that a kill cut short."""
    whole = whole_bytes(path)
    if path.exists() and path.stat().st_size > whole:
        with path.open("r+b") as file:
            file.truncate(whole)
            os.fsync(file.fileno())


def append(path: Path, content: bytes) -> None:
    """Add whole lines; they are on disk when this returns."""
    is_new = not path.exists()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        sync_folder(path.parent)


def replace(path: Path, content: bytes) -> None:
    """Put new content (mode 0600) in place of a file: after a kill it is the old or the new one."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(
            os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"
        ) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the folder's list of names durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path, *, is_shared: bool = False) -> Generator[None]:
    """Hold a file's lock: a sealer alone, or readers together; a reader needs no right to write."""
    if is_shared and not path.exists():
        yield
        return
    flags = os.O_RDONLY if is_shared else os.O_RDWR | os.O_CREAT
    descriptor = os.open(path, flags, 0o644)
    try:
        flock(descriptor, LOCK_SH if is_shared else LOCK_EX)
        yield
    finally:
        os.close(descriptor)
