"""Books are brought to what the broker says; what does not fit stops the account."""

from __future__ import annotations

import datetime as dt
import itertools
import random
import sys
from decimal import Decimal

import pytest
from django.test import Client

from tests.trading.desk import Desk, desk, latch, market, new_desk, sent
from tests.trials.sizes import seeds, told
from trading.brokers.protocol import Activity, NotTakenError, VenuePosition
from trading.execution import differences as rules
from trading.execution import hearing, reconcile, services
from trading.execution.differences import Difference, Holding, Side, Weight, compare, weigh
from trading.execution.selectors import state_of
from trading.execution.states import Standing
from trading.ledger import selectors
from trading.models import AccountState, Fill, JournalEntry, Order, OrderEvent, Position
from trading.orders.machine import News

__all__ = ["desk", "latch", "market", "new_desk"]
D = Decimal
CALL = "SPY261218C00500000"
real = pytest.mark.django_db(transaction=True)


def rows() -> tuple[int, ...]:
    return tuple(
        one.objects.count() for one in (JournalEntry, OrderEvent, Fill, Order)
    )  # fmt: skip


def bought(desk: Desk, name: str = "one", **more) -> str:
    desk.place(name, **more)
    desk.until(lambda: desk.order(name).state == "accepted")
    sent = desk.venue.posts[-1]
    desk.venue.fill_whole(sent)
    desk.until(lambda: desk.order(name).state == "filled")
    return sent


def again(desk: Desk) -> None:
    """Have the account reconciled, past what was touched a moment ago."""
    assert desk.lane is not None
    for _ in range(2):
        desk.lane.reconcile_soon()
        desk.turn()


@real
def test_an_account_that_was_used_before_brings_what_it_holds(new_desk):
    desk = new_desk(cash="0")
    desk.venue.cash, desk.venue.held = D("1234.56"), {"SPY": D(7), CALL: D(-2)}
    desk.live()
    held = {one.symbol: one.quantity for one in selectors.positions(desk.account)}
    assert held == desk.venue.held
    now = selectors.balances(desk.account)
    assert (now.cash, now.earned) == (D("1234.56"), 0)
    assert now.deposits == D("1234.56") + 7 * 100 - 2 * 100 * 100
    desk.prove()


@real
def test_a_second_pass_writes_no_row(desk: Desk):
    desk.live()
    bought(desk)
    again(desk)
    before = rows()
    again(desk)
    assert rows() == before
    assert desk.standing == Standing.LIVE
    desk.prove()


@real
def test_what_happened_before_the_account_was_taken_over_is_not_booked_again(new_desk):
    """A deposit of this morning is in the opening cash; brokers list it as of today."""
    desk = new_desk(cash="0")
    desk.venue.cash = D("1000")
    morning = desk.clock.now() - dt.timedelta(hours=3)
    desk.venue.happens(Activity("a1", "deposit", morning, cash=D(500)))
    desk.venue.happens(Activity("a2", "dividend", morning, symbol="SPY", cash=D("1.25")))
    desk.live()
    again(desk)
    assert selectors.balances(desk.account).cash == desk.venue.cash == D("1501.25")
    assert not JournalEntry.objects.filter(external_id__startswith="activity").exists()
    desk.venue.happens(Activity("a3", "dividend", desk.clock.now(), symbol="SPY", cash=D(2)))
    again(desk)
    assert JournalEntry.objects.get(external_id__startswith="activity").kind == "dividend"
    assert desk.standing == Standing.LIVE
    desk.prove()


@real
def test_an_account_to_which_something_happens_meanwhile_is_taken_over_afterwards(
    new_desk, monkeypatch
):
    desk = new_desk(cash="0")
    desk.venue.cash = D("1000")
    positions = desk.venue.positions

    def slow() -> list:
        monkeypatch.setattr(desk.venue, "positions", positions)
        told = positions()
        desk.venue.happens(Activity("a1", "deposit", desk.clock.now(), cash=D(500)))
        return told

    monkeypatch.setattr(desk.venue, "positions", slow)
    desk.live()
    again(desk)
    assert selectors.balances(desk.account).cash == D("1500")
    assert selectors.balances(desk.account).deposits == D("1500")
    desk.prove()


