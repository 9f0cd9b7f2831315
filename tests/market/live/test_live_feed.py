"""Live days beside Alpaca's stand-in: rows as they come, and the same ones when replayed."""

from __future__ import annotations

import datetime as dt
import itertools
from decimal import Decimal

import numpy as np
import pytest
from django.utils import timezone

from market import calendars, framestore, selectors, store
from market.bars import newest_bar
from market.clock import MINUTE, SECOND, from_ns, to_ns
from market.feed import control, live, replay, runner, service
from market.feed.publish import Publisher
from market.feed.runner import FeedRunner
from market.frames import Kind, Missing
from market.framestore import Rows, read_rows
from market.models import FeedRun, FrameRow, Instrument, Snapshot
from market.reach import WHOLE, Reach
from record.state import read_state
from tests.market.feed.recorded import rows_of
from tests.market.live.market import DAY, Live, live_market
from tools_app.models import Cursor, Signal
from tools_app.payloads import signal_payload
from tools_app.services import evaluate_run

pytestmark = pytest.mark.django_db(transaction=True)
CLOSE = calendars.session(DAY).close_ns


@pytest.fixture(autouse=True)
def _fresh(transactional_db):
    framestore.forget_schemas()
    store.forget_layouts()


def minutes_rows(run: FeedRun):
    return run.frame_rows.filter(kind=Kind.INTRADAY.value).order_by("time")


def replayed(symbol: str, day: dt.date) -> FeedRun:
    run = control.request_replay(symbol=symbol, date=day, speed=0.0, claimed=True)
    assert FeedRunner(run, replay.source_of(run)).play() == FeedRun.State.FINISHED
    return run


def minutes_of(run: FeedRun) -> Rows:
    return read_rows(run.pk, Kind.INTRADAY)


def before_close(rows: Rows) -> list[float]:
    return [(CLOSE - at) / MINUTE for at in rows.time.tolist()]


def whole(market: Live) -> FeedRun:
    run = live.take_up(market.symbol, DAY)
    assert market.feed(run) == FeedRun.State.FINISHED
    return run


def test_a_live_day_and_its_replay_are_equal_to_the_bit():
    with live_market(minutes_before_close=3) as market:
        run = whole(market)
    rows = minutes_of(run)
    assert before_close(rows) == [2, 1, 0]
    for name in ("open", "high", "low", "close", "spread", "iv_30d", "gamma", "call_wall"):
        assert np.isfinite(rows.columns[name]).all(), name
    assert (rows.columns["high"] >= rows.columns["low"]).all()
    assert len(set(rows.columns["close"].tolist())) == 3
    assert rows.columns["minutes_left"].tolist() == [2, 1, 0]
    assert (rows.reasons["volume"] == Missing.NO_VOLUME).all()  # no stream told its trades
    assert rows_of(replayed("SPY", DAY)) == rows_of(run)
    run.refresh_from_db()
    assert (run.state, run.rows, run.simulated) == ("finished", 3, False)


def test_a_day_knows_the_bars_that_were_there_at_its_open():
    with live_market(minutes_before_close=395) as market:
        market.recorder.learn()
        market.vendor.advance(393 * 60)
        run = whole(market)
    rows = minutes_of(run)
    daily = read_rows(run.pk, Kind.DAILY)
    assert len(daily) > 250
    assert rows.columns["previous_close"][-1] == daily.columns["close"][-1]
    evaluate_run(run.pk)
    told = Cursor.objects.get(run=run, kind="daily")
    assert (told.rows, told.through) == (0, from_ns(int(daily.time[-1])))  # history is not told
    assert rows_of(replayed("SPY", DAY)) == rows_of(run)


def test_bars_that_come_after_the_open_change_nothing_of_the_day():
    with live_market(minutes_before_close=2) as market:
        market.on_step.append(market.recorder.learn)
        run = whole(market)
    assert newest_bar("SPY", 86_400) is not None
    assert np.isnan(minutes_of(run).columns["previous_close"]).all()
    assert rows_of(replayed("SPY", DAY)) == rows_of(run)


