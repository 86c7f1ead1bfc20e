"""The documents say what the code does: generated pages, commands, settings, links."""

import re
import sys
from pathlib import Path

import pytest

from benchmarks import pages
from features.definitions import REGISTRY
from models.reasons import check_reasons, load_reasons
from models.reference import reasons_page
from serving.alerts.reference import alerts_page
from serving.disputes.reference import cases_page
from serving.reports.reference import sections_page
from serving.reports.sections import load_layout
from xinqiao.app import main

ROOT = Path(__file__).parents[2]
READMES = ("README.md", "README.zh.md")
COMMAND = re.compile(r"^bin/xinqiao ([a-z-]+)(?: ([a-z0-9-]+))?", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def test_the_reasons_page_is_what_the_yaml_says() -> None:
    committed = (ROOT / "docs/reference/reasons.md").read_text(encoding="utf-8")
    assert committed == reasons_page(load_reasons()), "run `make docs`"


def test_the_page_of_cases_is_what_the_tables_say() -> None:
    committed = (ROOT / "docs/reference/cases.md").read_text(encoding="utf-8")
    assert committed == cases_page(), "run `make docs`"


def test_the_page_of_alerts_is_what_the_tables_say() -> None:
    committed = (ROOT / "docs/reference/alerts.md").read_text(encoding="utf-8")
    assert committed == alerts_page(), "run `make docs`"


def test_the_page_of_report_sections_is_what_the_yaml_says() -> None:
    committed = (ROOT / "docs/reference/report-sections.md").read_text(encoding="utf-8")
    assert committed == sections_page(load_layout()), "run `make docs`"


def test_reasons_and_features_know_each_other() -> None:
    assert check_reasons(load_reasons(), REGISTRY) == []


def test_figures_come_from_the_results_file() -> None:
    assert pages.main(["--check"]) == 0, "run `make docs`"


def test_every_setting_has_its_heading() -> None:
    code = (ROOT / "xinqiao/settings.py").read_text(encoding="utf-8")
    settings = set(re.findall(r"XINQIAO_[A-Z_]*[A-Z]", code))
    page = (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8")
    assert settings
    assert {name for name in settings if f"## `{name}`" in page} == settings


@pytest.mark.parametrize("readme", READMES)
def test_every_command_of_the_readme_exists(
    readme: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    verbs = set(COMMAND.findall((ROOT / readme).read_text(encoding="utf-8")))
    assert len(verbs) >= 6
    groups = {
        "audit",
        "catalogue",
        "consent",
        "database",
        "declare",
        "features",
        "lake",
        "loans",
        "people",
        "train",
    }
    for verb, second in verbs:
        path = [verb, second] if verb in groups or second == "rejects" else [verb]
        monkeypatch.setattr(sys, "argv", ["xinqiao", *path, "--help"])
        with pytest.raises(SystemExit, match="0"):
            main()
        assert "Example" in capsys.readouterr().out


def test_every_link_leads_somewhere() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    for document in documents:
        for target in LINK.findall(document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_every_dependency_is_argued() -> None:
    page = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    for group in ("run", "dev", "peers", "spark"):
        lines = (ROOT / f"requirements/{group}.in").read_text(encoding="utf-8").splitlines()
        names = {re.split(r"[<>=\[]", line)[0] for line in lines if line[:1].isalpha()}
        assert names
        assert {name for name in names if name in page} == names
