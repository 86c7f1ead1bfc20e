"""All SQL of the record: what the sealer and the verifier read and write, and what an endpoint asks.

The sealer and the verifier hold a plain connection, endpoints an asynchronous one; the queries are
the same.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from psycopg import AsyncConnection, Connection
from psycopg.rows import class_row

from serving.audit.leaf import Value
from serving.audit.merkle import Tile
from serving.audit.rows import START, Leaf, Place, Row
from serving.audit.tiles import Block, Stored

Sync = Connection[Any]
Async = AsyncConnection[Any]

#: Any number will do as long as nobody else takes it; these are the first bytes of "xinqiao".
SEALER_LOCK = 0x78696E7169616F

# An instant beyond a year of four digits, which only a forger writes, keeps a text of its own.
_COLUMNS = """
    e.audit_id, e.transaction_id::text AS transaction_id,
    CASE WHEN e.at BETWEEN '0001-01-01' AND '9999-12-31 23:59:59.999999'
         THEN to_char(e.at, 'YYYY-MM-DD"T"HH24:MI:SS.US') ELSE e.at::text END AS at,
    e.request_id, e.actor_kind, e.actor, e.role, e.tenant, e.action, e.subject, e.purpose,
    e.consents, e.fields, e.result, e.detail
"""

# Every transaction below xmin has ended and is in this snapshot, so nothing can still come before
# what is read here.
_SETTLED = (
    "SELECT"
    + _COLUMNS
    + """FROM audit_event e
WHERE (e.transaction_id, e.audit_id) > (%(transaction_id)s::xid8, %(audit_id)s)
  AND e.transaction_id < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY e.transaction_id, e.audit_id LIMIT %(limit)s
"""
)
_LAST = """
SELECT s.leaf_index, s.audit_id, e.transaction_id::text
FROM audit_seal s LEFT JOIN audit_event e USING (audit_id) ORDER BY s.leaf_index DESC LIMIT 1
"""
_PLACE = """
SELECT e.transaction_id::text, e.audit_id
FROM audit_seal s JOIN audit_event e USING (audit_id) WHERE s.leaf_index = %(leaf)s
"""
_ADD_SEALS = """
INSERT INTO audit_seal (leaf_index, audit_id, leaf_hash)
SELECT * FROM unnest(%(indexes)s::bigint[], %(audit_ids)s::bigint[], %(hashes)s::bytea[])
"""
_ADD_TILES = """
INSERT INTO audit_tile (level, tile_index, hash)
SELECT * FROM unnest(%(levels)s::smallint[], %(indexes)s::bigint[], %(hashes)s::bytea[])
"""
_HASHES = """
SELECT 0, leaf_index, leaf_hash FROM audit_seal WHERE leaf_index = ANY(%(leaves)s::bigint[])
UNION ALL
SELECT level, tile_index, hash FROM audit_tile
JOIN unnest(%(levels)s::smallint[], %(indexes)s::bigint[]) AS wanted (level, tile_index)
USING (level, tile_index)
"""
_WAITING = """
SELECT count(*), min(e.at) FROM audit_event e
WHERE (e.transaction_id, e.audit_id) > (%(transaction_id)s::xid8, %(audit_id)s)
"""
_LEAVES = (
    "SELECT s.leaf_index, s.audit_id, s.leaf_hash,"
    + _COLUMNS
    + """FROM audit_seal s LEFT JOIN audit_event e USING (audit_id)
WHERE s.leaf_index >= %(start)s ORDER BY s.leaf_index
"""
)
_TILES = """
SELECT level, tile_index, hash FROM audit_tile
WHERE tile_index >= %(since)s::bigint >> (8 * level) ORDER BY level, tile_index
"""
_SKIPPED = """
SELECT e.audit_id FROM audit_event e LEFT JOIN audit_seal s USING (audit_id)
WHERE s.audit_id IS NULL
  AND ((e.transaction_id, e.audit_id) <= (%(transaction_id)s::xid8, %(audit_id)s)
       OR e.transaction_id >= pg_snapshot_xmax(pg_current_snapshot()))
