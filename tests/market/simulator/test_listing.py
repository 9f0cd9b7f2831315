"""Expiries and strikes by the calendar."""

import datetime as dt

import numpy as np
import pytest

from market.simulator import SimulatedMarket, SimulatorConfig
from market.simulator.listing import MarketSession, list_contracts, listed_expiries

Calendar = list[tuple[dt.date, int, int]]


@pytest.fixture(scope="module")
def rows(calendar: Calendar) -> list[MarketSession]:
    return [MarketSession(*row) for row in calendar]


def test_every_session_lists_today_and_eight_expiries_within_sixty_days(
    rows: list[MarketSession], market: SimulatedMarket
) -> None:
    for index in range(len(market)):
        dates = [rows[at].date for at in listed_expiries(rows, index)]
        assert dates[:3] == [row.date for row in rows[index : index + 3]]
        assert len(dates) >= 8
        assert dates == sorted(set(dates))
        assert 36 <= (dates[-1] - dates[0]).days <= 60


def test_what_is_listed_stays_until_it_expires(
    rows: list[MarketSession], market: SimulatedMarket
) -> None:
    for index in range(len(market) - 1):
        before, after = (set(listed_expiries(rows, at)) for at in (index, index + 1))
        assert before - {index} <= after


def test_a_week_whose_friday_is_a_holiday_expires_on_thursday(rows: list[MarketSession]) -> None:
    start = next(at for at, row in enumerate(rows) if row.date == dt.date(2024, 3, 4))
    dates = [rows[at].date for at in listed_expiries(rows, start)]
    assert dt.date(2024, 3, 28) in dates
    assert dt.date(2024, 3, 29) not in dates


def test_expiries_settle_at_the_close_of_their_session(rows: list[MarketSession]) -> None:
    contracts = list_contracts(SimulatorConfig(), rows, 0, 500.0)
    closes = {row.date: row.close_ns for row in rows}
    half_day = closes[dt.date(2024, 1, 5)]
    for place, day in enumerate(contracts.expiry_dates):
        assert set(contracts.settlements[contracts.expiry == place].tolist()) == {closes[day]}
    assert half_day in contracts.settlements
    left = [index for index, row in enumerate(rows) if row.date in contracts.expiry_dates]
    assert sorted(set(contracts.sessions_left.tolist())) == left


@pytest.mark.parametrize("opening", [120.0, 497.49, 4_000.0])
def test_forty_strikes_a_side_each_with_a_call_and_a_put(
    rows: list[MarketSession], opening: float
) -> None:
    config = SimulatorConfig(spot0=opening, strike_step=0.5)
    contracts = list_contracts(config, rows, 3, opening)
    for place in range(len(contracts.expiry_dates)):
        here = contracts.expiry == place
        strikes = contracts.strikes[here & contracts.is_call]
        assert np.array_equal(strikes, contracts.strikes[here & ~contracts.is_call])
        assert len({*np.round(np.diff(strikes), 6).tolist()} - {0.5, 2.5}) == 0
        assert np.count_nonzero(strikes > opening) >= 40
        assert np.count_nonzero(strikes < opening) >= 40


def test_contracts_are_ordered_by_expiry_strike_and_call_first(rows: list[MarketSession]) -> None:
    contracts = list_contracts(SimulatorConfig(), rows, 0, 500.0)
    order = np.lexsort((~contracts.is_call, contracts.strikes, contracts.settlements))
    assert np.array_equal(order, np.arange(len(contracts)))
