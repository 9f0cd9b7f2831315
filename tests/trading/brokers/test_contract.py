"""What every broker does: one suite for all, each beside a venue that goes wrong on purpose.

Sizes come from the environment: PULSE_STORM orders with three requests in ten going wrong (G4),
PULSE_DISORDER orders whose events come doubled, lost, mixed and late (G5).
"""

from __future__ import annotations

import itertools
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Decimal

import pytest

from tests.trading.brokers.benches import (
    ADJUSTED,
    CALL,
    HIGHER,
    AlpacaBench,
    Bench,
    TradierBench,
)
from tests.trading.brokers.desk import Desk, Hasty, agree, want
from tests.trading.brokers.paper_bench import PaperBench
from tests.trading.paper.conftest import paper, tape
from tests.trials.sizes import size
from trading.brokers.protocol import (
    Broker,
    BrokerError,
    NotTakenError,
    OutcomeUnknownError,
    RejectedError,
    Request,
)
from trading.orders.intents import Leg
from trading.orders.machine import News, State

__all__ = ["paper", "tape"]
BENCHES: dict[str, type[AlpacaBench | TradierBench | PaperBench]] = {
    "alpaca": AlpacaBench, "tradier": TradierBench, "paper": PaperBench,
}  # fmt: skip
SPREAD = (Leg(CALL, 1, Decimal(100)), Leg(HIGHER, -1, Decimal(100)))
_MARKS = {"paper": (pytest.mark.django_db,)}
SUBMIT_FAULTS = [
    pytest.param(name, fault, marks=_MARKS.get(name, ()))
    for name, bench in BENCHES.items() for fault in sorted(bench.before | bench.after)
]  # fmt: skip
READ_FAULTS = [
    (name, fault) for name, bench in BENCHES.items() if bench.wired
    for fault in sorted((bench.before | bench.after) - {"unknown_enum", "delay"})
]  # fmt: skip
"""Those two are read all the same."""


@pytest.fixture
def opened(request) -> Iterator[Callable[[str], Bench]]:
    """Return a function that opens a venue with quotes; the paper venue needs our tables."""
    made: list[Bench] = []

    def open_one(name: str) -> Bench:
        fixtures = ("tape", "paper") if name == "paper" else ()
        bench: Bench = BENCHES[name](*map(request.getfixturevalue, fixtures))
        made.append(bench)
        bench.quote("SPY", "499.99", "500.01")
        bench.quote(CALL, "2.00", "2.10")
        bench.quote(HIGHER, "0.90", "1.00")
        return bench

    yield open_one
    for one in made:
        one.close()


@pytest.fixture(params=[pytest.param(one, marks=_MARKS.get(one, ())) for one in sorted(BENCHES)])
def bench(request, opened) -> Bench:
    return opened(request.param)


@pytest.fixture
def desk(bench) -> Desk:
    return desk_of(bench)


def desk_of(bench: Bench, broker: Broker | None = None, gap: float = 0.0) -> Desk:
    """Return a desk at a bench; what it heard is what is booked."""
    desk = Desk(broker or bench.broker, gap, bench.since)
    if isinstance(bench, TradierBench):
        bench.books.fills = desk.fills
    return desk


def wait_for(what: Callable[[], object], seconds: float = 8.0) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.01)


# --- the plain course ---------------------------------------------------------------------------
def test_an_order_fills_and_all_is_known(bench, desk):
    bench.by_itself(False)
    name = desk.place(want("one"))
    assert desk.state("one") in (State.ACCEPTED, State.WORKING)
    bench.fill(name, "10", {"SPY": "500.01"})
    desk.reconcile()
    assert desk.state("one") == State.FILLED
    (fill,) = desk.fills.values()
    assert fill.execution is not None
    assert (fill.execution.quantity, fill.execution.price) == (Decimal(10), Decimal("500.01"))
    agree(desk, bench)


def test_parts_add_up_and_each_is_told_once(bench, desk):
    bench.by_itself(False)
    name = desk.place(want("parts"))
    for quantity, price in (("3", "500.01"), ("3", "500.01"), ("4", "500.00")):
        bench.fill(name, quantity, {"SPY": price})
        desk.reconcile()
    assert desk.state("parts") == State.FILLED
    assert len(desk.fills) == 3
    agree(desk, bench)


