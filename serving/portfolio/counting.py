"""Counting a portfolio in columns: borrowers by part, warnings by level, grades then and now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.online import OnlineVectors
from serving.portfolio.repository import Borrower, Graded, OpenAlerts

#: Gravest first.
LEVELS = ("R", "O", "Y", "B")
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Counts:
    """Borrowers of each part.

    Attributes
    ----------
    codes : list of str
        The parts, the most borrowers first.
    borrowers, balance_fen : ndarray of shape (p,)
    alerts : ndarray of shape (p, 4)
        Open warnings by `LEVELS`.
    """

    codes: list[str]
    borrowers: Ints
    balance_fen: Ints
    alerts: Ints


def alerts_of(borrowers: Sequence[Borrower], alerts: Sequence[OpenAlerts]) -> Ints:
    """Open warnings about each borrower by `LEVELS`, shape (n, 4); those about others are left out."""
    place = {one.uscc: row for row, one in enumerate(borrowers)}
    found = np.zeros((len(borrowers), len(LEVELS)), dtype=np.int64)
    for one in alerts:
        if one.uscc in place and one.level in LEVELS:
            found[place[one.uscc], LEVELS.index(one.level)] += one.alerts
    return found


def count_by(keys: Sequence[str], borrowers: Sequence[Borrower], alerts: Ints) -> Counts:
    """Add up borrowers under one key each.

    Parameters
    ----------
    keys : sequence of str
        The part of every borrower; empty for unknown.
    alerts : ndarray of shape (n, 4)
        From `alerts_of`.
    """
    codes, part = np.unique(np.array(keys, dtype=np.str_), return_inverse=True)
    number = len(codes)
    many = np.bincount(part, minlength=number)
    balance, warned = np.zeros(number, np.int64), np.zeros((number, len(LEVELS)), np.int64)
    np.add.at(balance, part, np.array([one.balance_fen for one in borrowers], np.int64))
    np.add.at(warned, part, alerts)
    order = np.lexsort((codes, -balance, -many))
    return Counts(codes[order].tolist(), many[order], balance[order], warned[order])


def sections_of(online: OnlineVectors | None, usccs: Sequence[str]) -> list[str]:
    """Letter of each firm's section of industry, from a build; empty where it says none."""
    if online is None or online.kinds is None or not len(online.usccs):
        return [""] * len(usccs)
    codes = np.array([uscc.encode() for uscc in usccs], dtype=online.usccs.dtype)
    rows = np.minimum(np.searchsorted(online.usccs, codes), len(online.usccs) - 1)
    letters = online.kinds["industry_section"][rows]
    return [one.decode() for one in np.where(online.usccs[rows] == codes, letters, b"").tolist()]


def open_grades(found: Sequence[Graded], usccs: frozenset[str]) -> Mapping[str, str]:
    """Grades that may be read, of these enterprises."""
    return {one.uscc: one.grade for one in found if one.is_open and one.uscc in usccs}


def migration_of(then: Mapping[str, str], now: Mapping[str, str], grades: Sequence[str]) -> Ints:
    """Borrowers by grade then (rows) and now (columns), shape (g, g); who lacks one of them is left out.

    Examples
    --------
    >>> migration_of({"a": "AA", "b": "A"}, {"a": "A", "c": "A"}, ["AA", "A"]).tolist()
    [[0, 1], [0, 0]]
    """
    place = {grade: row for row, grade in enumerate(grades)}
    found = np.zeros((len(grades), len(grades)), dtype=np.int64)
    for uscc in then.keys() & now.keys():
        if then[uscc] in place and now[uscc] in place:
            found[place[then[uscc]], place[now[uscc]]] += 1
    return found
