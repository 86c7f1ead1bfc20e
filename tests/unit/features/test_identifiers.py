import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import uscc as stdnum_uscc

from features.identifiers import (
    SYMBOLS,
    has_wrong_check_digit,
    is_synthetic,
    synthetic_uscc,
    uscc_is_valid,
)

VALID = [
    "91350100M000100Y43",
    "91371302MA3TE5T11E",
    "91371321MACX000760",
    "92371302MA3TE5T11B",
    "93371323MA3TE5T11M",
    "91630102MACX00076C",
    "91230381MA3TE5T118",
]


def is_valid(code: str) -> bool:
    return bool(uscc_is_valid([code])[0])


def test_the_vectors_are_valid() -> None:
    assert uscc_is_valid(VALID).all()


@pytest.mark.parametrize("code", VALID)
def test_any_other_last_character_is_invalid(code: str) -> None:
    others = [code[:17] + symbol for symbol in SYMBOLS if symbol != code[17]]
    assert len(others) == 30
    assert not uscc_is_valid(others).any()


@pytest.mark.parametrize("letter", "IOSVZ")
def test_letters_outside_the_alphabet_are_invalid_anywhere(letter: str) -> None:
    code = VALID[0]
    assert not uscc_is_valid([code[:i] + letter + code[i + 1 :] for i in range(18)]).any()


@pytest.mark.parametrize(
    "code",
    [
        "",
        VALID[0][:17],
        VALID[0] + "0",
        "913702000000000000",
        VALID[0].lower(),
        "９" + VALID[0][1:],
    ],
)
def test_other_lengths_and_scripts_are_invalid(code: str) -> None:
    assert not is_valid(code)


def test_a_long_list_keeps_its_places() -> None:
    assert uscc_is_valid(["x", VALID[0], "", VALID[1]]).tolist() == [False, True, False, True]
    assert uscc_is_valid([]).tolist() == []


@given(st.sampled_from(VALID), st.integers(0, 17), st.sampled_from(SYMBOLS))
def test_a_changed_character_never_validates(code: str, place: int, symbol: str) -> None:
    changed = code[:place] + symbol + code[place + 1 :]
    assert is_valid(changed) == (changed == code)


def test_lenient_forgives_the_body_check_only() -> None:
    # The last check character is right for this text, the body's (17th) is not: 4 would be.
    legacy = "91350100M000100Y5"
    last = next(symbol for symbol in SYMBOLS if uscc_is_valid([legacy + symbol], strict=False)[0])
    assert not is_valid(legacy + last)


@given(st.text(max_size=20), st.sampled_from(["91", "92", "93"]))
def test_synthetic_codes_are_valid_stable_and_marked(name: str, kind: str) -> None:
    code = synthetic_uscc("n", name, kind=kind)
    assert is_valid(code)
    assert is_synthetic(code)
    assert code.startswith(kind)
    assert code == synthetic_uscc("n", name, kind=kind)


def test_namespaces_do_not_share_codes_and_real_codes_are_not_synthetic() -> None:
    assert synthetic_uscc("a", "E1") != synthetic_uscc("b", "E1")
    assert not any(is_synthetic(code) for code in VALID)


@given(st.sampled_from(VALID), st.integers(8, 17), st.sampled_from(SYMBOLS))
def test_the_last_check_agrees_with_a_second_implementation(
    code: str, place: int, symbol: str
) -> None:
    # stdnum checks the 18th character only, and letters in the first eight places not at all.
    changed = code[:place] + symbol + code[place + 1 :]
    assert bool(uscc_is_valid([changed], strict=False)[0]) == stdnum_uscc.is_valid(changed)


@pytest.mark.parametrize(
    ("number", "is_wrong"),
    [
        ("11010519491231002X", False),
        ("110105194912310021", True),
        ("110105491231002", False),  # 15 digits, from before there was a check digit
        ("H12345678901234567", False),  # another kind of document
        ("", False),
    ],
)
def test_check_digits_of_id_numbers(number: str, is_wrong: bool) -> None:  # noqa: FBT001 - a table's column
    assert has_wrong_check_digit(number) is is_wrong
