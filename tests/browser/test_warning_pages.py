"""The officer's way with a warning: find it, see why, acknowledge, report, close – in a real browser."""

from playwright.sync_api import Page, expect

from models.signals.finding import Finding
from tests.browser.test_page_manners import require_readable
from tests.browsing import Site, Tabs, follow
from tests.consents_by_hand import grant
from tests.rated_town import Town
from tests.service import BANK, OTHER_BANK
from tests.warnings_by_hand import assessment, finding, lend, take


def warn(place: Site, firm: str, found: str, *more: Finding) -> None:
    """A running loan of the bank, and what a run found."""
    lend(place.hands, firm, f"L-{firm}")
    run = assessment(firm, found, on=place.hands.clock.now.date(), more=more)
    take(place.hands, run)


def opened(tab: Page, firm: str) -> None:
    tab.goto("/bank/alerts")
    tab.locator("tr", has_text=firm).locator("a").first.click()


def test_a_warning_from_the_list_to_its_outcome(place: Site, lawful_town: Town, tabs: Tabs) -> None:
    firm = lawful_town.usccs[8]
    warn(place, firm, "W10:O")
    place.hands.institution(OTHER_BANK)
    stranger = tabs.logged_in(place.member("officer", OTHER_BANK))
    stranger.goto("/bank/alerts")
    expect(stranger.locator("section h2")).to_have_text("没有预警")
    tab = tabs.logged_in(place.member("officer", BANK))
    opened(tab, firm)
    expect(tab.locator("h1 .tag").first).to_have_text("橙 O")
    expect(tab.locator("main")).to_contain_text("w10_value")
    tab.click("button:has-text('确认收到')")
    expect(tab.locator("h1")).to_contain_text("已确认")
    tab.fill("#text", "已实地走访，企业正常经营。")
    tab.click("button:has-text('登记')")
    expect(tab.locator(".steps")).to_contain_text("已实地走访")
    tab.goto("/bank/watch-list")
    expect(tab.locator("tbody")).to_contain_text(firm)
    opened(tab, firm)
    tab.select_option("#outcome", "false_alarm")
    tab.locator("form.card button").last.click()
    expect(tab.locator("h1")).to_contain_text("已关闭")
    expect(tab.locator("form.card")).to_have_count(0)
    operator = tabs.logged_in(place.member("operator"))
    operator.goto("/ops/alerts")
    expect(operator.locator("main")).to_contain_text("误报 1")
    expect(operator.locator("main")).not_to_contain_text(firm)


def test_what_needs_a_consent_says_which(place: Site, lawful_town: Town, tabs: Tabs) -> None:
    firm = lawful_town.usccs[9]
    warn(place, firm, "", finding("W38", "R", -0.55, "ratio"))
    tab = tabs.logged_in(place.member("officer", BANK), width=360, language="en-GB")
    opened(tab, firm)
    expect(tab.locator(".note.warn")).to_contain_text("water, power and gas")
    expect(tab.locator("main")).not_to_contain_text("down 50% to 60%")
    require_readable(tab, "a warning that is closed")
    grant(place.hands, firm, "utilities", "postloan", purpose="postloan")
    tab.reload()
    expect(tab.locator("main")).to_contain_text("down 50% to 60%")
    require_readable(tab, "a warning")
    follow(tab.locator("button:has-text('Acknowledge')"))
    require_readable(tab, "a warning to handle")
    tab.goto("/bank/alerts?level=R")
    require_readable(tab, "the list")
    tab.goto("/bank/watch-list")
    require_readable(tab, "the watch list")
    operator = tabs.logged_in(place.member("operator"), width=360)
    operator.goto("/ops/alerts")
    require_readable(operator, "the figures")


def test_an_officer_watches_a_borrower_and_stops(
    place: Site, lawful_town: Town, tabs: Tabs
) -> None:
    firm = lawful_town.usccs[10]
    lend(place.hands, firm, f"L-{firm}")
    tab = tabs.logged_in(place.member("officer", BANK))
    tab.goto("/bank/watch-list")
    tab.fill("#uscc", firm)
    tab.fill("#reason", "续贷前关注")
    tab.locator("form.card button").click()
    row = tab.locator("tr", has_text=firm)
    expect(row).to_contain_text("续贷前关注")
    row.locator("button").click()
    expect(tab.locator("main")).not_to_contain_text(firm)
