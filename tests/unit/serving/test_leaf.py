from datetime import datetime

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.audit.leaf import COLUMNS, Value, leaf_bytes
from serving.audit.merkle import leaf_hash
from serving.audit.repository import leaves_from
from serving.audit.sealer import seal
from serving.database.addresses import Addresses
from tests.records import INSERT, custody_in, entry

# Letters that look like the marks and lengths between which they stand.
TEXTS = st.text(alphabet="\x00\x01\x02a", max_size=4)
VALUES = st.recursive(
    st.one_of(st.none(), TEXTS), lambda item: st.lists(item, max_size=3), max_leaves=4
)


def test_the_bytes_of_a_row_written_out() -> None:
    row: list[Value] = [7, "741", "2026-11-21T09:30:00.000000", "r", "k", "a", "b", None, "x:y:z"]
    row += ["信", "", ["C1", None], [], "ok", "{}"]
    # Header; then 01 + length + bytes a text, 00 a NULL, 02 + count + items a list.
    assert leaf_bytes(row) == b"xinqiao audit row 1\n" + bytes.fromhex(
        "01 00000001 37"  # 7
        "01 00000003 373431"  # 741
        "01 0000001a 323032362d31312d32315430393a33303a30302e303030303030"
        "01 00000001 72  01 00000001 6b  01 00000001 61  01 00000001 62"  # r k a b
        "00"  # tenant
        "01 00000005 783a793a7a"  # x:y:z
        "01 00000003 e4bfa1"  # 信
        "01 00000000"  # an empty purpose is not NULL
        "02 00000002 01 00000002 4331 00"  # C1, NULL
        "02 00000000"
        "01 00000002 6f6b"
        "01 00000002 7b7d"
    )


@given(st.lists(VALUES, min_size=15, max_size=15), st.lists(VALUES, min_size=15, max_size=15))
def test_other_rows_have_other_bytes(one: list[Value], two: list[Value]) -> None:
    assert (leaf_bytes(one) == leaf_bytes(two)) == (one == two)


def test_what_is_no_row_is_refused() -> None:
    with pytest.raises(ValueError, match="A row has 15 columns, not 14"):
        leaf_bytes(["x"] * 14)


def test_a_list_in_a_list_is_another_value() -> None:
    # Nobody writes one, but whoever could must neither hide behind it nor stop the sealer.
    assert leaf_bytes([*["x"] * 14, [["x"]]]) != leaf_bytes([*["x"] * 14, ["x"]])


def test_every_column_of_the_table_is_in_the_leaf(fresh_database: Addresses) -> None:
    with psycopg.connect(fresh_database.app) as app:
        found = app.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'audit_event' "
            "ORDER BY ordinal_position"
        ).fetchall()
    assert tuple(row[0] for row in found) == COLUMNS


def test_the_session_changes_no_byte(
    fresh_database: Addresses, tmp_path_factory: pytest.TempPathFactory
) -> None:
    at = datetime(2026, 3, 1, 8, 5, 9, 70)
    with psycopg.connect(fresh_database.app) as app:
        app.execute(INSERT, entry(1) | {"at": at})
    with psycopg.connect(fresh_database.sealer, autocommit=True) as sealer:
        seal(sealer, custody_in(tmp_path_factory.mktemp("record")), at)
        for style in ("ISO, DMY", "German", "Postgres, MDY"):
            sealer.execute("SELECT set_config('DateStyle', %s, false)", (style,))
            sealer.execute("SET TimeZone = 'America/New_York'")
            with sealer.transaction():
                leaf = next(leaves_from(sealer, 0))
            assert leaf.row is not None
            assert leaf.row[2] == "2026-03-01T08:05:09.000070"
            assert leaf.hash == leaf_hash(leaf_bytes(leaf.row))
