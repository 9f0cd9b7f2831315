"""Scorecards on the real database: sources apart, each session once, values cut by plan."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from accounts.models import User
from market import framestore
from market.clock import DAY, MINUTE, from_ns
from market.frames import Kind, Missing
from market.framestore import Observed
from market.models import FeedRun, Instrument
from tests.tools_app.test_services import HORIZON, tool
from tools_app import scorecard_selectors, services
from tools_app.badges import Badge, Judged
from tools_app.baserate import base_of, windows
from tools_app.contract import Tier
from tools_app.models import Cursor, Outcome, Scorecard, Signal, Watched
from tools_app.registry import Catalogue
from tools_app.scoring import score_due, store_scorecard

pytestmark = pytest.mark.django_db(transaction=True)
OPEN = 1_710_509_400 * 1_000_000_000
ROWS = 60
Source = Scorecard.Source


@pytest.fixture(autouse=True)
def tools(monkeypatch) -> Catalogue:
    framestore.forget_schemas()
    made = Catalogue([tool(1, Tier.FREE, "open-one"), tool(6, Tier.PRO, "dear-one")])
    for module in (
        "services.catalogue", "payloads.catalogue", "selectors.catalogue", "views.catalogue_of",
        "scoring.catalogue", "watching.catalogue", "scorecard_selectors.catalogue",
        "api.catalogue",
    ):  # fmt: skip
        monkeypatch.setattr(f"tools_app.{module}", lambda: made)
    return made


def run_of(symbol="TEST", source="replay", *, simulated=False, **params) -> FeedRun:
    instrument, _ = Instrument.objects.get_or_create(symbol=symbol, kind="equity")
    return FeedRun.objects.create(
        symbol=symbol, underlying=instrument, source=source, simulated=simulated,
        state="running", params=params,
    )  # fmt: skip


def closes(seed: int) -> np.ndarray:
    return 100.0 + np.cumsum(0.05 * np.random.default_rng(seed).standard_normal(ROWS))


def play(run: FeedRun, day: int = 0, *, seed: int = 1, rows: int = ROWS) -> None:
    """Store one session of rows and evaluate it."""
    start = OPEN + day * DAY
    framestore.write_rows(
        run,
        [
            Observed(
                kind=Kind.INTRADAY,
                session_date=from_ns(start).date(),
                time=start + (minute + 1) * MINUTE,
                values={"close": close, "minutes_left": float(ROWS - minute - 1)},
                reasons={"close": Missing.OK, "minutes_left": Missing.OK},
            )
            for minute, close in enumerate(closes(seed)[:rows])
        ],
    )
    services.evaluate_run(run.pk)


def figures(source=Source.REPLAYED, tool_id=1, symbol="") -> dict:
    return Scorecard.objects.get(tool_id=tool_id, source=source, symbol=symbol).figures


def measured(run: FeedRun):
    rows = Outcome.objects.filter(signal__run=run, signal__tool_id=1, done=True)
    return rows.exclude(scale=None).exclude(gain=None)


def test_a_session_that_ended_is_scored_once():
    run = run_of()
    play(run, rows=30)
    assert score_due() == 0, "the session still runs"
    play(run)
    assert score_due() == 4, "two tools, on all symbols and on this one"
    found = figures()
    gains = np.array(measured(run).values_list("gain", flat=True))
    assert found["signals"] == gains.size > 0
    assert found["hit_rate"]["value"] == pytest.approx((gains > 0).mean())
    assert found["average"]["value"] == pytest.approx(gains.mean() - 1e-4)
    base = base_of(windows(closes(1), HORIZON))
    assert found["base_rate"] == {"value": pytest.approx(base.up / base.rows), "n": base.rows}
    assert found["sessions"] == 1
    before = Scorecard.objects.get(tool_id=1, symbol="").computed
    assert score_due() == 0
    assert Scorecard.objects.get(tool_id=1, symbol="").computed == before


def test_the_three_sources_are_kept_apart():
    play(run_of())
    play(run_of(source="simulator", simulated=True, seed=1, path=0), seed=2)
    play(run_of(source="live"), seed=3)
    score_due()
    for source in Source:
        assert figures(source)["sessions"] == 1
    signals = {source: figures(source)["signals"] for source in Source}
    assert sum(signals.values()) == Outcome.objects.filter(
        signal__tool_id=1, scale__isnull=False
    ).count()  # fmt: skip


def test_a_replay_of_recorded_simulation_stays_simulated():
    play(run_of(simulated=True))
    score_due()
    assert set(Scorecard.objects.values_list("source", flat=True)) == {"simulated"}


def test_the_same_day_replayed_again_is_no_new_evidence():
    play(run_of())
    score_due()
    before = figures()
    again = run_of()
    play(again)
    assert measured(again).exists()
    assert score_due() == 0
    assert figures() == before
    part = run_of()
    play(part, day=1, rows=20)
    FeedRun.objects.filter(pk=part.pk).update(state="stopped")
    score_due()
    assert figures()["base_rate"]["n"] < before["base_rate"]["n"] + 20
    play(run_of(), day=1, seed=5)
    score_due()
    assert figures()["sessions"] == 2
    assert Watched.objects.filter(run=part).exists()
    whole = base_of(windows(closes(5), HORIZON))
    assert figures()["base_rate"]["n"] == before["base_rate"]["n"] + whole.rows


def test_two_simulated_markets_of_one_date_are_two_sessions():
    for path in (0, 1):
        play(run_of(source="simulator", simulated=True, seed=1, path=path, first=0), seed=path)
    play(run_of(source="simulator", simulated=True, seed=1, path=1, first=9), seed=1)
    score_due()
    assert figures(Source.SIMULATED)["sessions"] == 2


def test_two_symbols_of_one_day_are_one_session_with_a_card_each():
    play(run_of("TEST"))
    play(run_of("OTHER"), seed=2)
    score_due()
    whole = figures()
    parts = [figures(symbol=symbol) for symbol in ("TEST", "OTHER")]
    assert whole["sessions"] == 1
    assert whole["signals"] == sum(part["signals"] for part in parts)
    card = Scorecard.objects.get(tool_id=1, symbol="OTHER")
    assert (card.badge, card.criterion[:7]) == ("unproven", "A badge")


def test_a_run_that_ends_is_settled_and_looked_at_no_more():
    run = run_of()
    play(run, rows=40)
    score_due()
    assert not Scorecard.objects.exists()
    FeedRun.objects.filter(pk=run.pk).update(state="stopped")
    score_due()
    assert figures()["sessions"] == 1
    assert not Outcome.objects.filter(done=False).exists()
    assert not Cursor.objects.filter(settled=False, kind="intraday").exists()


def test_rows_that_wait_for_their_evaluation_are_waited_for():
    run = run_of()
    play(run)
    Cursor.objects.filter(run=run).update(through=from_ns(OPEN + 5 * MINUTE))
    assert score_due() == 0
    assert not Watched.objects.exists()


def test_signals_of_an_earlier_version_are_another_tools():
    run = run_of()
    play(run)
    Signal.objects.update(params_digest="0" * 64)
    score_due()
    assert figures()["signals"] == 0
    assert figures()["hit_rate"]["value"] is None


def test_daily_tools_are_scored_when_their_horizon_has_passed(monkeypatch, tools):
    from dataclasses import replace

    daily = replace(tool(2, Tier.FREE, "daily-one"), kind=Kind.DAILY, horizon=2)
    made = Catalogue([daily])
    for module in ("services", "scoring", "watching", "payloads"):
        monkeypatch.setattr(f"tools_app.{module}.catalogue", lambda: made)
    run = run_of()
    close = 100.0 + np.random.default_rng(4).standard_normal(30)

    def rows(kind, days, at):
        return [
            Observed(
                kind=kind, session_date=from_ns(OPEN + day * DAY).date(),
                time=OPEN + day * DAY + at, values={"close": float(close[day])},
                reasons={"close": Missing.OK},
            )
            for day in days
        ]  # fmt: skip

    framestore.write_rows(run, rows(Kind.INTRADAY, range(20, 30), MINUTE))
    framestore.write_rows(run, rows(Kind.DAILY, range(30), 390 * MINUTE))
    services.evaluate_run(run.pk)
    score_due()
    watched = Watched.objects.filter(run=run, kind="daily").order_by("session_date")
    waiting = Outcome.objects.filter(done=False).values_list("session_date", flat=True)
    assert [seen.session_date for seen in watched] == [
        from_ns(OPEN + day * DAY).date()
        for day in range(20, 28)
        if from_ns(OPEN + day * DAY).date() not in set(waiting)
    ]
    found = figures(tool_id=2)
    assert found["sessions"] == 8
    expected = windows(close, 2)
    assert found["base_rate"]["value"] == pytest.approx((expected.gain[20:28] > 0).mean())
    assert found["sharpe"]["sessions_each"] == 4


# --- reads -----------------------------------------------------------------------------------
def body(signals: int, value: float, sessions: int) -> dict:
    return {
        "signals": signals, "sessions": sessions, "sessions_with_signals": sessions,
        "left_out": 0, "hit_rate": {"value": 0.61}, "reliability": {"value": value, "n": signals},
    }  # fmt: skip


def store(source, signals, value, *, tool_id=1, sessions=80, **more) -> Scorecard:
    badge = more.pop("badge", Badge.UNPROVEN)
    return store_scorecard(
        tool_id,
        source,
        body(signals, value, sessions),
        judged=Judged(badge, "because of 0.61"),
        digest="0" * 64,
        as_of=dt.date(2024, 3, 15),
        **more,
    )


def test_the_most_real_source_with_enough_signals_is_relied_on():
    reliable = scorecard_selectors.reliability_of
    assert reliable([1, 6]) == {1: (0.5, 0, ""), 6: (0.5, 0, "")}
    store(Source.SIMULATED, 900, 0.9)
    assert reliable([1])[1] == (0.9, 900, "simulated")
    store(Source.LIVE, 29, 0.2)
    assert reliable([1])[1].source == "simulated"
    store(Source.REPLAYED, 40, 0.7)
    assert reliable([1])[1] == (0.7, 40, "replayed")
    store(Source.LIVE, 30, 0.2)
    assert reliable([1])[1] == (0.2, 30, "live")
    store(Source.LIVE, 30, 0.8, symbol="TEST")
    assert reliable([1], "test")[1] == (0.8, 30, "live")
    assert reliable([1], "OTHER")[1] == (0.2, 30, "live")
    store(Source.SIMULATED, 3, 0.55, tool_id=6)
    assert reliable([6])[6] == (0.55, 3, "simulated")


def test_sources_stand_beside_each_other_and_empty_ones_say_so():
    store(Source.SIMULATED, 10, 0.5, sessions=10)
    store(Source.SIMULATED, 5000, 0.9, sessions=2000)
    assert Scorecard.objects.count() == 1
    user = User.objects.create_user("pro@test.example", plan="pro")
    live, replayed, simulated = scorecard_selectors.scorecard_of(
        scorecard_selectors.catalogue().get(1), user
    )
    assert (simulated["signals"], simulated["sessions"]) == (5000, 2000)
    assert (live["signals"], live["badge"], live["figures"]) == (0, "unproven", None)
    assert replayed["source_name"] == "replayed real days"


def test_badge_and_sample_are_for_all_and_values_for_whom_the_tool_is_open(client):
    store(Source.REPLAYED, 50, 0.9, badge=Badge.PROVEN)
    store(Source.REPLAYED, 70, 0.9, tool_id=6, badge=Badge.PROVEN)
    assert scorecard_selectors.badges()[6] == {
        "badge": "proven", "source": "replayed", "signals": 70,
    }  # fmt: skip
    seen = client.get("/api/v1/tools/dear-one/scorecard").json()["results"][1]
    assert (seen["badge"], seen["signals"], seen["sessions"]) == ("proven", 70, 80)
    assert (seen["locked"], seen["opens_with"]) == (True, "pro")
    client.force_login(User.objects.create_user("free@test.example"))
    for path in ("tools/6/scorecard", "scorecards"):
        found = client.get(f"/api/v1/{path}")
        dear = [c for c in found.json()["results"] if c["tool"]["id"] == 6 and c["signals"]]
        assert [(c["figures"], c["criterion"]) for c in dear] == [(None, None)]
    client.force_login(User.objects.create_user("pro@test.example", plan="pro"))
    opened = client.get("/api/v1/tools/6/scorecard").json()["results"][1]
    assert opened["figures"]["hit_rate"]["value"] == 0.61
    assert opened["criterion"] == "because of 0.61"


def test_the_list_is_filtered_and_a_wrong_filter_refused(client):
    store(Source.REPLAYED, 50, 0.9, badge=Badge.PROVEN)
    store(Source.SIMULATED, 50, 0.9, tool_id=6)
    store(Source.SIMULATED, 50, 0.9, tool_id=6, symbol="TEST")

    def ids(query):
        found = client.get(f"/api/v1/scorecards{query}").json()["results"]
        return [(card["tool"]["id"], card["symbol"]) for card in found]

    assert ids("") == [(1, None), (6, None)]
    assert ids("?source=simulated") == [(6, None)]
    assert ids("?badge=proven") == [(1, None)]
    assert ids("?symbol=test") == [(6, "TEST")]
    for query in ("source=dreamt", "badge=good", "symbol=%00"):
        answer = client.get(f"/api/v1/scorecards?{query}")
        assert answer.status_code == 400
        assert answer["Content-Type"].startswith("application/problem+json")
    assert client.get("/api/v1/tools/99/scorecard").status_code == 404


# --- pages -----------------------------------------------------------------------------------
def test_pages_say_badges_to_all_and_values_to_whom_the_tool_is_open(client):
    run = run_of()
    play(run)
    score_due()
    Scorecard.objects.update(badge="proven", criterion="criterion of the badge")
    for path in ("/tools/scorecards/", "/tools/dear-one/"):
        page = client.get(path).content.decode()
        assert "Proven" in page
        assert "criterion of the badge" not in page
        assert "by chance" not in page
    client.force_login(User.objects.create_user("pro@test.example", plan="pro"))
    page = client.get("/tools/dear-one/").content.decode()
    assert "criterion of the badge" in page
    assert "by chance" in page
    assert "Does the score mean what it says? On replayed days" in page


def test_the_scorecards_page_opens_on_the_most_real_source_that_has_signals(client):
    page = client.get("/tools/scorecards/").content.decode()
    assert "No finished signals yet" in page
    play(run_of())
    play(run_of(source="simulator", simulated=True, seed=2, path=0), seed=2)
    score_due()
    page = client.get("/tools/scorecards/").content.decode()
    assert '<h2 id="cards-h">Replayed real days</h2>' in page
    assert "2 of 2 tools" in page
    live = client.get("/tools/scorecards/?source=live").content.decode()
    assert "none has run" in live
    none = client.get("/tools/scorecards/?badge=proven").content.decode()
    assert "No tool matches" in none


def test_the_catalogue_is_filtered_by_badge(client):
    store(Source.REPLAYED, 50, 0.9, badge=Badge.PROVEN)
    store(Source.REPLAYED, 20, 0.9, tool_id=6, badge=Badge.PROVEN)
    page = client.get("/tools/?badge=proven").content.decode()
    assert "1 of 2 tools" in page
    assert "Proven, replayed" in page
    assert "2 of 2 tools" in client.get("/tools/?badge=nonsense").content.decode()
