"""Signals: the book refuses what makes no sense, and an unknown answer is never taken for a no."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest
import yaml

from features.contracts import load_catalogue
from features.definitions import REGISTRY
from features.errors import ModelDocumentError, RuleError
from features.facts import FACTS
from features.registry import Registry
from features.rules.vocabulary import Term, Vocabulary
from models.signals.answers import SignalAnswers, ask_signals, names_of_signals
from models.signals.book import SignalBook, load_signals
from models.signals.exposure_facts import EXPOSURE_FACTS
from models.signals.levels import Level, level_of, worst
from models.signals.reference import signals_page

WORDS = Vocabulary(
    {
        "heads": Term("heads", "count", datasets=frozenset({"pension"})),
        "fall": Term("fall", "ratio", datasets=frozenset({"pension"})),
        "other_fall": Term("other_fall", "ratio", datasets=frozenset({"medical"})),
        "late_now": Term("late_now", "flag"),
    }
)
DAY = date(2026, 6, 30)
#: -1 unknown, 0 none, 2 yellow, 3 orange.
UNKNOWN, NONE, YELLOW, ORANGE = -1, 0, 2, 3
FALLING = {"levels": {"Y": "fall <= -15 %", "O": "fall <= -30 %"}, "shows": ["fall"]}


def entry(*ways: dict[str, object], code: str = "W01", **changes: object) -> dict[str, object]:
    version = {"valid_from": date(2026, 1, 1), "source": "us", "ways": list(ways or [FALLING])}
    return {
        "code": code,
        "words": {"zh": "一", "en": "one"},
        "suggestion": {"zh": "看", "en": "look"},
        "dimension": "F4",
        "disclose": "band",
        "cooldown_days": 90,
        "daily": False,
        "versions": [version],
    } | changes


def book(folder: Path, *entries: dict[str, object], name: str = "one") -> SignalBook:
    text = yaml.safe_dump({"signals": list(entries)}, allow_unicode=True)
    (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    load_signals.cache_clear()
    return load_signals(folder)


def ask(
    signals: SignalBook,
    as_of_date: date = DAY,
    withheld: tuple[str, ...] = (),
    **columns: list[float],
) -> SignalAnswers:
    chosen = signals.at(as_of_date, WORDS)
    rows = len(next(iter(columns.values())))
    given = {
        name: np.array(columns.get(name, [np.nan] * rows)) for name in names_of_signals(chosen)
    }
    return ask_signals(chosen, WORDS, given, as_of_date, rows=rows, withheld=withheld)


def levels(answers: SignalAnswers) -> list[int]:
    return answers.levels[:, 0].tolist()


def test_the_most_severe_level_counts(tmp_path: Path) -> None:
    found = ask(book(tmp_path, entry()), fall=[-0.14, -0.15, -0.29, -0.30, np.nan])
    assert levels(found) == [NONE, YELLOW, YELLOW, ORANGE, UNKNOWN]
    assert found.ways[:, 0].tolist() == [0, 0, 0, 0, -1]


def test_a_severe_level_that_is_unknown_hides_no_milder_one(tmp_path: Path) -> None:
    way = {"levels": {"O": "fall <= -30 %", "Y": "late_now"}, "shows": ["late_now"]}
    found = ask(book(tmp_path, entry(way)), late_now=[1.0, 0.0], fall=[np.nan, np.nan])
    assert levels(found) == [YELLOW, UNKNOWN]


def test_a_milder_level_that_is_unknown_hides_no_severe_one(tmp_path: Path) -> None:
    way = {"levels": {"O": "late_now", "Y": "fall <= -30 %"}, "shows": ["late_now"]}
    assert levels(ask(book(tmp_path, entry(way)), late_now=[1.0], fall=[np.nan])) == [ORANGE]


def test_what_a_way_requires_is_asked_first(tmp_path: Path) -> None:
    way = FALLING | {"requires": "heads >= 5"}
    found = ask(
        book(tmp_path, entry(way)),
        heads=[4.0, 5.0, np.nan, np.nan],
        fall=[-0.5, -0.5, -0.5, 0.0],
    )
    # Where no fall is known either way, it does not matter how many heads there were.
    assert levels(found) == [NONE, ORANGE, UNKNOWN, NONE]


def test_the_next_way_answers_where_the_first_knows_nothing(tmp_path: Path) -> None:
    other = {"levels": {"Y": "other_fall <= -15 %"}, "shows": ["other_fall"]}
    found = ask(
        book(tmp_path, entry(FALLING, other)),
        fall=[0.0, np.nan, np.nan, -0.3],
        other_fall=[-0.5, -0.5, np.nan, 0.0],
    )
    assert levels(found) == [NONE, YELLOW, UNKNOWN, ORANGE]
    assert found.ways[:, 0].tolist() == [0, 1, -1, 0]


def test_what_is_withheld_is_unknown_whatever_the_column_says(tmp_path: Path) -> None:
    other = {"levels": {"Y": "other_fall <= -15 %"}, "shows": ["other_fall"]}
    signals = book(tmp_path, entry(FALLING, other))
    closed = ask(signals, withheld=("pension",), fall=[-0.3], other_fall=[-0.15])
    assert (levels(closed), closed.ways[:, 0].tolist()) == ([YELLOW], [1])
    both = ask(signals, withheld=("pension", "medical"), fall=[-0.3], other_fall=[-0.15])
    assert (levels(both), both.ways[:, 0].tolist()) == ([UNKNOWN], [-1])


def test_a_season_corrects_its_months_only(tmp_path: Path) -> None:
    season = {"name": "fall", "months": [2], "factor": 1.25, "source": "us"}
    signals = book(tmp_path, entry(FALLING | {"season": [season]}))
    # (1 - 0.32) * 1.25 - 1 = -0.15, which is yellow; -0.31 becomes -0.1375, which is none.
    assert levels(ask(signals, date(2026, 2, 28), fall=[-0.32, -0.31])) == [YELLOW, NONE]
    assert levels(ask(signals, date(2026, 3, 31), fall=[-0.32, -0.31])) == [ORANGE, ORANGE]


def test_many_firms_are_answered_as_each_alone() -> None:
    signals = load_signals().at(DAY, known())
    names = names_of_signals(signals)
    assert len(set(names)) == len(names)
    rng = np.random.default_rng(9)
    drawn = {name: rng.choice([np.nan, 0.0, 1.0, 5.0, 1e6], 60) for name in names}
    together = ask_signals(signals, known(), drawn, DAY, rows=60)
    for row in range(60):
        one = {name: values[row : row + 1] for name, values in drawn.items()}
        alone = ask_signals(signals, known(), one, DAY, rows=1)
        assert alone.levels[0].tolist() == together.levels[row].tolist()
        assert alone.ways[0].tolist() == together.ways[row].tolist()


def known() -> Vocabulary:
    return Vocabulary.of(Registry((*REGISTRY, *FACTS)), EXPOSURE_FACTS)


def test_an_older_version_replays(tmp_path: Path) -> None:
    old = {"valid_from": date(2025, 1, 1), "source": "us", "ways": [FALLING]}
    strict = {"levels": {"O": "fall <= -10 %"}, "shows": ["fall"]}
    new = {"valid_from": date(2026, 1, 1), "source": "us", "ways": [strict]}
    signals = book(tmp_path, entry(versions=[new, old]))
    assert signals.at(date(2024, 12, 31), WORDS) == ()
    assert levels(ask(signals, date(2025, 12, 31), fall=[-0.2])) == [YELLOW]
    assert levels(ask(signals, date(2026, 1, 1), fall=[-0.2])) == [ORANGE]


def test_a_code_stands_in_one_file(tmp_path: Path) -> None:
    book(tmp_path, entry(), name="one")
    with pytest.raises(ModelDocumentError, match="The signals give W01 twice"):
        book(tmp_path, entry(), name="two")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"code": "X01"}, "signals.0.code"),
        ({"disclose": "all"}, "signals.0.disclose"),
        ({"cooldown_days": 0}, "signals.0.cooldown_days"),
        ({"versions": []}, "signals.0.versions"),
        ({"versions": entry()["versions"] * 2}, "two versions of W01 begin on the same day"),  # pyright: ignore[reportOperatorIssue] - a list
    ],
)
def test_an_entry_says_what_is_wrong(changes: dict[str, object], said: str, tmp_path: Path) -> None:
    with pytest.raises(ModelDocumentError, match=said):
        book(tmp_path, entry() | changes)


@pytest.mark.parametrize(
    ("way", "said"),
    [
        ({"levels": {"Y": "fal <= -15 %"}, "shows": ["fall"]}, "signal W01, way 1, Y: there is no feature or fact 'fal'"),
        ({"levels": {"Y": "fall <= -2"}, "shows": ["fall"]}, "signal W01, way 1, Y: 'fall <= -2' can never be true"),
        ({"levels": {"Y": "late_now"}, "shows": ["later"]}, "signal W01, way 1: there is no feature or fact 'later'"),
        (FALLING | {"requires": "heads"}, "signal W01, way 1, requires: heads alone is no condition"),
    ],
)  # fmt: skip
def test_a_rule_that_makes_no_sense_is_named(
    way: dict[str, object], said: str, tmp_path: Path
) -> None:
    with pytest.raises(RuleError, match=said):
        book(tmp_path, entry(way)).at(DAY, WORDS)


def test_levels_are_ordered_from_mild_to_severe() -> None:
    assert [level_of(rank) for rank in (-1, 0, 1, 2, 3, 4)] == [None, None, *Level]
    assert worst([Level.YELLOW, Level.RED, Level.BLUE]) == Level.RED
    assert worst([]) is None


def test_the_page_of_signals_is_what_the_catalogue_says() -> None:
    page = signals_page(load_signals(), date.max, known(), load_catalogue())
    committed = Path(__file__).parents[3] / "docs" / "reference" / "signals.md"
    assert page == committed.read_text(encoding="utf-8"), "run `make docs`"
    heads = [line.split()[1] for line in page.splitlines() if line.startswith("## ")]
    assert heads == [one.code for one in load_signals().at(date.max, known())]
    assert "`tax_filing_month` (scope `tax`)" in page
