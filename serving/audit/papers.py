"""The papers of a record: its public keys and signed heads, read and held against one another."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from serving.audit.appending import read_lines
from serving.audit.errors import RecordDamagedError
from serving.audit.findings import Finding
from serving.audit.heads import NO_HEAD, Custody, Head, parse_head, read_note
from serving.audit.signing import NOTE, PublicKey, chain_is_sound, read_keys


@dataclass(frozen=True)
class Papers:
    """Keys and heads in their order, and what is wrong with them.

    Attributes
    ----------
    heads : tuple of Head
        With the one that was noted as signed and not yet appended, if a kill came between.
    is_note_read : bool
        Whether the vault could be asked which head was signed last; without it, heads missing at the
        end go unnoticed unless a copy has them.
    """

    keys: tuple[PublicKey, ...]
    heads: tuple[Head, ...]
    findings: tuple[Finding, ...]
    is_note_read: bool = True

    @property
    def newest(self) -> Head | None:
        """The head that covers most."""
        return self.heads[-1] if self.heads else None


def read_papers(custody: Custody, copies: Sequence[Path] = ()) -> Papers:
    """Read and check keys and heads, against the vault's note and against copies kept elsewhere.

    Parameters
    ----------
    copies : sequence of Path
        Files of heads that were set aside; the mirror is always among them.
    """
    try:
        keys = read_keys(custody.keys)
        heads = read_heads(custody.heads)
    except RecordDamagedError as damaged:
        return Papers((), (), (Finding("heads_broken", detail=damaged.en),))
    findings: list[Finding] = []
    is_note_read = custody.secret is not None
    if custody.secret is not None:
        try:
            findings += _against_note(custody.secret / NOTE, heads)
        except PermissionError:
            is_note_read = False
    findings += check_papers(keys, heads)
    mirrored = [custody.mirror / custody.heads.name] if custody.mirror is not None else []
    for copy in [*mirrored, *copies]:
        findings += _against_copy(copy, heads)
    return Papers(tuple(keys), tuple(heads), tuple(findings), is_note_read)


def read_heads(path: Path) -> list[Head]:
    """All heads of a file.

    Raises
    ------
    RecordDamagedError
        If a line is not a head.
    """
    return [parse_head(line, path) for line in read_lines(path)]


def check_papers(keys: Sequence[PublicKey], heads: Sequence[Head]) -> list[Finding]:
    """Check keys by their endorsements; every head by its signature, its predecessor and its key's turn."""
    findings: list[Finding] = []
    if not chain_is_sound(keys):
        findings.append(Finding("keys_broken", detail=", ".join(key.key_id for key in keys)))
    findings += _forged(keys, heads)
    findings += _unchained(keys, heads)
    return findings


def _forged(keys: Sequence[PublicKey], heads: Sequence[Head]) -> Iterator[Finding]:
    by_id = {key.key_id: key for key in keys}
    for line, head in enumerate(heads, 1):
        key = by_id.get(head.key_id)
        if key is None or not key.verifies(head.signature, head.text()):
            yield Finding("head_forged", detail=f"{line}, {head.size}")


def _unchained(keys: Sequence[PublicKey], heads: Sequence[Head]) -> Iterator[Finding]:
    """Breaks in the chain; a key that has handed over signs no more."""
    turn = {key.key_id: place for place, key in enumerate(keys)}
    previous, size, place = NO_HEAD, 0, 0
    for line, head in enumerate(heads, 1):
        now = turn.get(head.key_id, place)
        begins_empty = line > 1 or head.size == 0
        if head.previous != previous or head.size < size or now < place or not begins_empty:
            yield Finding("head_chain", detail=f"{line}, {head.size}")
        previous, size, place = head.digest(), head.size, now


def _against_note(note: Path, heads: list[Head]) -> Iterator[Finding]:
    """Hold the heads against the one signed last; add it if only its line is missing."""
    try:
        noted = read_note(note)
    except RecordDamagedError as damaged:
        yield Finding("heads_broken", detail=damaged.en)
        return
    last = heads[-1] if heads else None
    if noted == last:
        return
    if noted is not None and noted.previous == (last.digest() if last else NO_HEAD):
        heads.append(noted)
        return
    found = "0" if last is None else str(last.size)
    yield Finding("heads_put_back", detail=f"{found} ≠ {noted.size if noted else '–'}")


def _against_copy(copy: Path, heads: Sequence[Head]) -> Iterator[Finding]:
    try:
        kept = read_heads(copy)
    except RecordDamagedError as damaged:
        yield Finding("heads_broken", detail=damaged.en)
        return
    for line, head in enumerate(kept, 1):
        if line > len(heads) or heads[line - 1] != head:
            yield Finding("heads_differ", detail=f"{copy}: {line}, {head.size}")
            return
