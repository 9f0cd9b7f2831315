"""The chain: no static arbitrage, ticks, spreads, open interest, volume and signed flow."""

import datetime as dt
from collections.abc import Iterator

import numpy as np
import pytest

from market.simulator import (
    SimulatedMarket,
    SimulatedSession,
    SimulatedSnapshot,
    SimulatorConfig,
)
from market.simulator.book import to_ticks

Calendar = list[tuple[dt.date, int, int]]
Array = np.ndarray
MINUTES = (0, 60, 200, 330, 385, 388)


def _slices(session: SimulatedSession) -> Iterator[tuple[Array, Array]]:
    """Yield the positions of the calls and of the puts of each expiry, by strike."""
    contracts = session.contracts
    for place in range(len(contracts.expiry_dates)):
        here = contracts.expiry == place
        yield (
            np.flatnonzero(here & contracts.is_call),
            np.flatnonzero(here & ~contracts.is_call),
        )


def _of(scenario: str, calendar: Calendar) -> SimulatedSession:
    config = SimulatorConfig(scenario_weights={scenario: 1.0})
    return SimulatedMarket(config, calendar).session(0)


@pytest.fixture(scope="module", params=[0, 3, 9])
def session(request: pytest.FixtureRequest, market: SimulatedMarket) -> SimulatedSession:
    return market.session(request.param)


def _snapshots(session: SimulatedSession) -> list[SimulatedSnapshot]:
    return [session.snapshot(minute) for minute in MINUTES if minute < session.minutes]


def test_no_trade_against_the_quotes_wins_for_sure(session: SimulatedSession) -> None:
    for snap in _snapshots(session):
        bids, asks = snap.chain.bids, snap.chain.asks
        assert np.all((bids >= 0.0) & (bids < asks))
        for calls, puts in _slices(session):
            assert np.all(asks[calls[:-1]] > bids[calls[1:]])
            assert np.all(asks[puts[1:]] > bids[puts[:-1]])
            for side in (calls, puts):
                wings = asks[side[:-2]] + asks[side[2:]]
                assert np.all(wings >= 2.0 * bids[side[1:-1]] - 1e-9)


def test_middles_are_monotone_and_convex_up_to_the_tick(session: SimulatedSession) -> None:
    for snap in _snapshots(session):
        mids = snap.chain.mids()
        for calls, puts in _slices(session):
            spread = (snap.chain.asks - snap.chain.bids)[calls].max()
            assert np.all(np.diff(mids[calls]) <= 0.05 + 0.5 * spread)
            assert np.all(np.diff(mids[puts]) >= -0.05 - 0.5 * spread)


def test_fair_prices_have_no_static_arbitrage(session: SimulatedSession) -> None:
    config = SimulatorConfig()
    for minute in (m for m in MINUTES if m < session.minutes):
        snap = session.snapshot(minute)
        fair, vols = session.fair(minute)
        years = snap.chain.years()
        carry = np.exp(-config.rate * years)
        around = (snap.chain.bids <= fair + 1e-9) & (fair <= snap.chain.asks + 1e-9)
        assert np.count_nonzero(~around) <= 1, "one quoting error at a time"
        for calls, puts in _slices(session):
            strikes = snap.chain.strikes[calls]
            slope = np.diff(fair[calls]) / np.diff(strikes)
            assert np.all((slope <= 1e-9) & (slope >= -carry[calls[0]] - 1e-9))
            for side in (calls, puts):
                assert np.all(np.diff(fair[side], 2) >= -1e-8)
            forward = snap.last * np.exp(-config.dividend * years[calls])
            parity = fair[calls] - fair[puts] - forward + strikes * carry[calls]
            assert np.abs(parity).max() < 1e-8
        _rises_with_expiry(session, vols**2 * years, snap)


def _rises_with_expiry(session: SimulatedSession, total: Array, snap: SimulatedSnapshot) -> None:
    """Total variance at equal moneyness never falls with expiry."""
    config = SimulatorConfig()
    years = snap.chain.years()
    forward = snap.last * np.exp((config.rate - config.dividend) * years)
    k = np.log(snap.chain.strikes / forward)
    grid = np.linspace(-0.05, 0.05, 41)
    before = np.zeros_like(grid)
    for calls, _ in _slices(session):
        now = np.interp(grid, k[calls], total[calls])
        assert np.all(now >= before - 1e-9)
        before = now


def test_at_the_close_the_days_contracts_are_worth_their_intrinsic_value(
    session: SimulatedSession,
) -> None:
    last = session.snapshot(session.minutes - 1)
    fair, _ = session.fair(session.minutes - 1)
    today = session.contracts.sessions_left == 0
    gain = np.where(last.chain.is_call, 1.0, -1.0) * (last.last - last.chain.strikes)
    assert np.array_equal(fair[today], np.maximum(gain, 0.0)[today])
    assert np.all(last.chain.years()[today] == 0.0)


def test_prices_are_whole_ticks_and_an_absent_bid_has_no_size(session: SimulatedSession) -> None:
    for snap in _snapshots(session):
        for prices, limit in ((snap.chain.bids, 2.99), (snap.chain.asks, 3.0)):
            tick = np.where(prices <= limit, 0.01, 0.05)
            assert np.abs(prices / tick - np.rint(prices / tick)).max() < 1e-6
        assert np.array_equal(snap.chain.bids == 0.0, snap.chain.bid_sizes == 0.0)
        assert np.all(snap.chain.ask_sizes >= 1.0)
        assert np.all(snap.chain.asks >= 0.01)


