from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from random import Random

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.column_sql import compile_column
from features.contracts import Column, Personal, Words
from features.engine import connect
from features.mapping import Rule
from features.quality_rules import load_rules
from features.sources import SourceColumn

CODES = {"valid": Words(zh="有效", en="Valid"), "void": Words(zh="作废", en="Void")}


def column(kind: str, **more: object) -> Column:
    return Column.model_validate({"type": kind, "zh": "列", "en": "column", **more})


def read(
    values: Sequence[object] | pa.Array,
    contract: Column,
    rule: Mapping[str, object] | None = None,
    *,
    thousands: str = "",
    may_hold_persons: bool = False,
    called: str = "d.x",
) -> list[tuple[object, str | None]]:
    """Value and problem of each delivered cell; text unless the cells have a type of their own."""
    cells = values if isinstance(values, pa.Array) else pa.array(values)
    with connect(threads=1) as connection:
        connection.register("staged", pa.table({"f0": cells}))
        kind = str(connection.execute("DESCRIBE staged").fetchall()[0][1])
        dataset, name = called.split(".")
        sql = compile_column(
            name,
            contract,
            Rule.model_validate(rule or {"from": "x"}),
            {"x": SourceColumn("f0", kind)},
            thousands,
            dataset=dataset,
            may_hold_persons=may_hold_persons,
        )
        return connection.execute(
            f"SELECT {sql.value_name}, {sql.problem} FROM "
            f"(SELECT *, {sql.value} AS {sql.value_name} FROM (SELECT *, {sql.raw} AS {sql.raw_name} FROM staged))"
        ).fetchall()


def good(value: object) -> tuple[object, None]:
    return (value, None)


def bad(code: str) -> tuple[None, str]:
    assert code in load_rules().reasons
    return (None, f"x:{code}")


YES, NO = good(value=True), good(value=False)

# One block per type: what a provider writes, and what it becomes. Money is in fen.
TABLE: list[tuple[str, str, tuple[object, str | None]]] = [
    ("money", "1", good(100)),
    ("money", "-0.01", good(-1)),
    ("money", "0.30000000000000004", good(30)),  # what a spreadsheet makes of 0.1 + 0.2
    ("money", "1e3", good(100_000)),
    ("money", "9999999999999.99", good(999_999_999_999_999)),  # one fen below the limit
    ("money", "10000000000000", bad("not_an_amount")),  # the limit, 10 trillion yuan
    ("money", "1.005", bad("not_an_amount")),
    ("money", "1.001", bad("not_an_amount")),
    ("money", "1,000", bad("not_an_amount")),
    ("money", "1_000", bad("not_an_amount")),
    ("money", "inf", bad("not_an_amount")),
    ("money", "nan", bad("not_an_amount")),
    ("money", "1e400", bad("not_an_amount")),
    ("money", "壹", bad("not_an_amount")),
    ("int", "5", good(5)),
    ("int", "5.0", good(5)),
    ("int", "9007199254740991", good(2**53 - 1)),
    ("int", "9007199254740992", bad("not_an_integer")),
    ("int", "5.5", bad("not_an_integer")),
    ("int", "1_0", bad("not_an_integer")),
    ("int", "99999999999999999999999", bad("not_an_integer")),
    ("decimal", "0.25", good(0.25)),
    ("decimal", "1e308", good(1e308)),
    ("decimal", "1e309", bad("not_a_number")),
    ("decimal", "NaN", bad("not_a_number")),
    ("date", "2025-02-28", good(date(2025, 2, 28))),
    ("date", "2025/2/8", good(date(2025, 2, 8))),
    ("date", "2025.02.28", good(date(2025, 2, 28))),
    ("date", "20250228", good(date(2025, 2, 28))),
    ("date", "2025-02-28 23:59:59", good(date(2025, 2, 28))),
    ("date", "2025-02-29", bad("not_a_date")),
    ("date", "2025131", bad("not_a_date")),
    ("date", "1900-01-01", good(date(1900, 1, 1))),
    ("date", "1899-12-31", bad("not_a_date")),
    ("date", "2100-12-31", good(date(2100, 12, 31))),
    ("date", "2101-01-01", bad("not_a_date")),
    ("date", "0001-01-01", bad("not_a_date")),
    ("date", "9999-12-31", bad("not_a_date")),
    ("month", "202502", good(202502)),
    ("month", "2025-2", good(202502)),
    ("month", "202513", bad("not_a_month")),
    ("month", "20252", bad("not_a_month")),
    ("ts", "2025-02-28 10:00:01", good(datetime.fromisoformat("2025-02-28T10:00:01"))),
    ("ts", "2025-02-28 25:00:00", bad("not_a_time")),
    ("bool", "是", YES),
    ("bool", "0", NO),
    ("bool", "也许", bad("not_a_bool")),
    ("list", "a；b; ;c", good(["a", "b", "c"])),
    ("list", "；", bad("not_a_list")),
    ("str", "007", good("007")),
    ("str", "null", good("null")),
]


