"""Passkeys in a real browser: made, used alone, and used as the second factor."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from ..browser.chromium import FLAGS, REMEDY, find_chromium
from .conftest import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page(person, live_server) -> Iterator[Page]:
    """A browser whose device can make passkeys, on the site where nina has an account."""
    person("nina")
    path = find_chromium()
    if path is None:
        pytest.fail(REMEDY)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        # Passkeys are bound to a name, which an address in numbers is not.
        page = browser.new_page(base_url=live_server.url.replace("127.0.0.1", "localhost"))
        device = page.context.new_cdp_session(page)
        device.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
        }
        device.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        yield page
        browser.close()


def sign_in(page: Page) -> None:
    page.goto("/accounts/login/?next=/account/")
    page.get_by_label("Email").fill("nina@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_a_passkey_opens_the_account_alone_and_guards_the_password(page):
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)

    sign_in(page)
    page.goto("/accounts/reauthenticate/?next=/accounts/2fa/webauthn/add/")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/webauthn/add/")  # to its load event: the button works by script alone
    page.get_by_label("Passwordless").check()
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("heading", name="Recovery codes", level=1)).to_be_visible()
    page.goto("/accounts/2fa/webauthn/")
    expect(page.get_by_role("rowheader")).to_contain_text("Passkey")

    page.context.clear_cookies()
    page.goto("/accounts/login/?next=/account/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("heading", name="Account settings")).to_be_visible()

    page.context.clear_cookies()
    sign_in(page)
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    page.get_by_role("button", name="Use a passkey or security key").click()
    expect(page.get_by_role("heading", name="Account settings")).to_be_visible()
    assert faults == []
