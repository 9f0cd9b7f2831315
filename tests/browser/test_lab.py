"""The validation lab in a browser: from the form to the table, and what each plan sees."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from . import checks
from .conftest import Site

pytestmark = pytest.mark.browser
PAGES = [
    ("/tools/lab/", "anon"),
    ("/tools/lab/", "pro"),
    ("/tools/lab/{on}/?with={off}&tool=28", "pro"),
    ("/tools/lab/{off}/", "free"),
    ("/tools/lab/{on}/", "anon"),
    ("/tools/lab/{halted}/", "operator"),
]


@pytest.mark.parametrize(("path", "who"), PAGES)
def test_page(contexts, site: Site, path, who):
    address = path.format(**site.lab)
    checks.page_is_sound(contexts["dark"], site, address, who, unfold=True, shift=0.02)


def run_of(page) -> int:
    found = re.search(r"/tools/lab/(\d+)/", page.url)
    assert found is not None, page.url
    return int(found[1])


def test_a_run_is_asked_cancelled_resumed_and_read(contexts, site: Site):
    context = contexts["dark"]
    site.sign_in(context, "pro")
    watched = checks.Watched(context, site.address)
    watched.visit("/tools/lab/")
    page = watched.page
    page.set_viewport_size(checks.SHAPES[0])
    page.get_by_label("Another number").fill("48")
    page.get_by_label("Seed").fill("77")
    page.get_by_label("Only those chosen").check()
    page.get_by_text("Choose tools").click()
    page.get_by_label("Regime Phase Shift").check()
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("Waiting for a worker.")).to_be_visible()
    expect(page.get_by_text("0 of 48 paths, 0 of 1 block")).to_be_visible()
    assert checks.axe_faults(page) == []
    run = run_of(page)

    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("0 of 1 blocks are computed and kept.")).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    site.work(run)
    # The page hears of the end by itself.
    expect(page.get_by_role("heading", name="What the run says")).to_be_visible(timeout=20_000)
    expect(page.locator("#line-1")).to_contain_text("Regime Phase Shift")
    assert run_of(page) == run
    assert page.evaluate("() => pulseViolations") == []
    assert watched.errors == []

    page.goto(f"{site.address}/tools/lab/")
    expect(page.get_by_role("row", name=f"Run {run} ")).to_contain_text("you")
    page.close()


HIDDEN = """
window.pulseNotes = JSON.parse(sessionStorage.getItem("notes") ?? "[]");
Object.defineProperty(document, "hidden", { get: () => sessionStorage.getItem("away") !== null });
window.Notification = class {
  static permission = "granted";
  static requestPermission = async () => "granted";
  constructor(text) { sessionStorage.setItem("notes", JSON.stringify([...pulseNotes, text])); }
};
"""


def test_who_waits_elsewhere_is_told_of_the_end_once(contexts, site: Site):
    context = contexts["light"]
    site.sign_in(context, "operator")
    page = context.new_page()
    page.add_init_script(HIDDEN)
    page.goto(f"{site.address}/tools/lab/")
    page.get_by_label("Another number").fill("32")
    page.get_by_label("Only those chosen").check()
    page.get_by_text("Choose tools").click()
    page.get_by_label("Regime Phase Shift").check()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_role("button", name="Tell me when it ends").click()
    expect(page.get_by_role("button", name="You will be told")).to_be_disabled()
    run = run_of(page)
    page.evaluate("() => sessionStorage.setItem('away', '1')")
    site.work(run)
    expect(page.get_by_role("heading", name="What the run says")).to_be_visible(timeout=20_000)
    page.reload()
    assert page.evaluate("() => pulseNotes") == [f"Validation run {run} is done."]
    page.close()


def test_the_table_is_sorted_by_its_numbers(contexts, site: Site):
    context = contexts["light"]
    site.sign_in(context, "pro")
    page = context.new_page()
    page.set_viewport_size(checks.SHAPES[0])
    page.goto(f"{site.address}/tools/lab/{site.lab['on']}/")
    region = page.get_by_role("region", name="Figures of tools with a side")
    for rising in (True, False):
        region.get_by_role("button", name="Signals").click()
        cells = region.locator("tbody td[data-label='Signals']").all()
        counts = [float(cell.get_attribute("data-value")) for cell in cells]
        assert len(counts) > 1
        assert counts == sorted(counts, reverse=not rising)
    page.close()


def test_without_scripts_the_numbers_are_there(browser, site: Site):
    context = browser.new_context(java_script_enabled=False)
    site.sign_in(context, "pro")
    page = context.new_page()
    page.goto(f"{site.address}/tools/lab/{site.lab['off']}/")
    text = page.locator("main").inner_text()
    assert "With the effects off" in text
    assert "Locked tools" in text
    page.get_by_role("combobox", name="Other run").select_option(str(site.lab["on"]))
    page.get_by_role("button", name="Compare").click()
    assert f"this run less run {site.lab['on']}" in page.locator("main").inner_text()
    context.close()