def test_a_cancel_ends_what_is_left(bench, desk):
    bench.by_itself(False)
    name = desk.place(want("cancelled"))
    bench.fill(name, "4", {"SPY": "500.01"})
    assert desk.cancel(name)
    desk.reconcile()
    assert desk.state("cancelled") == State.CANCELED
    assert not desk.cancel(name)
    agree(desk, bench)


def test_a_fill_after_a_cancel_is_heard(bench, desk):
    bench.by_itself(False)
    name = desk.place(want("late"))
    assert desk.cancel(name)
    desk.reconcile()
    bench.fill(name, "4", {"SPY": "500.01"})
    desk.reconcile()
    assert bool(desk.fills) == bench.late_fills
    agree(desk, bench)


def test_a_sale_closes(bench, desk):
    bench.by_itself(False)
    bench.fill(desk.place(want("in")), "10", {"SPY": "500.01"})
    bench.fill(desk.place(want("out", limit="499", sell=True), (True,)), "10", {"SPY": "499.99"})
    desk.reconcile()
    assert bench.broker.positions() == []
    agree(desk, bench)


def test_positions_have_their_sign(bench, desk):
    bench.by_itself(False)
    bench.fill(desk.place(want("pair", "2", "1.20", legs=SPREAD)), "2",
               {CALL: "2.05", HIGHER: "0.95"})  # fmt: skip
    held = {one.symbol: one.quantity for one in bench.broker.positions()}
    assert held == {CALL: Decimal(2), HIGHER: Decimal(-2)}


def test_a_package_fills_whole_units(bench, desk):
    bench.by_itself(False)
    name = desk.place(want("package", "3", "1.20", legs=SPREAD))
    bench.fill(name, "1", {CALL: "2.05", HIGHER: "0.95"})
    desk.reconcile()
    assert desk.state("package") == State.PARTIALLY_FILLED
    bench.fill(name, "2", {CALL: "2.10", HIGHER: "0.90"})
    desk.reconcile()
    assert desk.state("package") == State.FILLED
    agree(desk, bench)


def test_a_replacement_takes_the_place(bench, desk):
    if not bench.replaces:
        with pytest.raises(RejectedError) as caught:
            bench.broker.replace("1", Request("new-id", want("new"), (False,)))
        assert caught.value.code == "ability"
        return
    bench.by_itself(False)
    old = desk.place(want("old", limit="490"))
    intent = want("new", limit="491")
    desk.intents["new"], desk.known["new"] = intent, desk.known["old"]
    desk.ids["new-id"] = "new"
    taken = bench.broker.replace(desk.venue_ids[old], Request("new-id", intent, (False,)))
    desk.take(taken)
    desk.reconcile()
    assert desk.state("old") in (State.REPLACED, State.CANCELED)
    assert desk.state("new") in (State.ACCEPTED, State.WORKING)


def test_what_is_not_there_is_none(bench):
    assert bench.broker.find("pulse-1-never-sent") is None


def test_cancel_all_ends_everything(bench, desk):
    bench.by_itself(False)
    for number in range(3):
        desk.place(want(f"open {number}", "1"))
    assert bench.broker.cancel_all() == 3
    desk.reconcile()
    assert {desk.state(f"open {number}") for number in range(3)} == {State.CANCELED}


def test_what_the_venue_refuses_is_refused(bench, desk):
    desk.place(want("dear", "100000"))
    assert (desk.state("dear") == State.REJECTED) == bench.knows_money
    agree(desk, bench)


def test_what_it_cannot_do_is_refused_unsent(bench, desk):
    able = bench.broker.abilities
    for kind, limit in (("stop", None), ("trailing_stop", None)):
        if kind in able.kinds["option"]:
            continue
        price = {"stop": {"stop_price": Decimal(1)}, "trailing_stop": {"trail": Decimal(1)}}[kind]
        intent = want(kind, "1", limit, symbol=CALL, kind=kind, **price)
        with pytest.raises(RejectedError) as caught:
            bench.broker.submit(Request(f"cannot-{kind}", intent, (False,)))
        assert caught.value.code == "ability"
    fraction = want("fraction", "0.5", "2.1", symbol=CALL)
    with pytest.raises(RejectedError):
        bench.broker.submit(Request("cannot-half", fraction, (False,)))
    assert bench.orders() == []


