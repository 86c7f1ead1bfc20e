"""The documents say what the code does: generated pages, commands, settings, links."""

import re
import sys
from pathlib import Path

import pytest

from benchmarks import pages
from features.definitions import REGISTRY
from models.channels.book import load_channels
from models.policies.book import load_policies
from models.policies.reference import policies_page
from models.products.base import base_rule
from models.products.book import load_products, standing
from models.products.reference import products_page
from models.products.shelf import Shelf
from models.products.terms import TermsTable
from models.reasons import check_reasons, load_reasons
from models.reference import reasons_page
from serving.alerts.reference import alerts_page
from serving.disputes.reference import cases_page
from serving.reports.reference import sections_page
from serving.reports.sections import load_layout
from tests.product_world import DAY, vocabulary
from xinqiao.app import main

ROOT = Path(__file__).parents[2]
READMES = ("README.md", "README.zh.md")
COMMAND = re.compile(r"^bin/xinqiao ([a-z-]+)(?: ([a-z0-9-]+))?", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def test_the_reasons_page_is_what_the_yaml_says() -> None:
    committed = (ROOT / "docs/reference/reasons.md").read_text(encoding="utf-8")
    assert committed == reasons_page(load_reasons()), "run `make docs`"


def test_the_pages_of_products_and_policies_are_what_the_yaml_says() -> None:
    pages = {
        "products.md": products_page(load_products(), load_channels(), DAY),
        "policies.md": policies_page(load_policies(), DAY),
    }
    for name, page in pages.items():
        committed = (ROOT / "docs/reference" / name).read_text(encoding="utf-8")
        assert committed == page, "run `make docs`"
        assert page.count("\n## ") > 20


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


def test_the_product_of_the_how_to_compiles(tmp_path: Path) -> None:
    page = (ROOT / "docs/how-to/publish-a-product.md").read_text(encoding="utf-8")
    (tmp_path / "own.yaml").write_text(page.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    entries = load_products(tmp_path)
    day = entries[0].versions[0].valid_from
    assert len(Shelf.of(entries, vocabulary(), day, base_rule(day))) == 1
    found = TermsTable.of(standing(entries, day), vocabulary(), day)
    given = {"sales_amount_sum_12m_cny": 3e6, "offers_guarantor": 0, "grade_rank": 6}
    # A fifth of 3 million is under the million without a guarantor; grade B is the weakest it takes.
    offers = found.offers(given)
    assert (offers.limit_cny[0], offers.rate_percent[0]) == (600_000, 5.0)
