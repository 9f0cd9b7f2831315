"""Breakers: what they stop, by what, and how they are tried again."""

from __future__ import annotations

import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.db import connection
from django.utils import timezone
from structlog.testing import capture_logs

from record.locks import alone
from tests.trading.conftest import by, says
from tests.trading.risk.conftest import followed, go_live
from tests.trading.risk.test_gate import C600, fill, option, place, rule, wanted
from trading.execution import services as execution
from trading.execution.selectors import state_of
from trading.execution.states import Standing
from trading.ledger import services as ledger
from trading.ledger.book import Move
from trading.models import AccountDay, Breaker, Order
from trading.orders import services
from trading.orders.machine import News
from trading.orders.venue import apply
from trading.risk import breakers
from trading.risk import services as limits
from trading.scopes import EVERYTHING
from trading.switches import services as switches
from trading.switches.selectors import stops
from trading.tasks import watch_risk

pytestmark = pytest.mark.usefixtures("real_gate")
D = Decimal
LATER = dt.timedelta(minutes=5)


def losing(account, amount: int) -> None:
    """Have the account lose at once: shares of SPY that cost more than they are worth."""
    each = D(600) + D(amount) / 10
    ledger.adjust(account.pk, by(f"bought {amount}"), reason="A test.", cash=-10 * each,
                  moves=(Move("SPY", D(10), D(0)),))  # fmt: skip
    AccountDay.objects.update(seen_at=timezone.now())


@pytest.fixture
def at_work(ready):
    """An account whose day began with its first look."""
    breakers.watch(ready.pk, timezone.now())
    return ready


@pytest.mark.parametrize(
    ("amount", "state"),
    [(2_999, "live"), (3_000, "reducing"), (4_999, "reducing"), (5_000, "halted")],
)
def test_the_days_loss_reduces_and_then_halts(at_work, amount, state):
    losing(at_work, amount)
    breakers.watch(at_work.pk, timezone.now())
    assert state_of(at_work.pk).state == state


def test_a_halted_account_stays_halted_until_a_person_comes(at_work):
    losing(at_work, 6_000)
    breakers.watch(at_work.pk, timezone.now())
    breakers.watch(at_work.pk, timezone.now())
    assert state_of(at_work.pk).state == "halted"
    with pytest.raises(execution.StandingError):
        execution.step(at_work.pk, Standing.RECONCILING, actor="risk", reason="It is over.")


def test_a_fall_from_the_highest_reduces(at_work):
    AccountDay.objects.update(highest_profit=D(20_000))
    breakers.watch(at_work.pk, timezone.now())
    assert state_of(at_work.pk).state == "reducing"


def test_a_loss_overnight_is_the_days(ready):
    yesterday = dt.date(2026, 11, 19)
    limits.keep(ready, yesterday, D(104_000), D(4_000), timezone.now())
    assert rule(ready) == "daily loss"
    assert state_of(ready.pk).state == "reducing"
    day = AccountDay.objects.get(day=dt.date(2026, 11, 20))
    assert (day.first_equity, day.first_profit, day.profit) == (104_000, 4_000, 0)


def test_a_position_that_lost_too_much_is_only_left(at_work, playing):
    for number in range(2):
        order = place(at_work, f"{number}", units=2).order
        fill(at_work, order, "8.00", name=f"n{number}-")
        Order.objects.update(created=timezone.now() - LATER)
    playing.goes_on(minutes=1, bids=0.50, asks=0.52)
    breakers.watch(at_work.pk, timezone.now())
    one = Breaker.objects.get()
    assert (one.kind, one.symbol, one.state) == ("loss", "SPY", "reducing")
    Order.objects.update(created=timezone.now() - LATER)
    placed = place(at_work, "more", price="0.51")
    refused = {row[0] for row in placed.decision.facts["rules"] if row[1] == "refuse"}
    assert "breakers" in refused
    breakers.move_on(at_work, timezone.now() + dt.timedelta(days=2))
    one.refresh_from_db()
    assert one.state == "closed"