def test_the_account_is_read(bench):
    account = bench.broker.account()
    assert account.cash == account.equity == Decimal(100_000)
    assert account.buying_power > 0
    assert account.options_level >= 2
    assert account.obstacles == ()


def test_expiry_comes_as_activities(bench, desk):
    bench.by_itself(False)
    bench.fill(desk.place(want("held", "1", "1.20", legs=SPREAD)), "1",
               {CALL: "2.05", HIGHER: "0.95"})  # fmt: skip
    bench.quote("SPY", "502.00", "502.02")
    bench.advance(24)
    found = [one for one in bench.broker.activities(bench.since) if one.quantity]
    moves = {(one.kind, one.symbol): (one.quantity, one.price) for one in found}
    assert moves == {
        ("exercise", CALL): (Decimal(-1), Decimal(0)),
        ("exercise", "SPY"): (Decimal(100), Decimal(500)),
        ("expiry", HIGHER): (Decimal(1), Decimal(0)),
    }
    groups = {one.group for one in found if one.kind == "exercise"}
    assert len(groups) == 1
    assert len({one.activity_id for one in found}) == 3


def test_an_adjusted_contract_is_an_option_that_only_leaves(bench, desk):
    with pytest.raises(RejectedError, match="adjusted contract: what it delivers") as caught:
        bench.broker.submit(Request("opens", want("opens", "1", symbol=ADJUSTED), (False,)))
    assert (caught.value.code, bench.orders()) == ("adjusted", [])
    if not bench.holds_adjusted:
        return
    bench.by_itself(False)
    bench.quote(ADJUSTED, "2.00", "2.10")
    bench.hold(ADJUSTED, "2", "1.50")
    (held,) = bench.broker.positions()
    assert (held.symbol, held.quantity, held.average_price) == (ADJUSTED, 2, Decimal("1.5"))
    name = desk.place(want("leaves", "2", "1.90", symbol=ADJUSTED, sell=True), (True,))
    bench.fill(name, "2", {ADJUSTED: "2.00"})
    desk.reconcile()
    (fill,) = desk.fills.values()
    assert fill.execution is not None
    assert (fill.execution.symbol, fill.execution.multiplier) == (ADJUSTED, 100)
    assert (desk.state("leaves"), bench.broker.positions()) == (State.FILLED, [])


def test_a_stopped_account_trades_no_more(bench, desk):
    if not bench.stops:
        with pytest.raises(RejectedError):
            bench.broker.suspend(on=True)
        return
    bench.broker.suspend(on=True)
    desk.place(want("stopped"))
    assert desk.state("stopped") == State.REJECTED
    assert bench.broker.account().obstacles
    bench.broker.suspend(on=False)
    assert bench.broker.account().obstacles == ()


# --- what goes wrong ----------------------------------------------------------------------------
@pytest.mark.parametrize(("name", "fault"), SUBMIT_FAULTS)
def test_a_fault_in_sending_changes_nothing_in_the_end(opened, name, fault):
    bench = opened(name)
    desk = desk_of(bench)
    bench.by_itself(False)
    bench.spoil("submit", fault, times=1)
    arrived = desk.place(want("once"))
    bench.fill(arrived, "10", {"SPY": "500.01"})
    desk.reconcile()
    assert desk.state("once") == State.FILLED
    assert bench.orders() == [arrived]
    agree(desk, bench)


@pytest.mark.parametrize(("name", "fault"), READ_FAULTS)
def test_a_fault_in_reading_is_never_an_answer(opened, name, fault):
    """A failure is a failure: no order is taken for absent, no position for flat."""
    bench = opened(name)
    desk = desk_of(bench)
    bench.by_itself(False)
    arrived = desk.place(want("held"))
    bench.fill(arrived, "10", {"SPY": "500.01"})
    bench.spoil("all", fault)
    for ask in (
        lambda: bench.broker.find(arrived),
        bench.broker.positions,
        lambda: bench.broker.orders(bench.since),
        lambda: bench.broker.executions(bench.since),
    ):
        with pytest.raises(BrokerError):
            ask()


