"""Proof that rows are in the record: for each, the way from its bytes to a signed root."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from serving.audit.errors import NotSealedYetError, RecordDamagedError
from serving.audit.heads import Head
from serving.audit.leaf import COLUMNS, leaf_bytes
from serving.audit.merkle import Span, inclusion_spans, leaf_hash, proves_inclusion
from serving.audit.rows import Row
from serving.audit.signing import PublicKey
from serving.audit.tiles import Block, MissingHashError, Stored, span_hash, wanted

FORMAT = "xinqiao audit proof 1"


@dataclass(frozen=True)
class Proof:
    """A row, its leaf, and the hashes beside its way up, from the leaf to the root."""

    row: Row
    leaf_index: int
    path: tuple[bytes, ...]


@dataclass(frozen=True)
class ProofFile:
    """Rows proved against one head, with the keys that lead to its signature."""

    head: Head
    keys: tuple[PublicKey, ...]
    proofs: tuple[Proof, ...]

    def content(self) -> dict[str, object]:
        """What `bin/check-audit` reads, as JSON."""
        return {
            "format": FORMAT,
            "columns": COLUMNS,
            "keys": [asdict(key) for key in self.keys],
            "head": asdict(self.head),
            "rows": [
                {
                    "leaf": proof.leaf_index,
                    "row": proof.row.values(),
                    "path": [step.hex() for step in proof.path],
                }
                for proof in self.proofs
            ],
        }


def blocks_for(rows: Sequence[Row], head: Head) -> list[Block]:
    """Hashes to read for proofs of these rows.

    Raises
    ------
    NotSealedYetError
        If the head does not cover a row yet.
    """
    return wanted([span for row in rows for span in _spans(row, head)])


def prove(rows: Sequence[Row], head: Head, keys: Sequence[PublicKey], stored: Stored) -> ProofFile:
    """Prove rows from stored hashes; every proof is checked before it is given out.

    Raises
    ------
    NotSealedYetError
        If the head does not cover a row yet.
    RecordDamagedError
        If a hash is missing, or the row is not the one that was sealed.
    """
    proofs = tuple(_proof(row, head, stored) for row in rows)
    return ProofFile(head, tuple(keys), proofs)


def _proof(row: Row, head: Head, stored: Stored) -> Proof:
    try:
        path = tuple(span_hash(span, stored) for span in _spans(row, head))
    except MissingHashError as missing:
        raise _damaged(row) from missing
    index = row.leaf_index or 0
    leaf = leaf_hash(leaf_bytes(row.values()))
    if not proves_inclusion(index, head.size, leaf, path, bytes.fromhex(head.root)):
        raise _damaged(row)
    return Proof(row, index, path)


def _spans(row: Row, head: Head) -> list[Span]:
    if row.leaf_index is None or row.leaf_index >= head.size:
        raise NotSealedYetError(
            en=f"Row {row.audit_id} is on record and no signed head covers it yet. Ask again in a minute.",
            zh=f"审计行 {row.audit_id} 已记录，但尚无签署的树头覆盖，请稍后再试。",
        )
    return inclusion_spans(row.leaf_index, head.size)


def _damaged(row: Row) -> RecordDamagedError:
    return RecordDamagedError(
        en=f"Row {row.audit_id} cannot be proved: it, its seal or a hash above it was changed. "
        "The operator must run 'xinqiao audit verify'.",
        zh=f"审计行 {row.audit_id} 无法证明：该行、其封存记录或上层哈希被改动，请运营方运行 xinqiao audit verify。",
    )