ORDER BY e.audit_id LIMIT %(limit)s
"""
_OF_SUBJECT = (
    "SELECT"
    + _COLUMNS
    + """, s.leaf_index
FROM audit_event e LEFT JOIN audit_seal s USING (audit_id)
WHERE e.subject = %(subject)s AND e.audit_id < %(before)s ORDER BY e.audit_id DESC LIMIT %(limit)s
"""
)
_BY_OTHERS = _OF_SUBJECT.replace("ORDER BY", "AND e.role <> 'owner' ORDER BY")
_OF_TENANT = _OF_SUBJECT.replace("e.subject = %(subject)s", "e.tenant = %(tenant)s")
_OF_ALL = _OF_SUBJECT.replace("e.subject = %(subject)s AND ", "")
_ONE = (
    "SELECT"
    + _COLUMNS
    + """, s.leaf_index
FROM audit_event e LEFT JOIN audit_seal s USING (audit_id) WHERE e.audit_id = %(audit_id)s
"""
)
_SUBJECT_LEAVES = (
    "SELECT"
    + _COLUMNS
    + """, s.leaf_index
FROM audit_event e JOIN audit_seal s USING (audit_id)
WHERE e.subject = %(subject)s AND s.leaf_index < %(size)s ORDER BY s.leaf_index
"""
)


def try_lock(connection: Sync) -> bool:
    """Become the one sealer, until `unlock` or the end of the connection."""
    found = connection.execute("SELECT pg_try_advisory_lock(%(key)s)", {"key": SEALER_LOCK})
    return bool(_one(found.fetchone())[0])


def unlock(connection: Sync) -> None:
    """Let another sealer in."""
    connection.execute("SELECT pg_advisory_unlock(%(key)s)", {"key": SEALER_LOCK})


def last_sealed(connection: Sync) -> tuple[int, Place | None]:
    """Number of leaves, and the place of the last; None if its row is gone."""
    found = connection.execute(_LAST).fetchone()
    if found is None:
        return 0, START
    return found[0] + 1, None if found[2] is None else Place(int(found[2]), found[1])


def place_of(connection: Sync, leaf: int) -> Place:
    """Where the row of a leaf stands; the very start if it is gone."""
    found = connection.execute(_PLACE, {"leaf": leaf}).fetchone()
    return START if found is None else Place(int(found[0]), found[1])


def take_snapshot(connection: Sync) -> None:
    """Make all that follows in this transaction see the database as it is now, and change nothing."""
    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    connection.execute("SELECT 1")


def next_transaction(connection: Sync) -> int:
    """The first transaction id that nobody has had."""
    found = connection.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text").fetchone()
    return int(_one(found)[0])


def settled_after(connection: Sync, place: Place, limit: int) -> list[Sequence[Value]]:
    """Rows behind a place that no transaction still open can come before, in the log's order."""
    return connection.execute(_SETTLED, _at(place) | {"limit": limit}).fetchall()


def waiting_after(connection: Sync, place: Place) -> tuple[int, Any]:
    """Committed rows behind a place, and the earliest `at` among them."""
    count, oldest = _one(connection.execute(_WAITING, _at(place)).fetchone())
    return count, oldest


def add_seals(
    connection: Sync, start: int, audit_ids: Sequence[int], hashes: Sequence[bytes]
) -> None:
    """Seal rows as the leaves from `start` on."""
    indexes = list(range(start, start + len(audit_ids)))
    connection.execute(
        _ADD_SEALS, {"indexes": indexes, "audit_ids": list(audit_ids), "hashes": list(hashes)}
    )