@pytest.mark.parametrize(("kind", "text", "expected"), TABLE)
def test_text(kind: str, text: str, expected: tuple[object, str | None]) -> None:
    assert read([text], column(kind)) == [expected]


@pytest.mark.parametrize("marker", ["", "无", "/", "//", "N/A", "-", "\\", None])
def test_the_marks_of_nothing_are_missing(marker: str | None) -> None:
    cells = pa.array([marker], pa.string())
    assert read(cells, column("money")) == [good(None)]
    assert read(cells, column("str", required=True)) == [bad("missing")]


def test_limits_and_one_beyond() -> None:
    assert read(["ab", "abc"], column("str", max_length=2)) == [good("ab"), ("abc", "x:too_long")]
    assert read(["0", "-0.01"], column("money", minimum=0)) == [good(0), (-1, "x:below_minimum")]
    assert read(["3", "2"], column("int", minimum=3)) == [good(3), (2, "x:below_minimum")]


def test_codes() -> None:
    status = column("enum", values={name: words.model_dump() for name, words in CODES.items()})
    assert read(["valid", "有效"], status) == [good("valid"), bad("unknown_code")]
    translated = {"from": "x", "codes": {"有效": "valid"}}
    assert read(["valid", "有效"], status, translated) == [bad("unknown_code"), good("valid")]


def test_formats_and_separators_of_a_mapping() -> None:
    day_first = {"from": "x", "date_formats": ["%d.%m.%Y"]}
    assert read(["01.02.2025", "2025-02-01"], column("date"), day_first) == [
        good(date(2025, 2, 1)),
        bad("not_a_date"),
    ]
    assert read(["1,234.50"], column("money"), thousands=",") == [good(123_450)]


def test_templates_and_constants() -> None:
    template: dict[str, object] = {"template": "n:{x}!"}
    assert read(["a", "-"], column("str"), template) == [good("n:a!"), good(None)]
    assert read([7.0], column("str"), template) == [good("n:7!")]
    assert read(["a"], column("str"), {"constant": "it's"}) == [good("it's")]


