"""Billing in a real browser: the whole way through the stand-in's pages, and each state."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from sandbox.stripe.server import Stripe

from . import checks
from .conftest import Site

pytestmark = pytest.mark.browser
HOME = "/account/billing/"
SHAPES = {"dark": {"width": 1280, "height": 900}, "light": {"width": 390, "height": 844}}


@pytest.fixture(scope="module")
def stand_in(site: Site) -> Iterator[Stripe]:
    """A stand-in for Stripe, whose webhooks go to the site."""
    made = Stripe()
    made.sender.target = f"{site.address}/stripe/webhook/"
    yield made
    made.close()


@pytest.fixture
def till(site: Site, stand_in: Stripe) -> Iterator[Stripe]:
    """The stand-in while the site sells through it."""
    stand_in.received.clear()
    site.sell(
        STRIPE_API_BASE=stand_in.address,
        STRIPE_SECRET_KEY=stand_in.key,
        STRIPE_WEBHOOK_SECRET=stand_in.webhook_secret,
    )
    until = time.monotonic() + 20
    while not any("portal/configurations" in one.path for one in stand_in.received):
        assert time.monotonic() < until
        time.sleep(0.05)
    yield stand_in
    site.sell()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(reduced_motion="reduce")
    yield made
    made.close()


def sound(page: Page) -> None:
    """Assert what holds for every page, on a dark desk and on a light phone."""
    for theme, shape in SHAPES.items():
        page.set_viewport_size(shape)
        page.emulate_media(color_scheme=theme)
        assert checks.axe_faults(page) == []
        assert page.evaluate(checks.SMALL_TEXT) == []
        assert page.evaluate(checks.SMALL_TARGETS) == []
    assert page.evaluate("() => pulseViolations") == []
    assert page.evaluate(checks.OVERFLOW) <= 0


def told(page: Page, site: Site, text: str, within_s: float = 10.0) -> None:
    """Let the worker work until the page shows a text by itself."""
    until = time.monotonic() + within_s
    while text not in page.locator("main").inner_text() and time.monotonic() < until:
        site.do_promised()
        page.wait_for_timeout(200)
    assert text in page.locator("main").inner_text()


def test_from_the_plans_through_stripes_page_to_an_open_tool(context, site, till):
    site.sign_in(context, "buyer")
    watched = checks.Watched(context, site.address)
    page = watched.page
    response = watched.visit("/pricing/?billing=yearly")
    assert checks.policy_of(response) == {
        **checks.POLICY,
        "form-action": "'self' https://checkout.stripe.com https://billing.stripe.com "
        + till.address,
    }
    assert "Practice payments" in page.locator("main").inner_text()
    sound(page)
    page.get_by_role("link", name="Monthly").click()
    page.get_by_role("button", name="Subscribe to Pro", exact=True).click()
    page.wait_for_url(f"{till.address}/c/pay/**")
    assert checks.axe_faults(page) == []
    page.get_by_label("4000 0000 0000 0002").check()
    page.get_by_role("button", name="Pay").click()
    assert "The card was declined" in page.get_by_role("status").inner_text()
    page.get_by_label("4242 4242 4242 4242").check()
    page.get_by_role("button", name="Pay").click()
    page.wait_for_url("**/account/billing/return/")
    sound(page)
    told(page, site, "Your account is on Pro.")
    assert checks.axe_faults(page) == []
    page.get_by_role("link", name="Open the tools").click()
    page.goto(f"{site.address}/account/")
    assert "Tools 1 to 30" in page.locator("main").inner_text()
    watched.visit(HOME)
    text = page.locator("main").inner_text()
    assert "$99.00 a month" in text
    assert "Renews" in text
    sound(page)
    page.get_by_role("button", name="Manage at Stripe").click()
    page.wait_for_url(f"{till.address}/p/session/**")
    assert checks.axe_faults(page) == []
    page.get_by_role("button", name="Cancel at the period's end").click()
    page.get_by_role("link", name="Back to Pulse").click()
    page.wait_for_url(f"**{HOME}")
    until = time.monotonic() + 8
    while "then Free" not in page.locator("main").inner_text() and time.monotonic() < until:
        site.do_promised()
        page.wait_for_timeout(200)
        page.reload()
    assert "then Free" in page.locator("main").inner_text()
    watched.visit("/pricing/")
    assert page.get_by_role("button", name="Manage your plan").count() == 1
    assert page.get_by_role("button", name="Change to Pro+").count() == 1
    assert page.get_by_role("button", name="Switch to").count() == 0
    page.close()


SCROLLS = """() => [...document.querySelectorAll('.table-region')]
  .map((one) => one.scrollWidth - one.clientWidth).filter((more) => more > 0)"""


def test_the_plans_are_read_on_a_phone_without_scrolling_sideways(context, site):
    site.sign_in(context, "pro")
    watched = checks.Watched(context, site.address)
    page = watched.page
    watched.visit("/pricing/")
    for width in (320, 360, 390, 430, 768, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        page.wait_for_timeout(60)
        assert page.evaluate(SCROLLS) == [], width
    page.set_viewport_size(SHAPES["light"])
    row = page.get_by_role("row").filter(has_text="API calls a minute")
    told = [cell.bounding_box() for cell in row.locator("td").all()]
    assert len({round(box["y"]) for box in told}) == 1  # the plans stand beside each other
    sound(page)
    page.close()


def test_without_scripts_a_plan_is_bought_and_a_refused_renewal_has_its_remedy(
    browser, context, site, till
):
    plain = browser.new_context(java_script_enabled=False)
    site.sign_in(plain, "late")
    page = plain.new_page()
    page.goto(f"{site.address}/pricing/")
    page.get_by_role("link", name="Yearly").click()
    assert "$990 a year" in page.locator("main").inner_text()
    page.get_by_role("button", name="Subscribe to Pro", exact=True).click()
    page.get_by_role("link", name="Leave without paying").click()
    assert "You left the checkout. Nothing was charged." in page.locator("main").inner_text()
    page.get_by_role("button", name="Subscribe to Pro+", exact=True).click()
    page.get_by_label("4000 0000 0000 0341").check()
    page.get_by_role("button", name="Pay").click()
    assert "Look again" in page.locator("main").inner_text()
    till.advance(32 * 86_400)
    site.do_promised()
    page.wait_for_timeout(300)
    page.goto(site.address + HOME)
    until = time.monotonic() + 8
    while "The last payment was refused" not in page.locator("main").inner_text():
        assert time.monotonic() < until
        site.do_promised()
        page.wait_for_timeout(200)
        page.reload()
    plain.close()

    site.sign_in(context, "late")
    watched = checks.Watched(context, site.address)
    watched.visit(HOME)
    banner = watched.page.locator("main .banner-warn", has_text="Payment due")
    assert banner.get_by_role("button", name="Pay or change the card").is_visible()
    assert watched.page.locator("tbody tr").count() == 2
    sound(watched.page)
    assert checks.overflows(watched.page) == {}
    assert watched.errors == []
    watched.page.close()


def test_without_keys_the_page_says_so(context, site):
    site.sign_in(context, "free")
    watched = checks.Watched(context, site.address)
    until = time.monotonic() + 5
    while checks.policy_of(watched.visit(HOME)) != checks.POLICY:  # another test just ended
        assert time.monotonic() < until
    text = watched.page.locator("main").inner_text()
    assert "Billing is not configured" in text
    assert "There are no invoices yet." in text
    sound(watched.page)
    assert watched.foreign == []
    watched.page.close()