@real
def test_what_was_missed_while_nobody_served_is_booked_before_anything_leaves(desk: Desk):
    desk.live().place("one")
    desk.until(lambda: desk.order("one").state == "accepted")
    sent = desk.venue.posts[-1]
    desk.dies()
    desk.venue.fill(sent, "3")
    desk.venue.end(sent, News.CANCELED)
    desk.place("two")
    desk.turn()
    assert desk.order("one").filled_quantity == 3
    desk.until(lambda: desk.order("two").state == "accepted")
    desk.prove()


@real
def test_a_failed_question_means_unknown_and_never_flat(desk: Desk, monkeypatch):
    from trading.brokers.protocol import OutcomeUnknownError

    desk.live()
    bought(desk)

    def away():
        raise OutcomeUnknownError("502")

    monkeypatch.setattr(desk.venue, "positions", away)
    desk.dies()
    before = rows()
    desk.turn(5)
    assert (rows(), desk.standing) == (before, Standing.RECONCILING)
    assert Position.objects.get().quantity == 10
    monkeypatch.undo()
    desk.live().prove()


@real
def test_a_trade_past_this_house_is_booked_and_halts_the_account(desk: Desk, client: Client):
    sent(desk.live(), "open")
    desk.venue.foreign("QQQ", "5", "50")
    again(desk)
    desk.until(lambda: desk.order("open").state == "canceled")
    assert Fill.objects.get().order is None
    assert OrderEvent.objects.exclude(alert="").count() == 1
    assert desk.standing == Standing.HALTED
    client.force_login(desk.account.owner)
    page = client.get(f"/trading/accounts/{desk.account.pk}/").content.decode()
    assert "bought 5 QQQ at 50 for no order of this account here" in page
    desk.place("held back")
    desk.turn(5)
    assert (desk.order("held back").state, len(desk.venue.posts)) == ("pending", 1)
    desk.prove()
    services.step(desk.account.pk, Standing.RECONCILING, actor="user 1", reason="it was me")
    desk.live().prove()


@real
def test_the_halt_is_one_with_the_booking(desk: Desk):
    """The process dies right after: the next one finds the account halted."""
    desk.live()
    event = desk.venue.foreign("QQQ", "5", "50")
    assert hearing.hear(desk.account.pk, event).halts
    desk.dies()
    desk.turn(5)
    assert desk.standing == Standing.HALTED
    assert not hearing.hear(desk.account.pk, event).halts


@real
def test_a_rounding_of_the_broker_is_booked_with_its_reason(desk: Desk):
    desk.live()
    desk.venue.cash -= D("0.37")
    again(desk)
    entry = JournalEntry.objects.get(kind="adjustment")
    assert entry.reason.startswith("rounding of the broker; cash: here 100000, at the broker 99999")
    assert desk.standing == Standing.LIVE
    desk.prove()


@real
def test_a_difference_only_lets_reduce_until_a_person_accepts_it(desk: Desk):
    desk.live()
    bought(desk)
    desk.venue.held["SPY"] += 1
    again(desk)
    assert desk.standing == Standing.REDUCING
    assert JournalEntry.objects.filter(kind="adjustment").count() == 0
    with pytest.raises(services.StandingError):
        services.accept(desk.account.pk, actor="risk", reason="so be it")
    services.accept(desk.account.pk, actor="user 1", reason="a gift of shares")
    again(desk)
    assert desk.standing == Standing.LIVE
    entry = JournalEntry.objects.get(kind="adjustment")
    assert entry.reason.startswith("a gift of shares (accepted by user 1); SPY: here 10, at")
    desk.prove()


@real
def test_a_grave_difference_halts_and_cancels(desk: Desk):
    desk.live().place("one")
    desk.until(lambda: desk.order("one").state == "accepted")
    desk.venue.held["QQQ"] = D(900)
    again(desk)
    assert desk.standing == Standing.HALTED
    desk.until(lambda: desk.order("one").state == "canceled")


