"""The optimizer lab in a browser: from the form to the verdicts, and what each plan sees."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from . import checks
from .conftest import Site

pytestmark = pytest.mark.browser
PAGES = [
    ("/tools/optimizer/", "anon"),
    ("/tools/optimizer/", "plus"),
    ("/tools/optimizer/{done}/", "pro"),
    ("/tools/optimizer/{done}/", "free"),
    ("/tools/optimizer/{halted}/", "operator"),
]


@pytest.mark.parametrize(("path", "who"), PAGES)
def test_page(contexts, site: Site, path, who):
    address = path.format(**site.searches)
    checks.page_is_sound(contexts["dark"], site, address, who, unfold=True, shift=0.02)


def test_without_bars_the_page_says_how_to_import_them(contexts, market: Site):
    market.says(empty=True)
    context = contexts["dark"]
    market.sign_in(context, "plus")
    watched = checks.Watched(context, market.address)
    watched.visit("/tools/optimizer/")
    expect(watched.page.get_by_role("heading", name="No bars are stored yet")).to_be_visible()
    expect(watched.page.get_by_text("import_market bars")).to_be_visible()
    checks.both_themes(watched, unfold=True, shift=0.02)
    watched.page.close()


def test_a_search_is_asked_cancelled_resumed_and_read(contexts, site: Site):
    context = contexts["light"]
    site.sign_in(context, "plus")
    watched = checks.Watched(context, site.address)
    watched.visit("/tools/optimizer/")
    page = watched.page
    page.set_viewport_size(checks.SHAPES[0])
    page.get_by_label("16 HTF Sweep").uncheck()
    page.get_by_label("17 Volume Breakout").uncheck()
    page.get_by_label("1d", exact=True).uncheck()
    page.get_by_label("5m", exact=True).check()
    page.get_by_label("Sideways").uncheck()
    page.get_by_label("Trials of each fold").fill("2")
    page.get_by_label("Folds").fill("2")
    page.get_by_label("Seed").fill("77")
    expect(page.get_by_text("This makes 8.")).to_be_visible()
    page.get_by_role("button", name="Start search").click()
    expect(page.get_by_text("Waiting for a worker.")).to_be_visible()
    expect(page.get_by_text("0 of 4 folds, 0 of 8 settings judged")).to_be_visible()
    assert checks.axe_faults(page) == []
    found = re.search(r"/tools/optimizer/(\d+)/", page.url)
    assert found is not None, page.url
    run = int(found[1])

    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("0 of 4 folds are computed and kept.")).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    site.work(run, "optimizer")
    # The page hears of the end by itself.
    expect(page.get_by_role("heading", name="What the search says")).to_be_visible(timeout=20_000)
    region = page.get_by_role("region", name="Verdict of each place")
    assert region.locator("tbody tr").count() == 2
    region.get_by_text("Checks and parameters").first.click()
    expect(region.get_by_text("Signals: ").first).to_be_visible()
    assert page.evaluate("() => pulseViolations") == []
    assert watched.errors == []

    page.goto(f"{site.address}/tools/optimizer/")
    expect(page.get_by_role("row", name=f"Search {run} ")).to_contain_text("you")
    page.close()


def test_a_fault_stands_beside_its_field(contexts, site: Site):
    context = contexts["dark"]
    site.sign_in(context, "plus")
    watched = checks.Watched(context, site.address)
    watched.visit("/tools/optimizer/")
    page = watched.page
    page.set_viewport_size(checks.SHAPES[0])
    page.get_by_label("COIN/TST").uncheck()
    page.get_by_role("button", name="Start search").click()
    expect(page.get_by_text("Symbols: name at least one symbol.")).to_be_visible()
    checks.both_themes(watched, unfold=True, shift=0.02)
    page.set_viewport_size(checks.SHAPES[0])
    page.get_by_label("COIN/TST").check()
    for frame in ("1m", "5m", "15m", "1h", "4h"):
        page.get_by_label(frame, exact=True).check()
    page.get_by_label("Trials of each fold").fill("500")
    page.get_by_label("Folds").fill("12")
    expect(page.locator("#settings-count.error")).to_have_text("This makes 324,000.")
    page.get_by_role("button", name="Start search").click()
    said = "Trials: that makes 324,000 settings and your plan reaches 50,000 a search"
    expect(page.get_by_text(said)).to_be_visible()
    expect(page.get_by_label("Folds")).to_have_value("12")
    page.close()


def test_without_scripts_the_verdicts_are_there(browser, site: Site):
    context = browser.new_context(java_script_enabled=False)
    site.sign_in(context, "pro")
    page = context.new_page()
    page.goto(f"{site.address}/tools/optimizer/{site.searches['done']}/")
    text = page.locator("main").inner_text()
    assert "Set found is in use" in text
    assert "too little data" in text
    page.goto(f"{site.address}/tools/optimizer/")
    page.get_by_role("combobox", name="Tool").select_option("16")
    page.get_by_role("button", name="Filter").click()
    rows = page.get_by_role("region", name="Judged places").locator("tbody tr")
    assert {row.locator("th").inner_text() for row in rows.all()} == {"HTF Sweep"}
    context.close()
