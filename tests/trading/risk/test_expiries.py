"""What is told before options end and before dividends, when, and never twice."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.utils import timezone

from accounts.alerts import messages
from accounts.alerts.models import AlertChannel, AlertDelivery
from accounts.alerts.obstacles import obstacle
from accounts.alerts.wording import delivery_words
from market import calendars
from record.models import OutboxRow
from tests.trading.conftest import by
from tests.trading.risk.built import option
from trading.brokers.paper.models import ShareDividend
from trading.ledger import services as ledger
from trading.ledger.book import Move
from trading.models import OrderEvent
from trading.risk import telling, warning
from trading.risk.expiries import LAST_HOURS, Held, notices, stage

D = Decimal
FRIDAY = dt.date(2026, 11, 20)
MINUTE = dt.timedelta(minutes=1)


def terms(day: dt.date = FRIDAY, *, strike: int = 600, call: bool = True, **more):
    last = calendars.last_trade("SPY", day)
    found = option(strike, call=call, expiry=day, **more)
    return found, type(found.option)(
        found.option.strike, day, call, last, found.option.american, found.option.index
    )


def one(quantity: int, spot: str = "600", *, bid: str | None = "1.00", **more) -> Held:
    instrument, made = terms(**more)
    return Held(instrument, made, D(quantity), D(spot), None if bid is None else D(bid))


def told(*held: Held, now: dt.datetime | None = None, shares: int = 0, money: int = 0,
         dividends=None) -> list[str]:  # fmt: skip
    at = held[0].terms.last_trade - LAST_HOURS if now is None else now
    found = notices(held, at, shares={"SPY": D(shares)}, money=D(money), dividends=dividends or {})
    assert all(0 < len(each.text) <= 300 and len(each.key) <= 60 for each in found)
    return [each.key for each in found]


@pytest.mark.parametrize(
    ("day", "opened", "last"),
    [
        (FRIDAY, dt.datetime(2026, 11, 19, 14, 30), dt.datetime(2026, 11, 20, 21)),
        # Over a weekend, over Thanksgiving with its half day, and where the clocks change.
        (dt.date(2026, 11, 23), dt.datetime(2026, 11, 20, 14, 30), dt.datetime(2026, 11, 23, 21)),
        (dt.date(2026, 11, 27), dt.datetime(2026, 11, 25, 14, 30), dt.datetime(2026, 11, 27, 18)),
        (dt.date(2026, 11, 2), dt.datetime(2026, 10, 30, 13, 30), dt.datetime(2026, 11, 2, 21)),
    ],
)
def test_each_is_told_a_session_before_and_in_the_last_hours(day, opened, last):
    opened, last = (at.replace(tzinfo=dt.UTC) for at in (opened, last))
    made = terms(day)[1]
    begins = calendars.session(day).open
    assert made.last_trade >= last
    last = made.last_trade
    for at, right in [
        (opened - MINUTE, ""), (opened, "day"), (begins - MINUTE, "day"), (begins, ""),
        (last - LAST_HOURS - MINUTE, ""), (last - LAST_HOURS, "hours"), (last - MINUTE, "hours"),
        (last, ""),
    ]:  # fmt: skip
        assert stage(made, at) == right, at


@pytest.mark.parametrize(
    ("spot", "call", "right"),
    [("593.99", True, False), ("594.06", True, True), ("600", True, True), ("700", True, True),
     ("606.07", False, False), ("606.06", False, True), ("500", False, True)],
)  # fmt: skip
def test_short_options_in_the_money_or_near_it_may_be_assigned(spot, call, right):
    keys = told(one(-2, spot, call=call), shares=200, money=10**9)
    assert bool(keys) is right
    assert all(key.startswith("hours SPY") and key.endswith("assigned") for key in keys)


def test_long_options_without_the_means_are_told():
    call, put = one(1, "610"), one(1, "590", call=False)
    assert [key[-7:] for key in told(call, money=59_999)] == ["lacking"]
    assert told(call, money=60_000) == []
    assert [key[-7:] for key in told(put, shares=99)] == ["lacking"]
    assert told(put, shares=100) == []
    assert told(one(1, "580"), money=0) == []  # far out of the money


def test_a_spread_that_ends_whole_in_the_money_needs_its_width_alone():
    spread = (one(1, "640"), one(-1, "640", strike=610))
    assert [key[-8:] for key in told(*spread, money=60_000)] == ["assigned"]
    assert [key[-8:] for key in told(*spread, money=0)] == ["assigned"]


def test_what_pays_cash_needs_nothing():
    assert told(one(-1, index=True, american=False), one(1, index=True, american=False)) == []


@pytest.mark.parametrize(
    ("ex_date", "bid", "right"),
    [
        (dt.date(2026, 11, 20), "20.90", True),  # 90 cents of time value, $1 of dividend
        (dt.date(2026, 11, 20), "21.00", False),
        (dt.date(2026, 11, 20), None, False),
        (dt.date(2026, 11, 23), "20.90", False),
        (dt.date(2026, 11, 19), "20.90", False),
    ],
)
def test_a_short_call_may_go_before_a_dividend(ex_date, bid, right):
    at = dt.datetime(2026, 11, 19, 15, tzinfo=dt.UTC)
    day = dt.date(2026, 12, 18)
    dividends = {"SPY": (ex_date, D(1))}
    keys = told(one(-1, "620", bid=bid, day=day), now=at, dividends=dividends)
    assert bool(keys) is right
    assert told(one(1, "620", bid=bid, day=day), now=at, dividends=dividends) == []
    assert told(one(-1, "580", call=False, bid=bid, day=day), now=at, dividends=dividends) == []


def hold(account, symbol: str, quantity: int, price: str) -> None:
    move = Move(symbol, D(quantity), D(price), D(100))
    ledger.adjust(account.pk, by(f"{symbol} {quantity}"), reason="held", moves=(move,))


@pytest.fixture
def channel(ready) -> AlertChannel:
    return AlertChannel.objects.create(
        user=ready.owner, kind="push", name="phone", config="{}", shown="a phone", state="active"
    )


def test_a_warning_is_given_once_by_every_way(ready, playing, channel):
    off = AlertChannel.objects.create(
        user=ready.owner, kind="push", name="old", config="{}", shown="a phone", state="paused"
    )
    hold(ready, "SPY261120C00600000", -1, "2.00")
    assert warning.warn(ready.pk) == 0  # in the morning of the last day
    playing.goes_on(minutes=240)
    assert warning.warn_all() == (1, ())
    assert (warning.warn(ready.pk), warning.warn_all()) == (0, (1, ()))
    event = OrderEvent.objects.exclude(alert="").get()
    assert (event.kind, event.order) == ("warning", None)
    assert "100 shares go for $60,000" in event.alert
    assert OutboxRow.objects.filter(task=telling.TASK).count() == 1
    (row,) = AlertDelivery.objects.all()
    assert (row.kind, row.channel, row.state) == ("warning", channel, "waiting")
    assert off.deliveries.count() == 0
    assert delivery_words(row).startswith("Warning: main: SPY261120C00600000 may be assigned")
    assert messages.of_delivery(row, site="https://pulse.example").link.endswith(
        f"/trading/accounts/{ready.pk}/"
    )
    assert "day's limit" not in obstacle(row, timezone.now())


def test_a_dividend_that_an_operator_entered_is_told(ready, playing):
    ShareDividend.objects.create(symbol="SPY", ex_date=dt.date(2026, 11, 23), amount=D(9))
    hold(ready, "SPY261218C00580000", -1, "20.00")
    assert warning.warn(ready.pk) == 1
    assert "pays $9 a share" in OrderEvent.objects.exclude(alert="").get().alert


def test_an_account_that_fails_stops_no_other(ready, playing, monkeypatch):
    hold(ready, "SPY261218C00580000", -1, "20.00")

    def broken(*_args):
        raise RuntimeError("broken")

    monkeypatch.setattr(warning, "_due", broken)
    assert warning.warn_all() == (1, (ready.pk,))
