"""The owner's way: log in, rating, why, consent, who looked, take back, dispute – in a real browser."""

import json
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browsing import Site, Tabs
from tests.rated_town import Town
from tests.service import BANK

CHECKER = Path(__file__).parents[2] / "bin" / "check-audit"


def grant(tab: Page, *scopes: str, purpose: str = "apply") -> None:
    """Both steps of a consent."""
    tab.goto("/me/consents/new")
    tab.select_option("#grantee", BANK)
    tab.select_option("#purpose", purpose)
    for scope in scopes:
        tab.check(f"input[name=scope][value={scope}]")
    tab.click("form.card button")
    expect(tab.locator("main")).to_contain_text("测试农商银行")
    expect(tab.locator("main")).to_contain_text("notice-2025-1")
    for box in tab.locator("form.card input[type=checkbox]").all():
        box.check()
    tab.click("form.card button")


def ask(tab: Page, uscc: str) -> None:
    """An officer asks about a firm."""
    tab.goto("/bank")
    tab.fill("#uscc", uscc)
    tab.click("form.card button")


def points(tab: Page) -> list[int]:
    """The column of the sum, from the base down to the score."""
    texts = tab.locator("table.sum tbody td.right").all_inner_texts()
    return [int(text.replace("−", "-")) for text in texts]


