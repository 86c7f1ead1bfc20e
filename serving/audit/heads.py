"""Signed tree heads: what the record was, kept outside the database.

`heads.jsonl` holds a line a head. The signed text of a head, one item a line:

    xinqiao audit head 1
    <size: leaves covered>
    <root, 64 hex digits>
    <at, 2026-11-21T09:30:00.000000>
    <key id>
    <SHA-256 of the head before: of its signed text followed by its signature in hex; 64 zeros first>

The newest head is noted in the vault *before* it is appended, so a line that a kill tore is written
again, and a file put back to an older state is noticed.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from dataclasses import replace as with_values
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from serving.audit import appending
from serving.audit.errors import RecordDamagedError
from serving.audit.signing import NOTE, Signer

NO_HEAD = "0" * 64

#: Called with the name of each step a sealer has done; tests kill it there.
Step = Callable[[str], None]


@dataclass(frozen=True)
class Head:
    """The tree at one moment, signed."""

    size: int
    root: str
    at: str
    key_id: str
    previous: str
    signature: str

    def text(self) -> bytes:
        """What is signed."""
        return (
            f"xinqiao audit head 1\n{self.size}\n{self.root}\n{self.at}\n{self.key_id}\n{self.previous}\n"
        ).encode()

    def digest(self) -> str:
        """What the next head says of this one [64 hex digits]."""
        return hashlib.sha256(self.text() + self.signature.encode()).hexdigest()

    def line(self) -> bytes:
        """One line of `heads.jsonl`."""
        return json.dumps(asdict(self)).encode() + b"\n"


@dataclass(frozen=True)
class Custody:
    """Where heads and keys are.

    Attributes
    ----------
    public : Path
        `heads.jsonl` and `keys.jsonl`; anybody may read and copy them.
    secret : Path or None
        The private key and the note of the newest head; None where only reading is meant.
    mirror : Path or None
        A second folder for the public files, best on another machine's disk.
    """

    public: Path
    secret: Path | None = None
    mirror: Path | None = None

    @property
    def heads(self) -> Path:
        """All heads."""
        return self.public / "heads.jsonl"

    @property
    def keys(self) -> Path:
        """All public keys."""
        return self.public / "keys.jsonl"

    @property
    def lock(self) -> Path:
        """Held by the sealer from the seals to the head."""
        return self.public / "lock"


_HEAD = TypeAdapter(Head)


class HeadLog:
    """The heads of a record, to append to.

    Raises
    ------
    RecordDamagedError
        If the files do not end with the head that was signed last.
    """

    def __init__(self, custody: Custody, secret: Path, step: Step) -> None:
        self._custody = custody
        self._note = secret / NOTE
        self._step = step
        custody.public.mkdir(parents=True, exist_ok=True)
        appending.cut_torn(custody.heads)
        self.newest = self._recovered()
        self._mirror()

    def append(self, signer: Signer, *, size: int, root: bytes, now: datetime) -> Head:
        """Sign a head and make it durable everywhere."""
        unsigned = Head(
            size=size,
            root=root.hex(),
            at=now.isoformat(timespec="microseconds"),
            key_id=signer.key_id,
            previous=self.newest.digest() if self.newest else NO_HEAD,
            signature="",
        )
        head = with_values(unsigned, signature=signer.sign(unsigned.text()))
        self._step("signed")
        appending.replace(self._note, head.line())
        self._step("noted")
        appending.append(self._custody.heads, head.line())
        self._step("appended")
        self.newest = head
        self._mirror()
        self._step("mirrored")
        return head

    def _recovered(self) -> Head | None:
        noted = read_note(self._note)
        lines = appending.last_lines(self._custody.heads)
        last = parse_head(lines[-1], self._custody.heads) if lines else None
        if noted == last:
            return last
        if noted is not None and noted.previous == (last.digest() if last else NO_HEAD):
            appending.append(self._custody.heads, noted.line())
            return noted
        raise RecordDamagedError(
            en=f"{self._custody.heads} ends with a head of {last.size if last else 'no'} rows, but the last one "
            f"signed covers {noted.size if noted else 'none that is noted'}. Heads were lost or put back: restore "
            "the file from a copy, then run 'xinqiao audit verify'.",
            zh=f"{self._custody.heads} 末尾的树头覆盖 {last.size if last else 0} 行，而最后签署的树头覆盖 "
            f"{noted.size if noted else '（无记载）'} 行：树头文件丢失或被回退，请从副本恢复后运行 xinqiao audit verify。",
        )

    def _mirror(self) -> None:
        folder = self._custody.mirror
        if folder is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        for ours in (self._custody.keys, self._custody.heads):
            copy = folder / ours.name
            appending.cut_torn(copy)
            _catch_up(ours, copy)


def read_note(path: Path) -> Head | None:
    """The head signed last, as the vault knows it."""
    return parse_head(path.read_bytes(), path) if path.exists() else None


def parse_head(line: bytes, path: Path) -> Head:
    """Read a line.

    Raises
    ------
    RecordDamagedError
        If it is not a head.
    """
    try:
        return _HEAD.validate_json(line, strict=True)
    except ValidationError as wrong:
        raise RecordDamagedError(
            en=f"A line of {path} is not a signed head. Restore the file from its copy.",
            zh=f"{path} 中有一行不是签署的树头，请从副本恢复该文件。",
        ) from wrong


def _catch_up(ours: Path, copy: Path) -> None:
    """Append what the copy lacks; its last line must be ours at the same place."""
    if not ours.exists():
        return
    done = copy.stat().st_size if copy.exists() else 0
    last = appending.last_lines(copy)[-1:]
    with ours.open("rb") as file:
        if last:
            file.seek(max(0, done - len(last[0]) - 1))
            if file.read(len(last[0]) + 1) != last[0] + b"\n":
                raise RecordDamagedError(
                    en=f"{copy} is not a copy of {ours}: one of them was changed. Compare the two before going on.",
                    zh=f"{copy} 与 {ours} 不一致，其中之一被改动，请先核对。",
                )
        missing = file.read()
    if missing:
        appending.append(copy, missing)
