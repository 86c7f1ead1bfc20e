"""The owner's tags: why each is there, removed, restored and contested – in a real browser without scripts."""

from playwright.sync_api import Page, expect

from tests.browser.test_page_manners import reach, require_readable
from tests.browsing import Site, Tabs, follow
from tests.rated_town import Town


def _card(tab: Page, tag: str) -> str:
    """The card of one tag, opened if it is folded away."""
    folded = tab.locator(f"details.card:has(#{tag}):not([open]) > summary")
    if folded.count():
        folded.click()
    return f"#{tag}"


def test_a_tag_is_explained_declared_removed_and_contested(
    place: Site, lawful_town: Town, tabs: Tabs
) -> None:
    tab = tabs.logged_in(place.member("owner", lawful_town.usccs[10]), width=360, scripts=False)
    follow(tab.locator("nav a[href='/me/tags']"))
    expect(tab.locator("h1")).to_have_text("我的标签")
    card = _card(tab, "new_citizen")
    follow(tab.locator(card).get_by_role("button", name="申报"))
    expect(tab.locator(f"{card} h3")).to_contain_text("具备")
    follow(tab.locator(card).get_by_role("button", name="移除"))
    card = _card(tab, "new_citizen")
    expect(tab.locator(f"{card} h3")).to_contain_text("已移除")
    follow(tab.locator(card).get_by_role("button", name="恢复"))
    expect(tab.locator(f"{card} h3")).not_to_contain_text("已移除")

    tab.locator(card).get_by_text("提出异议", exact=True).click()
    tab.fill("#text-new_citizen", "并非新市民。")
    follow(tab.locator(card).get_by_role("button", name="提交异议"))
    expect(tab.locator(f"{card} h3")).to_contain_text("异议处理中")
    expect(tab.locator(f"{card} textarea")).to_have_count(0)

    # Folded away is what the firm has not; each says what was asked, and what is on record of it.
    card = _card(tab, "collateral")
    tab.locator(f"{card} summary", has_text="为什么").click()
    expect(tab.locator(f"{card} dt").first).to_have_text("无抵押、无查封的不动产数")
    require_readable(tab, "tags")
    tab.goto("/me/tags?lang=en")
    expect(tab.locator("h1")).to_have_text("My tags")
    require_readable(tab, "tags in English")

    # The platform answers by keyboard alone, on a telephone and in English; the firm reads why.
    desk = tabs.logged_in(place.member("operator"), width=360, language="en-GB", scripts=False)
    follow(desk.locator("nav a[href='/ops/tags']"))
    expect(desk.locator("main section")).to_contain_text(["并非新市民。"])
    require_readable(desk, "contested tags")
    reach(desk, "main section h2 a")
    with desk.expect_navigation():
        desk.keyboard.press("Enter")
    expect(desk.locator("h1")).to_have_text("founded by a new resident contested")
    expect(desk.locator("dl.facts")).to_contain_text("2026-11-20")
    require_readable(desk, "a contest")
    reach(desk, "#answer_zh")
    desk.keyboard.type("经核实，异议成立。")
    reach(desk, "button[value=upheld]")
    with desk.expect_navigation():
        desk.keyboard.press("Enter")
    expect(desk.locator(".empty")).to_contain_text("No contest waits")
    tab.goto("/me/tags?lang=zh")
    card = _card(tab, "new_citizen")
    expect(tab.locator(f"{card} h3")).to_contain_text("异议成立")
    expect(tab.locator(f"{card} .note")).to_contain_text("经核实，异议成立。")
