"""Sessions with their chains: the same bits whichever way they are reached, and sound markets."""

import datetime as dt
import itertools
from dataclasses import fields

import numpy as np
import pytest

from market.simulator import SimulatedMarket, SimulatedSnapshot, SimulatorConfig
from market.simulator.listing import HORIZON_DAYS
from market.simulator.paths import initial_state, simulate_session
from quant.exposure import profile

Calendar = list[tuple[dt.date, int, int]]
MINUTE = 60_000_000_000


def _same(one: SimulatedSnapshot, other: SimulatedSnapshot) -> None:
    for item in fields(SimulatedSnapshot):
        left, right = getattr(one, item.name), getattr(other, item.name)
        if item.name == "chain":
            for column in fields(left):
                assert np.array_equal(getattr(left, column.name), getattr(right, column.name))
        else:
            assert np.array_equal(left, right), item.name


def test_a_session_is_the_same_however_one_comes_to_it(
    market: SimulatedMarket, calendar: Calendar
) -> None:
    fresh = SimulatedMarket(SimulatorConfig(), calendar)
    direct = fresh.session(6)
    late_first = [direct.snapshot(minute) for minute in (389, 5, 200)]
    *_, seventh = zip(range(7), market.sessions(), strict=False)
    in_order = list(seventh[1].snapshots())
    for snapshot in late_first:
        _same(snapshot, in_order[snapshot.minute])
    _same(next(iter(direct.snapshots(start=17))), in_order[17])


def test_a_longer_calendar_leaves_a_session_as_it_was(
    market: SimulatedMarket, calendar: Calendar
) -> None:
    need = calendar[2][0] + dt.timedelta(days=HORIZON_DAYS)
    short = SimulatedMarket(
        SimulatorConfig(), [row for row in calendar if row[0] <= need + dt.timedelta(days=4)]
    )
    assert len(short) < len(market)
    _same(short.session(2).snapshot(100), market.session(2).snapshot(100))


def test_the_market_is_the_path_that_many_walk_at_once(market: SimulatedMarket) -> None:
    config, numbers = SimulatorConfig(), np.arange(4)
    many = simulate_session(config, numbers, initial_state(config, numbers))
    assert np.array_equal(many.spot[0], market.session(0).walked.spot[0])


def test_another_path_of_the_seed_is_another_market(
    market: SimulatedMarket, calendar: Calendar
) -> None:
    other = SimulatedMarket(SimulatorConfig(path=1), calendar).session(0).snapshot(10)
    assert other.last != market.session(0).snapshot(10).last


def test_snapshots_stand_at_the_ends_of_the_sessions_minutes(
    market: SimulatedMarket, calendar: Calendar
) -> None:
    day, open_ns, close_ns = calendar[3]
    session = market.session(3)
    assert session.calendar.date == day == dt.date(2024, 1, 5)
    assert session.minutes == 210
    snapshots = list(session.snapshots())
    assert [snap.time for snap in snapshots] == list(range(open_ns + MINUTE, close_ns + 1, MINUTE))
    assert [snap.minute for snap in snapshots] == list(range(210))
    assert all(snap.chain.time == snap.time for snap in snapshots)


def test_minute_bars_make_the_daily_bar_and_the_next_previous_close(
    market: SimulatedMarket,
) -> None:
    session, following = market.session(4), market.session(5)
    snapshots = list(session.snapshots())
    bar = session.daily_bar()
    assert bar.open == snapshots[0].open
    assert bar.high == max(snap.high for snap in snapshots)
    assert bar.low == min(snap.low for snap in snapshots)
    assert bar.close == snapshots[-1].last == following.previous_close
    assert bar.volume == sum(snap.volume for snap in snapshots)
    for before, after in itertools.pairwise(snapshots):
        assert after.open == before.last
        assert after.low <= min(after.open, after.last) <= max(after.open, after.last) <= after.high


def test_the_underlyings_quote_encloses_the_last_price_in_cents(market: SimulatedMarket) -> None:
    for snap in market.session(1).snapshots():
        assert 0.0 < snap.bid < snap.last < snap.ask
        for price in (snap.bid, snap.ask, snap.last, snap.open, snap.high, snap.low):
            assert round(price, 2) == price
        assert abs(snap.signed_volume) <= snap.volume
        assert snap.chain.spot == snap.last


def test_history_leads_up_to_each_session(market: SimulatedMarket) -> None:
    history = market.daily_history(504)
    assert len(history) == 504
    assert history.close[-1] == market.session(0).previous_close == 500.0
    assert np.array_equal(market.daily_history(60).close, history.close[-60:])
    later = market.daily_history(62, before=2)
    assert np.array_equal(later.close[:60], history.close[-60:])
    assert later.close[-2:].tolist() == [
        market.session(1).previous_close,
        market.session(2).previous_close,
    ]
    assert np.all(later.low <= np.minimum(later.open, later.close))
    assert np.all(later.high >= np.maximum(later.open, later.close))
    assert np.all((later.month_vol > 0.05) & (later.month_vol < 1.0))
    assert np.all((later.spread > 0.0) & (later.spread < 0.001))


def test_history_and_sessions_have_the_same_scale(market: SimulatedMarket) -> None:
    bars = market.daily_history(504 + 15, before=15)
    for name in ("volume", "month_vol", "spread"):
        column = getattr(bars, name)
        assert 0.3 < np.median(column[-15:]) / np.median(column[-60:-15]) < 3.0, name


def test_too_much_history_or_too_late_a_session_is_refused(market: SimulatedMarket) -> None:
    with pytest.raises(ValueError, match="505"):
        market.daily_history(505)
    with pytest.raises(ValueError, match="daily bars"):
        market.basket(5, 0)
    with pytest.raises(ValueError, match="session"):
        market.daily_history(5, before=len(market) + 1)
    with pytest.raises(IndexError, match="session"):
        market.session(len(market))
    with pytest.raises(IndexError, match="minute"):
        market.session(0).snapshot(390)


def test_a_calendar_that_does_not_increase_or_suffice_is_refused(calendar: Calendar) -> None:
    config = SimulatorConfig()
    with pytest.raises(ValueError, match="increase"):
        SimulatedMarket(config, [calendar[1], calendar[0], *calendar[2:]])
    with pytest.raises(ValueError, match="60 days"):
        SimulatedMarket(config, calendar[:20])
    with pytest.raises(ValueError, match="60 days"):
        SimulatedMarket(config, [])
    day, open_ns, close_ns = calendar[0]
    with pytest.raises(ValueError, match="whole minutes"):
        SimulatedMarket(config, [(day, open_ns, close_ns + 1), *calendar[1:]])


def test_the_chain_shows_the_exposure_that_the_path_hedges(market: SimulatedMarket) -> None:
    """The reduced book of the path against the full chain's naive gamma."""
    shown, hedged = [], []
    for index in range(12):
        session = market.session(index)
        for minute in (30, 120):
            found = profile(session.snapshot(minute).chain)
            assert found.totals.gamma is not None
            shown.append(found.totals.gamma)
            hedged.append(float(session.walked.gamma[0, minute]))
    assert np.corrcoef(shown, hedged)[0, 1] > 0.95
    far = np.abs(hedged) > 0.3e9
    assert np.all(np.sign(np.array(shown)[far]) == np.sign(np.array(hedged)[far]))
