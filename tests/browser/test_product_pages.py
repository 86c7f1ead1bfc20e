"""A product from an officer's form to the platform's review, in a real browser."""

from playwright.sync_api import expect

from tests.browser.test_page_manners import require_readable
from tests.browsing import Site, Tabs, follow
from tests.service import BANK


def test_an_officer_hands_a_product_in_and_an_operator_publishes_it(
    place: Site, tabs: Tabs
) -> None:
    place.hands.institution(BANK)
    officer = tabs.logged_in(place.member("officer", BANK), width=360)
    officer.goto("/bank/products")
    officer.fill("#code", "PAGE-LOAN")
    officer.fill("#name_zh", "页面税贷")
    officer.fill("#lender_zh", "测试银行")
    officer.fill("#when", "enterprise_age_months >= 24 months")
    officer.fill("#regions", "3713，3702")
    officer.fill("#most_amount", "300 万元")
    officer.fill("#least_rate", "4.0")
    officer.fill("#most_rate", "5.5")
    officer.fill("#most_term", "36")
    officer.check("input[name=guarantee][value=credit]")
    officer.fill("#source", "本行产品手册")
    follow(officer.locator("form[action='/bank/products'] button"))
    expect(officer.locator("h2 .tag").first).to_have_text("待审核")
    require_readable(officer, "products of a bank")
    operator = tabs.logged_in(place.member("operator"), language="en-GB")
    operator.goto("/ops/products")
    card = operator.locator("section.card", has_text="PAGE-LOAN")
    expect(card).to_contain_text("enterprise_age_months >= 24 months")
    expect(card).to_contain_text("region_code between 370200 and 370299")
    require_readable(operator, "products to review")
    card.locator("input[name=note]").fill("numbers checked")
    follow(card.locator("button[value=published]"))
    expect(operator.locator("main")).not_to_contain_text("PAGE-LOAN")
    officer.reload()
    expect(officer.locator("h2 .tag").first).to_have_text("已发布")


def test_a_rule_that_cannot_be_read_is_told_with_its_place(place: Site, tabs: Tabs) -> None:
    officer = tabs.logged_in(place.member("officer", BANK))
    officer.goto("/bank/products")
    officer.fill("#code", "BAD-LOAN")
    officer.fill("#name_zh", "错误")
    officer.fill("#lender_zh", "测试银行")
    officer.fill("#when", "tax_paid_sum_12m_cny >= 3")
    officer.fill("#most_amount", "300 万元")
    officer.check("input[name=guarantee][value=credit]")
    officer.fill("#source", "本行产品手册")
    # The refusal is a page, and the browser says so in its console.
    with officer.expect_response(lambda answer: answer.status == 422):
        officer.locator("form[action='/bank/products'] button").click()
    expect(officer.locator("main")).to_contain_text("tax_paid_sum_12m_cny 的单位是 cny")
