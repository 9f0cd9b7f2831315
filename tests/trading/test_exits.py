"""Brackets and OCO where a broker has none: never two exits there, never a position forgotten."""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.trading.desk import Desk, desk, latch, market, new_desk
from tests.trials.sizes import seeds, told
from trading.execution import exits
from trading.execution.quotes import Quote
from trading.execution.states import Standing
from trading.ledger import selectors
from trading.models import Order
from trading.orders import services as orders
from trading.orders.intents import Intent, Leg
from trading.orders.machine import FINAL

__all__ = ["desk", "latch", "market", "new_desk"]
pytestmark = pytest.mark.django_db(transaction=True)
D = Decimal
CALL = "SPY261218C00500000"


def leg(sold: bool = False) -> tuple[Leg, ...]:
    return (Leg(CALL, -1 if sold else 1, D(100)),)


def entry(price: str = "10", quantity: str = "10") -> Intent:
    return Intent("in", leg(), D(quantity), limit_price=D(price))


def target(price: str = "12", quantity: str = "10") -> Intent:
    return Intent("target", leg(sold=True), D(quantity), limit_price=D(price))


def stop(price: str = "9", quantity: str = "10") -> Intent:
    return Intent("stop", leg(sold=True), D(quantity), kind="stop", stop_price=D(price))


def trailing(trail: str = "1", quantity: str = "10") -> Intent:
    return Intent("stop", leg(sold=True), D(quantity), kind="trailing_stop", trail=D(trail))


def group(desk: Desk, *intents: Intent, kind: str = "bracket", fresh: bool = True) -> None:
    placed = orders.place_group(desk.account.pk, kind, intents, intent_id="g", actor="user 1")
    assert [one.fresh for one in placed] == [fresh] * len(intents)
    for one in placed if fresh else ():
        assert one.order.state == "pending"
        Order.objects.filter(pk=one.order.pk).update(created=desk.clock.now())


def quoted(market, bid: str) -> None:
    market[CALL] = Quote(D(bid), D(bid) + D("0.10"), 0.1)


def there(desk: Desk, name: str) -> str:
    """Return the newest id under which the venue has an order."""
    return desk.ids_of(desk.order(name))[-1]


def entered(desk: Desk, market, *more: Intent, filled: str = "10", kind: str = "bracket") -> None:
    quoted(market, "10")
    desk.live()
    group(desk, entry(), *(more or (target(), stop())), kind=kind)
    desk.until(lambda: desk.order("in").state == "accepted")
    desk.venue.fill(there(desk, "in"), filled, "10")


def open_exits(desk: Desk) -> list[str]:
    return [
        kept.request.intent.intent_id for kept in desk.venue.kept.values()
        if kept.open and kept.request.intent.legs[0].ratio < 0
    ]  # fmt: skip


def test_the_target_rests_at_the_broker_and_the_stop_here(desk: Desk, market):
    entered(desk, market)
    desk.until(lambda: desk.order("target").state == "accepted", 5)
    desk.turn(5)
    assert (open_exits(desk), desk.order("stop").state) == (["target"], "pending")
    desk.venue.fill_whole(there(desk, "target"), "12")
    desk.until(lambda: desk.order("stop").state == "canceled", 5)
    assert selectors.positions(desk.account) == []
    desk.prove()


def test_a_stop_that_is_reached_takes_the_place_of_the_target(desk: Desk, market):
    entered(desk, market)
    desk.until(lambda: open_exits(desk) == ["target"], 5)
    quoted(market, "9.01")
    desk.turn(5)
    assert desk.order("stop").triggered_at is None
    quoted(market, "9")
    desk.until(lambda: open_exits(desk) == ["stop"], 5)
    sent = desk.venue.kept[there(desk, "stop")].request
    assert (sent.intent.kind, sent.intent.limit_price) == ("limit", D("8.55"))
    assert sent.closing == (True,)
    quoted(market, "11")  # what was reached stays so
    desk.turn(5)
    desk.venue.fill_whole(there(desk, "stop"), "8.9")
    desk.until(lambda: desk.order("stop").state == "filled", 5)
    assert desk.order("target").state == "canceled"
    desk.prove()


def test_a_target_that_fills_while_it_is_cancelled_leaves_the_rest_to_the_stop(desk: Desk, market):
    entered(desk, market)
    desk.until(lambda: open_exits(desk) == ["target"], 5)
    desk.venue.fill(there(desk, "target"), "4", "12")
    quoted(market, "8")
    desk.until(lambda: open_exits(desk) == ["stop"], 10)
    assert desk.venue.kept[there(desk, "stop")].quantity == 6
    desk.venue.fill_whole(there(desk, "stop"), "7.9")
    desk.until(lambda: desk.order("stop").state == "filled", 5)
    assert desk.order("stop").quantity == 6
    desk.prove()


