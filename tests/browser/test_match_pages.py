"""A firm looks for a loan in a browser: the need, what it qualifies for and why, what is missing, policies."""

from collections.abc import Generator

import pytest
from playwright.sync_api import expect

from tests.browser.test_page_manners import require_readable
from tests.browsing import Site, Tabs, follow, site
from tests.databases import Ledger
from tests.matching_town import YOUNG, put_on_shelf, settle
from tests.service import BANK


@pytest.fixture(scope="module")
def place(ledger: Ledger) -> Generator[Site]:
    addresses = ledger.clone()
    with site(addresses, before=settle) as started:
        bank = started.hands.institution(BANK)
        put_on_shelf(started.hands, bank, "AA-PLAIN")
        put_on_shelf(started.hands, bank, "AA-OLD", when="enterprise_age_months >= 24 months")
        yield started
    ledger.drop(addresses)


@pytest.mark.parametrize(
    ("width", "language", "words", "stated"),
    [
        pytest.param(360, "zh-CN", ("示例参数", "还差 19 个月", "按利率、名称排序"), ("是", "30 万元"), id="phone-zh"),
        pytest.param(1280, "en-GB", ("illustrative figures", "19 months short", "by rate, then name"), ("yes", "CNY 300,000"), id="desk-en"),
    ],
)  # fmt: skip
def test_a_firm_finds_a_loan_and_what_it_lacks(
    place: Site,
    tabs: Tabs,
    width: int,
    language: str,
    words: tuple[str, str, str],
    stated: tuple[str, str],
) -> None:
    example, short, plain = words
    tab = tabs.logged_in(
        place.member("owner", YOUNG), width=width, language=language, scripts=False
    )
    tab.goto("/me/matches")
    require_readable(tab, "the need")
    tab.fill("#amount", "50")
    tab.fill("#term_months", "12")
    tab.check("input[name=offers_guarantor]")
    tab.locator("form.card summary").click()
    tab.fill("#monthly_turnover_cny", "30")
    follow(tab.locator("main form.card button"))
    require_readable(tab, "what matches")
    card = tab.locator("section.card", has_text="AA-PLAIN")
    expect(card).to_contain_text(example)
    expect(card.locator(".brief")).to_contain_text("300.00")
    expect(card.locator("form")).not_to_be_visible()
    card.locator("summary").click()
    expect(card.locator("form")).to_be_visible()
    require_readable(tab, "what matches, unfolded")
    expect(tab.locator("section.card", has_text="AA-OLD")).to_contain_text(short)
    follow(tab.locator("form.actions button.quiet"))
    expect(tab.locator("form.actions .tag")).to_have_text(plain)
    follow(tab.locator("h3 a", has_text="AA-PLAIN"))
    require_readable(tab, "one product")
    follow(tab.locator("form[action='/me/applications'] button"))
    said = tab.locator("section", has_text="AA-PLAIN").locator("details")
    said.locator("summary").click()
    expect(said.locator("dd")).to_have_text(list(stated))
    tab.goto("/me/policies")
    require_readable(tab, "policies")
