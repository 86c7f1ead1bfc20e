"""Real rules broken at random: whatever becomes of a text, the compiler answers or refuses in a sentence."""

from functools import cache
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, cast

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import models
from features.errors import RuleError
from features.rules import vocabulary
from features.rules.compiled import CompiledRule, compile_rule
from features.rules.evaluate import Column
from features.rules.parser import parse_rule
from features.rules.vocabulary import Vocabulary
from models.matching.facts import load_facts
from models.matching.matcher import Matcher
from models.signals.exposure_facts import EXPOSURE_FACTS
from models.watching.setting import COLUMNS

MODELS = Path(str(models.__file__)).parent
PIECES = [*"()[]'\",%<>=!#°²√ \t\n", "and", "or", "not", "in", "is", "known", "between", "==", "<>", "万元", "1e9",
          "-", "0", "99999999999999999999", "grade_rank", "'C'", "\u202e", "\x00", "\ud800", "１２"]  # fmt: skip
SIGNS = ("<", "<=", ">", ">=", "=", "!=")
NUMBERS = ("0", "1", "6", "12", "24", "30", "0.5", "700", "-1")
FIRMS = 40


@cache
def words() -> Vocabulary:
    return Vocabulary.of(COLUMNS, (*EXPOSURE_FACTS, *load_facts().terms))


@cache
def real_rules() -> tuple[str, ...]:
    """Every text in the catalogues that is a rule over real names."""
    texts: set[str] = set()
    for path in MODELS.rglob("*.yaml"):
        texts.update(_texts(yaml.safe_load(path.read_text(encoding="utf-8"))))
    return tuple(sorted(text for text in texts if _is_rule(text)))


def _texts(content: object) -> list[str]:
    if isinstance(content, str):
        return [content]
    inner = content.values() if isinstance(content, dict) else content
    if not isinstance(inner, list) and not isinstance(content, dict):
        return []
    return [text for each in cast("list[Any]", list(inner)) for text in _texts(each)]  # pyright: ignore[reportArgumentType]


def _is_rule(text: str) -> bool:
    try:
        compile_rule(text, words())
    except RuleError:
        return False
    return True


def changed(text: str, rng: Random) -> str:
    """A rule bent, which is often a rule still, or broken, which seldom is."""
    return bent(text, rng) if rng.random() < 0.5 else broken(text, rng)


def bent(text: str, rng: Random) -> str:
    """A text with a few of its words replaced, each by one of its kind."""
    cut = text.split(" ")
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(cut))
        bare = cut[at].strip("()[],%")
        kind = next((kind for kind in kinds() if bare in kind), NUMBERS if bare[:1].isdigit() else (bare,))  # fmt: skip
        cut[at] = cut[at].replace(bare, rng.choice(kind))
    return " ".join(cut)


@cache
def kinds() -> tuple[tuple[str, ...], ...]:
    """Words that may stand for each other: signs, joints, codes, and names of one unit."""
    of_unit: dict[str, list[str]] = {}
    for term in words().terms.values():
        of_unit.setdefault(term.unit, []).append(term.name)
    codes = sorted({f"'{code}'" for term in words().terms.values() for code in term.codes})
    return (SIGNS, ("and", "or", "and not", "or not"), tuple(codes), *map(tuple, of_unit.values()))


def broken(text: str, rng: Random) -> str:
    """A text with a few of its words or letters lost, doubled, swapped, or replaced."""
    by_word = rng.random() < 0.7
    cut = text.split(" ") if by_word else list(text)
    for _ in range(rng.randint(1, 3)):
        at, other = (rng.randrange(len(cut)) if cut else 0 for _ in range(2))
        match rng.randrange(5):
            case 0:
                cut[at : at + 1] = []
            case 1:
                cut[at:at] = cut[other : other + 4]
            case 2:
                cut[at : at + 1] = [rng.choice(PIECES)]
            case 3:
                cut[at:at] = [rng.choice(PIECES)]
            case _:
                cut[at : at + 1], cut[other : other + 1] = cut[other : other + 1], cut[at : at + 1]
    return (" " if by_word else "").join(cut)


def compiled(text: str) -> CompiledRule | RuleError:
    """What the compiler says; anything but a rule or a `RuleError` fails the test."""
    try:
        return compile_rule(text, words(), "R1")
    except RuleError as refused:
        return refused


def matched(text: str) -> Matcher | RuleError:
    """The same of the matcher."""
    try:
        return Matcher.of([("R1", text)], words())
    except RuleError as refused:
        return refused


def survives(text: str, rng: np.random.Generator) -> bool:
    """Whether a text is a rule; if so, the engine of matching answers as the compiler does."""
    rule, matcher = compiled(text), matched(text)
    if isinstance(rule, RuleError):
        assert rule.en.startswith("R1")
        assert rule.zh.startswith("R1")
        return False
    assert parse_rule(str(rule.rule)) == rule.rule
    if isinstance(matcher, RuleError):
        assert "brackets stand for" in matcher.en
        return True
    columns = {name: _drawn(name, rule, rng) for name in rule.names}
    planes = rule.evaluate(columns)
    states = matcher.conditions.ask(matcher.conditions.matrix(columns))
    expected = np.where(planes.true, 2, np.where(planes.known, 0, 1))
    assert states.min(axis=1, initial=2).tolist() == expected.tolist()
    return True


def _drawn(name: str, rule: CompiledRule, rng: np.random.Generator) -> Column:
    """Values at and around the limits of a rule, and none."""
    term = words().terms[name]
    if term.unit == "code":
        return rng.choice([*term.codes, ""], FIRMS)
    if term.unit == "flag":
        return rng.choice([0.0, 1.0, np.nan], FIRMS)
    numbers = [float(word) for word in str(rule.rule).replace("(", " ").split() if word.replace(".", "").isdigit()]  # fmt: skip
    scale = rng.choice([1.0, 0.01, 12.0, 1e4], FIRMS)
    found = rng.choice([*numbers, 0.0], FIRMS) * scale + rng.choice([0.0, 0.0, 1.0, -1.0], FIRMS)
    found[rng.random(FIRMS) < 0.2] = np.nan
    return found


def test_there_are_real_rules_to_break() -> None:
    assert len(real_rules()) > 100
    assert all(survives(text, np.random.default_rng(1)) for text in real_rules()[::10])


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_no_broken_rule_breaks_the_compiler(seed: int) -> None:
    rng = Random(seed)  # noqa: S311 - drawn, not secret
    for _ in range(5):
        survives(changed(rng.choice(real_rules()), rng), np.random.default_rng(seed))


@settings(deadline=None)
@given(st.text(max_size=60) | st.binary(max_size=40).map(lambda raw: raw.decode("utf-16", "surrogatepass") if len(raw) % 2 == 0 else ""))  # fmt: skip
def test_no_text_breaks_the_matcher(text: str) -> None:
    found = matched(text)
    assert not isinstance(found, RuleError) or found.en.startswith("R1")


@pytest.mark.soak
def test_a_million_changed_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    near, refused = vocabulary.suggestion, count()

    def seldom(name: str, known: list[str]) -> str:
        """Looking for near names takes nine tenths of a refusal; for one in fifty it is done."""
        return "" if next(refused) % 50 else near(name, known)

    monkeypatch.setattr(vocabulary, "suggestion", seldom)
    seed = 20261122
    rng, drawn = Random(seed), np.random.default_rng(seed)  # noqa: S311 - drawn, not secret
    alive = sum(survives(changed(rng.choice(real_rules()), rng), drawn) for _ in range(1_000_000))
    print(alive, "rules compared,", next(refused), "names refused")
    assert 300_000 < alive < 700_000
