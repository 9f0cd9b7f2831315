"""Takes the pictures of docs/: `python tests/browser/screenshots.py ADDRESS`, on a running demo.

Signs in as the Pro demo user and keeps one picture of each key page in docs/screenshots.
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]
TARGET = ROOT / "docs" / "screenshots"
EMAIL, PASSWORD = "pro@pulse.example", "pulse-demo-2026"
CONTRACT = "the first contract that the chain leads to"
PAGES = {
    "dashboard": "/dashboard/",
    "exposure": "/exposure/",
    "chain": "/chain/",
    "greeks": "/chain/?set=greeks",
    "surface": "/surface/",
    "contract": CONTRACT,
    "conventions": "/conventions/",
    "tools": "/tools/",
    "tool": "/tools/gamma-wall-pin-collapse/",
    "lab": "/tools/lab/",
    "feeds": "/feed/",
    "leaderboard": "/leaderboard/",
}
SETTLE_MS = 2500


def sign_in(page: Page, address: str) -> None:
    page.goto(f"{address}/accounts/login/?next=/dashboard/")
    page.locator("input[name=login]").fill(EMAIL)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("form:has(input[name=password]) button[type=submit]").first.click()
    page.wait_for_url("**/dashboard/**")


def shoot(browser: Browser, address: str, theme: str, width: int) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900 if width > 500 else 844}, color_scheme=theme
    )
    page = context.new_page()
    sign_in(page, address)
    for name, path in PAGES.items():
        page.goto(address + ("/chain/" if path == CONTRACT else path))
        if path == CONTRACT:
            page.locator(".chain tr.at-spot td.go a").first.click()
        page.wait_for_timeout(SETTLE_MS)
        page.screenshot(path=TARGET / f"{name}-{theme}-{width}.png")
    context.close()


def main() -> None:
    from tests.browser.chromium import FLAGS, find_chromium

    TARGET.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        for theme, width in (("dark", 1280), ("light", 1280), ("dark", 390)):
            shoot(browser, sys.argv[1], theme, width)
        browser.close()


if __name__ == "__main__":
    main()
