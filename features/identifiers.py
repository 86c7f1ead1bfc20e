"""Unified social credit codes 统一社会信用代码, and what becomes of personal identifiers.

A code (GB 32100-2015) has 18 characters: registration department and kind (2), region (6), the
organisation code of GB 11714 (8 and a check character), and a check character over all.
"""

import hashlib
import re

import numpy as np
import numpy.typing as npt
from stdnum.cn import ric

SYMBOLS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
LENGTH = 18
_WEIGHTS = np.array([pow(3, i, 31) for i in range(17)], dtype=np.int64)
_BODY_WEIGHTS = np.array([3, 7, 9, 10, 5, 8, 4, 2], dtype=np.int64)
_BODY_CHECKS = "0123456789X"

#: Synthetic codes use a region that is no division and a fixed start of the body, so that they can
#: be told apart from real ones.
SYNTHETIC_REGION = "371399"
SYNTHETIC_BODY = "MAX"

_RESIDENT_ID = re.compile(r"[0-9]{17}[0-9X]")

_UNKNOWN = -1
_VALUES = np.full(128, _UNKNOWN, dtype=np.int64)
for _value, _symbol in enumerate(SYMBOLS):
    _VALUES[ord(_symbol)] = _value
_BODY_VALUES = np.full(128, _UNKNOWN, dtype=np.int64)
for _value, _symbol in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"):
    _BODY_VALUES[ord(_symbol)] = _value


def check_characters(first17: str) -> tuple[str, str]:
    """Check characters 9-of-the-body and 18 for the other characters of a code.

    Parameters
    ----------
    first17 : str
        The first 17 characters; the 17th (the body's check) is ignored and computed.

    Returns
    -------
    tuple of str
        The 17th and the 18th character.

    Examples
    --------
    >>> check_characters("91350100M000100Y4")
    ('4', '3')
    """
    body = np.array([_BODY_VALUES[ord(c)] for c in first17[8:16]])
    body_check = _BODY_CHECKS[int(11 - (body * _BODY_WEIGHTS).sum() % 11) % 11]
    values = np.array([_VALUES[ord(c)] for c in first17[:16] + body_check])
    return body_check, SYMBOLS[int(31 - (values * _WEIGHTS).sum() % 31) % 31]


def uscc_is_valid(codes: list[str], *, strict: bool = True) -> npt.NDArray[np.bool_]:
    """Whether each code is a unified social credit code, column-wise.

    Parameters
    ----------
    codes : list of str, length n
    strict : bool
        Also check the body's own check character; legacy codes sometimes fail it.

    Returns
    -------
    ndarray of bool, shape (n,)

    Notes
    -----
    GB 32100-2015: C18 = (31 - sum(Ci * 3^(i-1) mod 31) mod 31) mod 31 over 31 symbols without I, O, S,
    V, Z; GB 11714: C9 = 11 - sum mod 11 with 10 written X and 11 written 0.

    Examples
    --------
    >>> uscc_is_valid(["91350100M000100Y43", "91350100M000100Y44", "913"]).tolist()
    [True, False, False]
    """
    result = np.zeros(len(codes), dtype=np.bool_)
    candidates = [i for i, code in enumerate(codes) if len(code) == LENGTH and code.isascii()]
    if not candidates:
        return result
    text = "".join(codes[i] for i in candidates).encode("ascii")
    characters = np.frombuffer(text, dtype=np.uint8).reshape(-1, LENGTH)
    values = _VALUES[characters]
    is_known = (values != _UNKNOWN).all(axis=1)
    check = (31 - (values[:, :17] * _WEIGHTS).sum(axis=1) % 31) % 31
    is_valid = is_known & (check == values[:, 17])
    if strict:
        body = _BODY_VALUES[characters[:, 8:16]]
        body_check = (11 - (body * _BODY_WEIGHTS).sum(axis=1) % 11) % 11
        symbols = np.frombuffer(_BODY_CHECKS.encode(), dtype=np.uint8)
        is_valid &= symbols[body_check] == characters[:, 16]
    result[candidates] = is_valid
    return result