def test_a_target_that_fills_whole_at_the_last_moment_ends_the_stop(desk: Desk, market):
    entered(desk, market)
    desk.until(lambda: open_exits(desk) == ["target"], 5)
    quoted(market, "8")
    assert desk.lane is not None
    while desk.order("target").state != "cancel_pending":
        desk.lane.turn()  # and the cancel has not left yet
        desk.clock.sleep(0.2)
    desk.venue.fill_whole(there(desk, "target"), "12")
    desk.until(lambda: desk.order("stop").state == "canceled", 10)
    assert selectors.positions(desk.account) == []
    desk.prove()


def test_an_entry_that_fills_in_part_is_cut_and_protected(desk: Desk, market):
    entered(desk, market, filled="4")
    desk.until(lambda: desk.order("in").state == "partially_filled", 5)
    began = desk.clock.monotonic()
    desk.until(lambda: open_exits(desk) == ["target"], 8)
    assert desk.clock.monotonic() - began < 4
    assert desk.order("in").state == "canceled"
    assert desk.venue.kept[there(desk, "target")].quantity == 4
    quoted(market, "8")
    desk.until(lambda: open_exits(desk) == ["stop"], 8)
    assert desk.venue.kept[there(desk, "stop")].quantity == 4
    desk.prove()


def test_a_trailing_stop_follows_the_best_price_over_a_restart(desk: Desk, market):
    entered(desk, market, trailing())
    for bid in ("10.5", "11.5", "11"):
        quoted(market, bid)
        desk.turn(3)
    assert desk.order("stop").best == D("11.5")
    desk.dies()
    quoted(market, "10.51")
    desk.turn(25)
    assert desk.order("stop").state == "pending"
    quoted(market, "10.5")
    desk.until(lambda: open_exits(desk) == ["stop"], 5)


def test_a_stop_that_a_broker_lacks_waits_here_without_a_group(desk: Desk, market):
    quoted(market, "10")
    desk.live()
    order = orders.place(
        desk.account.pk,
        Intent("alone", leg(), D(1), kind="stop_limit", stop_price=D(11), limit_price=D("11.5")),
        actor="user 1",
    ).order
    Order.objects.update(created="2020-01-01T00:00Z")  # it waits for days
    desk.turn(5)
    quoted(market, "10.90")  # the ask is at the stop
    Order.objects.update(created=desk.clock.now())
    desk.until(lambda: desk.order("alone").state == "accepted", 5)
    sent = desk.venue.kept[there(desk, "alone")].request.intent
    assert (sent.kind, sent.limit_price, sent.stop_price) == ("limit", D("11.5"), None)
    assert order.kind == "stop_limit"


def test_an_order_at_the_market_leaves_as_a_collared_limit(desk: Desk, market):
    quoted(market, "10")
    desk.live()
    orders.place(desk.account.pk, Intent("now", leg(), D(1), kind="market"), actor="user 1")
    Order.objects.update(created=desk.clock.now())
    desk.until(lambda: desk.order("now").state == "accepted", 5)
    sent = desk.venue.kept[there(desk, "now")].request.intent
    assert (sent.kind, sent.limit_price) == ("limit", D("10.61"))


def test_a_target_that_is_replaced_stays_in_its_group(desk: Desk, market):
    entered(desk, market)
    desk.until(lambda: open_exits(desk) == ["target"], 5)
    better = replace(target("13"), intent_id="better")
    orders.replace_order(desk.account.pk, desk.order("target").pk, better, actor="user 1")
    desk.until(lambda: open_exits(desk) == ["better"], 5)
    desk.until(lambda: desk.order("target").state == "replaced", 5)
    quoted(market, "8")
    desk.until(lambda: open_exits(desk) == ["stop"], 8)
    group(desk, entry(), target(), stop(), fresh=False)
    desk.prove()


def test_without_a_quote_no_stop_is_reached(desk: Desk, market):
    entered(desk, market, stop())
    desk.turn(5)
    market[CALL] = Quote(D(1), D("1.1"), 31.0)
    desk.turn(5)
    assert desk.order("stop").triggered_at is None


def test_exits_that_were_all_refused_let_the_account_only_reduce(desk: Desk, market, monkeypatch):
    from trading.brokers.protocol import RejectedError

    entered(desk, market, target())

    def no(request):
        raise RejectedError("no", "403")

    monkeypatch.setattr(desk.venue, "submit", no)
    desk.until(lambda: desk.standing == Standing.REDUCING, 10)
    assert desk.order("target").state == "rejected"


def test_exits_that_filled_beyond_what_came_in_halt_the_account(desk: Desk, market):
    entered(desk, market)
    desk.until(lambda: open_exits(desk) == ["target"], 5)
    name = there(desk, "target")
    desk.venue.fill_whole(name, "12")
    desk.venue.kept[name].open = True
    desk.venue.fill(name, "1", "12")
    desk.until(lambda: desk.standing == Standing.HALTED, 5)