def test_a_day_that_is_taken_up_again_goes_on_where_it_was(monkeypatch):
    told: list[int] = []
    real = runner.rows_stored
    monkeypatch.setattr(
        runner, "rows_stored", lambda run, **more: (told.append(run), real(run, **more))
    )
    with live_market(minutes_before_close=4) as market:
        run = live.take_up("SPY", DAY)
        ended = market.feed(run, lambda: FrameRow.objects.filter(run=run).count() >= 2)
        assert ended == FeedRun.State.REQUESTED
        assert live.take_up("SPY", DAY).pk == run.pk
        market.until(from_ns(CLOSE - MINUTE))  # recorded, while no feed was there
        market.recorder = market.record()  # a recorder that was killed, too
        assert market.feed(FeedRun.objects.get(pk=run.pk)) == FeedRun.State.FINISHED
    assert before_close(minutes_of(run)) == [3, 2, 1, 0]
    assert len(told) == 4
    assert rows_of(replayed("SPY", DAY)) == rows_of(run)


def test_the_new_rows_are_evaluated_once():
    with live_market(minutes_before_close=3) as market:
        run = live.take_up("SPY", DAY)
        market.on_step.append(lambda: evaluate_run(run.pk))
        assert market.feed(run) == FeedRun.State.FINISHED
    signals = Signal.objects.filter(run=run).count()
    evaluate_run(run.pk)
    evaluate_run(run.pk)
    assert Signal.objects.filter(run=run).count() == signals
    assert Cursor.objects.get(run=run, kind="intraday").rows == 3
    assert {told["source"] for told in map(signal_payload, Signal.objects.all())} <= {"live"}


def test_a_minute_that_was_not_recorded_has_no_row():
    with live_market(minutes_before_close=5) as market:
        gap = (CLOSE - 3.5 * MINUTE, CLOSE - 1.5 * MINUTE)

        def watch() -> None:
            market.recording = not gap[0] < market.now() < gap[1]

        market.on_step.append(watch)
        run = whole(market)
    assert before_close(minutes_of(run)) == [4, 1, 0]
    assert rows_of(replayed("SPY", DAY)) == rows_of(run)


def test_a_crossed_market_and_a_late_feed_make_no_row():
    """At a minute's end the underlying is crossed, at the next one its quote is minutes old."""
    with live_market(minutes_before_close=5) as market:
        prices = market.vendor.venue.prices

        def spoil() -> None:
            left = (CLOSE - market.now()) / MINUTE
            if 2.9 < left < 3.1:
                prices.set("SPY", Decimal("500.2"), Decimal("500.1"))
            elif 1.5 < left < 1.7:
                prices.set("SPY", Decimal("499.9"), Decimal("500.1"))  # keeps its time: frozen
            elif 0.5 < left < 0.7 or 2.5 < left < 2.7:
                prices.let_go("SPY")

        market.on_step.append(spoil)
        run = whole(market)
    assert before_close(minutes_of(run)) == [4, 2, 0]


def test_a_chain_that_is_silent_is_stale_and_has_no_quotes():
    """The underlying is heard, its options are not any more: no row has their old prices."""
    with live_market(minutes_before_close=5) as market:

        def silence() -> None:
            if not market.vendor.script.rules and market.now() > CLOSE - 3.5 * MINUTE:
                market.vendor.script.add("GET /v1beta1/options", "500")

        market.on_step.append(silence)
        run = whole(market)
    rows = minutes_of(run)
    seen = dict(zip(before_close(rows), rows.reasons["iv_30d"].tolist(), strict=True))
    assert seen[4] == Missing.OK
    assert seen[1] == seen[0] == Missing.STALE_QUOTE
    last = Snapshot.objects.order_by("time").last()
    assert last.time == from_ns(CLOSE)
    assert last.rows == 0


def test_a_half_day_ends_at_its_own_close():
    day = dt.date(2026, 11, 27)
    with live_market(minutes_before_close=2, day=day) as market:
        run = live.take_up("SPY", day)
        assert market.feed(run) == FeedRun.State.FINISHED
        assert live.session_on("SPY", market.now() + MINUTE) is None
    rows = minutes_of(run)
    assert from_ns(int(rows.time[-1])) == dt.datetime(2026, 11, 27, 18, tzinfo=dt.UTC)
    assert rows.columns["minutes_left"].tolist() == [1, 0]