@real
def test_an_order_that_the_broker_forgot_stops_the_account_and_stays(desk: Desk):
    desk.live().place("one")
    desk.until(lambda: desk.order("one").state == "accepted")
    kept = desk.venue.kept.pop(desk.venue.posts[0])
    desk.lane.reconcile_soon()
    desk.turn()
    assert desk.standing == Standing.LIVE  # what was touched a moment ago is skipped once
    again(desk)
    assert (desk.standing, desk.order("one").state) == (Standing.REDUCING, "accepted")
    desk.venue.kept[desk.venue.posts[0]] = kept
    again(desk)
    assert desk.standing == Standing.LIVE


@real
def test_what_the_broker_holds_against_the_account_stops_it(desk: Desk):
    desk.live()
    desk.venue.suspend(on=True)
    again(desk)
    assert desk.standing == Standing.REDUCING
    desk.venue.suspend(on=False)
    again(desk)
    assert desk.standing == Standing.LIVE


@real
def test_a_fill_told_with_other_numbers_is_kept_and_stops_the_account(desk: Desk):
    from dataclasses import replace

    desk.live()
    bought(desk)
    (fill,) = [one for one in desk.venue.told if one.news == News.FILL]
    assert fill.execution is not None
    busted = replace(fill, event_id="bust", execution=replace(fill.execution, price=D(98)))
    desk.venue.told.append(busted)
    again(desk)
    assert desk.standing == Standing.REDUCING
    assert "otherwise" in OrderEvent.objects.get(kind="refused").alert
    assert Fill.objects.get().price == 99


def option_life(desk: Desk, kind: str) -> None:
    at = desk.clock.now()
    more = {"group": "g"} if kind in ("exercise", "assignment") else {}
    desk.venue.happens(Activity("a1", kind, at, CALL, D(-10), **more))
    if more:
        desk.venue.happens(Activity("a2", kind, at, "SPY", D(1000), D(500), **more))


@real
@pytest.mark.parametrize("kind", ["expiry", "exercise"])
def test_the_end_of_an_option_is_booked_from_the_activities(desk: Desk, kind):
    desk.live()
    bought(desk, symbol=CALL, price="3")
    option_life(desk, kind)
    again(desk)
    again(desk)
    assert JournalEntry.objects.filter(kind=kind).count() == 1
    assert desk.standing == Standing.LIVE
    desk.prove()


@real
def test_a_delivery_of_which_the_shares_are_to_come_waits(desk: Desk):
    desk.live()
    bought(desk, symbol=CALL, price="3")
    at = desk.clock.now()
    desk.venue.happens(Activity("a1", "exercise", at, CALL, D(-10), group="g"))
    again(desk)
    assert JournalEntry.objects.filter(kind="exercise").count() == 0
    desk.venue.happens(Activity("a2", "exercise", at, "SPY", D(1000), D(500), group="g"))
    again(desk)
    again(desk)
    assert JournalEntry.objects.filter(kind="exercise").count() == 1
    desk.prove()


@real
@pytest.mark.parametrize(
    ("kind", "cash"),
    [("fee", "-1.5"), ("dividend", "12"), ("interest", "-3"), ("deposit", "9"),
     ("withdrawal", "-9"), ("adjustment", "4")],
)  # fmt: skip
def test_cash_that_moved_without_an_order_is_booked_once(desk: Desk, kind, cash):
    desk.live()
    desk.venue.happens(Activity("a1", kind, desk.clock.now(), cash=D(cash)))
    again(desk)
    again(desk)
    assert JournalEntry.objects.filter(kind=kind, external_id="activity a1").count() == 1
    assert desk.standing == Standing.LIVE
    desk.prove()


