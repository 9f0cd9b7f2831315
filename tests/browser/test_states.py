"""What pages say when there is nothing, when it is old, away, locked or cut off; and live."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from . import checks, payloads

pytestmark = pytest.mark.browser
TOOL = "/tools/gamma-wall-pin-collapse/"
MARKET = ("exposure", "chain", "surface", "quality")


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1280, "height": 900})
    yield made
    made.close()


@pytest.fixture
def opened(context, market):
    """Open a page as somebody and return it; its faults are checked at the end."""
    made: list[checks.Watched] = []

    def open_page(path, who="pro"):
        market.sign_in(context, who)
        watched = checks.Watched(context, market.address)
        made.append(watched)
        assert watched.visit(path).status == 200
        return watched.page

    yield open_page
    for watched in made:
        assert watched.page.evaluate("() => pulseViolations") == []
        assert watched.foreign == []


@pytest.mark.parametrize(
    "path", ["/dashboard/", "/exposure/", "/chain/", "/surface/", "/quality/", "/feed/", TOOL]
)
def test_an_empty_market_says_what_to_do_next(market, opened, path):
    market.says(empty=True)
    page = opened(path)
    empty = page.locator("main .empty:visible").first
    expect(empty.locator("h2, h3")).to_be_visible()
    expect(page.locator("main")).not_to_contain_text("None")
    assert checks.axe_faults(page) == []


def test_old_data_is_dimmed_and_says_its_age(market, opened):
    market.says(stale=True)
    page = opened("/dashboard/")
    badge = page.locator("main [data-stale]").first
    expect(badge).to_contain_text("old (expected every 1 s)")
    expect(page.locator("[data-live]")).to_have_class("stack is-stale")
    page.wait_for_timeout(1500)  # a snapshot of the same quote makes it no younger
    expect(page.locator("[data-live]")).to_have_class("stack is-stale")


@pytest.mark.parametrize(
    "path", ["/exposure/SPY/", "/chain/SPY/", "/surface/SPY/", "/quality/SPY/"]
)
def test_a_worker_that_is_away_breaks_nothing(market, opened, path):
    market.says(away=True)
    page = opened(path)
    expect(page.locator("main .empty")).to_contain_text("did not answer")
    expect(page.locator(".clock")).to_contain_text("513.40")


def test_missing_open_interest_is_said_and_not_guessed(opened):
    page = opened("/exposure/GOOG/")
    expect(page.locator("main")).to_contain_text("no open interest")
    assert "NaN" not in page.content()


def test_an_underlying_without_options_has_no_chain(opened):
    page = opened("/chain/DULL/")
    expect(page.get_by_role("heading", name="No option chain of DULL")).to_be_visible()


def test_a_smile_is_drawn_and_the_mesh_turns(opened):
    page = opened("/surface/SPY/")
    expect(page.locator("pulse-plot canvas")).to_have_count(1, timeout=10_000)
    expect(page.locator("pulse-plot .legend")).to_contain_text("Fit used")
    canvas = page.locator("vol-surface canvas")
    picture = "(canvas) => canvas.toDataURL()"
    before = canvas.evaluate(picture)
    assert len(before) > 5000, "something is painted"
    canvas.focus()
    page.keyboard.press("ArrowRight")
    turned = canvas.evaluate(picture)
    assert turned != before
    page.get_by_role("button", name="Reset").click()
    assert canvas.evaluate(picture) == before


def test_a_smile_of_two_quotes_without_a_fit_is_drawn_all_the_same(opened):
    page = opened("/surface/SPY/")
    expect(page.locator("pulse-plot canvas")).to_have_count(1, timeout=10_000)
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.evaluate(
        """() => {
          const old = document.querySelector("pulse-plot");
          const data = { ...JSON.parse(old.querySelector("script").textContent), lines: [] };
          const made = old.cloneNode(false);
          const script = document.createElement("script");
          script.type = "application/json";
          script.textContent = JSON.stringify(data);
          made.append(script);
          old.replaceWith(made);
        }"""
    )
    expect(page.locator("pulse-plot canvas")).to_have_count(1, timeout=10_000)
    page.locator("pulse-plot .u-over").hover()
    page.wait_for_timeout(200)
    assert errors == []


def test_an_open_table_of_the_mesh_stays_open_when_parts_are_drawn_again(opened):

    page = opened("/surface/SPY/")
    expect(page.locator("#connection")).to_have_attribute("data-state", "live", timeout=15_000)
    page.locator("figure:has(vol-surface) summary").click()
    page.evaluate("() => document.getElementById('refresh').dispatchEvent(new Event('x'))")
    with page.expect_response(lambda answer: answer.request.headers.get("hx-request") == "true"):
        page.evaluate(
            """async () => {
              const loaded = performance.getEntriesByType("resource").map((entry) => entry.name);
              const { loadHtmx } = await import(loaded.find((n) => /lib.htmx[.\\w]*js$/.test(n)));
              await loadHtmx();
              document.getElementById("refresh").dispatchEvent(new CustomEvent("pulse:refresh"));
            }"""
        )
    page.wait_for_timeout(300)
    assert page.locator("figure:has(vol-surface) details").get_attribute("open") is not None
    expect(page.locator("#s-mesh-table")).to_be_visible()


def test_the_slider_goes_back_in_stored_time(opened):
    page = opened("/surface/SPY/")
    slider = page.get_by_role("slider", name="Minute of the day")
    slider.focus()
    with page.expect_navigation(url="**at=2026-11-20T19*"):
        page.keyboard.press("ArrowLeft")
    expect(page.locator(".timeline")).to_contain_text("14:31 ET")
    expect(page.locator(".timeline .badge-warn")).to_have_text("History")
    assert page.locator("#refresh").count() == 0, "the past does not refresh"
    page.get_by_role("link", name="Newest").click()
    expect(page.locator(".timeline")).to_contain_text("14:32 ET")


def test_a_contract_is_one_step_from_the_chain_and_a_greek_one_more(opened):
    page = opened("/chain/SPY/?strikes=20")
    page.get_by_role("link", name="Explain the 513 call").click()
    expect(page.locator("h1")).to_contain_text("SPY 513 call")
    page.get_by_role("link", name="Vanna").click()
    expect(page.get_by_role("heading", name="Vanna elsewhere")).to_be_visible()
    expect(page.locator("#c-grid table")).to_have_count(3)


def test_a_contract_that_is_not_there_is_a_404(context, market):
    market.sign_in(context, "pro")
    watched = checks.Watched(context, market.address)
    assert watched.visit("/chain/SPY/SPY000000C00000000/").status == 404


def test_a_snapshot_without_vendor_figures_says_so(opened):
    page = opened("/quality/GOOG/")
    expect(page.locator("main .empty")).to_contain_text("No vendor's volatilities here")


def test_an_expiry_that_is_gone_leads_to_the_nearest(opened):
    page = opened("/chain/SPY/?expiry=1999-01-01")
    expect(page.locator(".banner")).to_contain_text("is not in the chain")
    expect(page.locator(".chips [aria-current]")).to_contain_text("2026-11-20")


@pytest.mark.parametrize("who", ["anon", "free"])
def test_a_locked_tool_says_what_it_is_and_sends_no_value(opened, who):
    page = opened(TOOL, who)
    expect(page.locator(".locked")).to_contain_text("Pro")
    expect(page.locator("main")).to_contain_text("What it cannot see")
    assert payloads.LOCKED_WORDS not in page.content()
    assert page.locator("pulse-chart").count() == 0


def test_the_free_dashboard_holds_no_signal_of_a_locked_tool(opened):
    page = opened("/dashboard/", "free")
    assert payloads.LOCKED_WORDS not in page.content()
    assert page.locator("#signal-log").get_attribute("data-channels") == "signals:free"
    assert page.locator("#signal-log li").count() > 0


def test_an_operator_sees_the_state_of_the_platform(opened):
    page = opened("/status/", "operator")
    expect(page.locator("main")).to_contain_text("Database")
    expect(page.locator("main")).to_contain_text("Redis")


def signal(number: int, **more):
    return {**payloads.signals()[0], "id": number, **more}


def live_dashboard(opened):
    page = opened("/dashboard/")
    expect(page.locator("#connection")).to_have_attribute("data-state", "live", timeout=15_000)
    page.wait_for_function(
        "async () => (await import('/static/js/live/live.js')).live.peek !== undefined"
    )
    page.wait_for_timeout(300)
    return page


def test_a_signal_is_painted_without_reloading(market, opened):
    page = live_dashboard(opened)
    before = page.locator("#signal-log li").count()
    market.append("signals:free", "9001", signal(9001, score=0.91))
    first = page.locator("#signal-log li").first
    expect(first).to_have_attribute("data-key", "9001", timeout=10_000)
    expect(first).to_contain_text("0.91")
    assert page.locator("#signal-log li").count() == before + 1


def test_paused_signals_wait_and_are_counted(market, opened):
    page = live_dashboard(opened)
    page.get_by_role("button", name="Pause").click()
    market.append("signals:free", "9101", signal(9101))
    expect(page.locator("#news")).to_contain_text("1 new", timeout=10_000)
    expect(page.locator("#signal-log li").first).not_to_have_attribute("data-key", "9101")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#signal-log li").first).to_have_attribute("data-key", "9101")
    expect(page.locator("#news")).to_be_hidden()


def test_a_signal_is_shown_once_however_often_it_is_told(market, opened):
    page = live_dashboard(opened)
    for _ in range(3):
        market.append("signals:free", "9201", signal(9201))
    expect(page.locator('#signal-log li[data-key="9201"]')).to_have_count(1, timeout=10_000)


def test_another_symbols_signal_stays_out(market, opened):
    page = live_dashboard(opened)
    market.append("signals:free", "9301", signal(9301, symbol="GOOG"))
    market.append("signals:free", "9302", signal(9302))
    expect(page.locator('#signal-log li[data-key="9302"]')).to_have_count(1, timeout=10_000)
    assert page.locator('#signal-log li[data-key="9301"]').count() == 0


def test_a_quote_moves_in_place(market, opened):
    from record import state

    page = live_dashboard(opened)
    state.publish_state("quote:SPY", "SPY", {**payloads.quote("SPY"), "last": 498.76})
    expect(page.locator('.stat [data-q="last"]')).to_have_text("498.76", timeout=10_000)
    expect(page.locator('.clock [data-q="last"]')).to_have_text("498.76")
    state.publish_state("quote:SPY", "SPY", payloads.quote("SPY"))
    expect(page.locator('.clock [data-q="last"]')).to_have_text("513.40", timeout=10_000)


def test_a_quote_between_two_minutes_belongs_to_the_bar_that_ends_after_it(market, opened):
    from record import state

    page = live_dashboard(opened)
    newest = "() => document.querySelector('pulse-chart').last"
    expect(page.locator("pulse-chart canvas").first).to_be_visible(timeout=10_000)
    before = page.evaluate(newest)
    for seconds, bars in ((-60, 0), (0, 0), (0.5, 1), (30, 1), (60, 1), (60.5, 2)):
        at = dt.datetime.fromtimestamp(before["time"] + seconds, dt.UTC).isoformat()
        price = 500 + seconds
        quote = {**payloads.quote("SPY"), "time": at, "last": price}
        state.publish_state("quote:SPY", "SPY", quote)
        expect(page.locator('.clock [data-q="last"]')).to_have_text(f"{price:.2f}", timeout=10_000)
        seen = page.evaluate(newest)
        assert seen["time"] == before["time"] + 60 * bars
        if seconds >= 0:
            assert seen["close"] == price
    state.publish_state("quote:SPY", "SPY", payloads.quote("SPY"))


def test_what_a_finished_run_left_is_not_stale(market, opened):
    from record import state

    page = live_dashboard(opened)
    run = payloads.runs(None)["runs"][0]
    expect(page.locator("main [data-stale]").first).to_be_visible(timeout=10_000)
    state.publish_state("feed:status", "7", {**run, "state": "finished"})
    expect(page.locator("main [data-stale]").first).to_be_hidden(timeout=10_000)
    state.publish_state("feed:status", "7", run)


def test_the_figures_follow_the_channel(market, opened):
    from record import state

    page = opened("/exposure/SPY/")
    expect(page.locator("#connection")).to_have_attribute("data-state", "live", timeout=15_000)
    page.wait_for_timeout(300)
    with page.expect_response(lambda answer: answer.request.headers.get("hx-request") == "true"):
        state.publish_state("exposure:SPY", "SPY", payloads.exposure())
    expect(page.locator("#x-strikes svg")).to_have_count(1)
    expect(page.locator("#x-stats")).to_contain_text("Zero gamma")


def test_a_lost_connection_is_said_and_heals(context, market, opened):
    page = live_dashboard(opened)
    context.set_offline(True)
    page.evaluate("() => window.dispatchEvent(new Event('offline'))")
    expect(page.locator("#connection")).not_to_have_attribute("data-state", "live", timeout=40_000)
    context.set_offline(False)
    started = time.monotonic()
    expect(page.locator("#connection")).to_have_attribute("data-state", "live", timeout=20_000)
    assert time.monotonic() - started < 20
