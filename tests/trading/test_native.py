"""Groups that a broker keeps: sent once and whole, bound to ours for good, never two exits."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.trading.desk import Desk, desk, latch, market, new_desk
from tests.trading.group_venue import GroupVenue
from tests.trials.sizes import seeds
from trading.brokers.protocol import RejectedError
from trading.execution import by_hand, homing, native
from trading.execution.quotes import Quote
from trading.execution.states import Standing
from trading.ledger import selectors
from trading.models import ClientOrderId, Order, OrderEvent, OrderGroup
from trading.orders import machine
from trading.orders import services as orders
from trading.orders.intents import Intent, Leg
from trading.orders.machine import FINAL, News, exit_id, lead_of
from trading.scopes import Scope
from trading.switches import press

__all__ = ["desk", "latch", "market", "new_desk"]
pytestmark = pytest.mark.django_db(transaction=True)
D = Decimal
BUY, SELL = (Leg("SPY", 1),), (Leg("SPY", -1),)


def entry(quantity: str = "10", **more) -> Intent:
    return Intent("in", BUY, D(quantity), limit_price=D(100), **more)


def target(quantity: str = "10", **more) -> Intent:
    return Intent("target", SELL, D(quantity), limit_price=D(110), **more)


def stop(quantity: str = "10", **more) -> Intent:
    return Intent("stop", SELL, D(quantity), kind="stop", stop_price=D(90), **more)


def quoted(market, bid: float) -> None:
    market["SPY"] = Quote(D(f"{bid:.2f}"), D(f"{bid + 0.1:.2f}"), 0.1)


@pytest.fixture
def at_broker(new_desk, market) -> Desk:
    quoted(market, 100)
    return new_desk(at=GroupVenue).live()


def group(desk: Desk, *intents: Intent, kind: str = "bracket") -> OrderGroup:
    wanted = intents or (entry(), target(), stop())
    placed = orders.place_group(desk.account.pk, kind, wanted, intent_id="g", actor="user 1")
    for one in placed:
        Order.objects.filter(pk=one.order.pk).update(created=desk.clock.now())
    group = placed[0].order.group
    assert group is not None
    return group


def there(desk: Desk, name: str) -> str:
    return desk.ids_of(desk.order(name))[-1]


def sent(desk: Desk, *intents: Intent, **more) -> None:
    group(desk, *intents, **more)
    wanted = intents or (entry(), target(), stop())
    desk.until(lambda: all(desk.order(one.intent_id).state == "accepted" for one in wanted), 40)


def entered(desk: Desk, quantity: str = "10") -> None:
    sent(desk)
    desk.venue.fill(there(desk, "in"), quantity, "100")


def keeper(desk: Desk) -> str:
    return OrderGroup.objects.get(account=desk.account).keeper


def states(desk: Desk) -> dict[str, str]:
    rows = Order.objects.filter(account=desk.account)
    return {one.intent_id: one.state for one in rows}


def alerts(desk: Desk) -> list[str]:
    rows = OrderEvent.objects.filter(account=desk.account).exclude(alert="")
    return list(rows.values_list("alert", flat=True))


def at_venue(desk: Desk) -> list[str]:
    """Return the intents of what is open there."""
    return sorted(k.request.intent.intent_id for k in desk.venue.kept.values() if k.open)


def again(desk: Desk, name: str) -> str:
    return f"{orders.AGAIN}{desk.order(name).pk}"


# --- the plain course -----------------------------------------------------------------------------
def test_a_bracket_leaves_whole_in_one_request_under_ids_that_are_committed(at_broker: Desk):
    sent(at_broker)
    lead = there(at_broker, "in")
    assert at_broker.venue.posts == [lead]
    names = {one: at_broker.order(one).client_ids.get().text for one in ("target", "stop")}
    assert names == {"target": exit_id(lead, "limit"), "stop": exit_id(lead, "stop")}
    assert {lead_of(one) for one in names.values()} == {lead}
    assert lead_of(lead) == ""
    assert (keeper(at_broker), at_venue(at_broker)) == ("broker", ["in", "stop", "target"])


@pytest.mark.parametrize(("one", "other"), [("target", "stop"), ("stop", "target")])
def test_what_the_broker_cancels_ends_here_without_alarm(at_broker: Desk, one, other):
    entered(at_broker)
    at_broker.venue.fill_whole(there(at_broker, one), "105")
    at_broker.until(lambda: keeper(at_broker) == "house", 20)
    assert states(at_broker) == {"in": "filled", one: "filled", other: "canceled"}
    assert (at_broker.venue.cancels, alerts(at_broker)) == ([], [])
    assert selectors.positions(at_broker.account) == []
    at_broker.prove()


def test_a_pair_leaves_whole_and_an_entry_with_one_exit_too(at_broker: Desk):
    sent(at_broker, entry(), stop())
    at_broker.venue.fill_whole(there(at_broker, "in"), "100")
    assert len(at_broker.venue.posts) == 1
    pair = [replace(one, intent_id=f"pair {one.kind}") for one in (target(), stop())]
    orders.cancel(at_broker.account.pk, at_broker.order("stop").pk, actor="user 1")
    orders.place_group(at_broker.account.pk, "oco", tuple(pair), intent_id="p", actor="user 1")
    at_broker.until(lambda: at_broker.order("pair stop").state == "accepted", 20)
    assert len(at_broker.venue.posts) == 2
    at_broker.venue.fill_whole(there(at_broker, "pair stop"), "90")
    at_broker.until(lambda: at_broker.order("pair limit").state == "canceled", 20)
    at_broker.prove()


def test_a_stop_is_fitted_by_the_broker_to_what_the_target_leaves(at_broker: Desk):
    entered(at_broker)
    at_broker.venue.fill(there(at_broker, "target"), "4", "110")
    at_broker.venue.fill(there(at_broker, "stop"), "6", "90")
    at_broker.until(lambda: keeper(at_broker) == "house", 20)
    assert [at_broker.order(one).filled_quantity for one in ("target", "stop")] == [4, 6]
    assert states(at_broker)["stop"] == "canceled"
    assert alerts(at_broker) == []
    at_broker.prove()


@pytest.mark.parametrize(
    "intents",
    [
        (entry("10.5"), target("10.5"), stop("10.5")),
        (entry(), target(), replace(stop(), kind="trailing_stop", stop_price=None, trail=D(2))),
        (entry(time_in_force="ioc"), target(), stop()),
        (entry(time_in_force="gtc"), target(), stop()),
        (entry(), target(), replace(stop(), legs=BUY)),
        (entry(), target("5"), stop()),
    ],
    ids=["fraction", "trailing", "ioc", "other times", "other side", "other size"],
)
def test_what_the_broker_does_not_take_whole_is_kept_here(at_broker: Desk, intents):
    group(at_broker, *intents)
    at_broker.until(lambda: at_broker.order("in").state == "accepted", 20)
    assert (keeper(at_broker), at_venue(at_broker)) == ("", ["in"])
    assert not ClientOrderId.objects.exclude(order=at_broker.order("in")).exists()


# --- what goes wrong on the way -------------------------------------------------------------------
@pytest.mark.parametrize(
    "fault", ["after", "nonsense", "crash_after", "before", "crash_before", "drop", "rate"]
)
def test_whatever_goes_wrong_in_sending_the_group_is_there_once(at_broker: Desk, fault):
    setattr(at_broker.venue.faults, fault, 1.0)
    group(at_broker)
    at_broker.until(lambda: at_broker.venue.posts, 20)
    setattr(at_broker.venue.faults, fault, 0.0)
    wanted = {"in": "accepted", "target": "accepted", "stop": "accepted"}
    at_broker.until(lambda: states(at_broker) == wanted, 60)
    assert (len(at_broker.venue.groups), keeper(at_broker)) == (1, "broker")
    at_broker.venue.fill_whole(there(at_broker, "in"), "100")
    at_broker.venue.fill_whole(there(at_broker, "target"), "110")
    at_broker.until(lambda: keeper(at_broker) == "house", 20)
    assert alerts(at_broker) == []
    at_broker.prove()


def test_fills_that_are_heard_before_the_answer_are_of_the_right_exit(at_broker: Desk):
    """Sent, taken, filled and left by its stop, all before this house hears a word."""
    at_broker.venue.faults.crash_after = 1.0
    group(at_broker)
    at_broker.until(lambda: at_broker.venue.groups, 20)
    at_broker.venue.faults.crash_after = 0.0
    for name in (at_broker.venue.groups[0][0], exit_id(at_broker.venue.groups[0][0], "stop")):
        at_broker.venue.fill_whole(name, "95")
    at_broker.until(lambda: states(at_broker) == {
        "in": "filled", "target": "canceled", "stop": "filled",
    }, 60)  # fmt: skip
    assert alerts(at_broker) == []
    at_broker.prove()


def test_a_group_that_the_broker_refuses_as_one_is_kept_here(at_broker: Desk, monkeypatch):
    submit = at_broker.venue.submit

    def alone(request):
        if request.exits:
            raise RejectedError("no groups today", "422")
        return submit(request)

    monkeypatch.setattr(at_broker.venue, "submit", alone)
    group(at_broker)
    at_broker.until(lambda: at_broker.order("in").state == "accepted", 20)
    assert (keeper(at_broker), at_venue(at_broker)) == ("house", ["in"])
    assert at_broker.outlet.refused_in_a_row == 0
    at_broker.venue.fill_whole(there(at_broker, "in"), "100")
    at_broker.until(lambda: at_venue(at_broker) == ["target"], 20)
    assert at_broker.order("stop").state == "pending"


def test_an_exit_that_the_broker_never_had_is_kept_here(at_broker: Desk):
    """It took the entry and forgot the stop: asked for twice, not there."""
    at_broker.venue.faults.crash_after = 1.0
    group(at_broker)
    at_broker.until(lambda: at_broker.venue.groups, 20)
    at_broker.venue.faults.crash_after = 0.0
    at_broker.venue.kept.pop(at_broker.venue.groups[0].pop())
    at_broker.until(lambda: at_broker.order("in").state == "accepted", 60)
    at_broker.venue.fill_whole(there(at_broker, "in"), "100")
    at_broker.until(lambda: at_venue(at_broker) == [again(at_broker, "target")], 60)
    assert at_broker.order("stop").state == "pending"


def test_an_entry_that_never_arrived_and_is_cancelled_takes_its_exits_along(at_broker: Desk):
    at_broker.venue.faults.before = 1.0
    group(at_broker)
    at_broker.until(lambda: at_broker.order("in").state == "unknown", 20)
    orders.cancel(at_broker.account.pk, at_broker.order("in").pk, actor="user 1")
    at_broker.until(lambda: set(states(at_broker).values()) == {"canceled"}, 60)
    assert len(at_broker.venue.posts) == 1


# --- what comes home ------------------------------------------------------------------------------
def test_an_entry_that_fills_in_part_is_cut_and_its_exits_come_home(at_broker: Desk):
    entered(at_broker, "4")
    began = at_broker.clock.monotonic()
    home = again(at_broker, "target")
    at_broker.until(lambda: at_venue(at_broker) == [home], 20)
    assert at_broker.clock.monotonic() - began < 6
    assert at_broker.order("in").state == "canceled"
    assert {at_broker.order(again(at_broker, one)).quantity for one in ("target", "stop")} == {4}
    assert f"Order {at_broker.order(home).pk} goes on" in at_broker.order("target").reason
    at_broker.venue.fill_whole(there(at_broker, home), "110")
    at_broker.until(lambda: at_broker.order(again(at_broker, "stop")).state == "canceled", 20)
    at_broker.prove()
    assert [one.fresh for one in orders.place_group(
        at_broker.account.pk, "bracket", (entry(), target(), stop()), intent_id="g",
        actor="user 1",
    )] == [False] * 3  # fmt: skip


def test_the_cancel_of_one_exit_leaves_the_other_which_comes_home(at_broker: Desk):
    entered(at_broker)
    orders.cancel(at_broker.account.pk, at_broker.order("target").pk, actor="user 1")
    at_broker.until(lambda: again(at_broker, "stop") in states(at_broker), 20)
    at_broker.turn(10)
    assert (at_venue(at_broker), keeper(at_broker)) == ([], "house")
    assert at_broker.order(again(at_broker, "stop")).state == "pending"
    assert again(at_broker, "target") not in states(at_broker)


def test_the_cancel_of_both_exits_is_what_was_wanted(at_broker: Desk):
    entered(at_broker)
    for one in ("target", "stop"):
        orders.cancel(at_broker.account.pk, at_broker.order(one).pk, actor="user 1")
    at_broker.until(lambda: keeper(at_broker) == "house", 20)
    assert set(states(at_broker)) == {"in", "target", "stop"}


def test_the_cancel_of_the_entry_cancels_all(at_broker: Desk):
    sent(at_broker)
    orders.cancel(at_broker.account.pk, at_broker.order("in").pk, actor="user 1")
    at_broker.until(lambda: keeper(at_broker) == "house", 20)
    assert set(states(at_broker).values()) == {"canceled"}
    assert alerts(at_broker) == []


def test_exits_whose_day_is_over_stay_over(at_broker: Desk):
    entered(at_broker)
    at_broker.turn(2)
    at_broker.venue.end(there(at_broker, "target"), News.EXPIRED)
    at_broker.until(lambda: keeper(at_broker) == "house", 20)
    assert states(at_broker) == {"in": "filled", "target": "expired", "stop": "expired"}


def test_what_is_not_held_any_more_has_no_exits(at_broker: Desk):
    entered(at_broker)
    at_broker.place("out", price="99", sold=True)
    at_broker.until(lambda: at_broker.order("out").state == "accepted", 20)
    at_broker.venue.fill_whole(there(at_broker, "out"), "99")
    at_broker.venue.end(there(at_broker, "target"), News.CANCELED)
    at_broker.until(lambda: keeper(at_broker) == "house", 20)
    assert set(states(at_broker)) == {"in", "target", "stop", "out"}


def test_a_broker_that_leaves_the_other_exit_open_is_asked_to_end_it(at_broker: Desk):
    entered(at_broker)
    at_broker.venue.keeps_word = False
    at_broker.venue.fill_whole(there(at_broker, "target"), "110")
    at_broker.until(lambda: at_broker.order("stop").state == "canceled", 20)
    assert at_broker.venue.cancels == [there(at_broker, "stop")]
    at_broker.prove()


def test_two_exits_that_filled_halt_the_account(at_broker: Desk):
    entered(at_broker)
    at_broker.venue.keeps_word = False
    for one in ("target", "stop"):
        at_broker.venue.fill_whole(there(at_broker, one), "100")
    at_broker.until(lambda: at_broker.standing == Standing.HALTED, 20)
    assert any("beyond what there was to leave" in one for one in alerts(at_broker))


# --- other prices, stops --------------------------------------------------------------------------
def changed(desk: Desk, name: str, **more) -> Order:
    old = desk.order(name)
    intent = replace({"target": target(), "stop": stop()}[name], intent_id="new", **more)
    new = orders.replace_order(desk.account.pk, old.pk, intent, actor="user 1").order
    Order.objects.filter(pk=new.pk).update(created=desk.clock.now())
    return new


@pytest.mark.parametrize("filled", [True, False])
def test_the_price_of_an_exit_is_changed_at_the_broker(at_broker: Desk, filled):
    sent(at_broker)
    if filled:
        at_broker.venue.fill_whole(there(at_broker, "in"), "100")
    changed(at_broker, "target", limit_price=D(120))
    at_broker.until(lambda: at_broker.order("new").state == "accepted", 20)
    at_broker.until(lambda: at_broker.order("target").state == "replaced", 20)
    assert (at_venue(at_broker)[-2:], keeper(at_broker)) == (["new", "stop"], "broker")
    if not filled:
        at_broker.venue.fill_whole(there(at_broker, "in"), "100")
    at_broker.venue.fill_whole(there(at_broker, "new"), "120")
    at_broker.until(lambda: keeper(at_broker) == "house", 20)
    assert at_broker.order("stop").state == "canceled"
    at_broker.prove()


def test_another_size_of_an_exit_there_is_refused_in_words(at_broker: Desk):
    entered(at_broker)
    at_broker.turn(2)
    changed(at_broker, "target", quantity=D(5))
    at_broker.until(lambda: at_broker.order("new").state == "canceled", 20)
    assert at_broker.order("new").reason == native.PRICES_ALONE
    at_broker.turn(10)
    assert (at_venue(at_broker), keeper(at_broker)) == (["stop", "target"], "broker")


def test_the_kill_switch_cancels_exits_too_and_they_do_not_come_back(at_broker: Desk):
    entered(at_broker)
    at_broker.turn(2)
    scope = Scope("account", str(at_broker.account.pk))
    press.press(scope, actor="user 1", reason="test")
    at_broker.venue.cancel_all()
    at_broker.until(lambda: at_broker.settled() and not at_venue(at_broker), 20)
    press.release(scope, actor="user 1", reason="go on")
    at_broker.live()
    at_broker.turn(15)
    assert states(at_broker) == {"in": "filled", "target": "canceled", "stop": "canceled"}


def test_exits_that_a_halted_account_lost_do_not_come_back(at_broker: Desk):
    """The broker ended all before the books knew of the stop."""
    from trading.execution import services

    entered(at_broker)
    at_broker.turn(2)
    services.step(at_broker.account.pk, Standing.HALTED, actor="user 1", reason="test")
    at_broker.venue.cancel_all()
    at_broker.turn(230)  # until it reconciles
    services.step(at_broker.account.pk, Standing.RECONCILING, actor="user 1", reason="go on")
    at_broker.live()
    at_broker.turn(15)
    assert states(at_broker) == {"in": "filled", "target": "canceled", "stop": "canceled"}


def test_the_watchdog_leaves_what_protects(at_broker: Desk):
    entered(at_broker, "4")
    at_broker.turn(1)
    at_broker.dies()
    told = by_hand.cancel_open(at_broker.account.pk, actor="w", reason="away", exits=False)
    assert (told.asked, told.failed) == (1, [])
    at_broker.until(lambda: at_venue(at_broker) == [again(at_broker, "target")], 60)


# --- many, with everything at once ----------------------------------------------------------------
def race(desk: Desk, market, seed: int) -> None:
    """A bracket through a market, a broker and a process that all do as they like."""
    chance, venue = random.Random(seed), desk.venue
    bid, naked = 100.0, 0.0
    quoted(market, bid)
    desk.live()
    for name in ("after", "before", "crash_after", "crash_before", "drop"):
        setattr(venue.faults, name, 0.12)
    venue.faults.ask = 0.05
    group(desk)
    for _ in range(70):
        bid = max(50.0, bid + chance.gauss(0, 4))
        quoted(market, bid)
        for name, kept in list(venue.kept.items()):
            if kept.open and name not in venue.asleep and _due(kept.request.intent, bid):
                left = kept.quantity - kept.filled.get("SPY", D(0))
                if chance.random() < 0.3 and left > 0:
                    venue.fill(name, min(left, D(chance.choice([2, 7, 10]))), f"{bid:.2f}")
        open_ = [one for one in desk.venue.kept.values() if one.open]
        if open_ and chance.random() < 0.03:
            venue._end(chance.choice(open_), News.CANCELED)
        if chance.random() < 0.08:
            desk.dies()
        desk.turn(step=0.4)
        assert len(venue.groups) <= 1, f"seed {seed}: the group is there twice"
        assert venue.held.get("SPY", D(0)) >= 0, f"seed {seed}: more went out than came in"
        naked = unprotected(desk, naked)
        assert naked <= 12, f"seed {seed}: without an exit for {naked:.1f} s"
    for name in ("after", "before", "crash_after", "crash_before", "drop", "ask"):
        setattr(venue.faults, name, 0.0)
    doubt = {"submitting", "unknown", "cancel_pending"}
    desk.until(lambda: not doubt & set(desk.states()) and not unprotected(desk, 0.0), 120)
    assert desk.standing != Standing.HALTED
    assert not any("not known" in one for one in alerts(desk))


def _due(intent: Intent, bid: float) -> bool:
    if intent.stop_price is not None:
        return bid <= float(intent.stop_price)
    assert intent.limit_price is not None
    limit = float(intent.limit_price)
    return bid <= limit if intent.legs[0].ratio > 0 else bid >= limit


def unprotected(desk: Desk, before: float) -> float:
    """Return for how long something was held that no exit leaves, here or at the broker, s."""
    served = desk.standing in (Standing.LIVE, Standing.REDUCING)
    if not desk.venue.held.get("SPY") or not served:
        return 0.0  # while it reconciles nothing is sent, whoever keeps the exits
    rows = Order.objects.filter(account=desk.account, role="exit").exclude(state__in=FINAL)
    asleep = set(ClientOrderId.objects.filter(text__in=desk.venue.asleep).values_list(
        "order_id", flat=True))  # fmt: skip
    return 0.0 if any(one.pk not in asleep for one in rows) else before + 0.4


@pytest.mark.slow
def test_no_group_is_there_twice_and_nothing_is_left_unprotected(new_desk, market):
    """G6, where the broker keeps the group."""
    for seed in seeds("PULSE_GROUPS", 2):
        race(new_desk(f"race {seed}", seed=seed, at=GroupVenue), market, seed)
        market.clear()


BUGS = {
    "nothing comes home": (homing, "tend", lambda session: None),
    "exits are bound to other ids": (machine, "exit_id", lambda lead, kind: f"{lead}-{kind[:3]}"),
}


@pytest.mark.slow
@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_of_groups_at_the_broker_is_found_out(new_desk, market, monkeypatch, bug):
    where, name, wrong = BUGS[bug]
    monkeypatch.setattr(where, name, wrong)

    def races() -> None:
        for seed in range(8):
            race(new_desk(f"bug {seed}", seed=seed, at=GroupVenue), market, seed)
            market.clear()

    with pytest.raises(AssertionError):
        races()
