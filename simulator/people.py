"""Natural persons: made-up names and ID numbers of a region that is no division."""

import numpy as np

from features.identifiers import SYNTHETIC_REGION
from simulator.arrays import Codes, Text, fixed
from simulator.world import Vocabulary

#: GB 11643: weights of the first 17 digits, and the check character of each remainder.
_WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])
_CHECKS = np.frombuffer(b"10X98765432", np.uint8)


def person_names(rng: np.random.Generator, words: Vocabulary, size: int) -> Text:
    """Names put together from common parts."""
    names = [a + b + c for a in words.surnames for b in words.given for c in ("", *words.given)]
    return Text(rng.integers(0, len(names), size), names)


def id_numbers(rng: np.random.Generator, size: int) -> Codes:
    """ID numbers with a right check character and a region that does not exist.

    Examples
    --------
    >>> from simulator.world import load_words
    >>> id_numbers(np.random.default_rng(0), 1)[0].decode()[:6]
    '371399'
    """
    born = np.datetime64("1955-01-01") + rng.integers(0, 16_000, size)
    ymd = (born.astype("datetime64[Y]").astype(np.int64) + 1970) * 10_000 + (
        born.astype("datetime64[M]").astype(np.int64) % 12 + 1
    ) * 100
    ymd += (born - born.astype("datetime64[M]")).astype(np.int64) + 1
    number = ymd * 1_000 + rng.integers(0, 1_000, size)
    digits = (number[:, None] // 10 ** np.arange(10, -1, -1)) % 10
    region = np.broadcast_to([int(c) for c in SYNTHETIC_REGION], (size, 6))
    body = np.hstack([region, digits])
    check = _CHECKS[(body * _WEIGHTS).sum(axis=1) % 11]
    return fixed(np.hstack([(body + ord("0")).astype(np.uint8), check[:, None]]))