def add_tiles(connection: Sync, tiles: Sequence[Tile]) -> None:
    """Keep the hashes of full subtrees."""
    if tiles:
        connection.execute(
            _ADD_TILES,
            {
                "levels": [tile.level for tile in tiles],
                "indexes": [tile.index for tile in tiles],
                "hashes": [tile.hash for tile in tiles],
            },
        )


def hashes_of(connection: Sync, blocks: Iterable[Block]) -> Stored:
    """Stored hashes of these blocks, as far as they are there."""
    found = connection.execute(_HASHES, _wanted(blocks)).fetchall()
    return {(level, index): value for level, index, value in found}


async def hashes_for(connection: Async, blocks: Iterable[Block]) -> Stored:
    """`hashes_of` on an asynchronous connection."""
    found = await (await connection.execute(_HASHES, _wanted(blocks))).fetchall()
    return {(level, index): value for level, index, value in found}


def leaves_from(connection: Sync, start: int, *, page: int = 5_000) -> Iterator[Leaf]:
    """Every seal from a leaf on, in order, with its row; inside a transaction."""
    with connection.cursor(name="leaves") as cursor:
        cursor.itersize = page
        cursor.execute(_LEAVES, {"start": start})
        for index, audit_id, value, *row in cursor:
            yield Leaf(index, audit_id, value, row if row[0] is not None else None)


def tiles_since(connection: Sync, leaf: int) -> list[Tile]:
    """Tiles that end behind a leaf, by level."""
    found = connection.execute(_TILES, {"since": leaf}).fetchall()
    return [Tile(level, index, value) for level, index, value in found]


def skipped_until(connection: Sync, place: Place, limit: int) -> list[int]:
    """Rows without a seal that should have one, or whose transaction cannot have been yet."""
    found = connection.execute(_SKIPPED, _at(place) | {"limit": limit}).fetchall()
    return [row[0] for row in found]


async def rows_about(
    connection: Async, subject: str, *, before: int, limit: int, with_own: bool = True
) -> list[Row]:
    """Rows about a subject before an audit id, newest first; or without the looks of its own people."""
    query = _OF_SUBJECT if with_own else _BY_OTHERS
    async with connection.cursor(row_factory=class_row(Row)) as cursor:
        await cursor.execute(query, {"subject": subject, "before": before, "limit": limit})
        return await cursor.fetchall()


async def rows_of(connection: Async, tenant: str | None, *, before: int, limit: int) -> list[Row]:
    """Rows of what one tenant did, of everybody's without one, before an audit id, newest first."""
    query = _OF_ALL if tenant is None else _OF_TENANT
    async with connection.cursor(row_factory=class_row(Row)) as cursor:
        await cursor.execute(query, {"tenant": tenant, "before": before, "limit": limit})
        return await cursor.fetchall()


async def row_of(connection: Async, audit_id: int) -> Row | None:
    """One row."""
    async with connection.cursor(row_factory=class_row(Row)) as cursor:
        await cursor.execute(_ONE, {"audit_id": audit_id})
        return await cursor.fetchone()


def sealed_about(connection: Sync, subject: str, size: int) -> list[Row]:
    """Rows about a subject among the first `size` leaves, oldest first."""
    with connection.cursor(row_factory=class_row(Row)) as cursor:
        return cursor.execute(_SUBJECT_LEAVES, {"subject": subject, "size": size}).fetchall()


def _at(place: Place) -> dict[str, object]:
    return {"transaction_id": str(place.transaction_id), "audit_id": place.audit_id}


def _wanted(blocks: Iterable[Block]) -> dict[str, list[int]]:
    single = [
        (block.level, block.first + offset) for block in blocks for offset in range(block.count)
    ]
    return {
        "leaves": [index for level, index in single if level == 0],
        "levels": [level for level, _ in single if level],
        "indexes": [index for level, index in single if level],
    }


def _one(row: Any) -> Any:
    if row is None:
        raise LookupError("The query gives one row, always.")
    return row
