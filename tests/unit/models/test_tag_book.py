"""Tags as data: asked in order, hidden from rules where not everybody may see them."""

import re
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from features.contracts import load_catalogue
from features.errors import ModelDocumentError, RuleError
from features.rules.vocabulary import Term, Vocabulary
from models.matching.facts import load_facts
from models.tags.book import TagBook, load_tags
from models.tags.reference import tags_page
from models.watching.setting import COLUMNS

DAY = date(2026, 3, 31)
PAGE = Path(__file__).parents[3] / "docs" / "reference" / "tags.md"
WORDS = Vocabulary({"age": Term("age", "months", datasets=frozenset({"reg_basic"}))})
_HEAD = "groups:\n  g: {zh: 组, en: group}\ntags:\n"
_TAG = "  - code: {}\n    words: {{zh: 标签, en: tag}}\n    group: g\n    {}\n"


def _rule(when: str, since: str = "2020-01-01") -> str:
    return f"versions: [{{valid_from: {since}, when: {when}, source: x}}]"


def _book(folder: Path, **tags: str) -> TagBook:
    text = _HEAD + "".join(_TAG.format(code, rest) for code, rest in tags.items())
    (folder / "one.yaml").write_text(text, encoding="utf-8")
    return load_tags(folder)


def test_a_tag_is_asked_after_those_it_uses_and_rests_on_their_datasets(tmp_path: Path) -> None:
    book = _book(
        tmp_path, a=_rule("tag_b and not tag_c"), b=_rule("age >= 2 years"), c="kind: certified"
    )
    tags = book.at(DAY, WORDS)
    assert tags.names == ("age",)
    assert tags.vocabulary.terms["tag_a"].datasets == {"reg_basic"}
    nan = np.nan
    found = tags.ask({"age": np.array([24, 23, 24.0]), "tag_c": np.array([0, nan, nan])}, rows=3)
    assert found["tag_a"].tolist()[:2] == [1, 0]
    assert np.isnan(found["tag_a"][2])


def test_a_version_counts_from_its_day(tmp_path: Path) -> None:
    book = _book(tmp_path, a=_rule("age >= 2 years", since="2026-04-01"))
    assert book.at(DAY, WORDS).tags[0].rule is None
    assert book.at(date(2026, 4, 1), WORDS).tags[0].rule is not None


@pytest.mark.parametrize("audience", ["self", "platform"])
def test_no_rule_may_ask_for_a_tag_that_not_everybody_may_see(
    tmp_path: Path, audience: str
) -> None:
    hidden = f"kind: certified\n    audience: {audience}"
    book = _book(tmp_path, a=_rule("tag_b"), b=hidden)
    with pytest.raises(RuleError, match="no feature or fact 'tag_b'"):
        book.at(DAY, WORDS)
    alone = tmp_path / "alone"
    alone.mkdir()
    assert "tag_b" not in _book(alone, b=hidden).at(DAY, WORDS).vocabulary.terms


def test_tags_that_use_each_other_in_a_circle_are_refused(tmp_path: Path) -> None:
    book = _book(tmp_path, a=_rule("tag_b"), b=_rule("tag_a"))
    with pytest.raises(RuleError, match="tag_a, tag_b use each other in a circle"):
        book.at(DAY, WORDS)


def test_a_code_given_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "two.yaml").write_text(
        _HEAD + _TAG.format("a", "kind: certified"), encoding="utf-8"
    )
    with pytest.raises(ModelDocumentError, match="give a twice"):
        _book(tmp_path, a="kind: certified")


def test_the_page_of_tags_is_what_the_catalogue_says() -> None:
    vocabulary = Vocabulary.of(COLUMNS, load_facts().terms)
    page = tags_page(load_tags(), date.max, vocabulary, load_catalogue())
    assert PAGE.read_text(encoding="utf-8") == page, "run `make docs`"
    headings = re.findall(r"^### (\w+) ", page, re.MULTILINE)
    assert sorted(headings) == [entry.code for entry in load_tags().entries]
    assert "`tag_tech_sme or tag_hnte or tag_zjtx`" in page