def test_an_order_that_is_found_late_is_not_sent_again(bench):
    """Taken, not answered, and for a while not found: asked again after a while."""
    if not bench.wired:
        pytest.skip("what the paper venue took is found at once: it is one commit")
    desk = desk_of(bench, gap=0.5)
    bench.by_itself(False)
    bench.spoil("submit", "reset_after", times=1)
    bench.spoil("find", "lost", seconds=0.3)
    arrived = desk.place(want("hidden"))
    bench.heal()
    assert bench.orders() == [arrived]


def test_an_id_is_used_once(bench, desk):
    if not bench.unique_ids:
        pytest.skip("this venue takes an id again")
    bench.by_itself(False)
    name = desk.place(want("twice"))
    if bench.repeats:
        assert bench.broker.submit(Request(name, want("twice"), (False,))).client_order_id == name
    with pytest.raises(RejectedError if bench.repeats else OutcomeUnknownError):
        bench.broker.submit(Request(name, want("twice", "11"), (False,)))
    assert bench.orders() == [name]


def test_every_call_ends_in_time(bench):
    if not bench.wired:
        pytest.skip("no wire to the paper venue may hang")
    bench.spoil("all", "hang")
    for ask in (bench.broker.account, bench.broker.positions, bench.broker.cancel_all,
                lambda: bench.broker.find("x")):  # fmt: skip
        began = time.monotonic()
        with pytest.raises(BrokerError):
            ask()
        assert time.monotonic() - began < 2


def test_a_venue_that_is_away_takes_nothing(bench):
    bench.close()
    with pytest.raises(NotTakenError if bench.wired else RejectedError):
        bench.broker.submit(Request("away", want("away"), (False,)))


def test_secrets_stay_inside(bench, desk, caplog, capfd):
    if not bench.secret:
        pytest.skip("the paper venue has no keys")
    caplog.set_level("DEBUG")
    bench.spoil("all", "500", nth=frozenset({2, 4}))
    texts = []
    for ask in (bench.broker.account, bench.broker.positions, lambda: bench.broker.find("x"),
                lambda: desk.place(want("secret"))):  # fmt: skip
        try:
            ask()
        except BrokerError as error:
            texts.append(repr(error))
    if bench.broker.abilities.streams:
        bench.broker.stream().close()
    out = capfd.readouterr()
    said = "\n".join([*texts, caplog.text, out.out, out.err, repr(vars(bench.broker))])
    assert bench.secret not in said


