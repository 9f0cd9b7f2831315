"""From a pending order to the venue and back, and everything that stops one."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.db import DatabaseError, transaction

from tests.record.conftest import own_redis
from tests.trading.desk import Desk, desk, latch, market, new_desk
from trading.execution import lease as leases
from trading.execution import services
from trading.execution.quotes import Quote
from trading.execution.states import Standing
from trading.models import AccountState, Order
from trading.orders import services as orders
from trading.orders.machine import News
from trading.scopes import EVERYTHING, Scope
from trading.switches import services as switches

__all__ = ["desk", "latch", "market", "new_desk", "own_redis"]
pytestmark = pytest.mark.django_db(transaction=True)
D = Decimal


def test_an_order_is_sent_once_and_its_fill_is_booked(desk: Desk):
    desk.live().place("one")
    desk.until(lambda: desk.order("one").state == "accepted")
    (name,) = desk.venue.posts
    desk.venue.fill(name, "4")
    desk.venue.fill(name, "6", "98")
    desk.until(lambda: desk.order("one").state == "filled")
    desk.turn(3)
    assert desk.venue.posts == [name]
    desk.prove()


def test_what_leaves_positions_is_sent_first_and_says_so(desk: Desk):
    desk.live().place("buy")
    desk.until(lambda: desk.venue.posts)
    desk.venue.fill_whole(desk.venue.posts[0])
    desk.until(lambda: desk.order("buy").state == "filled")
    desk.place("more", "1")
    desk.place("out", "10", sold=True)
    desk.turn(2)
    first, second = (desk.venue.kept[name].request for name in desk.venue.posts[1:])
    assert (first.intent.intent_id, first.closing) == ("out", (True,))
    assert (second.intent.intent_id, second.closing) == ("more", (False,))


@pytest.mark.parametrize("fault", ["drop", "rate"])
def test_what_was_certainly_not_taken_is_sent_later_under_a_new_id(desk: Desk, fault):
    desk.live()
    setattr(desk.venue.faults, fault, 1.0)
    desk.place("one")
    desk.until(lambda: desk.venue.posts)
    assert desk.order("one").state == "pending"
    setattr(desk.venue.faults, fault, 0.0)
    desk.until(lambda: desk.order("one").state == "accepted")
    assert len(set(desk.venue.posts)) == 2
    desk.prove()


@pytest.mark.parametrize("fault", ["after", "nonsense", "crash_after"])
def test_what_was_taken_without_an_answer_is_found_and_not_sent_again(desk: Desk, fault):
    desk.live()
    setattr(desk.venue.faults, fault, 1.0)
    desk.venue.faults.hidden_s = 3.0
    desk.place("one")
    desk.until(lambda: desk.order("one").state == "accepted", 60)
    assert len(desk.venue.posts) == 1
    desk.prove()


@pytest.mark.parametrize("fault", ["before", "crash_before"])
def test_what_never_arrived_is_sent_again_after_two_absences(desk: Desk, fault):
    desk.live()
    setattr(desk.venue.faults, fault, 1.0)
    desk.place("one")
    desk.until(lambda: desk.venue.posts)
    setattr(desk.venue.faults, fault, 0.0)
    began = desk.clock.monotonic()
    desk.until(lambda: desk.order("one").state == "accepted", 60)
    assert desk.clock.monotonic() - began >= 10
    assert len(set(desk.venue.posts)) == 2
    desk.prove()


def test_a_refusal_is_final_and_says_why(desk: Desk, monkeypatch):
    from trading.brokers.protocol import RejectedError

    desk.live()

    def no(request):
        raise RejectedError("no buying power", "403")

    monkeypatch.setattr(desk.venue, "submit", no)
    desk.place("one")
    desk.until(lambda: desk.order("one").state == "rejected")
    assert desk.order("one").reason == "no buying power (403)"
    assert desk.standing == Standing.LIVE


def test_five_refusals_in_a_row_halt_the_account(desk: Desk, monkeypatch):
    from trading.brokers.protocol import RejectedError

    desk.live()
    asked = []

    def no(request):
        asked.append(request.client_order_id)
        raise RejectedError("no", "422")

    monkeypatch.setattr(desk.venue, "submit", no)
    for number in range(9):
        desk.place(f"{number}")
    desk.until(lambda: desk.standing == Standing.HALTED)
    desk.turn(5)
    assert len(asked) == 5
    assert desk.states().count("canceled") == 4


def test_cancels_pass_in_every_standing(desk: Desk):
    desk.live().place("one")
    desk.until(lambda: desk.order("one").state == "accepted")
    services.step(desk.account.pk, Standing.HALTED, actor="risk", reason="test")
    orders.cancel(desk.account.pk, desk.order("one").pk, actor="user 1")
    desk.until(lambda: desk.order("one").state == "canceled")


def test_a_cancel_that_comes_too_late_hears_of_the_fill(desk: Desk):
    desk.live().place("one")
    desk.until(lambda: desk.order("one").state == "accepted")
    desk.venue.fill_whole(desk.venue.posts[0])
    orders.cancel(desk.account.pk, desk.order("one").pk, actor="user 1")
    assert desk.lane is not None
    desk.lane.turn_cancels()
    assert desk.order("one").state == "filled"
    desk.prove()


def test_a_replacement_takes_the_place_of_the_old_order(desk: Desk):
    from dataclasses import replace

    from trading.orders.intents import of_json

    desk.live().place("one")
    desk.until(lambda: desk.order("one").state == "accepted")
    old = desk.order("one")
    intent = replace(of_json("two", old.intent), limit_price=D(101))
    orders.replace_order(desk.account.pk, old.pk, intent, actor="user 1")
    desk.until(lambda: desk.order("two").state == "accepted")
    desk.until(lambda: desk.order("one").state == "replaced")
    desk.prove()


# --- what stops an order ----------------------------------------------------------------------


def refuse_standing(desk: Desk) -> None:
    services.step(desk.account.pk, Standing.REDUCING, actor="risk", reason="test")


def refuse_halted(desk: Desk) -> None:
    services.step(desk.account.pk, Standing.HALTED, actor="risk", reason="test")


def refuse_latch(desk: Desk) -> None:
    from trading.switches.press import latch

    latch().set(EVERYTHING, actor="test", reason="test")


def refuse_latch_missing(desk: Desk) -> None:
    from trading.switches.press import latch

    latch().path.unlink()


def refuse_latch_broken(desk: Desk) -> None:
    from trading.switches.press import latch

    latch().path.write_text("{")


def refuse_flag(desk: Desk) -> None:
    from trading.switches import flags

    flags.set_flag(Scope("account", str(desk.account.pk)), "test")


def refuse_switch(desk: Desk) -> None:
    switches.turn(Scope("symbol", "SPY"), "halted", actor="risk", reason="test")


def refuse_switch_of_the_origin(desk: Desk) -> None:
    switches.turn(Scope("bot", "7"), "reducing", actor="risk", reason="test")


def refuse_server(desk: Desk) -> None:
    from django.conf import settings

    settings.LIVE_TRADING = False  # the fixture of the settings puts it back


def refuse_lease(desk: Desk) -> None:
    desk.outlet.lease.deadline = desk.clock.monotonic() + 9


def refuse_stream(desk: Desk) -> None:
    assert desk.lane is not None
    desk.lane.session.listening = False


STOPS = [value for name, value in list(globals().items()) if name.startswith("refuse_")]


@pytest.mark.parametrize("stop", STOPS)
def test_each_stop_stops_an_opening_order(desk: Desk, stop):
    desk.live()
    stop(desk)
    desk.place("one", origin="bot:7")
    assert desk.lane is not None
    for _ in range(10):
        desk.lane.turn()
        desk.clock.sleep(0.05)
    assert desk.venue.posts == []
    assert desk.order("one").state == "pending"


def test_no_order_leaves_while_a_part_of_the_kill_switch_cannot_be_asked(own_redis, desk: Desk):
    desk.live()
    own_redis.stop()
    desk.place("one")
    desk.turn(10)
    assert desk.venue.posts == []
    own_redis.start()
    desk.until(lambda: desk.order("one").state == "accepted", 20)


QUOTES = {
    "old": Quote(D(99), D(100), 5.1),
    "of the future": Quote(D(99), D(100), -1.1),
    "crossed": Quote(D(101), D(100), 0.0),
    "without a bid": Quote(D(0), D(100), 0.0),
    "no number": Quote(D("NaN"), D(100), 0.0),
    "below zero": Quote(D(-1), D(100), 0.0),
    "of unknown age": Quote(D(99), D(100), float("nan")),
}


@pytest.mark.parametrize("seen", QUOTES)
def test_no_order_opens_blind(desk: Desk, market, seen):
    desk.live()
    market["SPY"] = QUOTES[seen]
    desk.place("one")
    desk.turn(10)
    assert desk.venue.posts == []


def test_what_leaves_a_position_may_go_by_an_older_quote(desk: Desk, market):
    desk.live().place("buy")
    desk.until(lambda: desk.venue.posts)
    desk.venue.fill_whole(desk.venue.posts[0])
    desk.until(lambda: desk.order("buy").state == "filled")
    refuse_standing(desk)
    market["SPY"] = Quote(D(99), D(100), 29.0)
    desk.place("out", sold=True)
    desk.place("in")
    desk.until(lambda: desk.order("out").state == "accepted")
    desk.turn(5)
    assert desk.order("in").state == "pending"


def test_an_order_that_opens_does_not_wait_for_ever(desk: Desk, market):
    desk.live()
    market["SPY"] = QUOTES["old"]
    desk.place("one")
    Order.objects.update(created=dt.datetime.now(dt.UTC) - dt.timedelta(seconds=61))
    desk.until(lambda: desk.order("one").state == "canceled", 5)
    assert "5.1 s old" in desk.order("one").reason


def test_orders_leave_no_faster_than_allowed(desk: Desk):
    desk.live()
    for number in range(9):
        desk.place(f"{number}")
    assert desk.lane is not None
    desk.lane.turn()
    assert len(desk.venue.posts) == 5
    desk.clock.sleep(1.01)
    desk.lane.turn()
    assert len(desk.venue.posts) == 9


# --- who may act ----------------------------------------------------------------------------------


def test_the_database_refuses_the_attempt_of_an_older_holder(desk: Desk):
    order = desk.live().place("one")
    assert desk.lane is not None
    old = desk.lane.session.lease
    desk.start()
    for token in (old.token, 0):
        with pytest.raises(DatabaseError, match="held under token"), transaction.atomic():
            orders.begin_send(desk.account.pk, order.pk, token)
    with pytest.raises(leases.LostLeaseError), leases.fenced(old):
        pass
    with pytest.raises(leases.LostLeaseError):
        leases.renew(old, desk.clock)
    with pytest.raises(DatabaseError, match="would fall"), transaction.atomic():
        AccountState.objects.update(token=1)


def test_one_holder_at_a_time_and_a_dead_one_is_not_waited_for(desk: Desk, child):
    account = desk.account.pk
    assert leases.take(account, "somebody elsewhere", desk.clock) is not None
    assert leases.take(account, "another", desk.clock) is None
    AccountState.objects.update(lease_until=None)
    one = child(f"""
        from trading.execution import lease
        from trading.execution.clock import SystemClock
        assert lease.take({account}, lease.this_process(), SystemClock())
        say("taken")
        wait()
    """)
    one.until("taken")
    assert leases.take(account, "another", desk.clock) is None
    one.kill()
    assert leases.take(account, "another", desk.clock) is not None


def test_whoever_takes_over_reconciles_first(desk: Desk):
    desk.live()
    desk.start()
    assert desk.standing == Standing.RECONCILING


@pytest.mark.parametrize("news", [News.CANCELED, News.EXPIRED])
def test_ends_that_the_venue_tells_are_heard(desk: Desk, news):
    desk.live().place("one")
    desk.until(lambda: desk.order("one").state == "accepted")
    desk.venue.end(desk.venue.posts[0], news)
    desk.until(lambda: desk.order("one").state == news.value)
    desk.prove()
