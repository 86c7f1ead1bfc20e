"""Ways to falsify the tables of the record, as somebody who owns the database would.

What changes sealed rows must be found by `verify`; see `benchmarks.tampering`.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from serving.audit.heads import Custody
from serving.audit.leaf import COLUMNS, leaf_bytes
from serving.audit.merkle import Frontier, leaf_hash
from serving.audit.repository import Sync, leaves_from

_TEXTS = ("request_id", "actor_kind", "actor", "role", "action", "result", "detail")
_NULLABLE = ("tenant", "subject", "purpose")
_LISTS = ("consents", "fields")


@dataclass(frozen=True)
class Scene:
    """A sealed log and the means to falsify it."""

    connection: Sync
    custody: Custody
    rng: random.Random

    def one(self, query: Any, *values: object) -> Any:
        """First column of the one row a query gives."""
        row = self.connection.execute(query, values).fetchone()
        if row is None:
            raise LookupError("nothing to tamper with")
        return row[0]

    def run(self, query: Any, *values: object) -> None:
        """Change something."""
        if self.connection.execute(query, values).rowcount == 0:
            raise LookupError("nothing was changed")

    @property
    def size(self) -> int:
        """Leaves."""
        return self.one("SELECT max(leaf_index) + 1 FROM audit_seal")

    def leaf(self, below: int | None = None) -> int:
        """Any leaf."""
        return self.rng.randrange(below or self.size)

    def row(self) -> int:
        """Any sealed row."""
        return self.one("SELECT audit_id FROM audit_seal WHERE leaf_index = %s", self.leaf())


Operator = Callable[[Scene], None]


def edit(column: str) -> Operator:
    """Change one column of one row."""
    change = _change_of(column)

    def operator(scene: Scene) -> None:
        name = sql.Identifier(column)
        if column == "audit_id":
            scene.connection.execute("ALTER TABLE audit_event ALTER audit_id DROP IDENTITY")
        scene.run(
            sql.SQL("UPDATE audit_event SET {} = {} WHERE audit_id = %s").format(
                name, sql.SQL(change(scene.rng)).format(c=name)
            ),
            scene.row(),
        )

    return operator


def _change_of(column: str) -> Callable[[random.Random], Any]:
    if column == "audit_id":
        return lambda rng: f"{{c}} + {rng.randint(1_000_000, 2_000_000)}"
    if column == "transaction_id":
        return lambda rng: f"({{c}}::text::bigint + {rng.choice((-1, 1, 5000))})::text::xid8"
    if column == "at":
        return lambda rng: rng.choice(
            ("{c} + interval '1 microsecond'", "{c} - interval '4052 years'", "'infinity'")
        )
    if column in _LISTS:
        return lambda rng: rng.choice(
            ("{c} || ARRAY['x']", "{c} || ARRAY[NULL]::text[]", "ARRAY[{c} || ARRAY['x']]")
        )
    if column in _NULLABLE:
        return lambda _: "CASE WHEN {c} IS NULL THEN '' ELSE NULL END"
    return lambda rng: rng.choice(("{c} || ' '", "'x' || {c}", "{c} || chr(65533)"))


def delete_row(scene: Scene) -> None:
    """Remove a row."""
    scene.run("DELETE FROM audit_event WHERE audit_id = %s", scene.row())


def delete_row_and_seal(scene: Scene) -> None:
    """Remove a row and what sealed it."""
    row = scene.row()
    scene.run("DELETE FROM audit_event WHERE audit_id = %s", row)
    scene.run("DELETE FROM audit_seal WHERE audit_id = %s", row)


def delete_seal(scene: Scene) -> None:
    """Remove a seal."""
    scene.run("DELETE FROM audit_seal WHERE leaf_index = %s", scene.leaf())


def delete_tile(scene: Scene) -> None:
    """Remove a tile."""
    scene.run("DELETE FROM audit_tile WHERE tile_index = 0 AND level = 1")


def edit_tile(scene: Scene) -> None:
    """Change a tile."""
    scene.run("UPDATE audit_tile SET hash = %s", scene.rng.randbytes(32))


def add_tile(scene: Scene) -> None:
    """Add a tile that nothing made."""
    index = scene.rng.randint(5, 99)
    scene.run("INSERT INTO audit_tile VALUES (1, %s, %s)", index, scene.rng.randbytes(32))


def edit_seal(scene: Scene) -> None:
    """Change the hash of a seal."""
    value = scene.rng.randbytes(32)
    scene.run("UPDATE audit_seal SET leaf_hash = %s WHERE leaf_index = %s", value, scene.leaf())


def truncate(scene: Scene) -> None:
    """Cut the newest rows off, with their seals."""
    start = scene.leaf()
    scene.run(
        "DELETE FROM audit_event USING audit_seal s "
        "WHERE s.audit_id = audit_event.audit_id AND s.leaf_index >= %s",
        start,
    )
    scene.run("DELETE FROM audit_seal WHERE leaf_index >= %s", start)


def truncate_seals(scene: Scene) -> None:
    """Unseal the newest rows."""
    scene.run("DELETE FROM audit_seal WHERE leaf_index >= %s", scene.leaf())


def insert_early(scene: Scene) -> None:
    """Put a row into the past."""
    scene.run(
        f"INSERT INTO audit_event ({', '.join(COLUMNS[1:])}) SELECT {', '.join(COLUMNS[1:])} "
        "FROM audit_event WHERE audit_id = %s",
        scene.row(),
    )


def insert_with_seal(scene: Scene) -> None:
    """Put a row and a seal behind the log, without a head."""
    insert_early(scene)
    _reseal(scene, scene.size, _order(scene))


def insert_below(scene: Scene) -> None:
    """Hide a row under a seal of a negative number."""
    insert_early(scene)
    scene.connection.execute("ALTER TABLE audit_seal DROP CONSTRAINT audit_seal_leaf_index_check")
    scene.run(
        "INSERT INTO audit_seal SELECT -1, audit_id, sha256('x') FROM audit_event ORDER BY audit_id DESC LIMIT 1"
    )


def insert_and_rewrite(scene: Scene) -> None:
    """Put a row into the past and hash everything after it anew."""
    insert_early(scene)
    _reseal(scene, 0, _order(scene))


def edit_and_rewrite(scene: Scene) -> None:
    """Change a row and make seals and tiles fit."""
    edit(scene.rng.choice((*_TEXTS, *_NULLABLE, *_LISTS)))(scene)
    _reseal(scene, 0, _order(scene))


def delete_and_rewrite(scene: Scene) -> None:
    """Remove a row and close the gap."""
    delete_row(scene)
    _reseal(scene, 0, _order(scene))


def swap_rows(scene: Scene) -> None:
    """Let two rows say what the other said."""
    one, two = scene.row(), scene.row()
    while one == two:
        two = scene.row()
    columns = COLUMNS[2:]
    scene.run(
        f"UPDATE audit_event e SET ({', '.join(columns)}) = (SELECT {', '.join(columns)} FROM audit_event o "
        "WHERE o.audit_id = CASE WHEN e.audit_id = %s THEN %s ELSE %s END) WHERE e.audit_id IN (%s, %s)",
        *(one, two, one, one, two),
    )


def swap_seals(scene: Scene) -> None:
    """Change the order of the log."""
    one = scene.leaf(scene.size - 1)
    scene.connection.execute("ALTER TABLE audit_seal DROP CONSTRAINT audit_seal_pkey")
    scene.run(
        "UPDATE audit_seal SET leaf_index = %s - leaf_index WHERE leaf_index IN (%s, %s)",
        *(2 * one + 1, one, one + 1),
    )


def reorder_and_rewrite(scene: Scene) -> None:
    """Change the order of the log and make the tiles fit."""
    order = _order(scene)
    one = scene.leaf(scene.size - 1)
    order[one], order[one + 1] = order[one + 1], order[one]
    _reseal(scene, 0, order)


def _order(scene: Scene) -> list[int]:
    found = scene.connection.execute(
        "SELECT e.audit_id FROM audit_event e LEFT JOIN audit_seal s USING (audit_id) "
        "ORDER BY s.leaf_index NULLS LAST, e.audit_id"
    ).fetchall()
    return [row[0] for row in found]


def _reseal(scene: Scene, start: int, order: Sequence[int]) -> None:
    """Seal rows anew in this order, with tiles that fit, as one who knows the format can."""
    connection = scene.connection
    connection.execute("DELETE FROM audit_seal WHERE leaf_index >= %s", (start,))
    connection.cursor().executemany(
        "INSERT INTO audit_seal VALUES (%s, %s, '')",
        [(index, row) for index, row in enumerate(order) if index >= start],
    )
    connection.execute("DELETE FROM audit_tile")
    tree, hashes = Frontier(), list[tuple[bytes, int]]()
    for leaf in list(leaves_from(connection, 0)):
        value = leaf_hash(leaf_bytes(leaf.row or ()))
        hashes.append((value, leaf.index))
        for tile in tree.append(value):
            connection.execute(
                "INSERT INTO audit_tile VALUES (%s, %s, %s)", (tile.level, tile.index, tile.hash)
            )
    connection.cursor().executemany(
        "UPDATE audit_seal SET leaf_hash = %s WHERE leaf_index = %s", hashes
    )


#: Everything that touches the database alone.
IN_DATABASE: Mapping[str, Operator] = {
    **{f"edit {column}": edit(column) for column in COLUMNS},
    **{
        operator.__name__: operator
        for operator in (
            delete_row,
            delete_row_and_seal,
            delete_seal,
            delete_tile,
            edit_tile,
            add_tile,
            edit_seal,
            truncate,
            truncate_seals,
            insert_early,
            insert_with_seal,
            insert_below,
            insert_and_rewrite,
            edit_and_rewrite,
            delete_and_rewrite,
            swap_rows,
            swap_seals,
            reorder_and_rewrite,
        )
    },
}