def test_a_coin_has_a_session_a_day_of_utc_without_a_pause():
    day = dt.date(2026, 11, 21)  # a Saturday
    with live_market("BTC/USD", minutes_before_close=2, day=day) as market:
        run = live.take_up("BTC/USD", day)
        assert market.feed(run) == FeedRun.State.FINISHED
        following = live.session_on("BTC/USD", market.now())
        assert following.date == day + dt.timedelta(days=1)
        market.until(following.open + dt.timedelta(minutes=2))
        second = live.take_up("BTC/USD", following.date)
        times = iter(range(100))
        market.feed(second, lambda: next(times) > 8)
    midnight = to_ns(dt.datetime(2026, 11, 22, tzinfo=dt.UTC))
    assert minutes_of(run).time.tolist() == [midnight - MINUTE, midnight]
    assert minutes_of(second).time.tolist()[:2] == [midnight + MINUTE, midnight + 2 * MINUTE]
    assert Instrument.objects.get(symbol="BTC/USD").kind == "crypto"
    FeedRun.objects.filter(pk=second.pk).update(state="stopped")
    assert rows_of(replayed("BTC/USD", day)) == rows_of(run)


# --- between two minutes ------------------------------------------------------------------------
def test_quotes_are_told_between_the_minutes_and_make_no_row(monkeypatch):
    told: list[int] = []
    came: list[float] = []
    minutes: list[float] = []
    quote, tell_minute = Publisher.quote, Publisher.minute

    def tell(publisher, data, arrived):
        told.append(data.known_at)
        came.append(arrived)
        quote(publisher, data, arrived)

    def minute(publisher, made, arrived):
        minutes.append(arrived)
        tell_minute(publisher, made, arrived)

    monkeypatch.setattr(Publisher, "quote", tell)
    monkeypatch.setattr(Publisher, "minute", minute)
    with live_market(minutes_before_close=3) as market:
        run = whole(market)
    rows = minutes_of(run).time.tolist()
    assert told == sorted(set(told)), "each once, in order"
    assert set(rows) < set(told)
    assert len(told) > 3 * len(rows)
    assert set(came[len(told) // 2 :]) <= set(minutes), "no quote makes its minute's page younger"
    kept = read_state("quote:SPY").data["SPY"]
    assert kept["last"] == pytest.approx(store.read_snapshot("SPY", at=from_ns(told[-1])).spot)


def test_the_close_of_the_day_before_is_no_quote_of_the_day():
    with live_market(minutes_before_close=3) as market:
        whole(market)
    later = calendars.session(DAY + dt.timedelta(days=1), calendars.exchange_of("SPY"))
    today = calendars.session(DAY, calendars.exchange_of("SPY"))

    def between(session) -> object:
        made = live.LiveSession("SPY", session, "alpaca", lambda: later.open_ns + SECOND)
        return made.between(0)

    assert between(today) is not None
    assert between(later) is None


@pytest.mark.parametrize(("delay", "between"), [(0, True), (90, False)])
def test_prices_are_the_newest_that_may_be_seen(delay, between, monkeypatch):
    with live_market(minutes_before_close=6) as market:
        times = iter(range(1000))
        run = live.take_up("SPY", DAY)
        market.feed(run, lambda: next(times) > 24)
        FeedRun.objects.update(state="running")
        now = from_ns(market.now())
        monkeypatch.setattr(selectors.timezone, "now", lambda: now)
        reach = Reach(delay, None)
        prices, row = (get("SPY", reach) for get in (selectors.newest_prices, selectors.place))
    seen, of_row = (store.load_snapshot(one.id).known_at for one in (prices, row))
    latest = to_ns(now) - delay * SECOND
    assert of_row <= seen <= latest
    assert seen > latest - 11 * SECOND
    assert of_row % MINUTE == 0
    if between:
        assert seen % MINUTE


def test_real_prices_are_of_the_market_whatever_is_replayed():
    with live_market(minutes_before_close=6) as market:
        row = minutes_rows(whole(market)).first()
    row.pk, row.run = None, recorded_run(source="replay", params={}, state="finished", rows=1)
    row.save()
    played, real = (
        store.load_snapshot(selectors.newest_prices("SPY", WHOLE, real=one).id).known_at
        for one in (False, True)
    )
    assert played == to_ns(row.time)
    assert real > played + 4 * MINUTE


# --- runs ---------------------------------------------------------------------------------------
def recorded_run(**more) -> FeedRun:
    spy, _ = Instrument.objects.get_or_create(symbol="SPY", kind="equity")
    return FeedRun.objects.create(
        symbol="SPY", underlying=spy, simulated=False,
        **{"source": "live", "session_date": DAY, "state": "running",
           "params": {"source": "alpaca"}, **more},
    )  # fmt: skip


def test_nobodys_replay_keeps_the_market_out():
    other = recorded_run(source="replay", params={}, state="running", requested_by=7)
    run = live.take_up("SPY", DAY)
    other.refresh_from_db()
    assert (other.desired, run.source, run.speed) == ("stopped", "live", 1.0)


def test_a_simulated_symbol_has_no_live_market():
    Instrument.objects.create(symbol="SIM", kind="equity", simulated=True)
    with pytest.raises(control.FeedError, match="simulated"):
        live.take_up("SIM", DAY)


def test_a_stopped_day_stays_stopped_until_it_is_taken_up(monkeypatch):
    run = recorded_run(state="stopped", desired="stopped")
    played: list[int] = []
    monkeypatch.setattr(
        service, "FeedRunner", lambda run, *_, **__: (played.append(run.pk), Played(run))[1]
    )
    turns = itertools.count()
    now = CLOSE - 30 * MINUTE

    def go(until: int) -> None:
        service.play_live(
            "SPY", lambda: next(turns) >= until, now=lambda: now, sleep=lambda _: None
        )

    monkeypatch.setattr(control, "end_days_over", lambda: None)
    monkeypatch.setattr(live, "end_days_over", lambda: None)
    go(3)
    assert played == []
    control.command_run(run.pk, desired="running")
    go(5)
    assert played[0] == run.pk


class Played:
    def __init__(self, run: FeedRun) -> None:
        self.run = run

    def play(self) -> None:
        FeedRun.objects.filter(pk=self.run.pk).update(state="finished")


@pytest.mark.parametrize("wish", [{"desired": "paused"}, {"speed": 10.0}])
def test_the_market_has_no_pause_and_its_own_speed(wish):
    run = recorded_run()
    with pytest.raises(control.FeedError, match="live"):
        control.command_run(run.pk, **wish)
    assert control.command_run(run.pk, desired="stopped").desired == "stopped"


def test_a_day_whose_process_died_ends_with_the_day():
    old = recorded_run(session_date=dt.date(2024, 3, 15), state="requested")
    today = timezone.now().date() + dt.timedelta(days=1)
    while calendars.session(today) is None:
        today += dt.timedelta(days=1)
    coming = recorded_run(session_date=today, state="requested")
    control.end_days_over()
    old.refresh_from_db()
    coming.refresh_from_db()
    assert (old.state, coming.state) == ("finished", "requested")


@pytest.mark.parametrize(("late", "stale"), [(70, False), (100, True)])
def test_a_live_minute_that_does_not_come_makes_the_symbol_stale(late, stale):
    """Whatever the process says of itself: what counts is the market's time of the last row."""
    now = timezone.now()
    recorded_run(position=now - dt.timedelta(seconds=late), heartbeat_at=now, rows=1)
    [shown] = selectors.feed_payload(WHOLE)["runs"]
    assert shown["stale"] is stale
    assert shown["age_s"] == pytest.approx(late, abs=20)


def test_the_plans_delay_counts_on_our_clock_while_the_market_is_live():
    now = timezone.now()
    recorded_run(position=now - dt.timedelta(minutes=5), heartbeat_at=now, rows=1)
    within = selectors.span_of("SPY", Reach(delay_s=900, history_days=None))
    assert abs((now - within.latest).total_seconds() - 900) < 60
