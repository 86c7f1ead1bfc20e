"""Who looked at an enterprise, and the proof of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from serving.audit import repository
from serving.audit.appending import last_lines
from serving.audit.errors import NotSealedYetError
from serving.audit.heads import Custody, Head, parse_head
from serving.audit.proofs import ProofFile, blocks_for, prove
from serving.audit.repository import Async, Sync
from serving.audit.rows import Row
from serving.audit.signing import read_keys
from serving.errors import NotFoundError

_NEWEST = 2**63 - 1


@dataclass(frozen=True)
class Page:
    """Rows, newest first.

    Attributes
    ----------
    next_before : int or None
        Pass as `before` for the next page; None at the end.
    """

    rows: tuple[Row, ...]
    next_before: int | None


async def who_read(
    connection: Async,
    subject: str,
    *,
    before: int | None = None,
    limit: int = 50,
    with_own: bool = True,
) -> Page:
    """List what is on record about a subject, sealed or not, newest first.

    Parameters
    ----------
    subject : str
        Pseudonym of the enterprise.
    before : int, optional
        Only rows with a lower audit id.
    with_own : bool
        Also what the enterprise's own people looked at.
    """
    rows = await repository.rows_about(
        connection,
        subject,
        before=_NEWEST if before is None else before,
        limit=limit + 1,
        with_own=with_own,
    )
    more = len(rows) > limit
    return Page(tuple(rows[:limit]), rows[limit - 1].audit_id if more else None)


async def proof_of(
    connection: Async, custody: Custody, audit_id: int, *, subject: str | None = None
) -> ProofFile:
    """Prove one row against the newest head.

    Parameters
    ----------
    subject : str, optional
        Whose row it must be; another's is as good as none.

    Raises
    ------
    NotFoundError
        If there is no such row.
    NotSealedYetError
        If no head covers it yet.
    RecordDamagedError
        If it is not what was sealed.
    """
    row = await repository.row_of(connection, audit_id)
    if row is None or (subject is not None and row.subject != subject):
        raise NotFoundError(
            en=f"There is no row {audit_id} on this record.", zh=f"没有编号为 {audit_id} 的审计行。"
        )
    return await proofs_of(connection, custody, [row])


async def proofs_of(connection: Async, custody: Custody, rows: Sequence[Row]) -> ProofFile:
    """Prove rows, a page of `who_read` for instance, against the newest head.

    Raises
    ------
    NotSealedYetError, RecordDamagedError
        As `proof_of`.
    """
    head = newest_head(custody)
    stored = await repository.hashes_for(connection, blocks_for(rows, head))
    return prove(rows, head, read_keys(custody.keys), stored)


def proof_about(connection: Sync, custody: Custody, subject: str) -> ProofFile:
    """Prove every row about a subject that the newest head covers, oldest first.

    Raises
    ------
    NotSealedYetError, RecordDamagedError
        As `proof_of`.
    """
    head = newest_head(custody)
    rows = repository.sealed_about(connection, subject, head.size)
    stored = repository.hashes_of(connection, blocks_for(rows, head))
    return prove(rows, head, read_keys(custody.keys), stored)


def newest_head(custody: Custody) -> Head:
    """The head signed last.

    Raises
    ------
    NotSealedYetError
        If none was signed so far.
    """
    lines = last_lines(custody.heads)
    if not lines:
        raise NotSealedYetError(
            en="No head has been signed yet. Ask again in a minute.",
            zh="尚未签署任何树头，请稍后再试。",
        )
    return parse_head(lines[-1], custody.heads)