@real
def test_a_busy_day_is_told_whole_once_and_then_no_more(desk: Desk, monkeypatch):
    """A pass each minute over all fills of a day would use up the broker's rate."""
    desk.live()
    bought(desk)
    asked = []
    ask = desk.venue.executions
    monkeypatch.setattr(
        desk.venue,
        "executions",
        lambda start: (asked.append(desk.clock.now() - start), ask(start))[1],
    )
    desk.clock.sleep(3600)
    again(desk)
    assert desk.standing == Standing.LIVE
    asked.clear()
    again(desk)
    assert asked
    assert max(asked) < dt.timedelta(minutes=11)
    desk.dies()
    asked.clear()
    desk.turn()
    assert max(asked) < dt.timedelta(minutes=11), "the gate does not wait for a whole day"
    again(desk)
    assert max(asked) > dt.timedelta(hours=1), "who took over has the whole day told"
    asked.clear()
    again(desk)
    assert max(asked) < dt.timedelta(minutes=11)


@real
def test_no_look_asks_for_what_was_before_this_house_knew_the_account(desk: Desk, monkeypatch):
    desk.live()
    known, asked, held = AccountState.objects.get().known_from, [], iter(range(1, 9))
    ask = desk.venue.executions
    monkeypatch.setattr(desk.venue, "executions", lambda start: asked.append(start) or ask(start))
    # Other figures at each look, so that all looks are taken.
    monkeypatch.setattr(desk.venue, "positions", lambda: [VenuePosition("SPY", D(next(held)))])
    desk.lane.session.compared = False
    desk.lane.reconcile_soon()
    desk.turn()
    assert len(asked) == 4
    assert min(asked) >= known


@real
@pytest.mark.parametrize(("stale", "days"), [(1, 0), (2, 1)])
def test_a_difference_of_a_moment_asks_for_no_day(desk: Desk, monkeypatch, stale, days):
    """A day of fills has more pages than there may be requests."""
    desk.live()
    bought(desk)
    desk.clock.sleep(3600)
    again(desk)
    again(desk)
    asked, ask, read, old = [], desk.venue.executions, desk.venue.positions, iter(range(stale))
    monkeypatch.setattr(
        desk.venue,
        "executions",
        lambda start: (asked.append(desk.clock.now() - start), ask(start))[1],
    )
    monkeypatch.setattr(desk.venue, "positions", lambda: read() if next(old, None) is None else [])
    assert reconcile.reconcile(desk.lane.session, not_again=frozenset({"SPY"})).clean
    assert sum(one > dt.timedelta(hours=1) for one in asked) == days
    assert len(asked) == stale + 1


@real
def test_a_rate_that_is_used_up_is_given_time_to_come_back(desk: Desk, monkeypatch):
    desk.live()
    tries, ask = [], desk.venue.executions

    def used_up(start: dt.datetime) -> list:
        tries.append(desk.clock.monotonic())
        raise NotTakenError("The broker's rate is used up.", desk.clock.now())

    monkeypatch.setattr(desk.venue, "executions", used_up)
    desk.lane.reconcile_soon()
    began = desk.clock.monotonic()
    desk.until(lambda: len(tries) == 5, 300)
    waits = [round(after - before) for before, after in itertools.pairwise(tries)]
    assert waits == [11, 22, 44, 60]
    assert tries[0] - began < 1
    monkeypatch.setattr(desk.venue, "executions", ask)
    desk.until(lambda: desk.standing == Standing.LIVE and desk.lane.session.reconciled, 70)
    monkeypatch.setattr(desk.venue, "executions", used_up)
    tries.clear()
    desk.lane.reconcile_soon()
    desk.until(lambda: len(tries) == 2, 30)
    assert round(tries[1] - tries[0]) == 11, "once it went well the waiting begins anew"