def test_ticks_round_away_from_the_price() -> None:
    bids, asks = to_ticks(np.array([0.004, 2.0, 2.97, 10.0]), np.array([0.01, 0.012, 0.02, 0.03]))
    assert bids.tolist() == [0.0, 1.98, 2.95, 9.95]
    assert asks.tolist() == [0.02, 2.02, 2.99, 10.05]


def _relative_half(session: SimulatedSession, minutes: range) -> float:
    """Average quoted spread of options worth $0.5 to $3, over the root of their price."""
    found = []
    for minute in minutes:
        chain = session.snapshot(minute).chain
        mids = chain.mids()
        part = (mids > 0.5) & (mids < 2.5) & (chain.expiries == chain.expiries.min())
        if part.any():
            found.append(np.mean((chain.asks - chain.bids)[part] / np.sqrt(mids[part])))
    return float(np.mean(found))


def test_spreads_widen_near_the_close(market: SimulatedMarket) -> None:
    session = market.session(1)
    assert _relative_half(session, range(376, 389)) > 1.4 * _relative_half(session, range(190, 203))


def test_spreads_widen_and_sizes_shrink_with_volatility(calendar: Calendar) -> None:
    session = _of("vol_shock", calendar)
    struck = int(session.walked.plan.shock_at[0])
    assert struck + 3 < session.minutes
    before = _relative_half(session, range(struck - 6, struck - 1))
    after = _relative_half(session, range(struck + 1, struck + 6))
    assert after > 1.25 * before
    sizes = [
        float(np.mean(session.snapshot(minute).chain.ask_sizes))
        for minute in (struck - 2, struck + 1)
    ]
    assert sizes[1] < 0.8 * sizes[0]


def test_open_interest_has_the_shape_that_hedgers_need(market: SimulatedMarket) -> None:
    for index in (1, 4, 8):
        session = market.session(index)
        interest, contracts = session.open_interest, session.contracts
        spot = float(session.walked.opening[0])
        calls = contracts.is_call
        assert np.all((interest >= 0.0) & (interest == np.rint(interest)))
        center = [
            float(np.average(contracts.strikes[side], weights=interest[side]))
            for side in (calls, ~calls)
        ]
        assert center[0] > spot > center[1]
        today = contracts.sessions_left == 0
        assert interest[today].sum() > 0.25 * interest.sum()
        near = today & (np.abs(contracts.strikes - spot) < 0.03 * spot)
        round_ = near & (contracts.strikes % 5 == 0)
        assert interest[round_].mean() > 1.3 * interest[near & ~round_].mean()


def test_open_interest_is_of_the_morning_and_rolls_from_day_to_day(
    market: SimulatedMarket,
) -> None:
    session, following = market.session(1), market.session(2)
    first, last = session.snapshot(0).chain, session.snapshot(389).chain
    assert np.array_equal(first.open_interest, last.open_interest)
    later = set(following.contracts.expiry_dates)
    assert session.calendar.date not in later
    assert set(session.contracts.expiry_dates) - {session.calendar.date} <= later


def test_the_wall_is_where_open_interest_is_largest(calendar: Calendar) -> None:
    session = _of("pin", calendar)
    today = (session.contracts.sessions_left == 0) & session.contracts.is_call
    best = np.argmax(np.where(today, session.open_interest, -1.0))
    assert session.contracts.strikes[best] == session.walked.plan.wall_strike[0]


def test_a_vacuum_is_empty_and_bounded_by_populated_strikes(calendar: Calendar) -> None:
    session = _of("pin_break", calendar)
    plan, strikes = session.walked.plan, session.contracts.strikes
    today = session.contracts.sessions_left == 0
    inside = today & (strikes > plan.vacuum_low[0]) & (strikes < plan.vacuum_high[0])
    edge = today & ((strikes == plan.vacuum_low[0]) | (strikes == plan.vacuum_high[0]))
    assert inside.any()
    assert session.open_interest[inside].max() < 0.1 * session.open_interest[edge].max()


def test_volume_holds_the_signed_flow_and_is_largest_today(session: SimulatedSession) -> None:
    volume, flow = np.zeros(len(session.contracts)), np.zeros(len(session.contracts))
    for minute in range(0, session.minutes, 10):
        snap = session.snapshot(minute)
        assert np.all(np.abs(snap.net_customer_buys) <= snap.chain.volume)
        assert np.all(snap.chain.volume == np.rint(snap.chain.volume))
        volume, flow = volume + snap.chain.volume, flow + snap.net_customer_buys
    today = session.contracts.sessions_left == 0
    assert volume[today].sum() > volume[~today].sum()
    assert np.any(flow > 0.0)
    assert np.any(flow < 0.0)


def test_customers_buy_the_zone_above_spot_before_a_squeeze(calendar: Calendar) -> None:
    session = _of("squeeze", calendar)
    plan = session.walked.plan
    flow = sum(snap.net_customer_buys for snap in session.snapshots())
    contracts = session.contracts
    zone = (contracts.sessions_left == 0) & contracts.is_call
    zone &= np.abs(contracts.strikes - plan.zone_center[0]) <= max(0.2 * plan.sd[0], 0.75)
    expected = np.rint(8.0 * 6_000.0)
    assert np.all(np.abs(flow[zone] - expected) < 0.1 * expected)
    assert np.abs(flow[~zone]).max() < 0.1 * expected
