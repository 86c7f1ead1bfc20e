"""Adding to the record of which bundle serves; `models.aliases` reads it.

Writers take turns by a lock, and the file appears whole or not at all.
"""

import fcntl
import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from features.errors import RegistryError
from models.aliases import ALIASES, Entry, champion_of, digest_of, read_record

_LOCK = ".aliases.lock"


def add_entry(bundles: Path, entry: Entry, *, replaces: str | None = None) -> Entry:
    """Add a line; others who write at the same time wait.

    Parameters
    ----------
    replaces : str, optional
        Bundle that must still be the champion of the model (empty for none): a decision that was
        made against another champion does not count.

    Returns
    -------
    Entry
        As written.

    Raises
    ------
    RegistryError
        If the champion is another by now.
    """
    with _turn(bundles):
        entries = read_record(bundles)
        now = champion_of(entries, entry.model)
        if replaces is not None and (now.bundle_id if now else "") != replaces:
            raise RegistryError(
                en=f"Another bundle of {entry.model} became the champion meanwhile. Look at `xinqiao history` "
                "and decide again.",
                zh=f"在此期间 {entry.model} 的当前版本已变更；请查看 `xinqiao history` 后重新决定。",
            )
        linked = replace(entry, before=entries[-1].sha256 if entries else "")
        written = replace(linked, sha256=digest_of(linked))
        _write(bundles, [*entries, written])
    return written


@contextmanager
def _turn(bundles: Path) -> Generator[None]:
    """One writer at a time; the lock goes with the process that holds it."""
    bundles.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(bundles / _LOCK, os.O_CREAT | os.O_RDWR, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write(bundles: Path, entries: list[Entry]) -> None:
    """The whole file or the one before, whatever happens."""
    lines = ",\n".join(json.dumps(asdict(entry), ensure_ascii=False) for entry in entries)
    draft = bundles / f".{ALIASES}"
    with draft.open("w", encoding="utf-8") as file:
        file.write(f"[\n{lines}\n]\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(bundles / ALIASES)
