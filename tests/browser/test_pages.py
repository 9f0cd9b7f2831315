"""Every page, in both themes, on a phone and a desk, for each kind of visitor."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext

from . import checks, payloads
from .conftest import Site

pytestmark = pytest.mark.browser

TOOL = "/tools/gamma-wall-pin-collapse/"
CONTRACT = payloads.occ_symbols()[85]
PAGES = [
    ("/", "anon"),
    ("/accounts/login/", "anon"),
    ("/accounts/signup/", "anon"),
    ("/pricing/", "anon"),
    ("/tools/", "anon"),
    ("/licences/", "anon"),
    ("/api/docs/", "anon"),
    (TOOL, "anon"),
    (TOOL, "free"),
    ("/feed/", "free"),
    ("/dashboard/", "pro"),
    ("/exposure/SPY/", "pro"),
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
    ("/feed/", "pro"),
    ("/account/", "pro"),
    ("/pricing/", "pro"),
    ("/status/", "operator"),
]
SHAPES = ({"width": 1280, "height": 900}, {"width": 390, "height": 844})


@pytest.fixture(scope="module")
def contexts(browser: Browser, site: Site) -> Iterator[dict[str, BrowserContext]]:
    made = {
        theme: browser.new_context(
            color_scheme=theme, has_touch=theme == "dark", reduced_motion="reduce"
        )
        for theme in ("dark", "light")
    }
    yield made
    for context in made.values():
        context.close()


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize(("path", "who"), PAGES)
def test_page(contexts, site, path, who, theme):
    context = contexts[theme]
    site.sign_in(context, who)
    watched = checks.Watched(context, site.address)
    watched.page.set_viewport_size(SHAPES[0])
    response = watched.visit(path)
    page = watched.page
    page.wait_for_timeout(150)

    assert response.status == 200
    assert checks.policy_of(response) == checks.POLICY
    assert urlsplit(page.url).path == urlsplit(path).path
    assert page.locator("h1").count() == 1
    for shape in SHAPES:
        page.set_viewport_size(shape)
        page.wait_for_timeout(60)
        assert checks.axe_faults(page) == []
        assert page.evaluate(checks.SMALL_TEXT) == []
        assert page.evaluate(checks.SMALL_TARGETS) == []
    assert page.evaluate(checks.UNNAMED) == []
    assert page.evaluate(checks.WITHOUT_TABLE) == []
    if theme == "dark":
        assert checks.overflows(page) == {}
    assert page.evaluate("() => pulseViolations") == []
    assert watched.errors == []
    assert watched.foreign == []
    page.close()


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
    ("/feed/", "pro", 25),
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
    assert watched.page.evaluate("() => pulseShift") < 0.02
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
        TOOL,
        "/feed/",
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
        TOOL: "513.40",
        "/feed/": "full speed",
    }[path]
    assert expected in text
    assert page.locator(".js-only:visible").count() == 0
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
