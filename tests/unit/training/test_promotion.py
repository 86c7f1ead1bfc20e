"""Two people, one gate, and a way back that still works after it was used."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from features.contracts import Words
from features.errors import BundleError, GateError, RegistryError, StudyError
from models.aliases import champion_of, named_bundle, read_record
from models.bundle import Bundle
from tests.unit.training.shelves import NOW, make_model, shelf_at
from training.gate_terms import Check
from training.promotion import Decision, Shelf, judge, promote, require_second_person, roll_back

TWO = Decision("张三", "李四", "yearly retraining", NOW)


@dataclass(frozen=True)
class Stock:
    shelf: Shelf
    good: Bundle
    again: Bundle
    poor: Bundle


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Stock:
    shelf = shelf_at(tmp_path_factory.mktemp("stock"))
    made = [make_model(shelf, 1), make_model(shelf, 3), make_model(shelf, 2, trees=3, noise=0.9)]
    return Stock(shelf, *(bundle for bundle, _ in made))


@pytest.fixture
def shelf(stock: Stock, tmp_path: Path) -> Shelf:
    shutil.copytree(stock.shelf.bundles, tmp_path / "bundles")
    shutil.copytree(stock.shelf.studies, tmp_path / "studies")
    return replace(stock.shelf, bundles=tmp_path / "bundles", studies=tmp_path / "studies")


def serve(shelf: Shelf, bundle: Bundle, decision: Decision = TWO) -> None:
    found, replaces, checks = judge(shelf, bundle.id[:12])
    promote(shelf, found, decision, checks, replaces=replaces)


def test_a_first_model_serves_and_the_record_says_all(stock: Stock, shelf: Shelf) -> None:
    serve(shelf, stock.good, replace(TWO, despite="not needed, so not kept"))
    assert named_bundle(shelf.bundles).name == stock.good.id
    entry = read_record(shelf.bundles)[-1]
    assert (entry.action, entry.by, entry.reviewer) == ("promoted", "张三", "李四")
    assert entry.despite == ""
    assert {str(check["outcome"]) for check in entry.checks} == {"passed", "not_judged"}
    with pytest.raises(RegistryError, match="serves as base_12m already, since 2026-11-21"):
        judge(shelf, stock.good.id)


def test_a_worse_model_is_refused_and_may_be_overruled_with_a_reason(
    stock: Stock, shelf: Shelf
) -> None:
    serve(shelf, stock.good)
    with pytest.raises(GateError, match=r"does not serve: not_worse: .*or say --despite"):
        serve(shelf, stock.poor)
    assert named_bundle(shelf.bundles).name == stock.good.id
    serve(shelf, stock.poor, replace(TWO, despite="the good one reads a source that closed"))
    assert named_bundle(shelf.bundles).name == stock.poor.id
    entry = read_record(shelf.bundles)[-1]
    assert entry.despite == "the good one reads a source that closed"
    assert {c["name"] for c in entry.checks if c["outcome"] == "failed"} >= {"not_worse"}


def test_safety_is_never_overruled(stock: Stock, shelf: Shelf) -> None:
    folder = shelf.studies / stock.good.id
    shutil.rmtree(folder)
    shutil.copytree(shelf.studies / stock.poor.id, folder)
    with pytest.raises(GateError, match=r"own_study: .*This cannot be overruled"):
        serve(shelf, stock.good, replace(TWO, despite="I know better"))
    assert champion_of(read_record(shelf.bundles), "base_12m") is None


def test_blanks_are_no_reason_to_overrule(stock: Stock, shelf: Shelf) -> None:
    serve(shelf, stock.good)
    with pytest.raises(GateError, match="not_worse"):
        serve(shelf, stock.poor, replace(TWO, despite="  "))


def test_a_model_without_a_study_is_not_judged(stock: Stock, shelf: Shelf) -> None:
    shutil.rmtree(shelf.studies / stock.good.id)
    with pytest.raises(StudyError, match="Train the model again"):
        judge(shelf, stock.good.id)


@pytest.mark.parametrize("name", ["张三", " 张 三", "ＺＨＡＮＧ san", "zhang　SAN"])
def test_the_reviewer_is_another_person(name: str) -> None:
    by = "张三" if "张" in name else "Zhang San"
    with pytest.raises(RegistryError, match="The reviewer must be another person"):
        require_second_person(replace(TWO, by=by, reviewer=name))


@pytest.mark.parametrize("option", ["by", "reviewer", "reason"])
def test_names_and_a_reason_are_needed(option: str) -> None:
    with pytest.raises(RegistryError, match=f"--{option} must say something"):
        require_second_person(replace(TWO, **{option: " 　"}))


def test_one_person_alone_changes_nothing(stock: Stock, shelf: Shelf) -> None:
    alone = replace(TWO, reviewer="张三")
    before = (shelf.bundles / "aliases.json").read_bytes()
    with pytest.raises(RegistryError, match="another person"):
        promote(shelf, stock.good, alone, [], replaces="")
    with pytest.raises(RegistryError, match="another person"):
        roll_back(shelf, alone, model="base_12m")
    assert (shelf.bundles / "aliases.json").read_bytes() == before


def test_going_back_and_back_again(stock: Stock, shelf: Shelf) -> None:
    overruled = replace(TWO, despite="a trial")
    for bundle in (stock.good, stock.again, stock.poor):
        serve(shelf, bundle, overruled)
    assert roll_back(shelf, TWO, model="champion").bundle_id == stock.again.id
    assert roll_back(shelf, TWO, model="base_12m").bundle_id == stock.good.id
    with pytest.raises(RegistryError, match="0 earlier champions of base_12m fit"):
        roll_back(shelf, TWO, model="champion")
    # What served may serve again when it is named.
    assert roll_back(shelf, TWO, model="champion", to=stock.poor.id[:8]).bundle_id == stock.poor.id
    assert roll_back(shelf, TWO, model="champion").bundle_id == stock.good.id
    assert named_bundle(shelf.bundles).name == stock.good.id
    actions = [entry.action for entry in read_record(shelf.bundles) if entry.serves]
    assert actions == ["promoted"] * 3 + ["rolled_back"] * 4


def test_a_bundle_that_never_served_is_no_way_back(stock: Stock, shelf: Shelf) -> None:
    with pytest.raises(RegistryError, match="Nothing serves as 'champion'"):
        roll_back(shelf, TWO, model="champion")
    serve(shelf, stock.good)
    for to in (stock.poor.id, stock.good.id, "zz"):
        with pytest.raises(RegistryError, match="0 earlier champions"):
            roll_back(shelf, TWO, model="champion", to=to)


@pytest.mark.parametrize("harm", ["gone", "damaged"])
def test_the_way_back_must_be_sound(stock: Stock, shelf: Shelf, harm: str) -> None:
    serve(shelf, stock.good)
    serve(shelf, stock.again, replace(TWO, despite="a trial"))
    home = shelf.bundles / stock.good.id
    if harm == "gone":
        shutil.rmtree(home)
    else:
        text = (home / "proof.json").read_text()
        (home / "proof.json").write_text(text.replace('"score": 6', '"score": 5', 1))
    with pytest.raises(
        BundleError, match=r"has no readable manifest\.json|holds another proof\.json"
    ):
        roll_back(shelf, TWO, model="champion")
    assert named_bundle(shelf.bundles).name == stock.again.id


def test_a_champion_that_cannot_be_loaded_is_told(stock: Stock, shelf: Shelf) -> None:
    serve(shelf, stock.good)
    (shelf.bundles / stock.good.id / "model.txt").write_text("")
    _, replaces, checks = judge(shelf, stock.again.id)
    told = next(check for check in checks if check.name == "not_worse")
    assert replaces == stock.good.id
    assert told.outcome == "failed"
    assert "the champion cannot be loaded" in told.words.en


def test_a_decision_taken_meanwhile_is_not_run_over(stock: Stock, shelf: Shelf) -> None:
    found, replaces, checks = judge(shelf, stock.good.id)
    serve(shelf, stock.again)
    with pytest.raises(RegistryError, match="became the champion meanwhile"):
        promote(shelf, found, TWO, checks, replaces=replaces)


def test_what_is_recorded_is_plain_data() -> None:
    told = Check("stable", "failed", Words(zh="甲", en="a")).as_record()
    assert told == {
        "name": "stable",
        "outcome": "failed",
        "words": {"zh": "甲", "en": "a"},
        "is_safety": False,
    }