def has_wrong_check_digit(id_number: str) -> bool:
    """Whether a text has the form of a resident ID number (GB 11643) and not its check digit.

    Other documents, and numbers of 15 digits, have no check digit and are never wrong.

    Examples
    --------
    >>> has_wrong_check_digit("11010519491231002X"), has_wrong_check_digit("110105194912310021")
    (False, True)
    >>> has_wrong_check_digit("E12345678")
    False
    """
    has_form = _RESIDENT_ID.fullmatch(id_number) is not None
    return has_form and ric.calc_check_digit(id_number) != id_number[-1]


def synthetic_uscc(namespace: str, source_id: str, *, kind: str = "91") -> str:
    """A deterministic code for a firm that has none, recognisable as synthetic.

    The five free characters of the body are a hash of namespace and id; that leaves room for 28.6
    million firms, so ingest refuses a delivery in which two ids meet on one code.

    Parameters
    ----------
    namespace : str
        The data set the id belongs to.
    source_id : str
        The provider's own id.
    kind : str
        Registration department and kind: 91 enterprise, 92 individual business, 93 cooperative.

    Examples
    --------
    >>> code = synthetic_uscc("cumcm2020c", "E1")
    >>> code, bool(uscc_is_valid([code])[0])
    ('91371399MAX...', True)
    """
    digest = hashlib.sha256(f"{namespace}\x1f{source_id}".encode()).digest()
    number = int.from_bytes(digest[:8], "big")
    free = ""
    for _ in range(5):
        number, place = divmod(number, len(SYMBOLS))
        free += SYMBOLS[place]
    start = f"{kind}{SYNTHETIC_REGION}{SYNTHETIC_BODY}{free}"
    return start + "".join(check_characters(start + "0"))


def synthetic_codes(
    numbers: npt.NDArray[np.int64], kinds: npt.NDArray[np.bytes_]
) -> npt.NDArray[np.bytes_]:
    """Many synthetic codes at once; different numbers give different codes.

    Parameters
    ----------
    numbers : ndarray of int64, shape (n,)
        In [0, 31^5), the free part of the body.
    kinds : ndarray of 2-byte strings, shape (n,)
        Registration department and kind: 91, 92 or 93.

    Returns
    -------
    ndarray of 18-byte strings, shape (n,)

    Examples
    --------
    >>> codes = synthetic_codes(np.array([0, 1]), np.array([b"91", b"92"]))
    >>> uscc_is_valid([code.decode() for code in codes]).tolist()
    [True, True]
    """
    symbols = np.frombuffer(SYMBOLS.encode(), dtype=np.uint8)
    places = (numbers[:, None] // len(SYMBOLS) ** np.arange(5)) % len(SYMBOLS)
    start = np.frombuffer((SYNTHETIC_REGION + SYNTHETIC_BODY).encode(), dtype=np.uint8)
    characters = np.zeros((len(numbers), LENGTH), dtype=np.uint8)
    characters[:, :2] = np.ascontiguousarray(kinds).view(np.uint8).reshape(-1, 2)
    characters[:, 2:11] = start
    characters[:, 11:16] = symbols[places]
    body = _BODY_VALUES[characters[:, 8:16]]
    body_check = (11 - (body * _BODY_WEIGHTS).sum(axis=1) % 11) % 11
    characters[:, 16] = np.frombuffer(_BODY_CHECKS.encode(), dtype=np.uint8)[body_check]
    check = (31 - (_VALUES[characters[:, :17]] * _WEIGHTS).sum(axis=1) % 31) % 31
    characters[:, 17] = symbols[check]
    return characters.view(f"S{LENGTH}").reshape(-1)


def is_synthetic(uscc: str) -> bool:
    """Whether a code was made by `synthetic_uscc` (or by the simulator) and names no real firm."""
    return uscc[2:8] == SYNTHETIC_REGION and uscc[8:11] == SYNTHETIC_BODY
