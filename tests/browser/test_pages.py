"""Every page, in both themes, on a phone and a desk, for each kind of visitor."""

from __future__ import annotations

import gzip
import time
from urllib.parse import urlsplit

import pytest

from . import checks, payloads

pytestmark = pytest.mark.browser

TOOL = "/tools/gamma-wall-pin-collapse/"
FOREIGN = "/tools/foreign-tool/"
CONTRACT = payloads.occ_symbols()[85]
PAGES = [
    ("/", "anon"),
    ("/accounts/login/", "anon"),
    ("/accounts/signup/", "anon"),
    ("/pricing/", "anon"),
    ("/tools/", "anon"),
    ("/tools/?badge=proven", "anon"),
    ("/tools/scorecards/", "anon"),
    ("/tools/scorecards/?source=simulated&badge=proven", "pro"),
    ("/tools/scorecards/?source=live", "free"),
    ("/licences/", "anon"),
    ("/api/docs/", "anon"),
    (TOOL, "anon"),
    (TOOL, "free"),
    ("/feed/", "free"),
    ("/dashboard/", "pro"),
    ("/dashboard/", "free"),
    ("/exposure/SPY/", "pro"),
    ("/exposure/SPY/", "free"),
    ("/exposure/GOOG/", "pro"),
    ("/chain/SPY/", "pro"),
    ("/chain/SPY/?set=greeks", "pro"),
    ("/chain/SPY/?set=second&side=calls&units=raw", "free"),
    (f"/chain/SPY/{CONTRACT}/?greek=gamma", "pro"),
    ("/exposure/SPY/?greek=charm&at=2026-11-20T16:00:00Z", "pro"),
    ("/surface/SPY/", "pro"),
    ("/surface/SPY/?grid=strike&expiry=2026-12-18", "free"),
    ("/quality/SPY/", "pro"),
    ("/quality/GOOG/", "pro"),
    ("/conventions/", "anon"),
    ("/tools/", "pro"),
    (TOOL, "pro"),
    (FOREIGN, "pro"),
    ("/feed/", "pro"),
    ("/account/", "pro"),
    ("/pricing/", "pro"),
    ("/account/alerts/", "free"),
    ("/account/alerts/", "pro"),
    ("/account/alerts/channels/1/", "pro"),
    ("/account/alerts/channels/add/discord/", "pro"),
    ("/account/alerts/channels/add/push/", "pro"),
    ("/account/alerts/channels/add/webhook/", "pro"),
    ("/account/alerts/rules/1/", "pro"),
    ("/account/alerts/rules/add/", "pro"),
    ("/account/keys/", "free"),
    ("/account/keys/", "pro"),
    ("/account/keys/2/", "pro"),
    ("/account/keys/2/revoke/", "pro"),
    ("/status/", "operator"),
]


@pytest.mark.parametrize(("path", "who"), PAGES)
def test_page(contexts, site, path, who):
    checks.page_is_sound(contexts["dark"], site, path, who)


@pytest.mark.parametrize(
    ("path", "who", "code"),
    [("/nothing-here/", "pro", 404), ("/status/", "pro", 403), ("/exposure/NONE/", "pro", 404)],
)
def test_refusals_are_pages_too(contexts, site, path, who, code):
    context = contexts["dark"]
    site.sign_in(context, who)
    watched = checks.Watched(context, site.address)
    response = watched.visit(path)
    assert response.status == code
    assert checks.policy_of(response) == checks.POLICY
    assert checks.axe_faults(watched.page) == []
    assert checks.overflows(watched.page) == {}
    assert watched.page.evaluate("() => pulseViolations") == []
    assert watched.foreign == []
    watched.page.close()


def test_an_unknown_page_names_the_request(contexts, site):
    context = contexts["dark"]
    watched = checks.Watched(context, site.address)
    response = watched.visit("/nothing-here/")
    assert response.headers["x-request-id"] in watched.page.content()
    watched.page.close()


BUDGETS = [
    ("/", "anon", 17),
    ("/tools/", "pro", 25),
    ("/tools/scorecards/", "pro", 25),
    ("/feed/", "pro", 25),
    ("/leaderboard/", "pro", 25),
    ("/leaderboard/compare/?a=5&b=6", "pro", 25),
    ("/leaderboard/rules/", "anon", 17),
    ("/bots/1/", "pro", 45),
    ("/dashboard/", "pro", 110),
    (TOOL, "pro", 110),
    ("/chain/SPY/?set=greeks&strikes=all", "pro", 110),
    ("/surface/SPY/", "pro", 75),
]


