from pathlib import Path

import numpy as np
import pytest
import yaml

from features.contracts import Words
from features.definitions import REGISTRY
from features.errors import ModelDocumentError
from features.registry import Feature, Registry
from models.reasons import (
    Band,
    Condition,
    Reasons,
    Sentence,
    check_reasons,
    load_reasons,
)

REASONS = load_reasons()
SENTENCES = [
    pytest.param(code, sentence, id=f"{code}-{number}-{sentence.side}")
    for code, group in REASONS.groups.items()
    for number, sentence in enumerate(group.sentences, start=1)
]
#: Whether each kind of limit admits the limit itself, and in which direction it admits more.
LIMITS = {"above": (False, +1), "at_least": (True, +1), "below": (False, -1), "at_most": (True, -1)}


def limits_of(condition: Condition) -> dict[str, float]:
    return {k: getattr(condition, k) for k in LIMITS if getattr(condition, k) is not None}


def firm_that_meets(sentence: Sentence) -> dict[str, float]:
    """A value inside every condition, found from the limits alone."""
    values: dict[str, float] = {}
    for condition in sentence.when:
        limits = limits_of(condition)
        low = max((v for k, v in limits.items() if LIMITS[k][1] > 0), default=None)
        high = min((v for k, v in limits.items() if LIMITS[k][1] < 0), default=None)
        inside = (low if low is not None else high - 2) if high is not None else (low or 0) + 1
        values[condition.feature] = inside if low is None or high is None else (low + high) / 2
    return values


@pytest.mark.parametrize(("code", "sentence"), SENTENCES)
def test_a_sentence_is_true_up_to_its_limit_and_not_one_step_beyond(
    code: str, sentence: Sentence
) -> None:
    firm = firm_that_meets(sentence)
    assert sentence.holds(firm)
    for condition in sentence.when:
        for kind, limit in limits_of(condition).items():
            admits_limit, more = LIMITS[kind]
            inside = limit if admits_limit else np.nextafter(limit, more * np.inf)
            beyond = np.nextafter(limit, -more * np.inf) if admits_limit else limit
            assert sentence.holds(firm | {condition.feature: inside}), (kind, limit)
            assert not sentence.holds(firm | {condition.feature: beyond}), (kind, limit)