# What a Parquet file delivers with a type of its own.
NATIVE: list[tuple[str, pa.Array, tuple[object, str | None]]] = [
    ("money", pa.array([19.99]), good(1999)),
    ("money", pa.array([0.1 + 0.2]), good(30)),
    ("money", pa.array([1.005]), bad("not_an_amount")),
    ("money", pa.array([float("inf")]), bad("not_an_amount")),
    ("money", pa.array([float("nan")]), good(None)),
    ("money", pa.array([7], pa.int64()), good(700)),
    ("money", pa.array([2**62], pa.int64()), bad("not_an_amount")),
    ("money", pa.array([Decimal("3.10")], pa.decimal128(10, 2)), good(310)),
    ("int", pa.array([2**64 - 1], pa.uint64()), bad("not_an_integer")),
    ("int", pa.array([3.5]), bad("not_an_integer")),
    ("decimal", pa.array([float("-inf")]), bad("not_a_number")),
    ("str", pa.array([3390939.0]), good("3390939")),
    ("str", pa.array([2.0**53]), (str(2**53 // 1), None)),
    ("str", pa.array([12345678], pa.int64()), good("12345678")),
    ("date", pa.array([date(1, 1, 1)]), bad("not_a_date")),
    ("date", pa.array([date(9999, 12, 31)]), bad("not_a_date")),
    ("date", pa.array([date(2025, 1, 2)]), good(date(2025, 1, 2))),
    ("date", pa.array([2**50], pa.timestamp("s")), bad("not_a_date")),
    # 16:30 UTC is 00:30 of the next day in Shanghai, on any machine.
    ("date", pa.array([1735835400], pa.timestamp("s", tz="UTC")), good(date(2025, 1, 3))),
    ("bool", pa.array([True]), YES),
    ("bool", pa.array([1], pa.int64()), YES),
    ("list", pa.array([["a;b", " c ", ""]]), good(["a;b", "c"])),
    ("list", pa.array([[1, 2]]), good(["1", "2"])),
    ("list", pa.array([[]], pa.list_(pa.string())), good(None)),
    ("month", pa.array([202502], pa.int64()), good(202502)),
]


@pytest.mark.parametrize(("kind", "cells", "expected"), NATIVE)
def test_native(kind: str, cells: pa.Array, expected: tuple[object, str | None]) -> None:
    found = read(cells, column(kind))
    if cells.type == pa.float64() and kind == "str" and cells[0].as_py() >= 2**53:
        assert [problem for _, problem in found] == ["x:rounded"]
    else:
        assert found == [expected]


@pytest.mark.parametrize(
    ("text", "is_personal"),
    [
        ("11010519491231002X", True),
        ("联系人电话13800138000，注意", True),
        ("1380013800", False),
        ("138001380001", False),
        ("91350100M000100Y43", False),
    ],
)
def test_text_that_looks_like_a_person(text: str, is_personal: bool) -> None:  # noqa: FBT001 - a table's column
    problem = read([text], column("str"), may_hold_persons=True)[0][1]
    assert problem == ("x:personal_value" if is_personal else None)
    assert read([text], column("str"))[0][1] is None


def test_id_numbers_are_written_one_way() -> None:
    kind: Personal = "id_number"
    assert read(["11010519491231002x"], column("str", personal=kind))[0][0] == "11010519491231002X"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-(10**15) + 1, 10**15 - 1), min_size=1, max_size=20))
def test_a_money_text_is_its_exact_fen(amounts: list[int]) -> None:
    texts = [f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}" for fen in amounts]
    assert read(texts, column("money")) == [good(fen) for fen in amounts]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-(10**14), 10**14), min_size=1, max_size=20))
def test_a_money_double_is_its_exact_fen(amounts: list[int]) -> None:
    assert read([fen / 100 for fen in amounts], column("money")) == [good(fen) for fen in amounts]


def months(*items: tuple[int, float]) -> tuple[object, None]:
    return good([{"month": month, "value": value} for month, value in items])


HEADS: dict[str, object] = {"unit": "heads"}
# One rule of month lists each; money in yuan with decimals, heads whole.
MONTH_LISTS: list[tuple[str, dict[str, object], tuple[object, str | None]]] = [
    ("202501，3；", {}, months((202501, 3.0))),
    ("202501，3", {}, months((202501, 3.0))),
    ("202502，0.5；202501，3；", {}, months((202501, 3.0), (202502, 0.5))),
    ("202501，3；202502，4.5；", HEADS, (None, "x:not_an_integer")),
    ("202501，3；202502，4.0；", HEADS, months((202501, 3.0), (202502, 4.0))),
    ("202501,3；", {}, bad("half_width_marks")),
    ("202501，3;", {}, bad("half_width_marks")),
    ("202501，0；", {}, (None, "x:not_positive")),
    ("202501，-1；", {}, (None, "x:not_positive")),
    ("202501，3；202501，3；", {}, (None, "x:duplicate_month")),
    # Exactly 24 months before the newest, and one month more.
    ("202301，1；202501，1；", {}, months((202301, 1.0), (202501, 1.0))),
    ("202212，1；202501，1；", {}, (None, "x:month_too_old")),
    ("202513，1；", {}, bad("not_a_month_list")),
    ("2025-01，1；", {}, bad("not_a_month_list")),
    ("202501，；", {}, bad("not_a_month_list")),
    ("202501，1；；202502，1；", {}, bad("not_a_month_list")),
    ("；", {}, bad("not_a_month_list")),
    ("无", {}, good(None)),
]


