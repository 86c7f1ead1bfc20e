"""The one sealer: takes every committed row into the tree and signs what the tree has become.

The order of the log is (transaction id, audit id). Only rows are taken whose transaction is older
than every one still open: whatever commits later has a higher transaction id and comes behind. So
neither late commits nor gaps in the numbers nor the clock matter, and one long transaction holds the
log up without spoiling it; how many rows wait is part of the report.

Seals and tiles are committed first, the head is signed after, so a head never covers what a crash
could take back. A head is signed only if the database proves that its tree begins with the tree of
the head before.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from serving.audit import repository
from serving.audit.appending import locked
from serving.audit.errors import RecordDamagedError, SealerBusyError
from serving.audit.heads import Custody, Head, HeadLog, Step
from serving.audit.leaf import Value, leaf_bytes
from serving.audit.merkle import (
    EMPTY_ROOT,
    Frontier,
    Span,
    Tile,
    consistency_spans,
    leaf_hash,
    proves_consistency,
)
from serving.audit.repository import Sync
from serving.audit.rows import Place
from serving.audit.signing import PublicKey, Signer
from serving.audit.tiles import MissingHashError, frontier_at, span_hash, wanted

_Made = TypeVar("_Made")

#: Rows of one transaction of the sealer.
BATCH = 10_000


@dataclass(frozen=True)
class Sealing:
    """What one pass did.

    Attributes
    ----------
    sealed : int
        Rows taken in.
    head : Head
        The newest head, signed now or before.
    waiting : int
        Committed rows that an open transaction holds back, or that came during the pass.
    oldest_wait : timedelta
        Age of the oldest of these by its own `at`; never negative.
    """

    sealed: int
    head: Head
    waiting: int
    oldest_wait: timedelta


def seal(
    connection: Sync,
    custody: Custody,
    now: datetime,
    *,
    batch: int = BATCH,
    step: Step = lambda _: None,
) -> Sealing:
    """Seal all that is settled and sign a head if the tree has grown.

    Parameters
    ----------
    connection : Connection
        Of the sealer's role, with autocommit.
    custody : Custody
        With its secret folder.
    now : datetime
        Wall time in Asia/Shanghai, written into the head and trusted for nothing else.

    Raises
    ------
    SealerBusyError
        If another sealer is at work.
    RecordDamagedError
        If the database, the heads or the keys are not what was signed. Nothing is signed then.
    """
    if not connection.autocommit:
        raise ValueError(
            "The sealer commits batch by batch and needs a connection with autocommit."
        )
    with _alone(connection, custody):
        signer, heads = _opened(custody, now, step)
        size, place = repository.last_sealed(connection)
        newest = heads.newest or _first(heads, signer, size, now)
        tree, place = _taken_up(connection, newest, size, place)
        step("checked")
        sealed = 0
        while rows := repository.settled_after(connection, place, batch):
            place = _seal_batch(connection, tree, rows, step)
            sealed += len(rows)
        if tree.size > newest.size:
            _require_growth(connection, newest, tree)
            newest = heads.append(signer, size=tree.size, root=tree.root(), now=now)
        waiting, oldest = repository.waiting_after(connection, place)
        age = max(now - oldest, timedelta()) if oldest else timedelta()
        return Sealing(sealed, newest, waiting, age)


def rotate_key(connection: Sync, custody: Custody, now: datetime) -> PublicKey:
    """Let a new key sign from the next head on.

    Raises
    ------
    SealerBusyError, RecordDamagedError
        As `seal`.
    """
    with _alone(connection, custody):
        signer, _ = _opened(custody, now, lambda _: None)
        return signer.rotate(now)


@contextmanager
def _alone(connection: Sync, custody: Custody) -> Generator[None]:
    if not repository.try_lock(connection):
        raise SealerBusyError(
            en="Another sealer is at work on this record. Wait for it, or stop it.",
            zh="另一个封存进程正在处理本审计日志，请等待其完成或将其停止。",
        )
    custody.public.mkdir(parents=True, exist_ok=True)
    try:
        with locked(custody.lock):
            yield
    finally:
        if not connection.broken:
            repository.unlock(connection)


def _opened(custody: Custody, now: datetime, step: Step) -> tuple[Signer, HeadLog]:
    if custody.secret is None:
        raise ValueError("The sealer needs the folder of its private key.")
    signer = Signer(custody.secret, custody.keys, now)
    return signer, HeadLog(custody, custody.secret, step)


def _first(heads: HeadLog, signer: Signer, size: int, now: datetime) -> Head:
    """The head of the empty tree; without it, seals in the database have lost their heads."""
    if size:
        raise _damaged(
            en=f"The database holds {size} seals and there is no head at all",
            zh=f"数据库有 {size} 条封存记录，却没有任何树头",
        )
    return heads.append(signer, size=0, root=EMPTY_ROOT, now=now)


def _taken_up(
    connection: Sync, newest: Head, size: int, place: Place | None
) -> tuple[Frontier, Place]:
    """The tree as the database has it, if it begins with the tree of the newest head."""
    if size < newest.size:
        raise _damaged(
            en=f"The database holds {size} seals and the newest head covers {newest.size}: it was set back",
            zh=f"数据库仅有 {size} 条封存记录，而最新树头覆盖 {newest.size} 条：数据库被回退",
        )
    if place is None:
        raise _damaged(
            en=f"The row of the last seal, leaf {size - 1}, is gone",
            zh=f"最后一条封存记录（叶 {size - 1}）对应的行已消失",
        )
    if place.transaction_id >= repository.next_transaction(connection):
        raise _damaged(
            en="The database counts transactions from below the last sealed one, as after a restore from a dump",
            zh="数据库的事务号低于最后封存的事务号，可能由逻辑备份恢复",
        )
    stored = repository.hashes_of(connection, wanted([Span(0, size)]))
    tree = _whole(lambda: frontier_at(size, stored))
    _require_growth(connection, newest, tree)
    # A pass that ended with its head took whole transactions; one that was cut off may have stopped within.
    return tree, place.end_of_transaction() if size == newest.size else place


def _require_growth(connection: Sync, newest: Head, tree: Frontier) -> None:
    spans = consistency_spans(newest.size, tree.size)
    stored = repository.hashes_of(connection, wanted(spans))
    path = _whole(lambda: [span_hash(span, stored) for span in spans])
    old = bytes.fromhex(newest.root)
    if not proves_consistency(newest.size, tree.size, old, tree.root(), path):
        raise _damaged(
            en=f"The database's tree does not begin with the {newest.size} leaves of the newest head",
            zh=f"数据库中的哈希树与最新树头的前 {newest.size} 条不一致",
        )


def _seal_batch(
    connection: Sync, tree: Frontier, rows: Sequence[Sequence[Value]], step: Step
) -> Place:
    start, tiles = tree.size, list[Tile]()
    hashes = [leaf_hash(leaf_bytes(row)) for row in rows]
    for value in hashes:
        tiles += tree.append(value)
    places = [Place(int(str(row[1])), int(str(row[0]))) for row in rows]
    step("read")
    with connection.transaction():
        repository.add_seals(connection, start, [place.audit_id for place in places], hashes)
        step("seals")
        repository.add_tiles(connection, tiles)
        step("tiles")
    step("committed")
    return places[-1]


def _whole(make: Callable[[], _Made]) -> _Made:
    """Make something of stored hashes, or say which one is missing."""
    try:
        return make()
    except MissingHashError as missing:
        raise _damaged(
            en=f"A hash of the tree is missing (level {missing.level}, index {missing.index})",
            zh=f"哈希树缺少一个节点（第 {missing.level} 层，序号 {missing.index}）",
        ) from missing


def _damaged(en: str, zh: str) -> RecordDamagedError:
    return RecordDamagedError(
        en=f"{en}. Nothing was signed; run 'xinqiao audit verify' and keep the heads safe.",
        zh=f"{zh}。未签署任何内容；请运行 xinqiao audit verify，并妥善保存树头文件。",
    )
