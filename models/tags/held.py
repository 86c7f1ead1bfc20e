"""Which tags a firm holds: by a rule on records, by somebody's certificate, or by its own word, less what it removed.

What was removed is unknown at once and everywhere: also to every tag, product and policy that asks for it.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Literal

import numpy as np

from features.rules.compiled import CompiledRule
from features.rules.evaluate import Column
from features.rules.syntax import clauses
from models.arrays import FloatArray
from models.tags.book import PREFIX, Kind, Tag, Tags

#: Kleene's three answers, as they are shown.
State = Literal["yes", "no", "unknown"]


@dataclass(frozen=True)
class Given:
    """A tag that somebody said a firm has.

    Attributes
    ----------
    tag : str
        Code.
    valid_from, valid_until : date
        Both included.
    """

    uscc: str
    tag: str
    valid_from: date
    valid_until: date

    def holds(self, day: date) -> bool:
        """Whether it counts on a day."""
        return self.valid_from <= day <= self.valid_until


@dataclass(frozen=True)
class Marks:
    """Rows of firms by name of a tag: those that somebody's word gives it, and those that took it away."""

    given: Mapping[str, Sequence[int]] = field(default_factory=dict[str, Sequence[int]])
    removed: Mapping[str, Sequence[int]] = field(default_factory=dict[str, Sequence[int]])


@dataclass(frozen=True, eq=False)
class Claims:
    """What people said of firms' tags: certificates, firms' own word, and what firms have taken away.

    Attributes
    ----------
    removed : collection of (uscc, tag code)
    """

    given: Collection[Given] = ()
    removed: Collection[tuple[str, str]] = ()

    @cached_property
    def _by_firm(self) -> tuple[dict[str, list[Given]], dict[str, list[str]]]:
        given, removed = defaultdict[str, list[Given]](list), defaultdict[str, list[str]](list)
        for one in self.given:
            given[one.uscc].append(one)
        for uscc, code in self.removed:
            removed[uscc].append(code)
        return dict(given), dict(removed)

    def among(self, usccs: Sequence[str], day: date) -> Marks:
        """What counts on a day for n firms; takes as long as there are claims about these."""
        given, removed = self._by_firm
        if not (given or removed):
            return Marks()
        row_of = dict(zip(usccs, range(len(usccs)), strict=True))
        added, gone = defaultdict[str, list[int]](list), defaultdict[str, list[int]](list)
        for uscc in given.keys() & row_of.keys():
            for one in given[uscc]:
                if one.holds(day):
                    added[PREFIX + one.tag].append(row_of[uscc])
        for uscc in removed.keys() & row_of.keys():
            for code in removed[uscc]:
                gone[PREFIX + code].append(row_of[uscc])
        return Marks(added, gone)


@dataclass(frozen=True)
class Known:
    """What one name that a rule asks about says of the firm; `value` None where nothing is known."""

    name: str
    value: float | str | None


@dataclass(frozen=True)
class Answer:
    """One tag of one firm, and what the answer rests on.

    Attributes
    ----------
    is_removed : bool
        The firm has taken it away; the state is unknown then.
    since, until : date or None
        Of a certificate or declaration that counts.
    rule : CompiledRule or None
    rests_on : sequence of Known
        Every name of the rule, in its order; other tags among them.
    """

    tag: Tag
    state: State
    is_removed: bool
    since: date | None
    until: date | None
    rests_on: Sequence[Known]

    @property
    def rule(self) -> CompiledRule | None:
        """The rule in force, if it is computed."""
        return self.tag.rule

    @property
    def kind(self) -> Kind:
        """How it comes about."""
        return self.tag.entry.kind


def ask_tags(
    tags: Tags,
    columns: Mapping[str, Column],
    usccs: Sequence[str],
    given: Collection[Given],
    removed: Collection[tuple[str, str]],
    day: date,
) -> dict[str, FloatArray]:
    """Every tag of n firms as `Tags.ask`, with what was given and without what was removed.

    Parameters
    ----------
    columns : mapping of str to ndarray of shape (n,)
        Of `read_columns`; a name nobody looked up counts as unknown.
    removed : collection of (uscc, tag code)
    """
    rows = len(usccs)
    known: dict[str, Column] = {name: _unknown(tags, name, rows) for name in tags.names}
    marks = Claims(given, removed).among(usccs, day)
    return tags.ask(known | dict(columns), rows=rows, given=marks.given, removed=marks.removed)


def answers_of(
    tags: Tags,
    values: Mapping[str, float | str | None],
    uscc: str,
    given: Sequence[Given],
    removed: Collection[str],
    day: date,
) -> list[Answer]:
    """Every tag of one firm with what it rests on.

    Parameters
    ----------
    values : mapping of str to (float, str or None)
        What is on record, from `FirmColumns.row`.
    removed : collection of str
        Codes of tags the firm has taken away.
    """
    columns = {name: _column(value) for name, value in values.items() if value is not None}
    found = ask_tags(tags, columns, [uscc], given, [(uscc, code) for code in removed], day)
    states: dict[str, float | str | None] = dict(values)
    states |= {name: None if np.isnan(column[0]) else float(column[0]) for name, column in found.items()}  # fmt: skip
    return [_answer(tag, states, given, removed, day) for tag in tags.tags]


def _answer(
    tag: Tag,
    states: Mapping[str, float | str | None],
    given: Sequence[Given],
    removed: Collection[str],
    day: date,
) -> Answer:
    value = states[tag.name]
    words = [one for one in given if one.tag == tag.entry.code and one.holds(day)]
    last = max(words, key=lambda one: one.valid_until, default=None)
    names = tuple(dict.fromkeys(one.name for one in clauses(tag.rule.rule))) if tag.rule else ()
    return Answer(
        tag=tag,
        state="unknown" if value is None else "yes" if value else "no",
        is_removed=tag.entry.code in removed,
        since=last.valid_from if last else None,
        until=last.valid_until if last else None,
        rests_on=[Known(name, states.get(name)) for name in names],
    )


def _unknown(tags: Tags, name: str, rows: int) -> Column:
    if tags.vocabulary.terms[name].unit == "code":
        return np.full(rows, "", dtype=np.str_)
    return np.full(rows, np.nan)


def _column(value: float | str) -> Column:
    return np.array([value]) if isinstance(value, str) else np.array([float(value)])
