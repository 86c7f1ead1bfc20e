"""Knock-outs cap grades and nothing else; what is unknown caps nothing and is listed."""

from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import yaml

from features.definitions import REGISTRY
from features.errors import ModelDocumentError, RuleError
from features.rules.vocabulary import Term, Vocabulary
from models.bundle import Bundle
from models.card import Subject, card_facts, render_card
from models.knockouts import (
    KnockoutAnswers,
    KnockoutBook,
    Knockouts,
    load_knockouts,
)
from models.record import rating_table
from models.scale import load_scale
from models.scorer import Scorer

AS_OF = date(2026, 6, 30)
SUBJECT = Subject("山东信桥精密机械有限公司", "91370100MA3C12345X", AS_OF)


def current() -> Knockouts:
    return load_knockouts().at(AS_OF, Vocabulary.of(REGISTRY))


def facts(rows: int, **held: list[float]) -> dict[str, np.ndarray]:
    return {
        name: np.array(held.get(name, [0.0] * rows), dtype=np.float64) for name in current().names
    }


def write(tmp_path: Path, **changes: object) -> Path:
    version = {
        "valid_from": date(2026, 1, 1),
        "when": "a_now",
        "grade_at_most": "C",
        "source": "us",
    }
    entry = {"code": "one", "words": {"zh": "一", "en": "one"}, "versions": [version | changes]}
    path = tmp_path / "knockouts.yaml"
    path.write_text(yaml.safe_dump({"knockouts": [entry]}, allow_unicode=True), encoding="utf-8")
    return path


def test_no_grade_is_ever_raised() -> None:
    scale = load_scale()
    letters = [grade.code for grade in scale.version.grades]
    everything = {name: np.ones(len(letters)) for name in current().names}
    capped = current().check(everything, len(letters)).cap(np.array(letters), scale)
    assert capped.tolist() == ["D"] * len(letters)
    tax = current().check(facts(len(letters), tax_nonnormal_now=[1.0] * len(letters)), len(letters))
    assert tax.cap(np.array(letters), scale).tolist() == ["CCC"] * 7 + ["CC", "C"]


def test_withheld_data_cap_nothing_and_are_listed() -> None:
    columns = facts(2, dishonest_debtor_now=[1.0, 0.0], tax_nonnormal_now=[np.nan, 1.0])
    seen = current().check(columns, 2)
    assert (seen.holding(), seen.unknown()) == (
        [["dishonest_debtor"], ["tax_nonnormal"]],
        [["tax_nonnormal"], []],
    )
    closed = current().check(columns, 2, withheld={"dishonest_debtor"})
    assert (closed.holding(), closed.unknown()) == (
        [[], ["tax_nonnormal"]],
        [["dishonest_debtor", "tax_nonnormal"], ["dishonest_debtor"]],
    )


def test_a_record_keeps_score_and_probability_beside_the_capped_grade(bundle: Bundle) -> None:
    matrix = np.random.default_rng(2).gamma(2.0, 1.0, (4, len(bundle.layout.features)))
    matrix[3] = np.nan
    asked = current().check(facts(4, loan_default_now=[1, 0, np.nan, 1]), 4)
    rate = partial(
        rating_table,
        bundle,
        matrix,
        usccs=list("abcd"),
        source_ids=list("abcd"),
        as_of_date=AS_OF,
        scope="self",
    )
    free = rate().to_pydict()
    capped = rate(knockouts=asked).to_pydict()
    assert free["grade"] == free["model_grade"] == capped["model_grade"]
    assert capped["grade"] == ["D", *free["grade"][1:3], None]
    assert capped["capped_by"] == [["loan_default_now"], [], [], ["loan_default_now"]]
    assert capped["unknown_knockouts"] == [[], [], ["loan_default_now"], []]
    changed = {"grade", "capped_by", "unknown_knockouts"}
    assert {name: free[name] for name in free if name not in changed} == {
        name: capped[name] for name in capped if name not in changed
    }


def test_the_card_says_what_caps_the_grade_and_what_nobody_knows(bundle: Bundle) -> None:
    row = np.array([[-0.4, 0.8, 2.5, 12.0, 3.0, 40.0]])
    ratings = Scorer(bundle).rate(row)
    asked = current().check(facts(1, dishonest_debtor_now=[1.0], tax_nonnormal_now=[np.nan]), 1)
    told = card_facts(SUBJECT, bundle, ratings, row[0], knockouts=asked)
    chinese, english = render_card(told).replace("\n ", ""), render_card(told, "en")
    assert "等级 C 很差" in chinese
    assert f"否决项：当前为失信被执行人，等级不高于 C（模型等级 {ratings.grade[0]}" in chinese
    assert "未能核查的否决项（未授权或无记录） 当前为税务非正常户" in chinese
    assert "Knock-out: on the list of dishonest debtors now" in english
    assert told.score == ratings.score[0]
    plain = render_card(card_facts(SUBJECT, bundle, ratings, row[0]))
    assert "否决项" not in plain


def test_a_bundle_keeps_the_knock_outs_of_its_day(bundle: Bundle) -> None:
    assert (bundle.path / "knockouts.yaml").read_bytes() == Path(
        "models/knockouts.yaml"
    ).read_bytes()
    assert bundle.knockouts == load_knockouts()
    assert len(bundle.manifest.files["knockouts.yaml"]) == 64


def test_an_earlier_date_is_judged_by_the_earlier_rule(tmp_path: Path) -> None:
    words = Vocabulary({"a_now": Term("a_now", "flag")})
    book = load_knockouts(write(tmp_path))
    assert len(book.at(date(2026, 1, 1), words).knockouts) == 1
    assert book.at(date(2025, 12, 31), words).knockouts == ()
    assert KnockoutAnswers.none(2).holding() == [[], []]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"when": "a_now ="}, "knock-out one, character 8: expected a number"),
        (
            {"when": "b_now"},
            "knock-out one: there is no feature or fact 'b_now'. Did you mean 'a_now'",
        ),
    ],
)
def test_a_wrong_rule_names_its_knock_out(
    tmp_path: Path, changes: dict[str, object], sentence: str
) -> None:
    words = Vocabulary({"a_now": Term("a_now", "flag")})
    with pytest.raises(RuleError, match=sentence):
        load_knockouts(write(tmp_path, **changes)).at(AS_OF, words)


def test_a_grade_nobody_has_is_refused(tmp_path: Path) -> None:
    words = Vocabulary({"a_now": Term("a_now", "flag")})
    book = load_knockouts(write(tmp_path, grade_at_most="E"))
    found = book.at(AS_OF, words).check({"a_now": np.ones(1)}, 1)
    with pytest.raises(ModelDocumentError, match="caps at 'E', but scale xinqiao-2026 has AAA"):
        found.cap(np.array(["A"]), load_scale())


def test_versions_and_codes_are_told_apart() -> None:
    entry = load_knockouts().model_dump()["knockouts"][0]
    with pytest.raises(ValueError, match="a code is given twice"):
        KnockoutBook.model_validate({"knockouts": [entry, entry]})
    twice = entry | {"versions": entry["versions"] * 2}
    with pytest.raises(ValueError, match="begin on the same day"):
        KnockoutBook.model_validate({"knockouts": [twice]})