def refused_by_broker(account, name: str) -> None:
    order = services.place(account.pk, wanted(name), actor="ana").order
    assert order.state == "pending", order.reason
    sent = services.begin_send(account.pk, order.pk)
    apply(account.pk, says(News.REJECTED, f"no {name}", sent))
    Order.objects.filter(account=account).update(created=timezone.now() - LATER)


def test_refusals_of_the_broker_in_a_row_halt(ready):
    from trading.models import AccountState

    AccountState.objects.update(since=timezone.now() - dt.timedelta(hours=1))
    for number in range(4):
        refused_by_broker(ready, f"{number}")
    breakers.watch(ready.pk, timezone.now())
    assert state_of(ready.pk).state == "live"
    refused_by_broker(ready, "last")
    assert rule(ready, "next") == "broker refusals"
    breakers.watch(ready.pk, timezone.now())
    assert state_of(ready.pk).state == "halted"


def test_one_that_the_broker_takes_ends_the_row(ready):
    from trading.models import AccountState

    AccountState.objects.update(since=timezone.now() - dt.timedelta(hours=1))
    for number in range(4):
        refused_by_broker(ready, f"{number}")
    order = place(ready, "good").order
    apply(ready.pk, says(News.WORKING, "w", services.begin_send(ready.pk, order.pk)))
    Order.objects.update(created=timezone.now() - LATER)
    refused_by_broker(ready, "bad")
    breakers.watch(ready.pk, timezone.now())
    assert state_of(ready.pk).state == "live"


def stale(account, playing) -> Breaker:
    playing.hangs(40)
    assert rule(account, "blind") in ("quote age", "underlying age")
    playing.set(heartbeat_at=timezone.now())
    return Breaker.objects.get()


def test_a_stale_market_is_tried_by_one_order_that_lowers_risk(ready, playing):
    fill(ready, place(ready, units=2).order, "8.00")
    Order.objects.update(created=timezone.now() - LATER)
    one = stale(ready, playing)
    assert (one.kind, one.state) == ("stale", "open")
    out = option(C600, -1)
    assert rule(ready, "too soon", out) == "breakers"
    Breaker.objects.update(until=timezone.now())
    assert rule(ready, "opens", option(C600), price="8.00") == "breakers"
    tries = place(ready, "tries", out).order
    assert tries.state == "pending"
    one.refresh_from_db()
    assert one.state == "trying"
    Order.objects.update(created=timezone.now() - LATER)
    assert rule(ready, "second", out) == "breakers"
    fill(ready, tries, "8.00", name="y")
    assert rule(ready, "after", option(C600), price="8.00") == ""
    one.refresh_from_db()
    assert one.state == "closed"


def test_a_try_that_is_refused_waits_twice_as_long(ready, playing):
    fill(ready, place(ready, units=2).order, "8.00")
    Order.objects.update(created=timezone.now() - LATER)
    stale(ready, playing)
    Breaker.objects.update(until=timezone.now())
    tries = place(ready, "tries", option(C600, -1)).order
    apply(ready.pk, says(News.REJECTED, "no", services.begin_send(ready.pk, tries.pk)))
    now = timezone.now()
    breakers.move_on(ready, now)
    one = Breaker.objects.get()
    assert (one.state, one.times, one.until - now) == ("open", 2, 2 * breakers.WAIT)


def test_a_try_that_ends_without_either_may_be_repeated(ready, playing):
    fill(ready, place(ready, units=2).order, "8.00")
    Order.objects.update(created=timezone.now() - LATER)
    stale(ready, playing)
    Breaker.objects.update(until=timezone.now())
    tries = place(ready, "tries", option(C600, -1)).order
    services.cancel(ready.pk, tries.pk, actor="ana")
    breakers.move_on(ready, timezone.now())
    assert Breaker.objects.get().state == "half-open"


