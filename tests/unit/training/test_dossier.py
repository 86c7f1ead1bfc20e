"""The dossier says what the study says, in two languages, and nothing about a single firm."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features.errors import Language, StudyError
from models.aliases import Entry
from models.bundle import Bundle
from models.metrics import auc
from tests.command import run
from tests.unit.models.small_registry import REGISTRY
from tests.unit.training.dossier_pages import Page
from tests.unit.training.shelves import NOW, entry_of, make_model, shelf_at
from training.dossier.page import SECTIONS, keep_dossiers, render, write_dossier
from training.evaluate import Estimate
from training.out_of_time import judge_out_of_time
from training.study import Sample, Scenario, Study

IDS = [
    "summary",
    "purpose",
    "data",
    "performance",
    "calibration",
    "stability",
    "segments",
    "shape",
    "explanations",
    "examples",
    "consent",
    "limits",
    "inventory",
    "sign-off",
]
#: Keys that cannot be taken for anything else on the page.
FIRST_KEY = 730_000_001


def full_scenario(name: str, slope: float) -> Scenario:
    figures = {
        "auc": Estimate(0.7, 0.65, 0.75),
        "calibration_slope": Estimate(slope, slope - 0.1, slope + 0.1),
        "observed_expected": Estimate(1.1, 0.9, 1.3),
        "grades_red": Estimate(0, 0, 0),
        "grades_amber": Estimate(1, 1, 1),
    }
    return Scenario(name, ("tax",), figures)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, Study]:
    bundle, study = make_model(shelf_at(tmp_path_factory.mktemp("shelf")), 7)
    later = keyed(study.out_of_time, copies=2)
    judged = judge_out_of_time(
        later.is_default, later.probability, later.firm, np.ones(len(later.firm), bool), seed=1
    )
    study = replace(
        study,
        figures=judged.figures | {"gini_lost_to_shape": Estimate(0.0081, 0.0012, 0.0150)},
        scenarios=(full_scenario("without_tax", 1.0), full_scenario("public_only", 0.5)),
        parameters={"seed": "7", "note": "<script>alert(1)</script>"},
        development=keyed(study.development, copies=1),
        out_of_time=later,
    )
    return bundle, study


def keyed(sample: Sample, *, copies: int) -> Sample:
    """The sample with keys of nine digits; `copies` rows in a row belong to one firm."""
    return replace(sample, firm=FIRST_KEY + np.arange(len(sample.firm)) // copies)


def without_pictures(text: str) -> str:
    return re.sub(r"data:image/png;base64,[^\"]+", "", text)


@pytest.fixture(scope="module")
def texts(model: tuple[Bundle, Study]) -> dict[Language, str]:
    bundle, study = model
    languages: tuple[Language, ...] = ("zh", "en")
    return {lang: render(study, bundle, lang, registry=REGISTRY) for lang in languages}


@pytest.fixture(scope="module")
def pages(texts: dict[Language, str]) -> dict[Language, Page]:
    return {language: Page(text) for language, text in texts.items()}


def test_every_section_is_there_in_both_languages(pages: dict[Language, Page]):
    assert len(SECTIONS) == len(IDS)
    for page in pages.values():
        assert list(page.sections) == IDS
        assert len(page.readings) == len(IDS)
        assert page.problems == []
        assert len(set(page.ids)) == len(page.ids)
    assert all(re.search("[一-鿿]", reading) for reading in pages["zh"].readings)
    assert not re.search("[一-鿿]", pages["en"].text)


def test_it_asks_nothing_of_any_host(texts: dict[Language, str], pages: dict[Language, Page]):
    for language, text in texts.items():
        bare = without_pictures(text)
        assert not re.search(r"https?:|//\w|@import|url\(|<script|<link|<iframe", bare)
        assert all(a.startswith(("#", "data:image/png")) for a in pages[language].addresses)


def test_both_languages_hold_the_same_numbers(pages: dict[Language, Page]):
    for section in IDS:
        told = [
            [
                re.findall(r"-?\d+\.\d+", " ".join(map(" ".join, grid.rows)))
                for grid in page.sections[section]
            ]
            for page in pages.values()
        ]
        assert told[0] == told[1], section


def test_figures_are_those_of_the_study(model: tuple[Bundle, Study], pages: dict[Language, Page]):
    _, study = model
    found = {row[0]: row[1:] for row in pages["en"].grid("performance")}
    area = study.figures["auc"]
    assert found["AUC"][:2] == [f"{area.value:.3f}", f"{area.low:.3f} … {area.high:.3f}"]
    assert found["Gini (2 AUC − 1)"][0] == f"{2 * area.value - 1:.3f}"
    assert found["Brier score"][0] == f"{study.figures['brier'].value:.4f}"
    slope = study.figures["calibration_slope"]
    assert found["calibration slope (1 is right)"][0] == f"{slope.value:.2f}"
    assert found["Brier score"][2] == "no limit"
    # The figures on the page come from rows that the study holds as well.
    rows = study.out_of_time
    assert f"{auc(rows.is_default, rows.probability):.3f}" == found["AUC"][0]
    assert "0.81 % (0.12 % … 1.50 %)" in pages["en"].text


def test_counts_add_up(model: tuple[Bundle, Study], pages: dict[Language, Page]):
    _, study = model
    page = pages["en"]
    samples = (study.development, study.out_of_time)
    rows = [int(row[2].replace(",", "")) for row in page.grid("data", 0)]
    assert rows == [len(sample.firm) for sample in samples]
    by_date = page.grid("data", 1)
    assert sum(int(row[2].replace(",", "")) for row in by_date) == sum(rows)
    assert sum(int(row[4]) for row in by_date) == sum(int(s.is_default.sum()) for s in samples)

    *grades, every = page.grid("calibration", 0)
    # 1,500 rows out of time, two a firm: 750 firms, each with its first row.
    assert sum(int(row[1]) for row in grades) == int(every[1]) == 750
    assert sum(int(row[2]) for row in grades) == int(every[2])
    sizes = page.grid("segments", 0)
    assert sum(int(row[1]) for row in sizes) == 750


def test_points_of_the_examples_add_up_to_the_score(pages: dict[Language, Page]):
    grids = pages["zh"].sections["examples"]
    assert len(grids) == 3
    scores = [int(grid.rows[-1][1]) for grid in grids]
    for grid, score in zip(grids, scores, strict=True):
        assert sum(int(row[1]) for row in grid.rows[1:-1]) == score
    assert scores == sorted(scores, reverse=True)


def test_the_first_screen_counts_its_lights(pages: dict[Language, Page]):
    lights = [row[2] for row in pages["en"].grid("summary")]
    red, amber, green = (sum(word in told for told in lights) for word in ("red", "amber", "green"))
    told = re.search(r"(\d+) red · (\d+) amber · (\d+) green · (\d+) not judged", pages["en"].text)
    assert told is not None
    assert [int(n) for n in told.groups()] == [red, amber, green, lights.count("not judged")]
    assert red + amber + green > 0


def test_missed_scenarios_are_named(pages: dict[Language, Page]):
    told = {row[0]: row[-1] for row in pages["en"].grid("consent")}
    # A slope of 0.5 (0.4 to 0.6) lies outside 0.8 to 1.2 with all of its interval.
    assert told == {"without tax": "● green", "public data only": "■ red"}
    assert "1 of 2 scenarios miss a target: public data only." in pages["en"].text


def test_no_firm_can_be_found_in_it(model: tuple[Bundle, Study], texts: dict[Language, str]):
    _, study = model
    values = {f"{value:.6g}" for value in study.out_of_time.matrix.ravel().tolist()}
    for text in texts.values():
        bare = without_pictures(text)
        assert "73000" not in bare
        numbers = set(re.findall(r"\d+\.\d{4,}", bare))
        assert not numbers & values


def test_what_comes_from_outside_is_escaped(texts: dict[Language, str]):
    assert "&lt;script&gt;alert(1)" in texts["zh"]


def test_the_same_study_gives_the_same_bytes(
    model: tuple[Bundle, Study], texts: dict[Language, str]
):
    bundle, study = model
    assert render(study, bundle, "zh", registry=REGISTRY) == texts["zh"]


def test_directions_hold_on_the_page(pages: dict[Language, Page]):
    curves = [grid.caption for grid in pages["en"].sections["shape"]]
    assert len(curves) >= 3
    assert all("breaches: 0)" in caption for caption in curves)


def test_little_to_say_is_said(model: tuple[Bundle, Study]):
    bundle, study = model
    later = study.out_of_time
    alone = replace(
        study,
        figures={"auc": Estimate(np.nan, np.nan, np.nan)},
        scenarios=(),
        parameters={},
        out_of_time=replace(
            later,
            is_default=np.zeros_like(later.is_default),
            segments={name: np.full(len(later.firm), "") for name in later.segments},
        ),
    )
    page = Page(render(alone, bundle, "en", registry=REGISTRY))
    assert page.problems == []
    for sentence in (
        "Out of time there is one outcome only, so there is no ROC curve.",
        "No consent scenario was played in this training",
        "The cost of the shape was not measured in this training.",
        "region: unknown of every firm, so not told apart.",
        "No decision is on record yet.",
    ):
        assert sentence in page.text
    told = {row[0]: row[1:] for row in page.grid("summary")}
    assert told["AUC"] == ["– (–)", "not judged"]
    assert told["consent scenarios (worst)"][1] == "not judged"


def test_decisions_on_record_stand_above_the_signatures(model: tuple[Bundle, Study]):
    bundle, study = model
    trained = entry_of(bundle)
    decided = Entry(
        model=trained.model,
        kind=trained.kind,
        bundle_id=bundle.id,
        action="promoted",
        since=NOW.isoformat(),
        by="张三",
        reviewer="李四",
        reason="年度重训",
    )
    page = Page(render(study, bundle, "zh", registry=REGISTRY, history=(trained, decided)))
    record, unsigned = page.sections["sign-off"]
    assert [row[1:5] for row in record.rows[2:]] == [["启用", "张三", "李四", "年度重训"]]
    assert [row[1:] for row in unsigned.rows[1:]] == [["", "", ""]] * 3


def test_both_dossiers_are_kept_beside_the_study(model: tuple[Bundle, Study], tmp_path: Path):
    bundle, study = model
    kept = keep_dossiers(study, bundle, tmp_path, registry=REGISTRY)
    assert [path.name for path in kept] == ["dossier.zh.html", "dossier.en.html"]
    assert sorted(path.name for path in (tmp_path / bundle.id).iterdir()) == [
        "dossier.en.html",
        "dossier.zh.html",
    ]
    assert '<html lang="zh-CN">' in kept[0].read_text(encoding="utf-8")


def test_a_study_of_another_model_is_refused(model: tuple[Bundle, Study], tmp_path: Path):
    bundle, study = model
    other = replace(study, bundle_id="ab" * 32)
    with pytest.raises(StudyError, match="The study is of model abababababab, the bundle is"):
        write_dossier(other, bundle, tmp_path / "d.html", "zh", registry=REGISTRY)
    nothing = np.array([], dtype=np.int64)
    empty = replace(study, out_of_time=replace(study.out_of_time, firm=nothing))
    with pytest.raises(StudyError, match="holds 1500 rows of development and 0 later"):
        write_dossier(empty, bundle, tmp_path / "d.html", "zh", registry=REGISTRY)
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_the_model_trained_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("xinqiao.dossier.REGISTRY", REGISTRY)
    monkeypatch.setenv("XINQIAO_HOME", str(tmp_path))
    monkeypatch.setenv("XINQIAO_LANG", "en")
    assert run(monkeypatch, "dossier") == (
        1,
        "Error: No model has been trained yet. Train one with `xinqiao train`.\n",
    )
    bundle, study = make_model(shelf_at(tmp_path), 8)
    code, told = run(monkeypatch, "dossier", "--json")
    kept = tmp_path / "studies" / study.bundle_id / "dossier.en.html"
    assert (code, json.loads(told)) == (
        0,
        {"bundle_id": bundle.id, "path": str(kept), "language": "en"},
    )
    assert bundle.id in kept.read_text(encoding="utf-8")
    code, told = run(monkeypatch, "dossier", "champion")
    assert code == 1
    assert "No model serves as 'champion' yet." in told
    shutil.rmtree(tmp_path / "studies")
    code, told = run(monkeypatch, "dossier", bundle.id[:12], "--out", str(tmp_path / "x.html"))
    assert code == 1
    assert "a model without its study cannot be judged" in told
    assert not (tmp_path / "x.html").exists()
