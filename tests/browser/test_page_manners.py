"""What holds for every page: it fits a telephone, can be read, works by keyboard and without scripts."""

import itertools
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browsing import PASSWORD, Site, Tabs, follow
from tests.rated_town import Town

PUBLIC = ("/", "/how", "/login", "/nowhere")
OWNER = (
    "/me",
    "/me/reads?own=true",
    "/me/consents",
    "/me/consents/new",
    "/me/disputes",
    "/me/tags",
    "/me/applications",
    "/me/matches",
    "/me/policies",
    "/me/way-up",
)
OFFICER = (
    "/bank",
    "/bank/alerts",
    "/bank/watch-list",
    "/bank/portfolio",
    "/bank/applications",
    "/bank/loans",
    "/bank/products",
)
OPERATOR = ("/ops", "/ops/alerts", "/ops/applications", "/ops/products", "/ops/tags")

#: Every piece of text with its colour, the first colour behind it, and whether it counts as large.
TEXTS = """() => {
  const seen = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement, text = walker.currentNode.data.trim();
    if (!text || !element.checkVisibility() || element.closest('.skip')) continue;
    let behind = element;
    while (behind && getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;
    const style = getComputedStyle(element), size = parseFloat(style.fontSize);
    seen.push({text, ink: style.color, ground: behind ? getComputedStyle(behind).backgroundColor : 'rgb(255, 255, 255)',
               large: size >= 24 || (size >= 18.66 && +style.fontWeight >= 700)});
  }
  return seen;
}"""
#: Fields that a screen reader could not name, ids given twice, pictures without words.
UNNAMED = """() => [
  ...[...document.querySelectorAll('input:not([type=hidden]), select, textarea')].filter(one => !one.labels.length),
  ...[...document.querySelectorAll('[id]')].filter(one => document.querySelectorAll('#' + CSS.escape(one.id)).length > 1),
  ...[...document.querySelectorAll('img:not([alt]), svg:not([aria-hidden])')],
  ...[...document.querySelectorAll('a, button')].filter(one => !one.textContent.trim() && !one.querySelector('[alt]')),
].map(one => one.outerHTML.slice(0, 120))"""


