"""Alerts in a real browser: forms without scripts, faults beside their fields, live receipts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext

from . import checks
from .conftest import Site

pytestmark = pytest.mark.browser
HOME = "/account/alerts/"


@pytest.fixture
def context(browser: Browser, site: Site) -> Iterator[BrowserContext]:
    made = browser.new_context(reduced_motion="reduce")
    site.sign_in(made, "pro")
    yield made
    made.close()


def test_a_fault_stands_beside_its_field(context, site):
    watched = checks.Watched(context, site.address)
    page = watched.page
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 844})
        watched.visit(f"{HOME}channels/add/slack/")
        page.get_by_label("Webhook URL").fill("https://10.0.0.1/hook")
        page.get_by_role("button", name="Add the channel").click()
        field = page.get_by_label("Webhook URL")
        assert field.get_attribute("aria-invalid") == "true"
        told = field.get_attribute("aria-describedby").split()[0]
        assert "Give the address that Slack shows" in page.locator(f"#{told}").inner_text()
        assert field.input_value() == ""  # a secret is not sent back
        assert checks.axe_faults(page) == []
    assert watched.page.evaluate("() => pulseViolations") == []
    page.close()


def test_the_faults_of_a_rule_are_marked(context, site):
    watched = checks.Watched(context, site.address)
    page = watched.page
    watched.visit(f"{HOME}rules/add/")
    page.get_by_label("Quiet from").fill("21:00")
    page.get_by_role("textbox", name="Symbols").fill("SPY, <b>")
    page.get_by_role("button", name="Add the rule").click()
    assert "Nothing was kept" in page.get_by_role("alert").inner_text()
    marked = page.locator("[aria-invalid=true]")
    assert [field.get_attribute("name") for field in marked.all()] == [
        "name", "symbols", "quiet_to",
    ]  # fmt: skip
    assert page.get_by_label("Quiet from").input_value() == "21:00"
    assert checks.axe_faults(page) == []
    assert checks.overflows(page) == {}
    page.close()


def test_pausing_works_without_scripts(browser, site):
    context = browser.new_context(java_script_enabled=False)
    site.sign_in(context, "pro")
    page = context.new_page()
    page.goto(site.address + HOME)
    page.get_by_role("button", name="Pause My phone").click()
    assert "My phone is paused." in page.locator(".banner").inner_text()
    page.get_by_role("button", name="Resume My phone").click()
    assert "My phone goes on." in page.locator(".banner").inner_text()
    page.goto(f"{site.address}{HOME}channels/add/push/")
    assert page.locator(".js-only:visible").count() == 0
    assert "Needs JavaScript" in page.locator("main").inner_text()
    context.close()


def test_a_receipt_appears_without_a_reload(context, site):
    watched = checks.Watched(context, site.address)
    page = watched.page
    watched.visit(HOME)
    channel = page.locator("#refresh").get_attribute("data-alerts")
    page.evaluate("() => document.querySelector('#deliveries table').classList.add('old')")
    page.wait_for_selector('#connection[data-state="live"]')
    site.append(channel, "1", {"id": 1, "state": "sent"})
    page.wait_for_selector("#deliveries table:not(.old)", timeout=10_000)
    assert page.locator("#deliveries tbody tr").count() == 6
    assert page.evaluate("() => pulseViolations") == []
    assert watched.errors == []
    page.close()


def test_a_receipt_from_before_the_socket_is_not_missed(context, site):
    page = context.new_page()
    page.goto(site.address + HOME)
    channel = page.locator("#refresh").get_attribute("data-alerts")

    def late(route):
        site.append(channel, "1", {"id": 1, "state": "sent"})
        route.continue_()

    page.route("**/js/pages/alerts.js", late)
    with page.expect_request(lambda request: "hx-request" in request.headers, timeout=10_000):
        page.goto(site.address + HOME)
    page.close()


def test_the_service_worker_may_run_under_the_policy(context, site):
    watched = checks.Watched(context, site.address)
    page = watched.page
    watched.visit(f"{HOME}channels/add/push/")
    assert "may notify you" in page.locator("#push-says").inner_text()
    scope = page.evaluate(
        """async () => {
          const form = document.querySelector("form[data-push-key]");
          const made = await navigator.serviceWorker.register(form.dataset.pushWorker);
          const { scope } = made;
          await made.unregister();
          return scope;
        }"""
    )
    assert scope == f"{site.address}/static/js/"
    page.get_by_role("button", name="Notify this browser").click()
    page.wait_for_selector("#push-says.error")
    assert "does not let Pulse notify you" in page.locator("#push-says").inner_text()
    assert checks.axe_faults(page) == []
    assert page.evaluate("() => pulseViolations") == []
    page.close()
