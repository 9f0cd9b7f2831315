"""Orders under the real gate: what passes, what each fact refuses, and what is kept of it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone

from market.models import Event
from record import audit
from tests.trading.conftest import filled
from tests.trading.risk.conftest import EVERY, followed, go_live
from trading.audit import differences
from trading.execution import quotes
from trading.ledger import selectors as ledger
from trading.models import GateDecision, Order, Position
from trading.orders import gate, services
from trading.orders.intents import Intent, Leg
from trading.orders.venue import apply
from trading.risk import gate as risk
from trading.risk import gather, markets
from trading.risk import services as limits
from trading.scopes import EVERYTHING, Scope
from trading.switches import services as switches

pytestmark = pytest.mark.usefixtures("real_gate")
COMMITTED = pytest.mark.django_db(transaction=True)
"""Where time must pass between orders, or the database itself must refuse."""
D = Decimal
C600, C605, C610 = (f"SPY261218C00{strike}000" for strike in (600, 605, 610))
P595, P590 = (f"SPY261218P00{strike}000" for strike in (595, 590))
TODAY = "SPY261120C00600000"


def option(symbol: str, ratio: int = 1) -> Leg:
    return Leg(symbol, ratio, D(100))


def wanted(name: str, *legs: Leg, price: str | None = "8.00", units: int = 1, **more) -> Intent:
    limit = None if price is None else D(price)
    return Intent(name, legs or (option(C600),), D(units), limit_price=limit, **more)


def place(account, name="one", *legs, **more):
    return services.place(account.pk, wanted(name, *legs, **more), actor="ana")


def rule(account, name="one", *legs, **more) -> str:
    placed = place(account, name, *legs, **more)
    assert placed.decision.allowed == (placed.order.state == "pending")
    return "" if placed.decision.allowed else placed.decision.rule


def fill(account, order, *prices: str, name: str = "x") -> None:
    sent = services.begin_send(account.pk, order.pk)
    for number, (leg, price) in enumerate(zip(order.legs.all(), prices, strict=True)):
        many = str(leg.ratio * order.quantity)
        apply(account.pk, filled(f"{name}{number}", sent, many, price, symbol=leg.symbol))
    order.refresh_from_db()
    assert order.state == "filled"


@COMMITTED
def test_an_order_that_may_be_passes_and_explains_itself(ready):
    placed = place(ready)
    assert (placed.decision.allowed, placed.decision.text) == (True, "It passed every rule.")
    told = placed.decision.facts
    assert [row[0] for row in told["rules"]] == [one.name for one in risk.RULES]
    assert told["revision"] == risk.revision()
    assert told["market"]["SPY"]["snapshot"]
    assert told["quotes"][C600][:2] == ["7.99", "8.01"]
    assert (told["mid"], told["price"], told["opening"]) == ("8", "8", True)
    assert placed.order.hold == D("800.06") == ledger.balances(ready).holds
    assert audit.verify().sound
    assert differences(ready.pk) == []


def test_an_iron_condor_passes_and_holds_what_it_may_lose(ready):
    legs = (option(P595, -1), option(P590), option(C605, -1), option(C610))
    placed = place(ready, "condor", *legs, price="-3.20")
    assert placed.decision.allowed, placed.decision.text
    assert placed.order.hold == D("180.26")


@COMMITTED
def test_a_decision_is_kept_once_and_never_changed(ready):
    first = place(ready)
    again = place(ready)
    assert (again.fresh, again.decision) == (False, first.decision)
    assert GateDecision.objects.count() == 1
    with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
        cursor.execute("UPDATE trading_gatedecision SET allowed = true")


def test_a_preview_says_what_the_gate_would_say_and_stores_nothing(ready):
    said = risk.preview(ready.pk, wanted("one"))
    assert said.verdict.allowed
    assert said.verdict.hold == D("800.06")
    dear = risk.preview(ready.pk, wanted("two", price="12"))
    assert [one.rule for one in dear.refusals][:2] == ["collar", "through"]
    assert (Order.objects.count(), GateDecision.objects.count()) == (0, 0)
    assert place(ready, "two", price="12").decision.rule == "collar"


@pytest.mark.parametrize(
    ("late", "right"),
    [(0, ""), (2, ""), (2.01, "underlying age"), (5.01, "quote age"), (900, "quote age"),
     (-1, ""), (-601, ""), (-601.01, "future")],
)  # fmt: skip
def test_a_market_that_hangs_opens_nothing(ready, playing, late, right):
    now = playing.run.heartbeat_at + EVERY + dt.timedelta(seconds=late)
    said = risk.preview(ready.pk, wanted("one"), now=now).verdict
    assert (said.allowed, said.rule if right else "") == (not right, right)


@pytest.mark.parametrize(
    ("change", "right"),
    [
        ({"state": "paused"}, "session"),
        ({"state": "stopped"}, "session"),
        ({"heartbeat_at": None}, "session"),
        ({"position": None}, "session"),
    ],
)
def test_a_market_that_does_not_play_opens_nothing(ready, playing, change, right):
    playing.set(**change)
    assert rule(ready) == right


def test_a_quote_that_comes_while_facts_are_read_is_not_of_the_future(ready, playing, monkeypatch):
    clock = [timezone.now()]
    monkeypatch.setattr(timezone, "now", lambda: clock[0])
    read = gather.glance

    def slow(*given, **more):
        found = read(*given, **more)
        clock[0] += dt.timedelta(seconds=5)
        playing.set(heartbeat_at=clock[0])
        return found

    monkeypatch.setattr(gather, "glance", slow)
    assert rule(ready) == ""
    assert risk.preview(ready.pk, wanted("two")).facts.grounds["SPY"].quote.age == 0


def test_a_market_of_the_future_opens_nothing(ready, playing):
    playing.set(heartbeat_at=timezone.now() + dt.timedelta(seconds=3))
    assert rule(ready) == "future"


@pytest.mark.parametrize(
    ("changes", "right"),
    [
        ({"bids": float("nan")}, "quote"),
        ({"bids": float("nan"), "asks": float("nan")}, "anomaly"),
        ({"bids": 0.0}, "quote"),
        ({"bids": 9.0, "asks": 8.0}, "quote"),
        ({"bids": 8.0, "asks": 8.0}, "quote"),
        ({"asks": 30.0}, "width"),
        ({"open_interest": 1.0}, "open interest"),
        ({"open_interest": float("nan")}, "open interest"),
        ({"ask_sizes": 0.0}, "displayed size"),
        ({"quote_age": 6.0}, "quote age"),
        ({"spot": 640.0}, "anomaly"),
    ],
)
def test_bad_data_opens_nothing(ready, playing, changes, right):
    playing.goes_on(**changes)
    placed = place(ready)
    refused = [row[0] for row in placed.decision.facts["rules"] if row[1] == "refuse"]
    assert right in refused
    assert not placed.decision.allowed


def test_a_feed_that_is_alive_and_tells_nothing_new_opens_nothing(ready, playing):
    playing.goes_on(spot=600.0)
    assert rule(ready) == "anomaly"
    playing.goes_on(spot=600.01)
    assert rule(ready, "two") == ""


@pytest.mark.parametrize("seed", range(8))
def test_nothing_is_opened_blind(ready, playing, seed):
    """Six feeds each: mute, frozen, crossed, locked, without numbers, of the future, late."""
    rng = random.Random(seed)
    mid = 8.0
    for number in range(6):
        playing.goes_on()
        fault = rng.choice(["mute", "frozen", "crossed", "locked", "nan", "future", "late"])
        changes = {
            "frozen": {"spot": 600.0 + playing.minute / 100},
            "crossed": {"bids": mid + rng.uniform(0.02, 2), "asks": mid},
            "locked": {"bids": mid, "asks": mid},
            "nan": {rng.choice(["bids", "asks"]): float("nan")},
        }.get(fault, {})
        playing.goes_on(**changes)
        if fault == "mute":
            playing.hangs(rng.uniform(5.1, 900))
        if fault == "late":
            playing.set(position=playing.run.position + dt.timedelta(minutes=15))
        if fault == "future":
            playing.set(heartbeat_at=timezone.now() + dt.timedelta(seconds=rng.uniform(2, 60)))
        said = risk.preview(ready.pk, wanted(f"{number}"))
        assert not said.verdict.allowed, (fault, changes)
        playing.set(heartbeat_at=timezone.now())


def test_what_expires_today_is_not_opened_in_the_last_hour(ready, playing):
    assert rule(ready, "one", option(TODAY), price="2.00") == ""
    playing.goes_on(minutes=270)
    write = playing.run.position - dt.timedelta(minutes=1)
    assert write.hour == 19
    assert rule(ready, "two", option(TODAY), price="2.00") == "last hour"


def test_a_closed_market_opens_nothing(ready, playing):
    playing.goes_on(minutes=330)
    assert rule(ready) == "session"


@pytest.mark.parametrize("state", ["disabled", "armed", "reconciling", "reducing", "halted"])
def test_an_account_that_is_not_live_opens_nothing(ready, state):
    from trading.models import AccountState

    AccountState.objects.filter(account=ready).update(state=state)
    assert rule(ready) == "account state"


def test_an_account_that_was_never_armed_opens_nothing(open_account, playing):
    assert rule(followed(open_account())) == "account state"


def test_an_account_trades_in_its_own_market_alone(ready, open_account):
    assert rule(ready, "other", Leg("QQQ", 1), price="600") == "session"
    assert rule(go_live(open_account(name="nowhere"))) == "session"


def test_the_last_look_sees_the_quote_with_its_age(ready, playing):
    seen = quotes.quote(ready, C600)
    assert (seen.bid, seen.ask) == (D("7.99"), D("8.01"))
    assert seen.age_s == 0
    playing.hangs(7)
    assert 7 <= quotes.quote(ready, "SPY").age_s < 60
    playing.set(state="paused")
    assert quotes.quote(ready, C600) is None
    assert quotes.quote(ready, "QQQ") is None


@pytest.mark.parametrize("scope", ["global", "user", "account", "symbol", "bot"])
def test_a_switch_of_any_scope_stops_it(ready, scope):
    where = {"global": "", "user": str(ready.owner_id), "account": str(ready.pk),
             "symbol": "SPY", "bot": "7"}[scope]  # fmt: skip
    place_ = Scope(scope, where) if where else EVERYTHING
    switches.turn(place_, "halted", actor="user 1", reason="I want to sleep.")
    assert rule(ready, origin="bot:7") == "switches"
    other = Scope("symbol", "QQQ")
    switches.turn(place_, "off", actor="user 1", reason="I woke.")
    switches.turn(other, "halted", actor="user 1", reason="Not this one.")
    assert rule(ready, "two", origin="bot:7") == ""


def test_live_trading_refuses_each_thing_that_it_should(live_account, settings, ana, playing):
    account = live_account()
    refused = {row[0] for row in place(account).decision.facts["rules"] if row[1] == "refuse"}
    assert {"plan", "opt in", "session"} <= refused
    ana.plan = "pro_plus"
    ana.save()
    account.refresh_from_db()
    assert rule(account, "two") == "opt in"
    settings.LIVE_TRADING = True
    assert rule(account, "three") == "opt in"
    now = timezone.now()
    limits.accept_risks(account.pk, limits.RISKS, actor=f"user {ana.pk}", proved_at=now)
    never = place(account, "never", time_in_force="ioc").decision
    assert (never.rule, never.value) == ("broker", "alpaca")
    assert "no ioc orders on option: day or gtc" in never.text
    # A simulated market is no market for real money.
    assert rule(account, "four") == "session"
    limits.withdraw_consent(account.pk, actor=f"user {ana.pk}")
    assert rule(account, "five") == "opt in"


@COMMITTED
def test_too_many_orders_are_refused_and_then_the_account_halts(ready):
    out = [place(ready, f"{number}").decision for number in range(14)]
    assert sum(one.allowed for one in out) <= 3
    assert out[1].rule in ("orders a second", "duplicate")
    assert out[-1].rule == "account state"
    assert "runs away" in out[-1].text


@COMMITTED
def test_the_same_order_again_and_again_is_refused(ready):
    rules = []
    for number in range(4):
        rules.append(rule(ready, f"{number}"))
        Order.objects.update(created=timezone.now() - dt.timedelta(seconds=5))
    assert rules == ["", "", "", "duplicate"]


def test_an_order_larger_than_the_plan_is_refused(ready):
    limits.set_limit(ready.pk, "contracts", D(2), actor="user 1")
    assert rule(ready, "one", units=3) == "order size"
    with pytest.raises(limits.LimitError, match="Prove"):
        limits.set_limit(ready.pk, "contracts", D(3), actor="user 1")
    with pytest.raises(limits.LimitError, match="person"):
        limits.set_limit(ready.pk, "contracts", D(3), actor="risk", proved_at=timezone.now())
    with pytest.raises(limits.LimitError, match="at most 10"):
        limits.set_limit(ready.pk, "contracts", D(11), actor="user 1", proved_at=timezone.now())
    assert limits.set_limit(
        ready.pk, "contracts", D(2 + 1), actor="user 1", proved_at=timezone.now()
    )
    assert not limits.set_limit(ready.pk, "contracts", D(3), actor="user 1")
    assert audit.verify().sound
    assert rule(ready, "two", units=3) != "order size"


def test_a_limit_of_a_wider_scope_lowers(ready):
    limits.set_scope_limit(EVERYTHING, "contracts", D(1), actor="operator eve")
    assert rule(ready, units=2) == "order size"


def test_an_uncovered_short_option_never_passes(ready):
    assert rule(ready, "one", option(C610, -1), price="4.11") == "uncovered"


def test_shares_are_sold_short_and_bought_back_on_paper_with_credit(open_account, playing, ready):
    share = Leg("SPY", -1)
    assert rule(ready, "cash", share, price="600") == "short sale"
    account = go_live(followed(open_account(name="credit", credit=D(50_000))))
    placed = place(account, "short", share, price="600")
    assert placed.decision.allowed, placed.decision.text
    assert placed.order.hold == D("300.02")
    fill(account, placed.order, "600")
    assert ledger.balances(account).cash == D("100599.65")
    Order.objects.update(created=timezone.now() - dt.timedelta(minutes=2))
    back = place(account, "back", Leg("SPY", 1), price="600")
    assert back.decision.allowed, back.decision.text
    assert back.order.hold == D("600.01")


def test_cover_that_another_order_sells_covers_nothing(ready):
    order = place(ready, "long", option(C605), price="5.73").order
    fill(ready, order, "5.73")
    Order.objects.update(created=timezone.now() - dt.timedelta(minutes=2))
    assert rule(ready, "away", option(C605, -1), price="5.73") == ""
    Order.objects.update(created=timezone.now() - dt.timedelta(minutes=2))
    assert rule(ready, "short", option(C610, -1), price="4.11") == "uncovered"


def test_an_exit_passes_while_the_account_is_reducing_and_opens_nothing(ready):
    order = place(ready).order
    fill(ready, order, "8.00")
    Order.objects.update(created=timezone.now() - dt.timedelta(minutes=2))
    from trading.execution import services as execution
    from trading.execution.states import Standing

    execution.step(ready.pk, Standing.REDUCING, actor="risk", reason="A test.")
    assert rule(ready, "more") == "account state"
    assert rule(ready, "out", option(C600, -1), price="8.00") == ""
    assert rule(ready, "twice", option(C600, -1), price="8.00") == "account state"
    assert Position.objects.get(symbol=C600).quantity == 1


EXITS = (
    wanted("target", option(C600, -1), price="12.00"),
    Intent("stop", (option(C600, -1),), D(1), kind="stop", stop_price=D("6.00")),
)


def rules_of(placed) -> list[str]:
    return [one.decision.rule for one in placed]


def test_a_bracket_passes_with_exits_that_leave_what_its_entry_will_bring(ready):
    intents = (wanted("in"), *EXITS)
    placed = services.place_group(ready.pk, "bracket", intents, intent_id="g", actor="ana")
    assert rules_of(placed) == ["all rules"] * 3
    assert [one.order.hold for one in placed] == [D("800.06"), 0, 0]
    Order.objects.update(created=timezone.now() - dt.timedelta(minutes=2))
    # What the exits will sell is not there to cover or to be sold once more.
    assert rule(ready, "sold", option(C600, -1)) == "uncovered"
    assert rule(ready, "cover", option(C610, -1), price="4.11") == "uncovered"
    assert rule(ready, "other", option(C605), price="5.73") == ""


def test_the_exits_of_a_position_pass_together_and_a_third_does_not(ready):
    fill(ready, place(ready).order, "8.00")
    Order.objects.update(created=timezone.now() - dt.timedelta(minutes=2))
    placed = services.place_group(ready.pk, "oco", EXITS, intent_id="g", actor="ana")
    assert rules_of(placed) == ["all rules"] * 2
    Order.objects.update(created=timezone.now() - dt.timedelta(minutes=2))
    assert rule(ready, "third", option(C600, -1)) == "uncovered"
    better = wanted("better", option(C600, -1), price="11.00")
    new = services.replace_order(ready.pk, placed[0].order.pk, better, actor="ana")
    assert new.decision.allowed, new.decision.text


def test_a_group_counts_as_one_order(ready):
    for number in range(3):
        exits = tuple(replace(one, intent_id=f"{one.intent_id} {number}") for one in EXITS)
        intents = (wanted(f"in {number}"), *exits)
        placed = services.place_group(
            ready.pk, "bracket", intents, intent_id=f"g {number}", actor="ana"
        )
        assert rules_of(placed) == ["all rules"] * 3
        Order.objects.update(created=timezone.now() - dt.timedelta(seconds=5))
    assert rule(ready, "once more") == "duplicate"


def test_the_day_begins_where_the_one_before_ended(ready, playing):
    from trading.models import AccountDay

    assert rule(ready) == ""
    day = AccountDay.objects.get()
    assert (day.first_equity, day.profit) == (100_000, 0)


def test_the_gate_is_registered_when_the_house_starts():
    from django.apps import apps

    before = gate.register(gate.closed)
    apps.get_app_config("trading").ready()
    assert gate.register(before) is not gate.closed


@pytest.mark.parametrize(
    ("room", "name"),
    [(gather, "glance"), (gather, "grouped"), (gather, "account_class"), (gather, "closes"),
     (gather.markets, "look"), (gather.markets, "instrument_of"), (gather.limits, "effective"),
     (gather.greeks, "sensitivities"), (risk, "evaluate"), (limits, "keep_day"),
     (risk.breakers, "watch_decision")],
)  # fmt: skip
def test_whatever_fails_refuses(ready, monkeypatch, room, name):
    def broken(*_args, **_more):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")

    monkeypatch.setattr(room, name, broken)
    placed = place(ready)
    assert (placed.order.state, placed.decision.rule) == ("rejected", "gate")


@COMMITTED
def test_orders_at_once_are_judged_one_after_the_other(ready):
    def one(number: int) -> bool:
        try:
            return place(ready, f"{number}", units=number + 1).decision.allowed
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        out = list(pool.map(one, range(4)))
    assert sum(out) == 1


def test_the_web_process_judges_orders_without_a_compiler(child):
    process = child("""
        import sys
        import trading.risk.gate
        heavy = {"numba", "torch", "QuantLib"} & set(sys.modules)
        say("heavy: " + (", ".join(sorted(heavy)) or "nothing"))
    """)
    process.until("heavy: nothing", seconds=120)
    process.ends()


@pytest.mark.parametrize(
    ("kind", "symbol", "minutes", "right"),
    [("cpi", "", 10, "macro"), ("cpi", "", 20, ""), ("earnings", "SPY", 600, "earnings"),
     ("earnings", "QQQ", 600, ""), ("fomc", "", -4, "macro"), ("fomc", "", -6, "")],
)  # fmt: skip
def test_nothing_is_opened_around_an_event(ready, playing, kind, symbol, minutes, right):
    at = playing.now + dt.timedelta(minutes=minutes)
    Event.objects.create(
        kind=kind, name="Something", symbol=symbol, scheduled_at=at,
        known_at=at - dt.timedelta(days=9),
    )  # fmt: skip
    assert rule(ready) == right


def test_the_listing_says_how_a_contract_is_exercised(ready, playing):
    told = place(ready).decision
    assert told.allowed
    seen = markets.look(ready, "SPY", timezone.now())
    layout = seen.kept.data.layout
    assert seen.holding(markets.instrument_of(C600, D(100)), D(1)).instrument.option.american
    european = dataclasses.replace(layout, american=~layout.american)
    data = dataclasses.replace(seen.kept.data, layout=european)
    other = dataclasses.replace(seen, kept=dataclasses.replace(seen.kept, data=data))
    held = other.holding(markets.instrument_of(C600, D(100)), D(1))
    assert not held.instrument.option.american