def test_the_whole_way(place: Site, lawful_town: Town, tabs: Tabs, tmp_path: Path) -> None:
    firm = lawful_town.usccs[0]
    tab = tabs.logged_in(place.member("owner", firm))
    expect(tab.locator("h2")).to_have_text("还没有评级")
    tab.click("main button")
    # The printed column adds up to the printed score, and every bar is on its number's side.
    *parts, score = points(tab)
    assert sum(parts) == score
    assert tab.locator(".grade .points").inner_text() == str(score)
    signs = [number for number in parts[1:] if number]
    bars = [one.get_attribute("class") for one in tab.locator("table.sum rect").all()]
    assert len(bars) == len(parts) - 1
    assert [one == "plus" for one in bars if one] == [number >= 0 for number in parts[1:]]
    assert signs, "a score that nothing moves explains nothing"
    expect(tab.locator("#portrait")).to_be_visible()

    officer = tabs.logged_in(place.member("officer", BANK))
    ask(officer, firm)
    expect(officer.locator("h1")).to_contain_text("授权")
    grant(tab, "tax", "invoice")
    expect(tab.locator("h1 .tag")).to_have_text("有效")
    ask(officer, firm)
    expect(officer.locator("h2#grade")).to_be_visible()
    given = officer.url

    place.seal()
    tab.goto("/me/reads")
    expect(tab.locator("tbody tr").first).to_contain_text("测试农商银行")
    expect(tab.locator("tbody tr").last).to_contain_text("已拒绝")
    with tab.expect_download() as download:
        tab.locator("tbody a", has_text="下载").first.click()
    proof = tmp_path / "proof.json"
    download.value.save_as(proof)
    key = json.loads(proof.read_text("utf-8"))["keys"][0]["key_id"]
    checked = subprocess.run(
        [sys.executable, str(CHECKER), str(proof), "--key", key], capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    tab.locator("tbody a", has_text="看它得到的评级").first.click()
    expect(tab.locator(".note").first).to_contain_text("测试农商银行")

    tab.goto("/me/consents")
    tab.click("a[href$='/revoke']")
    tab.click("button.danger")
    expect(tab.locator("h1 .tag")).to_have_text("已撤回")
    officer.goto(given)
    expect(officer.locator("main")).to_contain_text("企业尚未授权")
    ask(officer, firm)
    expect(officer.locator("main")).to_contain_text("企业尚未授权")


def test_a_record_is_disputed_and_both_sides_see_it(
    place: Site, lawful_town: Town, tabs: Tabs
) -> None:
    tab = tabs.logged_in(place.member("owner", lawful_town.usccs[1]))
    tab.goto("/me/disputes")
    expect(tab.locator("h3").first).to_have_text("没有案件")
    tab.locator("a.tick").first.click()
    tab.locator("main .actions a").first.click()
    tab.fill("#text", "这不是我们的记录。")
    tab.locator("main button").first.click()
    expect(tab.locator("h1")).to_contain_text("已收到")
    expect(tab.locator("main")).to_contain_text("转交省级节点")
    case = tab.locator(".lead .code").inner_text()
    tab.goto("/me/disputes")
    tab.locator("a.tick").first.click()
    expect(tab.locator("section.card .tag", has_text="异议中")).to_have_count(1)

    operator = tabs.logged_in(place.member("operator"))
    operator.click(f"a[href$='{case}']")
    expect(operator.locator("main")).to_contain_text("这不是我们的记录。")
    operator.click("button:has-text('受理')")
    expect(operator.locator("h1")).to_contain_text("已受理")
    operator.fill("#forward-reference", "省〔2026〕1号")
    operator.click("button:has-text('转交')")
    expect(operator.locator("h1")).to_contain_text("已转交")
    tab.goto(f"/me/cases/dispute/{case}")
    tab.click("button:has-text('撤回')")
    expect(tab.locator("h1")).to_contain_text("已撤回")


def test_a_statement_stands_beside_a_record_until_it_is_taken_back(
    place: Site, lawful_town: Town, tabs: Tabs
) -> None:
    tab = tabs.logged_in(place.member("owner", lawful_town.usccs[2]))
    tab.goto("/me/disputes")
    tab.locator("a.tick").first.click()
    tab.locator("main .actions a").first.click()
    tab.fill("#statement", "款项已结清。")
    tab.locator("main button").last.click()
    expect(tab.locator(".note")).to_contain_text("款项已结清。")
    tab.click(".note button")
    expect(tab.locator(".note")).to_have_count(0)


def test_an_objection_to_the_rating_goes_to_a_person(
    place: Site, lawful_town: Town, tabs: Tabs
) -> None:
    tab = tabs.logged_in(place.member("owner", lawful_town.usccs[3]))
    tab.click("main button")
    tab.click("a[href$='/review']")
    tab.fill("#text", "未考虑季节性停产。")
    tab.click("main button")
    expect(tab.locator("h1")).to_contain_text("评级人工复核")
    expect(tab.locator("main")).to_contain_text("核查并书面答复")


def test_a_consent_is_narrowed_and_what_is_separate_is_asked_separately(
    place: Site, lawful_town: Town, tabs: Tabs
) -> None:
    tab = tabs.logged_in(place.member("owner", lawful_town.usccs[4]))
    grant(tab, "tax", "invoice", "raw")
    tab.uncheck("input[value=raw]")
    tab.click("button:has-text('缩小授权')")
    expect(tab.locator(".steps li")).to_have_count(2)
    expect(tab.locator("input[value=raw]")).to_have_count(0)
    # A second one for the same institution and purpose is refused in words.
    grant(tab, "loan")
    expect(tab.locator("main")).to_contain_text("仍有效")


def test_who_holds_two_roles_chooses_and_who_types_wrong_is_told(
    place: Site, lawful_town: Town, tabs: Tabs
) -> None:
    login = place.member("owner", lawful_town.usccs[5])
    place.also(login, "operator")
    tab = tabs.logged_in(login)
    expect(tab.locator("[role=alert]")).to_contain_text("多个身份")
    tab.check("input[value='operator/']")
    tab.fill("#password", "not the password")
    tab.click("main button")
    expect(tab.locator("[role=alert]")).to_contain_text("登录名或密码错误")
    tab.goto("/me/consents")
    expect(tab.locator("main")).to_contain_text("请先登录")
    tab = tabs.logged_in(login)
    tab.check("input[value='operator/']")
    tab.fill("#password", "a fine long phrase")
    tab.click("main button")
    expect(tab.locator("h1")).to_have_text("运营台")
    tab.click("header button")
    expect(tab.locator("header")).to_contain_text("登录")
    tab.goto("/ops")
    assert tab.locator("#password").is_visible()


def test_without_a_certified_name_the_page_says_what_to_do(
    place: Site, lawful_town: Town, tabs: Tabs
) -> None:
    tab = tabs.logged_in(place.member("owner", lawful_town.usccs[6], level=0))
    tab.goto("/me/consents/new")
    expect(tab.locator("main")).to_contain_text("请先完成实名认证")
    expect(tab.locator("select")).to_have_count(0)


def test_an_operator_suspends_an_institution_and_its_officer_is_out(
    place: Site, tabs: Tabs
) -> None:
    other = place.hands.institution("91370000MA3BANK02X")
    officer = tabs.logged_in(place.member("officer", other))
    expect(officer.locator("h1")).to_have_text("评级查询")
    operator = tabs.logged_in(place.member("operator"))
    card = operator.locator("section.card", has_text=other)
    card.locator("summary").click()
    card.locator(f"#reason-{other}").fill("查询异常")
    card.locator("button", has_text="暂停").click()
    expect(operator.locator("section.card", has_text=other)).to_contain_text("已暂停")
    officer.goto("/bank")
    assert officer.locator("#password").is_visible()