def test_with_nothing_to_leave_any_one_order_may_try(ready, playing):
    stale(ready, playing)
    Breaker.objects.update(until=timezone.now())
    assert rule(ready, "tries") == ""


def test_a_fill_far_worse_than_usual_opens_the_breaker_once(ready):
    for number in range(22):
        order = Order.objects.filter(state="filled").count()
        placed = place(ready, f"{number}", option(C600, 1 if number % 2 == 0 else -1))
        assert placed.decision.allowed, placed.decision.text
        price = "8.00" if number < 21 else "7.00"
        fill(ready, placed.order, price, name=f"n{order}-")
        Order.objects.update(created=timezone.now() - LATER)
        breakers.watch(ready.pk, timezone.now())
        assert Breaker.objects.count() == (number == 21)
    one = Breaker.objects.get()
    assert (one.kind, one.symbol) == ("slippage", "")
    Breaker.objects.update(state="closed")
    breakers.watch(ready.pk, timezone.now())
    assert Breaker.objects.exclude(state="closed").count() == 0


def test_brokers_that_refuse_half_of_everything_turn_the_global_switch(live_account, ready):
    account, now = live_account(), timezone.now()
    rows = [
        Order(account=account, intent_id=f"{number}", intent={}, origin="user", kind="limit",
              time_in_force="day", quantity=1, state="rejected" if number < bad else "canceled",
              sent=1, ended_at=now, ended_as="rejected" if number < bad else "canceled")
        for bad in (5,) for number in range(10)
    ]  # fmt: skip
    Order.objects.bulk_create(rows[:9])
    assert not breakers.watch_system(now)
    Order.objects.bulk_create(rows[9:])
    assert breakers.watch_system(now)
    assert [str(one.scope) for one in stops(())] == ["global"]
    assert rule(ready) == "switches"
    assert not breakers.watch_system(now)
    switches.turn(EVERYTHING, "off", actor="operator eve", reason="It was their test.")


def test_every_account_that_holds_something_is_watched(open_account, playing, ready):
    quiet = go_live(followed(open_account(name="quiet")))
    losing(ready, 0)
    assert breakers.watch_all() == (1, ())
    assert AccountDay.objects.get().account == ready != quiet


def test_an_account_that_cannot_be_watched_is_told_and_stops_no_other(
    open_account, playing, ready, monkeypatch
):
    other = go_live(followed(open_account(name="other")))
    losing(ready, 0)
    losing(other, 0)
    watch = breakers.services.keep_day

    def broken(account, book):
        if account.pk == ready.pk:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 / 0")
        watch(account, book)

    monkeypatch.setattr(breakers.services, "keep_day", broken)
    with capture_logs() as told:
        assert breakers.watch_all() == (2, (ready.pk,))
    assert AccountDay.objects.get().account == other
    sums = [one for one in told if one["event"] == "watch_incomplete"]
    assert [(one["accounts"], one["failed"]) for one in sums] == [(2, 1)]


@pytest.mark.django_db(transaction=True)
def test_a_look_that_takes_long_is_not_joined_by_the_next(ready):
    losing(ready, 0)
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        try:
            with alone("trading.watch_risk") as first:
                assert first
                begun.set()
                go_on.wait(30)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(slow)
        assert begun.wait(30)
        watch_risk()
        assert not AccountDay.objects.exists()
        go_on.set()
        other.result()
    watch_risk()
    assert AccountDay.objects.count() == 1


def test_an_account_without_money_yet_has_no_day_to_lose(ana, playing, open_account):
    """One at a broker that was not taken over yet: an order in that moment must not halt it."""
    empty = open_account("empty", cash="0", broker="alpaca")
    order = services.place(empty.pk, wanted("early"), actor="ana").order
    assert order.state == "rejected"
    breakers.watch(empty.pk, timezone.now())
    assert not AccountDay.objects.filter(account=empty).exists()
    assert state_of(empty.pk).state != "halted"