@pytest.mark.parametrize(("text", "more", "expected"), MONTH_LISTS)
def test_month_lists(
    text: str, more: dict[str, object], expected: tuple[object, str | None]
) -> None:
    ((value, problem),) = read([text], column("month_list", **more))
    assert problem == expected[1]
    if problem is None:
        assert value == expected[0]


@settings(max_examples=40, deadline=None)
@given(
    st.integers(2000 * 12, 2098 * 12),
    st.dictionaries(st.integers(0, 24), st.integers(1, 10**12), min_size=1),
    st.randoms(use_true_random=False),
    st.booleans(),
)
def test_a_month_list_survives_writing_and_reading(
    start: int,
    values: dict[int, int],
    random: Random,
    is_closed: bool,  # noqa: FBT001 - drawn
) -> None:
    items = [((start + k) // 12 * 100 + (start + k) % 12 + 1, v / 100) for k, v in values.items()]
    random.shuffle(items)
    text = "；".join(f"{month}，{value:.2f}" for month, value in items) + "；" * is_closed
    assert read([text], column("month_list")) == [months(*sorted(items))]


WAN: dict[str, object] = {"from": "x", "unit": "wan_yuan"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", good(1_000_000)),  # 10,000.00 yuan
        ("0.000001", good(1)),  # one fen
        ("0.0000015", bad("not_an_amount")),  # one fen and a half
        ("123.456789", good(123_456_789)),
        ("-0.5", good(-500_000)),
        ("999999999.999999", good(999_999_999_999_999)),
        ("1000000000", bad("not_an_amount")),  # 10 trillion yuan, the limit
        ("99999999999999999999", bad("not_an_amount")),
    ],
)
def test_amounts_in_ten_thousand_yuan(text: str, expected: tuple[object, str | None]) -> None:
    assert read([text], column("money"), WAN) == [expected]


def test_native_amounts_in_ten_thousand_yuan() -> None:
    assert read([0.1 + 0.2, 12.345678], column("money"), WAN) == [good(300_000), good(12_345_678)]
    assert read([1.2345678], column("money"), WAN) == [bad("not_an_amount")]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-(10**15) + 1, 10**15 - 1), min_size=1, max_size=20))
def test_ten_thousand_yuan_are_exact(amounts: list[int]) -> None:
    texts = [f"{Decimal(fen).scaleb(-6):f}" for fen in amounts]
    assert read(texts, column("money"), WAN) == [good(fen) for fen in amounts]


def test_numbers_that_must_be_positive_and_numbers_that_may_be_zero() -> None:
    loan, prepaid = "loan_account.amount", "water_month.prepaid"
    assert read(["0.01", "0"], column("money"), called=loan) == [
        good(1),
        (0, "amount:not_positive"),
    ]
    assert read(["0", "-0.01"], column("money"), called=prepaid) == [
        good(0),
        (-1, "prepaid:below_minimum"),
    ]
    # Elsewhere a number may have any sign: red notes are negative.
    assert read(["-1"], column("money")) == [good(-100)]


def test_an_amount_that_stands_for_not_stated_is_missing() -> None:
    called = "court_judgment.amount"
    assert read(["-1", "-1.00", "-2", "0"], column("money"), called=called) == [
        good(None),
        good(None),
        good(-200),
        good(0),
    ]
    assert read([-1.0, 5.0], column("money"), called=called) == [good(None), good(500)]


def test_codes_are_read_in_any_width_and_with_blanks() -> None:
    wide = "".join(chr(ord(c) + 0xFEE0) for c in "91350100M000100Y43")
    assert read(
        [wide, "9135 0100\u3000M000100Y43"], column("str", max_length=18), called="d.uscc"
    ) == [
        good("91350100M000100Y43"),
        good("91350100M000100Y43"),
    ]
    assert read(["３７１３０２"], column("str", codes="region")) == [good("371302")]
    # Other text keeps its characters.
    assert read(["Ａ １"], column("str")) == [good("Ａ １")]
