"""An application from both sides, in a real browser: who asks, what is open, the answer and the reason."""

from playwright.sync_api import expect

from tests.applying import apply_by_hand, offer
from tests.browser.test_page_manners import require_readable
from tests.browsing import Site, Tabs, follow
from tests.consents_by_hand import grant
from tests.rated_town import Town
from tests.service import BANK, OTHER_BANK


def test_an_officer_contacts_and_grants_and_the_firm_sees_it(
    place: Site, lawful_town: Town, tabs: Tabs
) -> None:
    firm = lawful_town.usccs[11]
    code = offer(place.hands, place.hands.institution(BANK), "TOWN-GRANT")
    place.hands.institution(OTHER_BANK)
    apply_by_hand(place.hands, firm, BANK, code, "grant", code)
    stranger = tabs.logged_in(place.member("officer", OTHER_BANK))
    stranger.goto("/bank/applications")
    expect(stranger.locator("section h2")).to_have_text("没有申请")
    tab = tabs.logged_in(place.member("officer", BANK))
    tab.goto("/bank/applications")
    tab.locator("tr", has_text=firm).locator("a").first.click()
    expect(tab.locator("h1")).to_contain_text("待联系")
    expect(tab.locator("main")).to_contain_text("尚未授权")
    word = tab.locator("section", has_text="企业自述")
    expect(word).to_contain_text("授权后可见")
    expect(word).not_to_contain_text("可提供保证人")
    grant(place.hands, firm, "tax")
    tab.reload()
    expect(word.locator(".tag")).to_have_text("未经核实")
    expect(word.locator("div", has_text="可提供保证人").locator("dd")).to_have_text("是")
    follow(tab.locator("button:has-text('查询该企业评级')"))
    expect(tab.locator("main")).to_contain_text(firm)
    tab.go_back()
    follow(tab.locator("button:has-text('已联系企业')"))
    expect(tab.locator("h1")).to_contain_text("已联系")
    tab.fill("#amount_cny", "400000")
    tab.fill("#rate_percent", "4.35")
    follow(tab.locator("button:has-text('同意授信')"))
    expect(tab.locator("h1")).to_contain_text("已授信")
    tab.goto("/bank/applications?state=revisit")
    follow(tab.locator("tr", has_text=firm).locator("a").first)
    require_readable(tab, "an application to revisit")
    tab.locator("select[name=outcome]").select_option("needs_more")
    tab.locator("select[name=satisfaction]").select_option("4")
    tab.fill("textarea[name=text]", "企业计划扩建二号车间。")
    follow(tab.locator("button:has-text('登记回访结果')"))
    expect(tab.locator("ol.steps")).to_contain_text("企业计划扩建二号车间。")
    expect(tab.locator("main")).to_contain_text("有新的融资需求 · 满意度 4/5")
    expect(tab.locator("form.card")).to_have_count(0)
    owner = tabs.logged_in(place.member("owner", firm))
    owner.goto("/me/applications")
    card = owner.locator("section", has_text=f"测试贷{code}")
    expect(card).to_contain_text("40.00 万元 · 4.35%")
    expect(card).to_contain_text("有新的融资需求")
    expect(card.locator("button")).to_have_count(0)
    # There is one consent for a purpose at a time, which is said before anything is chosen or read.
    owner.goto(f"/me/consents/new?grantee={BANK}&scope=invoice")
    expect(owner.locator(".note")).to_contain_text("同一用途只能有一项")
    expect(owner.locator("#grantee")).to_have_value(BANK)
    marked = owner.locator("label", has_text="申请的产品会查看")
    expect(marked).to_have_count(1)
    expect(marked.locator("input[value=invoice]")).not_to_be_checked()


def test_a_firm_sees_what_is_closed_withdraws_and_is_told_why_not(
    place: Site, lawful_town: Town, tabs: Tabs
) -> None:
    firm = lawful_town.usccs[12]
    hands = place.hands
    first, second = (
        offer(hands, hands.institution(BANK), code) for code in ("TOWN-BACK", "TOWN-NO")
    )
    apply_by_hand(hands, firm, BANK, first, "back", first)
    declined = apply_by_hand(hands, firm, BANK, second, "no", second)["application"]
    granted = apply_by_hand(hands, firm, BANK, second, "yes")["application"]
    hands.sql(
        "UPDATE application SET state = 'granted', contact_by = NULL, decide_by = NULL, amount_fen = 1234567800,"
        " rate_percent = 4.35, term_months = 12, revisit_by = applied_at WHERE application_id = %(id)s",
        id=granted,
    )
    tab = tabs.logged_in(place.member("owner", firm), width=360, language="en-GB")
    tab.goto("/me/applications")
    card = tab.locator("section", has_text=f"test loan {first}")
    expect(card.locator(".note")).to_contain_text("tax")
    asking = card.locator(".note a").get_attribute("href")
    assert asking == f"/me/consents/new?grantee={BANK}&scope=tax"
    require_readable(tab, "applications")
    follow(card.locator("button"))
    expect(tab.locator("section", has_text=f"test loan {first}")).to_contain_text("withdrawn")
    officer = tabs.logged_in(place.member("officer", BANK), width=360, language="en-GB")
    officer.goto(f"/bank/applications/{declined}")
    require_readable(officer, "an application to answer")
    officer.select_option("#reason", "repayment_ability")
    follow(officer.locator("button:has-text('Decline')"))
    require_readable(officer, "an answered application")
    tab.reload()
    expect(tab.locator("main")).to_contain_text("income does not cover the payments")
    operator = tabs.logged_in(place.member("operator"), width=360)
    operator.goto("/ops/applications")
    require_readable(operator, "late applications and revisits")
    reported = operator.locator("form.card", has_text=granted)
    follow(reported.locator("button"))
    expect(reported).to_have_count(0)