@pytest.mark.parametrize(("path", "who", "scripts_kb"), BUDGETS)
def test_sizes_stay_in_budget(contexts, site, path, who, scripts_kb):
    context = contexts["dark"]
    site.sign_in(context, who)
    watched = checks.Watched(context, site.address)
    answers = []

    def keep(answer):  # Playwright calls functions alone, no bound methods of lists
        answers.append(answer)

    watched.page.on("response", keep)
    watched.visit(path)
    watched.page.wait_for_timeout(300)
    sums = {"document": 0, "stylesheet": 0, "script": 0}
    for answer in answers:
        kind = answer.request.resource_type
        if kind in sums and answer.status == 200:
            sums[kind] += len(gzip.compress(answer.body()))
    assert sums["document"] <= 60_000
    assert sums["stylesheet"] <= 15_000
    assert sums["script"] <= scripts_kb * 1000
    assert watched.page.evaluate("() => pulseShift") < 0.02, checks.moved(watched.page)
    watched.page.close()


def test_a_table_keeps_its_place_when_its_sorters_come_late(contexts, site):
    context = contexts["dark"]
    site.sign_in(context, "pro")
    watched = checks.Watched(context, site.address)

    def late(route):
        time.sleep(0.8)
        route.continue_()

    watched.page.route("**/pulse-table*.js", late)
    watched.visit("/tools/scorecards/")
    watched.page.locator(".sorter").first.wait_for()
    assert watched.page.evaluate("() => pulseShift") < 0.002, checks.moved(watched.page)
    watched.page.close()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_a_chosen_theme_beats_the_systems(browser, site, theme):
    context = browser.new_context(color_scheme="light" if theme == "dark" else "dark")
    site.sign_in(context, "pro")
    context.add_cookies([{"name": "theme", "value": theme, "url": site.address}])
    page = context.new_page()
    page.goto(site.address + "/dashboard/")
    assert page.locator("html").get_attribute("data-theme") == theme
    color = page.evaluate("() => getComputedStyle(document.documentElement).backgroundColor")
    assert color == {"dark": "rgb(11, 14, 20)", "light": "rgb(246, 247, 249)"}[theme]
    context.close()


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/dashboard/",
        "/exposure/SPY/",
        "/chain/SPY/",
        "/surface/SPY/",
        "/tools/",
        "/tools/scorecards/?source=simulated",
        TOOL,
        "/feed/",
        "/leaderboard/",
        "/leaderboard/compare/?a=5&b=6",
    ],
)
def test_numbers_are_readable_without_scripts(browser, site, path):
    context = browser.new_context(java_script_enabled=False)
    site.sign_in(context, "anon" if path == "/" else "pro")
    page = context.new_page()
    assert page.goto(site.address + path).status == 200
    text = page.locator("main").inner_text()
    expected = {
        "/": "Regime Phase Shift",
        "/dashboard/": "513.40",
        "/exposure/SPY/": "Net gamma exposure of SPY",
        "/chain/SPY/": "513",
        "/surface/SPY/": "25-delta skew",
        "/tools/": "Vanna Shock Reversal",
        "/tools/scorecards/?source=simulated": "53 of 53 tools",
        TOOL: "513.40",
        "/feed/": "full speed",
        "/leaderboard/": "Not ranked yet 9 entries with fewer than 50 trades",
        "/leaderboard/compare/?a=5&b=6": "90 shared days",
    }[path]
    assert expected in text
    assert page.locator(".js-only:visible").count() == 0
    context.close()


def test_whose_a_tool_is_and_how_it_failed_are_on_its_page(browser, site):
    context = browser.new_context(java_script_enabled=False)
    site.sign_in(context, "operator")
    page = context.new_page()
    page.goto(site.address + FOREIGN)
    assert page.locator(".page-head .badge").first.is_visible()
    text = page.locator("main").inner_text()
    assert "Third party" in text
    assert "foreign_tool 0.1.0" in text
    assert "ZeroDivisionError: no volume: 1" in text
    assert "no answer within 3 s; its process was ended: 1" in text
    assert "is not asked before 2026-11-20 10:04:05 ET" in text
    page.goto(site.address + "/status/")
    refused = page.locator("tr", has_text="refused-tool").inner_text()
    assert "tool 7 is outside 1000..9999" in refused
    context.close()


def test_a_form_works_without_scripts_and_says_what_happened(browser, site):
    context = browser.new_context(java_script_enabled=False)
    site.sign_in(context, "pro")
    page = context.new_page()
    page.goto(site.address + "/feed/")
    page.get_by_role("button", name="Resume run 4").click()
    assert urlsplit(page.url).path == "/feed/"
    assert "Nothing was changed: there is no run 4" in page.locator(".banner").inner_text()
    context.close()


def test_forced_colors_keep_the_bars(browser, site):
    context = browser.new_context(forced_colors="active")
    site.sign_in(context, "pro")
    page = context.new_page()
    page.goto(site.address + "/exposure/SPY/")
    bars = [page.locator(f".fig .{kind}").first for kind in ("pos", "neg")]
    fills = [bar.evaluate("(bar) => getComputedStyle(bar).fill") for bar in bars]
    assert fills[0] != fills[1]
    context.close()