@real
def test_nothing_opens_on_a_difference_that_stands_while_the_day_cannot_be_told(
    desk: Desk, monkeypatch
):
    bought(desk.live())
    again(desk)
    desk.venue.held["SPY"] += 1
    ask, asked = desk.venue.executions, []

    def used_up(start: dt.datetime) -> list:
        asked.append(start)
        if len(asked) % 3 == 0:
            raise NotTakenError("The broker's rate is used up.", desk.clock.now())
        return ask(start)

    monkeypatch.setattr(desk.venue, "executions", used_up)
    told = reconcile.reconcile(desk.lane.session, not_again=frozenset({"SPY"}))
    assert told.limited
    assert not desk.lane.session.ready
    desk.venue.held["SPY"] -= 1
    assert reconcile.reconcile(desk.lane.session, not_again=frozenset({"SPY"})).clean
    assert desk.lane.session.ready


@real
def test_a_pass_that_is_wished_for_during_one_follows_it(desk: Desk, monkeypatch):
    desk.live()
    whole = reconcile.reconcile

    def wished(session, **more):
        told = whole(session, **more)
        desk.lane.reconcile_soon()
        return told

    monkeypatch.setattr(reconcile, "reconcile", wished)
    desk.lane.reconcile_soon()
    desk.turn()
    assert desk.lane._due <= desk.clock.monotonic()


@real
def test_a_fill_of_long_ago_is_found_by_the_difference_that_it_makes(desk: Desk):
    desk.live()
    desk.place("late", "2")
    desk.until(lambda: desk.order("late").state == "accepted")
    sent = desk.venue.posts[-1]
    desk.venue.end(sent, News.CANCELED)
    desk.until(lambda: desk.order("late").state == "canceled")
    again(desk)
    desk.venue.faults.drop = 1.0
    desk.venue.fill(sent, "1")
    desk.clock.sleep(1800)
    AccountState.objects.update(reconciled_at=desk.clock.now())
    again(desk)
    assert desk.order("late").filled_quantity == 1
    assert desk.standing == Standing.LIVE
    desk.prove()


@real
def test_an_activity_that_is_not_known_here_is_kept_and_stops_the_account(desk: Desk):
    desk.live()
    desk.venue.happens(Activity("a1", "", desk.clock.now(), text="SPIN"))
    again(desk)
    assert desk.standing == Standing.REDUCING
    assert "SPIN" in OrderEvent.objects.get(kind="refused").alert


# --- G3: from any cut the books come to what the venue holds ------------------------------------

CUTS = 8
MIXES = {
    "none": {},
    "sends": {"before": 0.2, "after": 0.2, "drop": 0.1, "nonsense": 0.1},
    "deaths": {"crash_before": 0.15, "crash_after": 0.15, "after": 0.1},
    "questions": {"ask": 0.15, "after": 0.2, "hidden_s": 4.0},
}


def history(desk: Desk, seed: int, cut: int) -> None:
    """Trade at random; the process dies after `cut` steps, and the venue goes on."""
    chance = random.Random(seed)
    for step in range(25):
        if step == cut:
            desk.dies()
        act = chance.random()
        there = [name for name, kept in desk.venue.kept.items() if kept.open]
        if act < 0.4:
            desk.place(f"i{step}", str(chance.randint(1, 9)), sold=chance.random() < 0.4)
        elif act < 0.7 and there:
            name = chance.choice(there)
            kept = desk.venue.kept[name]
            left = kept.quantity - sum(kept.filled.values())
            desk.venue.fill(name, min(left, D(chance.randint(1, 4))))
        elif act < 0.8 and there:
            desk.venue.end(chance.choice(there), chance.choice([News.CANCELED, News.EXPIRED]))
        if desk.lane is not None or step - cut > 5:
            desk.turn(step=chance.random())


@real
@pytest.mark.slow
@pytest.mark.parametrize("mix", MIXES)
def test_from_any_cut_the_books_come_to_what_the_venue_holds(new_desk, mix):
    run = seeds("PULSE_CUTS", CUTS, len(MIXES))
    for seed in run:
        desk = new_desk(f"{mix} {seed}", seed=seed).live()
        for name, value in MIXES[mix].items():
            setattr(desk.venue.faults, name, value)
        history(desk, seed, cut=random.Random(-seed).randint(0, 24))
        for name in MIXES[mix]:
            setattr(desk.venue.faults, name, 0.0)
        desk.until(desk.settled, 120)
        again(desk)
        assert desk.standing == Standing.LIVE, f"{mix} {seed}"
        desk.prove()
        before = rows()
        again(desk)
        assert rows() == before, f"{mix} {seed}: a second pass wrote rows"
    sys.stdout.write(f"{told(run)} of {mix}: as at the venue, nothing written twice\n")


