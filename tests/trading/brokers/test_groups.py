"""Groups that a broker takes whole: what each does beside its venue, and what goes wrong there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.trading.brokers.benches import CALL, AlpacaBench, Bench
from tests.trading.brokers.desk import Desk, Hasty, agree, want
from tests.trading.brokers.test_contract import (
    Listening,
    bench,
    desk,
    desk_of,
    opened,
    paper,
    tape,
    wait_for,
)
from trading.brokers.alpaca.asking import body_of
from trading.brokers.protocol import BrokerError, RejectedError, Request
from trading.orders.intents import Intent
from trading.orders.machine import Known, State, exit_id

__all__ = ["bench", "desk", "opened", "paper", "tape"]
ENTRY, TARGET, STOP = "in", "target", "stop"


def group(price: str = "501") -> tuple[Intent, Intent, Intent]:
    return (
        want(ENTRY, limit=price),
        want(TARGET, limit="510", sell=True),
        want(STOP, limit=None, sell=True, kind="stop", stop_price=Decimal(490)),
    )


@pytest.fixture
def able(bench) -> Bench:
    """A bench whose broker takes groups; orders fill when the test says so."""
    if not bench.groups:
        pytest.skip("this broker takes no groups: this house keeps them")
    bench.by_itself(False)
    return bench


def placed(desk: Desk) -> str:
    """Place the group; return the id under which it arrived."""
    entry, *exits = group()
    return desk.place(entry, None, *exits)


def states(desk: Desk) -> tuple[State, ...]:
    return tuple(desk.state(one) for one in (ENTRY, TARGET, STOP))


def entered(bench, desk: Desk) -> tuple[str, str, str]:
    name = placed(desk)
    bench.fill(name, "10", {"SPY": "500.01"})
    return name, exit_id(name, "limit"), exit_id(name, "stop")


def test_a_broker_that_takes_no_groups_says_so_and_sends_nothing(bench):
    if bench.groups:
        assert bench.broker.abilities.native_groups["equity"].forms == {"bracket", "oto", "oco"}
        assert set(bench.broker.abilities.native_groups) == {"equity"}
        return
    assert not bench.broker.abilities.native_groups
    entry, *exits = group()
    with pytest.raises(RejectedError) as caught:
        bench.broker.submit(Request("as-one", entry, (False,), tuple(exits)))
    assert (caught.value.code, bench.orders()) == ("ability", [])


def test_a_group_is_one_request_and_each_of_its_orders_is_known(able, desk):
    name = placed(desk)
    assert able.orders() == [name]
    assert states(desk)[0] in (State.ACCEPTED, State.WORKING)
    assert set(states(desk)[1:]) == {State.ACCEPTED}
    able.fill(name, "10", {"SPY": "500.01"})
    able.fill(exit_id(name, "limit"), "10", {"SPY": "510"})
    desk.reconcile()
    assert states(desk) == (State.FILLED, State.FILLED, State.CANCELED)
    agree(desk, able)


def test_a_stop_takes_what_the_target_left(able, desk):
    _, target, stop = entered(able, desk)
    able.fill(target, "4", {"SPY": "510"})
    able.fill(stop, "6", {"SPY": "490"})
    desk.reconcile()
    assert states(desk) == (State.FILLED, State.CANCELED, State.CANCELED)
    assert [desk.known[one].done for one in (TARGET, STOP)] == [4, 6]
    agree(desk, able)


def test_exits_that_leave_what_is_held_are_one_request_too(able, desk):
    able.fill(desk.place(want("held")), "10", {"SPY": "500.01"})
    _, target, stop = group()
    name = desk.place(target, (True,), stop)
    able.fill(exit_id(name, "stop"), "10", {"SPY": "489"})
    desk.reconcile()
    assert (desk.state(TARGET), desk.state(STOP)) == (State.CANCELED, State.FILLED)
    agree(desk, able)


def test_an_entry_with_a_stop_alone(able, desk):
    entry, _, stop = group()
    name = desk.place(entry, None, stop)
    able.fill(name, "10", {"SPY": "500.01"})
    able.fill(exit_id(name, "stop"), "10", {"SPY": "489"})
    desk.reconcile()
    assert (desk.state(ENTRY), desk.state(STOP)) == (State.FILLED, State.FILLED)
    agree(desk, able)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_the_cancel_of_one_ends_all_that_is_open(able, desk, which):
    names = (placed(desk),) if which == 0 else entered(able, desk)
    if which == 0:
        able.fill(names[0], "4", {"SPY": "500.01"})
    venue = able.broker.find(names[which])
    assert venue is not None
    able.broker.cancel(names[which], venue.venue_order_id)
    desk.reconcile()
    first = State.CANCELED if which == 0 else State.FILLED
    assert states(desk) == (first, State.CANCELED, State.CANCELED)
    agree(desk, able)


def test_cancel_all_ends_exits_whose_entry_is_filled(able, desk):
    entered(able, desk)
    assert able.broker.cancel_all() == 1
    desk.reconcile()
    assert states(desk) == (State.FILLED, State.CANCELED, State.CANCELED)


@pytest.mark.parametrize("name", [TARGET, STOP])
def test_the_price_of_an_exit_changes_in_its_place(able, desk, name):
    ids = dict(zip((ENTRY, TARGET, STOP), entered(able, desk), strict=True))
    old = able.broker.find(ids[name])
    price = {TARGET: {"limit": "512"}, STOP: {"limit": None, "stop_price": Decimal(485)}}[name]
    intent = want("new", sell=True, kind=desk.intents[name].kind, **price)
    desk.intents["new"], desk.known["new"] = intent, desk.known[name]
    desk.ids["new-id"] = "new"
    desk.take(able.broker.replace(
        old.venue_order_id, Request("new-id", intent, (True,), prices_only=True)
    ))  # fmt: skip
    able.restart()
    desk.broker = able.broker
    desk.reconcile()
    assert desk.state(name) == State.REPLACED
    able.fill("new-id", "10", {"SPY": "500"})
    desk.reconcile()
    other = STOP if name == TARGET else TARGET
    assert (desk.state("new"), desk.state(other)) == (State.FILLED, State.CANCELED)
    agree(desk, able)


def test_one_that_begins_anew_knows_exits_that_lists_show_alone(able, desk):
    """The entry is over, so the list of what is open shows its exits by themselves."""
    name, target, stop = entered(able, desk)
    able.restart()
    open_ = {one.client_order_id for one in able.broker.orders(able.since) if one.open}
    assert open_ == {target, stop}
    able.restart()
    found = able.broker.find(stop)
    assert found is not None
    assert found.client_order_id == stop
    able.fill(stop, "10", {"SPY": "489"})
    able.restart()
    names = {one.client_order_id for one in able.broker.executions(able.since)}
    assert names == {name, stop}


FAULTS = sorted(AlpacaBench.before | AlpacaBench.after)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_sending_a_group_changes_nothing_in_the_end(opened, fault):
    bench = opened("alpaca")
    desk = desk_of(bench)
    bench.by_itself(False)
    bench.spoil("submit", fault, times=1)
    name = placed(desk)
    bench.fill(name, "10", {"SPY": "500.01"})
    bench.fill(exit_id(name, "stop"), "10", {"SPY": "489"})
    desk.reconcile()
    assert states(desk) == (State.FILLED, State.CANCELED, State.FILLED)
    assert bench.orders() == [name]
    agree(desk, bench)


def test_a_broker_that_sends_a_group_again_is_found_out(opened):
    bench = opened("alpaca")
    desk = desk_of(bench, Hasty(bench.broker))
    bench.by_itself(False)
    bench.spoil("submit", "504_after", times=1)
    placed(desk)
    for name in bench.orders():
        desk.ids.setdefault(name, ENTRY)
    with pytest.raises(AssertionError, match="sent twice"):
        agree(desk, bench)


@pytest.fixture
def listening(able, desk) -> Iterator[Listening]:
    made = Listening(desk)
    yield made
    made.close()


def test_the_stream_tells_of_exits_under_our_ids(able, desk, listening):
    _, target, _ = entered(able, desk)
    wait_for(lambda: desk.state(TARGET) == State.WORKING)
    able.fill(target, "10", {"SPY": "510"})
    wait_for(lambda: states(desk) == (State.FILLED, State.FILLED, State.CANCELED))
    assert desk.strangers == []
    agree(desk, able)


def test_the_stream_may_tell_of_exits_before_the_answer_to_the_request(able, desk, listening):
    able.spoil("submit", "reset_after", times=1)
    entry, *exits = group()
    desk.intents |= {one.intent_id: one for one in (entry, *exits)}
    desk.known |= {one.intent_id: Known(one.quantity) for one in (entry, *exits)}
    names = {"early": ENTRY, exit_id("early", "limit"): TARGET, exit_id("early", "stop"): STOP}
    desk.ids |= names
    with pytest.raises(BrokerError):
        able.broker.submit(Request("early", entry, (False,), tuple(exits)))
    able.fill("early", "10", {"SPY": "500.01"})
    able.fill(exit_id("early", "stop"), "10", {"SPY": "489"})
    wait_for(lambda: states(desk) == (State.FILLED, State.CANCELED, State.FILLED))
    agree(desk, able)


@pytest.mark.parametrize("seed", range(2))
def test_disorder_of_groups_ends_in_the_same_state(able, desk, listening, seed):
    able.patient()
    able.spoil_stream(twice=0.3, lost=0.1, shuffled=0.3, replayed=0.1, late=0.1, cut=0.05)
    _, target, stop = entered(able, desk)
    able.fill((target, stop)[seed], "10", {"SPY": "500"})
    able.spoil_stream(twice=0, lost=0, shuffled=0, replayed=0, late=0, cut=0)
    desk.reconcile()
    ends = (State.FILLED, State.CANCELED)
    assert states(desk) == (State.FILLED, *(ends if seed == 0 else reversed(ends)))
    agree(desk, able)


# --- how it is written for Alpaca ----------------------------------------------------------------
def test_the_forms_are_those_that_alpaca_documents():
    entry, target, stop = group()
    loss = {"stop_price": "490"}
    bracket = body_of(Request("id", entry, (False,), (target, stop)))
    assert (bracket["order_class"], bracket["limit_price"]) == ("bracket", "501")
    assert (bracket["take_profit"], bracket["stop_loss"]) == ({"limit_price": "510"}, loss)
    oto = body_of(Request("id", entry, (False,), (stop,)))
    assert (oto["order_class"], oto["stop_loss"]) == ("oto", loss)
    assert "take_profit" not in oto
    oco = body_of(Request("id", target, (True,), (stop,)))
    assert (oco["order_class"], oco["type"], oco["side"]) == ("oco", "limit", "sell")
    assert (oco["take_profit"], oco["stop_loss"]) == ({"limit_price": "510"}, loss)
    assert "limit_price" not in oco


@pytest.mark.parametrize(
    "wrong", [{"quantity": Decimal("10.5")}, {"time_in_force": "ioc"}, {"kind": "trailing_stop"}]
)
def test_what_alpaca_does_not_take_as_one_is_not_sent(wrong):
    entry, target, stop = group()
    more = {"stop_price": None, "trail": Decimal(1)} if "kind" in wrong else {}
    with pytest.raises(RejectedError, match="as one"):
        body_of(Request("id", entry, (False,), (target, replace(stop, **wrong, **more))))
    option = replace(entry, legs=want("x", symbol=CALL).legs)
    with pytest.raises(RejectedError, match="as one"):
        body_of(Request("id", option, (False,), (target, stop)))