def luminance(colour: str) -> float:
    """WCAG 2.2 relative luminance of `rgb(r, g, b)`."""
    parts = colour.removeprefix("rgb(").removesuffix(")").split(",")
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (float(part) / 255 for part in parts)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(ink: str, ground: str) -> float:
    """From 1, the same, to 21, black on white."""
    dark, light = sorted((luminance(ink), luminance(ground)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_reckoned_right() -> None:
    # White on black is (1 + 0.05) / (0 + 0.05) = 21; #767676 is the lightest grey that passes on white.
    assert contrast("rgb(0, 0, 0)", "rgb(255, 255, 255)") == pytest.approx(21)
    assert contrast("rgb(118, 118, 118)", "rgb(255, 255, 255)") == pytest.approx(4.54, abs=0.005)


def require_readable(tab: Page, told: str) -> None:
    """Fit, contrast, names and headings of the page that is open."""
    wide: Any = tab.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert wide <= 0, f"{told} is {wide} px too wide"
    texts: Any = tab.evaluate(TEXTS)
    assert texts, told
    faint = [
        (one["text"], one["ink"], one["ground"])
        for one in texts
        if contrast(one["ink"], one["ground"]) < (3 if one["large"] else 4.5)
    ]
    assert not faint, f"{told}: {faint}"
    assert tab.evaluate(UNNAMED) == [], told
    assert tab.locator("h1").count() == 1, told


@pytest.fixture(scope="module")
def logins(place: Site, lawful_town: Town) -> dict[str, str]:
    return {
        "owner": place.member("owner", lawful_town.usccs[0]),
        "officer": place.member("officer", place.hands.institution()),
        "operator": place.member("operator"),
    }


@pytest.mark.parametrize(
    ("width", "language", "size"),
    [(360, "zh-CN", "normal"), (360, "en-GB", "large"), (1280, "zh-CN", "normal")],
)
def test_every_page_fits_and_can_be_read(
    place: Site, logins: dict[str, str], tabs: Tabs, width: int, language: str, size: str
) -> None:
    del place
    pages = {"": PUBLIC, "owner": OWNER, "officer": OFFICER, "operator": OPERATOR}
    for role, paths in pages.items():
        how: dict[str, Any] = {"width": width, "language": language}
        tab = tabs.logged_in(logins[role], **how) if role else tabs.tab(**how)
        if role == "owner" and tab.locator("table.sum").count() == 0:
            require_readable(tab, "no rating yet")
            follow(tab.locator("main button").first)
        tab.goto(f"/?size={size}")
        for path in paths:
            tab.goto(path)
            spoken = tab.locator("html").get_attribute("lang")
            assert spoken == ("zh-CN" if language == "zh-CN" else "en"), path
            assert tab.locator("html.large").count() == (size == "large")
            require_readable(tab, f"{path} at {width} px in {language}, {size}")


def test_the_deeper_pages_fit_a_telephone(place: Site, lawful_town: Town, tabs: Tabs) -> None:
    tab = tabs.logged_in(place.member("owner", lawful_town.usccs[1]), width=360)
    tab.goto(
        "/me/consents/confirm?grantee=platform&purpose=modelling&scope=tax&scope=joint_model&until=2026-12-31"
    )
    require_readable(tab, "notice")
    for box in tab.locator("form.card input[type=checkbox]").all():
        box.check()
    follow(tab.locator("form.card button").first)
    require_readable(tab, "consent")
    follow(tab.locator("a[href$='/revoke']").first)
    require_readable(tab, "take back")
    tab.goto("/me/disputes")
    for address in [one.get_attribute("href") for one in tab.locator("a.tick").all()[::6]]:
        tab.goto(str(address))
        require_readable(tab, str(address))
    follow(tab.locator("main .actions a").first)
    require_readable(tab, "dispute")
    tab.fill("#text", "请核实。")
    follow(tab.locator("main button").first)
    require_readable(tab, "case")


def test_a_change_of_language_is_kept(place: Site, logins: dict[str, str], tabs: Tabs) -> None:
    del place
    tab = tabs.logged_in(logins["owner"])
    tab.click("header a[hreflang=en]")
    expect(tab.locator("html")).to_have_attribute("lang", "en")
    tab.click("nav a[href='/me/consents']")
    expect(tab.locator("h1")).to_have_text("My consents")
    tab.goto("/me/consents/none")
    expect(tab.locator("h1")).to_contain_text("no such thing")
    tab.goto("/problems")
    expect(tab.locator("html")).to_have_attribute("lang", "en")


def test_nothing_is_there_yet_and_the_pages_say_so(
    place: Site, lawful_town: Town, tabs: Tabs
) -> None:
    tab = tabs.logged_in(place.member("owner", lawful_town.usccs[7]))
    told = {
        "/me": "还没有评级",
        "/me/reads": "还没有人查过",
        "/me/consents": "没有有效的授权",
        "/me/disputes": "没有案件",
    }
    for path, words in told.items():
        tab.goto(path)
        expect(tab.locator(".empty").first).to_contain_text(words)
    stranger = tabs.logged_in(place.member("owner", "91371399MA9999990X"))
    stranger.goto("/me/disputes")
    expect(stranger.locator(".empty").last).to_contain_text("没有记录")
    stranger.goto("/me")
    stranger.click("main button")
    expect(stranger.locator("main")).to_contain_text("没有该统一社会信用代码的企业")


def test_the_keyboard_alone_is_enough(place: Site, lawful_town: Town, tabs: Tabs) -> None:
    tab = tabs.tab()
    tab.goto("/")
    tab.keyboard.press("Tab")
    expect(tab.locator(":focus")).to_have_text("跳到正文")
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "main"
    reach(tab, "a[href='/login']")
    tab.keyboard.press("Enter")
    reach(tab, "#login")
    tab.keyboard.type(place.member("owner", lawful_town.usccs[8]))
    tab.keyboard.press("Tab")
    tab.keyboard.type(PASSWORD)
    tab.keyboard.press("Enter")
    reach(tab, "main button")
    tab.keyboard.press("Enter")
    expect(tab.locator("#grade")).to_be_visible()
    reach(tab, "nav a[href='/me/consents']")
    tab.keyboard.press("Enter")
    reach(tab, "a[href='/me/consents/new']")
    tab.keyboard.press("Enter")
    reach(tab, "#grantee")
    tab.keyboard.press("End")  # the platform, for research: the last of each
    reach(tab, "#purpose")
    tab.keyboard.press("End")
    reach(tab, "input[value=tax]")
    tab.keyboard.press("Space")
    reach(tab, "form.card button")
    tab.keyboard.press("Enter")
    reach(tab, "input[name=has_read]")
    tab.keyboard.press("Space")
    reach(tab, "form.card button")
    tab.keyboard.press("Enter")
    expect(tab.locator("h1 .tag")).to_have_text("有效")


def reach(tab: Page, selector: str) -> None:
    """Press Tab until the focus is there, and see that it shows."""
    tab.wait_for_selector(selector)
    for _ in itertools.repeat(None, 80):
        if tab.evaluate("s => document.activeElement.matches(s)", selector):
            break
        tab.keyboard.press("Tab")
    else:
        pytest.fail(f"{selector} is not reached by the keyboard")
    width = tab.evaluate("parseFloat(getComputedStyle(document.activeElement).outlineWidth)")
    assert width >= 2, f"{selector} does not show the focus"


def test_scripts_are_not_needed(place: Site, lawful_town: Town, tabs: Tabs) -> None:
    tab = tabs.logged_in(place.member("owner", lawful_town.usccs[9]), scripts=False)
    follow(tab.locator("main button").first)
    assert tab.locator("table.sum").count() == 1
    tab.goto("/me/consents/new")
    tab.select_option("#grantee", "platform")
    tab.select_option("#purpose", "research")
    tab.check("input[value=tax]")
    follow(tab.locator("form.card button").first)
    tab.check("input[name=has_read]")
    follow(tab.locator("form.card button").first)
    expect(tab.locator("h1 .tag")).to_have_text("有效")
    tab.goto("/how")
    assert tab.locator("script").count() == 0
    tab.locator("summary").first.click()
    assert tab.locator("details[open] li").count() > 0


def test_another_sites_form_changes_nothing(
    place: Site, logins: dict[str, str], tabs: Tabs
) -> None:
    del place
    tab = tabs.logged_in(logins["owner"])
    answer = tab.request.post(
        "/me/ratings", headers={"Sec-Fetch-Site": "cross-site", "Accept": "text/html"}
    )
    assert answer.status == 403
    assert "不是从本站页面发出的" in answer.text()
