"""What a log earned: from its legs alone, expiries settled where the server knows the price."""

import datetime as dt
from decimal import Decimal

from leaderboard import reports, selectors, services
from leaderboard.claims import Leg
from leaderboard.performance import Month, Traded, performance_of
from market.store import write_snapshots

from .conftest import CALL, NOON, PUT, snapshot, trade

DAY = dt.timedelta(days=1)
D = Decimal


def traded(seq, action, symbol, quantity, price, *, at=NOON, fee="0", tier="checked"):
    kind = "option" if len(symbol) > 12 else "equity"
    leg = Leg(action, symbol, kind, D(quantity), D(price))
    return Traded(seq, at, (leg,), D(fee), tier)


def of(*trades, now=NOON + DAY, price=None):
    return performance_of(trades, now=now, settled_at=lambda symbol, at: price)


def test_equity_and_drawdown_follow_the_trades():
    found = of(
        traded(1, "BUY", "SPY", 10, 500, fee="1"),
        traded(2, "SELL", "SPY", 5, 510),
        traded(3, "SELL", "SPY", 5, 490, at=NOON + 20 * DAY),
        now=NOON + 21 * DAY,
    )
    assert [point.equity for point in found.curve] == [-1, 99, -1]
    assert [point.drawdown for point in found.curve] == [-1, 0, -100]
    assert found.max_drawdown == -100
    assert found.months == (Month(2026, 11, D(49)), Month(2026, 12, D(-50)))
    assert (found.closings, found.wins, found.win_rate) == (2, 1, 0.5)
    assert found.tiers == {"checked": 3}


def test_what_is_open_is_valued_at_its_last_price():
    found = of(traded(1, "SHORT", "SPY", 10, 500), traded(2, "SHORT", "SPY", 1, 490))
    assert (found.realised, found.unrealised, found.equity) == (0, 100, 100)
    assert [(one.instrument, one.quantity) for one in found.open] == [("SPY", -11)]


def test_an_option_is_settled_where_the_price_is_known():
    later = dt.datetime(2026, 12, 19, tzinfo=dt.UTC)
    trades = (traded(1, "BUY_CALL", CALL, 1, 5), traded(2, "SELL_PUT", PUT, 2, 4))
    won = of(*trades, now=later, price=D(512))
    assert won.realised == (12 - 5) * 100 + 4 * 200
    assert won.open == ()
    unknown = of(*trades, now=later)
    assert (unknown.realised, unknown.expired) == (0, (CALL, PUT))
    assert of(*trades).expired == ()


def test_a_settlement_comes_before_what_is_traded_after_it():
    later = dt.datetime(2026, 12, 21, 15, tzinfo=dt.UTC)
    found = of(
        traded(1, "BUY_CALL", CALL, 1, 5), traded(2, "BUY", "SPY", 1, 500, at=later),
        now=later, price=D(490),
    )  # fmt: skip
    assert [point.equity for point in found.curve] == [0, -500, -500]
    assert found.curve[1].at < later


def test_the_recorded_price_at_the_settlement_counts(bot, spy):
    settles = dt.datetime(2026, 12, 18, 21, 0, tzinfo=dt.UTC)
    write_snapshots([snapshot(settles - dt.timedelta(minutes=1), spot=507.5)])
    reports.report(bot.pk, [trade()], now=NOON)
    found = selectors.performance(bot, services.newest(bot), now=settles + DAY)
    assert found.realised == D("2.55") * 200
    payload = selectors.performance_payload(found)
    assert (payload["realised"], payload["open"]) == ("510", [])


def test_a_long_curve_keeps_its_depth_and_its_end():
    prices = [500 + (number % 7) - (300 if number == 777 else 0) for number in range(1500)]
    found = of(*(traded(n, "BUY", "SPY", 1, price) for n, price in enumerate(prices, 1)))
    thin = selectors.thinned(found)
    assert len(thin) <= selectors.CURVE_POINTS + 2
    assert min(point.drawdown for point in thin) == found.max_drawdown
    assert thin[-1] == found.curve[-1]