@real
def test_positions_at_an_average_of_any_length_are_taken_over(new_desk, monkeypatch):
    """A broker's average is a quotient: it has more decimals than the books hold."""
    desk, many, price = new_desk("averaged"), D("0.123456789"), D(10579) / D(7)
    desk.venue.held["BTC/USD"] = many
    monkeypatch.setattr(desk.venue, "positions", lambda: [VenuePosition("BTC/USD", many, price)])
    desk.live()
    (held,) = selectors.positions(desk.account)
    assert held.quantity == many
    assert abs(held.cost / held.quantity - price) < D("1e-9")
    again(desk)
    assert desk.standing == Standing.LIVE


@real
def test_what_cannot_be_booked_is_said_and_asked_for_seldom(new_desk, monkeypatch):
    desk, looks = new_desk("odd"), []
    told = [VenuePosition("BTC/USD", D(1) / D(3), D(3))]
    monkeypatch.setattr(desk.venue, "positions", lambda: looks.append(1) or told)
    desk.turn(20)
    assert desk.standing == Standing.REDUCING
    assert "cannot be booked" in state_of(desk.account.pk).reason
    assert len(looks) <= 4


# --- the rules alone ---------------------------------------------------------------------------


def test_differences_are_what_the_broker_has_more():
    ours = Side(D(100), {"A": Holding(D(3), D(10)), "B": Holding(D(1), D(5), D(100))})
    theirs = Side(D("99.99"), {"A": Holding(D(3), D(11)), "C": Holding(D(-2), D(7))})
    found = compare(ours, theirs)
    assert [(one.symbol, one.amount) for one in found] == [
        ("", D("-0.01")), ("B", D(-1)), ("C", D(-2)),
    ]  # fmt: skip
    assert [one.worth for one in found] == [D("0.01"), D(500), D(14)]
    assert [one.symbol for one in compare(ours, theirs, {"B"})] == ["C"]
    assert compare(ours, ours) == []


@pytest.mark.parametrize(
    ("amount", "price", "weight"),
    [("1", None, Weight.ROUNDING), ("1.01", None, Weight.REDUCE), ("50", None, Weight.REDUCE),
     ("50.01", None, Weight.HALT), ("5", "10", Weight.REDUCE), ("-5.1", "10", Weight.HALT)],
)  # fmt: skip
def test_how_grave_a_difference_is(amount, price, weight):
    symbol = "" if price is None else "A"
    one = Difference(symbol, D(amount), D(0), D(0), None if price is None else D(price))
    assert weigh([one], D(1000)) == weight
    assert weigh([one, Difference("B", D(1), D(0), D(1))], D(1000)) == Weight.HALT
    assert weigh([], D(0)) == Weight.NOTHING
    assert rules.GRAVE_SHARE * 1000 == 50


@real
def test_what_the_risk_rules_brought_to_reducing_stays_so_until_a_person_looks(desk: Desk):
    desk.live()
    services.step(desk.account.pk, Standing.REDUCING, actor="risk", reason="a loss of the day")
    again(desk)
    assert desk.standing == Standing.REDUCING
    desk.start()
    desk.until(lambda: desk.standing != Standing.RECONCILING)
    assert desk.standing == Standing.REDUCING
    assert AccountState.objects.get().reason == "a loss of the day"
    for actor in ("risk", "user 1"):
        with pytest.raises(services.StandingError):
            services.step(desk.account.pk, Standing.LIVE, actor=actor, reason="x")
    services.step(desk.account.pk, Standing.RECONCILING, actor="user 1", reason="looked at it")
    assert desk.lane is not None
    desk.lane.reconcile_soon()
    desk.live()