# --- G6 ------------------------------------------------------------------------------------------


def race(desk: Desk, market, seed: int) -> None:
    """A bracket through a market, a venue and a process that all do as they like."""
    chance = random.Random(seed)
    entered(desk, market, filled=str(chance.randint(1, 10)))
    for name in ("after", "before", "crash_after", "crash_before", "drop"):
        setattr(desk.venue.faults, name, 0.04)
    bid, unprotected = 10.0, 0.0
    for _ in range(60):
        bid = max(0.5, bid + chance.gauss(0, 0.5))
        quoted(market, f"{bid:.2f}")
        for name, kept in list(desk.venue.kept.items()):
            wanted = kept.request.intent
            due = kept.open and wanted.legs[0].ratio < 0 and float(wanted.limit_price) <= bid
            if due and chance.random() < 0.5:
                left = kept.quantity - kept.filled.get(CALL, D(0))
                desk.venue.fill(name, min(left, D(chance.randint(1, 10))), f"{bid:.2f}")
        if chance.random() < 0.08:
            desk.dies()
        desk.turn(step=0.4)
        assert len(open_exits(desk)) <= 1, f"seed {seed}: {open_exits(desk)} at once"
        assert desk.venue.held.get(CALL, D(0)) >= 0, f"seed {seed}: more went out than came in"
        unprotected = naked(desk, unprotected)
        assert unprotected <= 2.5, f"seed {seed}: without an exit for {unprotected:.1f} s"
    if desk.lane is None:
        desk.turn()
    desk.until(lambda: desk.settled() or desk.venue.held[CALL] == 0 or open_exits(desk), 120)
    assert desk.standing != Standing.HALTED


def naked(desk: Desk, before: float) -> float:
    """Return for how long something was held of which no exit waits or works, s."""
    came = desk.order("in").state in FINAL and selectors.positions(desk.account)
    alive = [desk.order(name).state not in FINAL for name in ("target", "stop")]
    return before + 0.4 if came and not any(alive) else 0.0


RACES = 2


@pytest.mark.slow
def test_no_two_exits_race_and_nothing_is_left_unprotected(new_desk, market):
    """G6."""
    run = seeds("PULSE_OCO", RACES)
    for seed in run:
        race(new_desk(f"race {seed}", seed=seed), market, seed)
        market.clear()
    sys.stdout.write(f"{told(run)}: brackets held\n")


BUGS = {
    "both exits rest at the broker": ("_waits_here", lambda *_: False, "_rival"),
    "the stop does not wait for the cancel": ("_exits", lambda order: [], "_rival"),
    "exits are not fitted to what came in": ("_sized", lambda a, o, i: exits.Plan(i), "wanted"),
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_of_the_exits_is_found_out(new_desk, market, monkeypatch, bug):
    name, wrong, second = BUGS[bug]
    monkeypatch.setattr(exits, name, wrong)
    if second == "_rival":
        monkeypatch.setattr(exits, "_rival", lambda order: None)
    else:
        from trading.orders.intents import of_json

        monkeypatch.setattr(exits, "wanted", lambda one: of_json(one.intent_id, one.intent))

    def races() -> None:
        for seed in range(6):
            race(new_desk(f"bug {seed}", seed=seed), market, seed)

    with pytest.raises(AssertionError):
        races()


SPREAD = (Leg("SPY261218P00500000", -1, D(100)), Leg("SPY261218P00490000", 1, D(100)))


def test_a_packages_stop_waits_here_for_what_the_whole_costs(desk: Desk, market):
    """A spread bought for 2.00 and left when it brings 1.20 or less: its net price is below 0."""
    out = tuple(Leg(one.symbol, one.ratio, one.multiplier) for one in SPREAD)
    came = tuple(Leg(one.symbol, -one.ratio, one.multiplier) for one in SPREAD)

    def quoted_at(short: str, long: str) -> None:
        for one, bid in zip(SPREAD, (short, long), strict=True):
            market[one.symbol] = Quote(D(bid), D(bid), 0.1)

    quoted_at("7", "5")
    desk.live()
    group(
        desk, Intent("in", came, D(1), limit_price=D(2)),
        Intent("target", out, D(1), limit_price=D(-3)),
        Intent("stop", out, D(1), kind="stop", stop_price=D("-1.2")),
    )  # fmt: skip
    desk.until(lambda: desk.order("in").state == "accepted")
    desk.venue.fill_whole(there(desk, "in"), "2")
    desk.until(lambda: desk.order("target").state == "accepted", 8)
    quoted_at("6.21", "5")
    desk.turn(5)
    assert desk.order("stop").state == "pending"
    quoted_at("6.2", "5")
    desk.until(lambda: desk.order("stop").state == "accepted", 8)
    sent = desk.venue.kept[there(desk, "stop")].request.intent
    assert (sent.kind, sent.limit_price) == ("limit", D("-1.14"))
    assert desk.order("target").state == "canceled"
