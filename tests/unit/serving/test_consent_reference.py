"""The reference page says what the catalogue, the rules and the notice say."""

from pathlib import Path

from features.contracts import load_catalogue
from serving.consent.notices import load_notices
from serving.consent.reference import scopes_page
from serving.consent.rules import known_scopes, load_rules

PAGE = Path(__file__).parents[3] / "docs/reference/consent-scopes.md"


def test_the_page_of_scopes_is_what_the_yaml_says() -> None:
    page = scopes_page(load_catalogue(), load_rules()[-1], load_notices()[-1])
    assert PAGE.read_text(encoding="utf-8") == page, "run `make docs`"
    assert all(f"## `{scope}`" in page for scope in known_scopes())