@pytest.mark.parametrize("missing", [None, float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize(("code", "sentence"), SENTENCES)
def test_a_missing_value_makes_no_sentence_true(
    code: str, sentence: Sentence, missing: float | None
) -> None:
    firm: dict[str, float | None] = {**firm_that_meets(sentence)}
    for condition in sentence.when:
        assert not sentence.holds(firm | {condition.feature: missing})
        without = {name: value for name, value in firm.items() if name != condition.feature}
        assert not sentence.holds(without)


@pytest.mark.parametrize(("code", "sentence"), SENTENCES)
def test_a_printed_sentence_has_no_raw_number_and_no_gap(code: str, sentence: Sentence) -> None:
    words = REASONS.words_of(sentence, {**firm_that_meets(sentence)})
    for text in (words.zh, words.en):
        assert "{" not in text
        assert "." not in text.replace("0.3", "")  # the one edge with a decimal: 0.3 million


def test_both_sides_of_every_group_can_speak_and_advise() -> None:
    for group in REASONS.groups.values():
        assert {sentence.side for sentence in group.sentences} == {"weak", "strong"}
        assert group.advice.zh
        assert group.advice.en
    assert {feature.group for feature in REGISTRY} == set(REASONS.groups)


@pytest.mark.parametrize(
    ("band", "value", "zh", "en"),
    [
        (Band(unit="percent", edges=[0, 0.1, 0.3]), 0.1, "10–30 %", "10–30 %"),
        (Band(unit="percent", edges=[0, 0.1, 0.3]), 0.0999, "0–10 %", "0–10 %"),
        (Band(unit="percent", edges=[0, 0.1, 0.3]), 0.3, "30 %及以上", "30 % or more"),
        (Band(unit="percent", edges=[0, 0.1, 0.3]), -0.01, "低于 0 %", "below 0 %"),
        (Band(unit="percent", edges=[0.07, 0.14]), 0.1, "7–14 %", "7–14 %"),
        (Band(unit="percent", edges=[0, 0.1], magnitude=True), -0.05, "0–10 %", "0–10 %"),
        (Band(unit="days", edges=[0, 8, 31]), 8, "8–30 天", "8–30 days"),
        (Band(unit="months", edges=[0, 1, 3]), 0, "0 个月", "0 months"),
        (Band(unit="count", edges=[0, 6]), 6, "6及以上", "6 or more"),
        (Band(unit="wan_yuan", edges=[0, 3e5, 1e6]), 3e5, "30–100 万元", "CNY 0.3–1 million"),
        (Band(unit="wan_yuan", edges=[0, 1e8]), 2e8, "10000 万元及以上", "CNY 100 million or more"),
    ],
)
def test_bands_are_half_open_and_carry_their_unit(
    band: Band, value: float, zh: str, en: str
) -> None:
    assert band.render(value) == Words(zh=zh, en=en)


def feature(name: str, group: str) -> Feature:
    return Feature(
        name=name, expression="1", of={}, unit="ratio", direction=0, missing="unknown", group=group,
        words=Words(zh=name, en=name),
    )  # fmt: skip


def test_sentences_and_features_are_held_together() -> None:
    named = {c.feature for g in REASONS.groups.values() for s in g.sentences for c in s.when}
    fitting = Registry(tuple(feature(name, "R07") for name in sorted(named)))
    assert check_reasons(REASONS, fitting) == []
    odd = Registry((*fitting.features[1:], feature("new_feature", "R99")))
    sentences = [problem.en for problem in check_reasons(REASONS, odd)]
    assert f"speaks of '{fitting.features[0].name}', which is no feature" in sentences[0]
    assert "'new_feature' counts in reason group R99" in sentences[-1]


SOUND = {
    "fallback": {"weak": {"zh": "低", "en": "worse"}, "strong": {"zh": "高", "en": "better"}},
    "bands": {
        "share": {"unit": "percent", "edges": [0, 0.5]},
        "fall": {"unit": "percent", "edges": [0, 0.1], "magnitude": True},
    },
}


def document(path: Path, sentence: dict[str, object], **changed: object) -> Path:
    words = {"zh": "甲", "en": "a"}
    group = {"title": words, "advice": words, "sentences": [{"side": "weak"} | sentence]}
    path.write_text(yaml.safe_dump(SOUND | {"groups": {"R1": group}} | changed), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("when", "band", "sentence"),
    [
        ([{"feature": "x", "at_least": 0.4}], "share", "between two edges"),
        ([{"feature": "x", "above": 0.5}], "share", "on the open side"),
        ([{"feature": "x", "at_least": -0.1}], "fall", "on the open side"),
        ([{"feature": "x", "at_most": -0.2}], "fall", "between two edges"),
        ([{"feature": "y", "at_least": 0.5}], "share", "without a condition on it"),
        ([{"feature": "x", "at_least": 0.5}], "other", "unknown band 'other'"),
        ([{"feature": "x"}], "share", "needs one of above"),
        ([], "share", "at least 1 item"),
    ],
)
def test_a_sentence_that_could_contradict_itself_is_refused(
    tmp_path: Path, when: list[object], band: str, sentence: str
) -> None:
    use = {"feature": "x", "name": band}
    written: dict[str, object] = {"when": when, "band": use, "zh": "{band}", "en": "{band}"}
    with pytest.raises(ModelDocumentError, match=sentence):
        load_reasons(document(tmp_path / "reasons.yaml", written))


def test_other_mistakes_of_the_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "reasons.yaml"
    when = [{"feature": "x", "at_least": 0.5}]
    plain: dict[str, object] = {"when": when, "zh": "一", "en": "one"}
    assert isinstance(load_reasons(document(path, plain)), Reasons)
    with pytest.raises(ModelDocumentError, match=r"must be in both texts"):
        load_reasons(document(path, plain | {"en": "one {band}"}))
    with pytest.raises(ModelDocumentError, match="fallback needs weak and strong"):
        load_reasons(document(path, plain, fallback={"weak": {"zh": "低", "en": "worse"}}))
    with pytest.raises(ModelDocumentError, match="edges must ascend"):
        load_reasons(document(path, plain, bands={"b": {"unit": "days", "edges": [2, 1]}}))


def test_a_band_needs_its_value() -> None:
    sentence = REASONS.groups["R07"].sentences[0]
    with pytest.raises(ModelDocumentError, match="without its value"):
        REASONS.words_of(sentence, {})
