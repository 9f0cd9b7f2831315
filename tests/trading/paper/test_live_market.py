"""Paper on the live market: its clock is ours, and it goes on from day to day."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest

from market.clock import to_ns
from market.feed.control import ACTIVE
from market.models import FeedRun
from market.store import load_snapshot, write_snapshots
from record.models import OutboxRow
from tests.trading.paper.conftest import WALL, Tape, hear, intent, option
from trading.brokers.paper import following, markets, services
from trading.brokers.paper.broker import PaperBroker
from trading.brokers.paper.models import PaperAccount
from trading.brokers.protocol import RejectedError, Request
from trading.desk.opening import markets as offered
from trading.ledger.book import LedgerError
from trading.models import Account, Fill, Order
from trading.orders import services as orders
from trading.risk.markets import look

DAY = dt.date(2026, 1, 5)
NEXT = dt.date(2026, 1, 6)
CALL = option("C", 500, day=dt.date(2026, 1, 16), root="SPY")
SECOND = dt.timedelta(seconds=1)


def live_tape(tape, day: dt.date = DAY, **more) -> Tape:
    made = tape([CALL], symbol="SPY", source="live", day=day)
    FeedRun.objects.filter(pk=made.run.pk).update(session_date=day, **more)
    made.run.refresh_from_db()
    return made


@pytest.fixture
def market(tape) -> Tape:
    made = live_tape(tape)
    made.row(1, {CALL: (5.0, 5.2, 10, 10)})
    return made


@pytest.fixture
def account(market, ana) -> Account:
    return services.open_paper_account(
        ana, name="live", cash=Decimal(100_000), market="live:SPY", now=market.at(1) + 5 * SECOND
    )


def send(account: Account, name: str, now: dt.datetime, **more) -> Order:
    wanted = intent(name, (CALL, 1), **more)
    order = orders.place(account.pk, wanted, actor="ana").order
    told = PaperBroker(account.pk, now=lambda: now).submit(
        Request(orders.begin_send(account.pk, order.pk), wanted, (False,))
    )
    hear(account, told)
    return order


def test_an_account_begins_now_on_its_market_by_name(market, account):
    paper = account.paper
    assert (paper.market, paper.symbol, paper.run_id, paper.world) == ("live", "SPY", None, {})
    assert paper.through == market.at(1) + 5 * SECOND
    assert list(markets.accounts_on(market.run)) == [paper]


def test_rows_that_come_late_fill_no_order_that_was_sent_after_them(market, account):
    """The feed is three minutes behind: what it makes up for is of the past."""
    send(account, "late", market.at(4) + 30 * SECOND, limit_price="7")
    for minute in (2, 3, 4):
        market.row(minute, {CALL: (5.0, 5.2, 10, 10)})
    assert not Fill.objects.exists()
    market.row(5, {CALL: (6.0, 6.2, 10, 10)})
    assert Fill.objects.get().price > 6


def test_it_goes_on_with_the_next_days_run(tape, market, account):
    send(account, "gtc", market.at(1) + 6 * SECOND, limit_price="4", time_in_force="gtc")
    market.row(2, {CALL: (5.0, 5.2, 10, 10)})
    market.closes()
    FeedRun.objects.filter(pk=market.run.pk).update(state="finished")
    with pytest.raises(RejectedError, match="does not run"):
        send(account, "night", market.at(500), limit_price="7")
    following_day = live_tape(tape, NEXT)
    following_day.row(1, {CALL: (3.7, 3.9, 10, 10)})
    assert Fill.objects.get().at == following_day.at(1)
    paper = PaperAccount.objects.get(pk=account.pk)
    assert (paper.night, paper.day) == (DAY, NEXT)


def test_the_night_of_a_day_without_a_close_is_done_once_its_run_is_over(market, account):
    send(account, "one", market.at(1) + 6 * SECOND, limit_price="7")
    market.row(2, {CALL: (5.0, 5.2, 10, 10)})
    FeedRun.objects.filter(pk=market.run.pk).update(state="finished")
    OutboxRow.objects.all().delete()
    assert following.follow_all() == 1
    market.steps()
    assert PaperAccount.objects.get(pk=account.pk).night == DAY
    assert following.follow_all() == 0


@pytest.mark.parametrize("state", ["stopped", "failed"])
def test_a_day_that_may_be_taken_up_again_has_no_night_yet(market, account, state):
    send(account, "one", market.at(1) + 6 * SECOND, limit_price="7")
    market.row(2, {CALL: (5.0, 5.2, 10, 10)})
    FeedRun.objects.filter(pk=market.run.pk).update(state=state)
    market.steps()
    assert PaperAccount.objects.get(pk=account.pk).night is None


def test_the_clock_is_ours_even_where_the_feed_hangs(market):
    now = market.at(30)
    assert markets.clock_of(market.run, now) == to_ns(now)
    assert markets.clock_of(market.run, market.at(0)) == to_ns(market.at(1))
    market.run.position = None
    assert markets.clock_of(market.run, now) is None


@pytest.mark.parametrize("name", ["live:QQQ", "live:", "live:BTC/USD"])
def test_what_is_no_live_market_is_refused(market, ana, name):
    if name.endswith("USD"):
        FeedRun.objects.filter(source="live").update(symbol="BTC/USD")
    with pytest.raises(LedgerError) as refused:
        services.open_paper_account(ana, name="x", cash=Decimal(1000), market=name, now=WALL)
    assert refused.value.field == "market"


def test_it_is_offered_beside_the_simulators(market, ana):
    assert [(one.name, one.text, one.on) for one in offered(ana)] == [
        ("live:SPY", "SPY, live market", True)
    ]
    FeedRun.objects.exclude(state="finished").update(state="finished")
    assert [one.on for one in offered(ana)] == [False]


def test_the_gate_sees_what_was_recorded_now(market, account):
    """A row a minute fills orders; the gate asks for the newest snapshot, seconds old."""
    row = load_snapshot(market.run.frame_rows.get().snapshot_id)
    at = market.at(1) + 40 * SECOND
    write_snapshots([replace(row, time=to_ns(at), known_at=to_ns(at), bid=501.0, ask=501.2)])
    seen = look(account, "SPY", at + 3 * SECOND)
    assert seen.late == pytest.approx(3.0)
    assert (seen.ground.state, seen.ground.now) == ("on", at + 3 * SECOND)
    assert float(seen.ground.quote.bid) == 501.0
    assert not seen.ground.synthetic
    FeedRun.objects.filter(pk=market.run.pk).update(state="requested")
    assert FeedRun.State.REQUESTED in ACTIVE
    assert look(account, "SPY", at).ground.state == "its feed is requested"
    FeedRun.objects.filter(pk=market.run.pk).update(state="finished")
    assert look(account, "SPY", at).ground.state == "no feed plays it"
