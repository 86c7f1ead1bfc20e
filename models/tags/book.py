"""Tags as data: computed by a dated rule, certified by an authority, or declared by the firm itself.

A tag is a yes-or-no name `tag_<code>` that other tags' rules, products and policies may use. Computed tags
are asked in an order in which each comes after those it uses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from features.datasets import Words
from features.documents import Document, load_document
from features.errors import ModelDocumentError, RuleError
from features.rules.book import RuleEntry, RuleVersion, in_force
from features.rules.compiled import CompiledRule, compile_rule
from features.rules.evaluate import Columns
from features.rules.parser import parse_condition
from features.rules.syntax import names_of
from features.rules.vocabulary import Term, Vocabulary
from models.arrays import FloatArray

CATALOGUE = Path(__file__).parent / "catalogue"
PREFIX = "tag_"

#: How a firm comes to have it: by a rule on records, by somebody's certificate, by its own word.
Kind = Literal["computed", "certified", "self_declared"]
#: Who may see it: anybody it is opened to, only the firm itself, or only the platform.
Audience = Literal["open", "self", "platform"]


class TagEntry(RuleEntry):
    """A tag and all its versions.

    Parameters
    ----------
    group : str
        A key of the catalogue's `groups`.
    personal : bool
        It says something of a person, so the firm may have it removed.
    valid_months : int or None
        How long a certificate or declaration that names no end counts.
    versions : list of RuleVersion
        Empty unless computed.
    """

    group: str
    kind: Kind = "computed"
    audience: Audience = "open"
    personal: bool = False
    valid_months: int | None = Field(default=None, gt=0)
    versions: list[RuleVersion] = Field(default_factory=list[RuleVersion])

    @model_validator(mode="after")
    def _has_rules_if_computed(self) -> "TagEntry":
        if (self.kind == "computed") != bool(self.versions):
            raise ValueError(
                f"{self.code}: a computed tag has versions with rules, another has none"
            )
        if len({version.valid_from for version in self.versions}) < len(self.versions):
            raise ValueError(f"two versions of {self.code} begin on the same day")
        return self

    @property
    def name(self) -> str:
        """As a rule calls it."""
        return PREFIX + self.code


class TagPart(Document):
    """One file of the catalogue."""

    groups: dict[str, Words] = Field(default_factory=dict[str, Words])
    tags: list[TagEntry]


@dataclass(frozen=True)
class Tag:
    """A tag in force; `rule` is None where it is not computed."""

    entry: TagEntry
    rule: CompiledRule | None

    @property
    def name(self) -> str:
        """As a rule calls it."""
        return self.entry.name


@dataclass(frozen=True)
class Tags:
    """Tags in force, each after those it uses, and the names that rules may use with them.

    Attributes
    ----------
    vocabulary : Vocabulary
        The one given, with a name for every tag of audience `open`; its datasets are those its rule rests on.
    """

    tags: tuple[Tag, ...]
    vocabulary: Vocabulary

    def __len__(self) -> int:
        """Count the tags."""
        return len(self.tags)

    def ask(
        self,
        columns: Columns,
        *,
        rows: int,
        given: Mapping[str, Sequence[int]] = MappingProxyType({}),
        removed: Mapping[str, Sequence[int]] = MappingProxyType({}),
    ) -> dict[str, FloatArray]:
        """Every tag of n firms: 1 yes, 0 no, NaN unknown, by name.

        Parameters
        ----------
        columns : mapping of str to ndarray of shape (n,)
            Every name that rules use; of tags that are not computed what is known, NaN or left out where
            nobody has said.
        given : mapping of str to sequence of int, optional
            By name, rows of firms that somebody's word gives a tag; one that is computed heeds no word.
        removed : mapping of str to sequence of int, optional
            By name, rows of firms that have taken the tag away: it is unknown to them and to what uses it.
        """
        seen = dict(columns)
        found: dict[str, FloatArray] = {}
        for tag in self.tags:
            if tag.rule is None:
                known = seen.get(tag.name, np.full(rows, np.nan))
                found[tag.name] = np.array(known, dtype=np.float64)
                found[tag.name][list(given.get(tag.name, ()))] = 1.0
            else:
                planes = tag.rule.evaluate(seen)
                found[tag.name] = np.where(planes.known, planes.true.astype(np.float64), np.nan)
            if tag.name in removed:
                found[tag.name][list(removed[tag.name])] = np.nan
            seen[tag.name] = found[tag.name]
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """What rules ask about that is no tag, in order."""
        own = {tag.name for tag in self.tags}
        asked = {name for tag in self.tags if tag.rule for name in tag.rule.names}
        return tuple(sorted(asked - own))


@dataclass(frozen=True)
class TagBook:
    """Every tag there has been, and the groups they are shown in."""

    groups: Mapping[str, Words]
    entries: tuple[TagEntry, ...]

    def at(self, as_of_date: date, vocabulary: Vocabulary) -> Tags:
        """Compile the versions in force at a date.

        Raises
        ------
        RuleError
            If a rule is wrong, asks about what nothing provides, or uses itself through others.
        """
        standing = {
            entry.name: (entry, in_force(entry.versions, as_of_date)) for entry in self.entries
        }
        rules = {
            name: version.when for name, (_, version) in standing.items() if version is not None
        }
        uses = {
            name: names_of(parse_condition(when, f"tag {name}")) & standing.keys()
            for name, when in rules.items()
        }
        # A tag whose rule is not in force answers nothing; one that not everybody may see is asked by no
        # rule, or whoever sees the answer would see the tag.
        terms = dict(vocabulary.terms) | {
            entry.name: Term(entry.name, "flag")
            for entry in self.entries
            if entry.audience == "open"
        }
        tags: list[Tag] = []
        for name in _in_order(tuple(standing), uses):
            entry = standing[name][0]
            rule = None
            if name in rules:
                rule = compile_rule(rules[name], Vocabulary(terms), f"tag {entry.code}")
                if name in terms:
                    terms[name] = Term(name, "flag", datasets=rule.datasets)
            tags.append(Tag(entry, rule))
        return Tags(tuple(tags), Vocabulary(terms))


@cache
def load_tags(folder: Path = CATALOGUE) -> TagBook:
    """Read every file of the catalogue.

    Raises
    ------
    ModelDocumentError
        If a file is wrong, a code is given twice, or a group is not named.
    """
    parts = [
        load_document(path, TagPart, ModelDocumentError) for path in sorted(folder.glob("*.yaml"))
    ]
    groups = {code: words for part in parts for code, words in part.groups.items()}
    entries = sorted((entry for part in parts for entry in part.tags), key=lambda one: one.code)
    codes = [entry.code for entry in entries]
    twice = sorted({code for code in codes if codes.count(code) > 1})
    nameless = sorted({entry.group for entry in entries} - groups.keys())
    if twice or nameless:
        raise ModelDocumentError(
            en=f"The tags give {', '.join(twice) or 'no code'} twice, and leave the groups "
            f"{', '.join(nameless) or 'none'} without a name.",
            zh=f"标签定义有误：重复 {'、'.join(twice) or '无'}；未命名分组 {'、'.join(nameless) or '无'}。",
        )
    return TagBook(groups, tuple(entries))


def _in_order(names: Sequence[str], uses: Mapping[str, frozenset[str]]) -> list[str]:
    """Names so that each comes after those it uses."""
    placed: list[str] = []
    left = list(names)
    while left:
        ready = [name for name in left if uses.get(name, frozenset()) <= set(placed)]
        if not ready:
            raise RuleError(
                en=f"The tags {', '.join(left)} use each other in a circle. Write one of them without the rest.",
                zh=f"标签 {'、'.join(left)} 互相引用，请改写其中之一。",
            )
        placed += ready
        left = [name for name in left if name not in set(ready)]
    return placed