# --- the stream ---------------------------------------------------------------------------------
class Listening:
    """A stream heard in a thread; opened anew when cut, with a look at what was missed."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.stream = desk.broker.stream()
        self.cuts = 0
        self._stopped = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopped:
            try:
                for event in self.stream:
                    self.desk.hear([event])
            except BrokerError:
                self.cuts += 1
                while not self._stopped:
                    with suppress(BrokerError):
                        self.stream = self.desk.broker.stream()
                        self.desk.reconcile()
                        break
                    time.sleep(0.02)

    def close(self) -> None:
        self._stopped = True
        self.stream.close()
        self._thread.join(5)


@pytest.fixture
def listening(bench, desk) -> Iterator[Listening]:
    if not bench.broker.abilities.streams:
        pytest.skip("this broker has no stream: its news are booked where they arise")
    made = Listening(desk)
    yield made
    made.close()


def test_the_stream_tells_of_fills_and_ends(bench, desk, listening):
    bench.by_itself(False)
    name = desk.place(want("streamed"))
    bench.fill(name, "4", {"SPY": "500.01"})
    wait_for(lambda: desk.state("streamed") == State.PARTIALLY_FILLED)
    desk.cancel(name)
    wait_for(lambda: desk.state("streamed") == State.CANCELED)
    agree(desk, bench)


def test_the_stream_tells_of_packages(bench, desk, listening):
    bench.by_itself(False)
    name = desk.place(want("package", "2", "1.20", legs=SPREAD))
    bench.fill(name, "2", {CALL: "2.05", HIGHER: "0.95"})
    wait_for(lambda: desk.state("package") == State.FILLED)
    agree(desk, bench)


def test_a_cut_is_told_and_what_was_missed_is_found(bench, desk, listening):
    bench.by_itself(False)
    name = desk.place(want("missed"))
    bench.cut()
    bench.fill(name, "10", {"SPY": "500.01"})
    wait_for(lambda: listening.cuts and desk.state("missed") == State.FILLED)
    agree(desk, bench)


def test_there_is_one_stream(bench, desk):
    first = Listening(desk) if bench.broker.abilities.streams else None
    with pytest.raises(NotTakenError):
        bench.broker.stream()
    if first is not None:
        first.close()


@pytest.mark.parametrize("seed", range(3))
def test_disorder_ends_in_the_same_state(bench, desk, listening, seed):
    """Events doubled, lost, mixed, replayed, late and cut: after one look, all is as it was."""
    bench.patient()
    bench.spoil_stream(twice=0.2, lost=0.1, shuffled=0.2, replayed=0.1, late=0.05, cut=0.03,
                       half=0.02)  # fmt: skip
    for number in range(size("PULSE_DISORDER", 12)):
        name = desk.place(want(f"{seed} {number}", "1", "501" if number % 3 else "490"))
        if number % 3 == 0:
            desk.cancel(name)
        if number % 4 == 0:
            bench.advance(0.001)
    bench.spoil_stream(twice=0, lost=0, shuffled=0, replayed=0, late=0, cut=0, half=0)
    wait_for(lambda: not bench.broker.cancel_all())
    desk.reconcile()
    agree(desk, bench)
    assert all(desk.known[one].state in (State.FILLED, State.CANCELED) for one in desk.known)


# --- many, with everything at once --------------------------------------------------------------
def storm(bench: Bench, desk: Desk, count: int, share: float) -> int:
    """Send many orders while a share of all requests goes wrong; return how many did."""
    bench.patient()
    faults = sorted((bench.before | bench.after) - {"hang", "hang_after"})
    for fault in faults:
        bench.spoil("all", fault, chance=share / len(faults))
    for number in range(count):
        desk.place(want(f"storm {number}", "2", "501"))
    went_wrong = bench.heal()
    desk.reconcile()
    return went_wrong


def test_no_retry_makes_a_second_order(bench):
    """A reduced run of the goal that a retry never makes a second order."""
    desk = desk_of(bench)
    count = size("PULSE_STORM", 60)
    bench.funds("100000000")
    done = storm(bench, desk, count, 0.3)
    agree(desk, bench)
    assert len(bench.orders()) == count
    sys.stdout.write(f"{bench.name}, seed 1: {count} intents, {done} requests went wrong\n")
    assert not any(known.in_doubt for known in desk.known.values())


def test_a_broker_that_sends_again_is_found_out(bench):
    """The bug that the suite is for, planted: the same checks must fail."""
    desk = desk_of(bench, Hasty(bench.broker))
    storm(bench, desk, 30, 0.5)
    for name in bench.orders():
        desk.ids.setdefault(name, name.rsplit("-", 1)[0])
    with pytest.raises(AssertionError, match="sent twice"):
        agree(desk, bench)
    intents = [name.rsplit("-", 1)[0] for name in bench.orders()]
    assert len(intents) > len(set(intents))


def test_all_orders_of_events_give_one_state(bench, desk):
    """The news of one order in every order, with the first repeated, end alike."""
    bench.by_itself(False)
    name = desk.place(want("mixed"))
    bench.fill(name, "4", {"SPY": "500.01"})
    bench.fill(name, "2", {"SPY": "500.02"})
    desk.cancel(name)
    order = bench.broker.find(name)
    assert order is not None
    states = set()
    for some in itertools.permutations(order.news):
        other = Desk(bench.broker)
        other.ids, other.intents = desk.ids, desk.intents
        other.known["mixed"] = type(desk.known["mixed"])(Decimal(10))
        other.hear([*some, some[0]])
        states.add((other.state("mixed"), other.known["mixed"].done))
    assert states == {(State.CANCELED, Decimal(6))}
    assert News.CANCELED in {event.news for event in order.news}
