"""At which number a breaker opens or an account is stopped: what they look at, at its edges."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from tests.trading.risk.built import NOW, given, ground, quote
from trading.execution.states import Standing
from trading.models import Breaker
from trading.orders.gate import Verdict
from trading.orders.machine import News
from trading.risk import breakers
from trading.risk.facts import Book, Day

D = Decimal
ACCOUNT: Any = SimpleNamespace(pk=1)
NO, YES = Verdict(False, "quote age", "It is old."), Verdict(True, "", "It may.")


@pytest.fixture
def stopped(monkeypatch) -> list[tuple[str, str]]:
    """What accounts are stopped to, with the reason."""
    told: list[tuple[str, str]] = []
    monkeypatch.setattr(breakers, "stop", lambda _, to, reason: told.append((str(to), reason)))
    return told


@pytest.fixture
def tripped(monkeypatch) -> list[tuple[str, str]]:
    """Which breakers are opened: kind and symbol."""
    told: list[tuple[str, str]] = []

    def trip(_: object, kind: str, reason: str, now: dt.datetime, *, symbol: str = "") -> None:
        assert reason
        assert now == NOW
        told.append((str(kind), symbol))

    monkeypatch.setattr(breakers, "trip", trip)
    return told


def lost(amount: str, *, first: int = 100_000, fall: str = "0"):
    """A day under limits of 2 %, 3 % and a fall of 10 %."""
    limits = {"reduce_loss": D("0.02"), "halt_loss": D("0.03"), "drawdown": D("0.10")}
    return given(day=Day(D(first), -D(amount), D(fall)), limits=limits)


@pytest.mark.parametrize(
    ("facts", "to"),
    [
        (lost("1999.99"), None), (lost("2000"), "reducing"), (lost("2000.01"), "reducing"),
        (lost("2999.99"), "reducing"), (lost("3000"), "halted"), (lost("3000.01"), "halted"),
        (lost("-5000"), None), (lost("0", fall="0.0999"), None),
        (lost("0", fall="0.10"), "reducing"), (lost("0", fall="0.1001"), "reducing"),
        (lost("2000", fall="0.5"), "reducing"), (lost("3000", fall="0.5"), "halted"),
        (lost("0", first=1), None), (lost("0", first=0), "halted"), (lost("0", first=-1), "halted"),
        (lost("-50", first=-100), "halted"), (given(day=None), None),
    ],
)  # fmt: skip
def test_a_loss_stops_an_account_at_its_limit(stopped, facts, to):
    breakers.watch_losses(ACCOUNT, facts)
    assert [one for one, _ in stopped] == ([] if to is None else [to])


def test_the_loss_and_the_fall_are_told(stopped):
    breakers.watch_losses(ACCOUNT, lost("3000"))
    breakers.watch_losses(ACCOUNT, lost("2000"))
    breakers.watch_losses(ACCOUNT, lost("0", fall="0.125"))
    assert [reason for _, reason in stopped] == [
        "The day's loss is 3000.00.", "The day's loss is 2000.00.",
        "It fell by 12.5 % from its highest.",
    ]  # fmt: skip


STATES = ["disabled", "armed", "reconciling", "live", "reducing", "halted"]


@pytest.mark.parametrize(
    ("to", "from_"),
    [("reducing", {"live"}), ("halted", {"armed", "reconciling", "live", "reducing"})],
)
def test_an_account_is_only_ever_stopped_further(monkeypatch, to, from_):
    steps: list[str] = []
    told: list[tuple[object, ...]] = []
    monkeypatch.setattr(breakers.telling, "promise", lambda *words: told.append(words))
    for now in STATES:
        monkeypatch.setattr(
            breakers, "state_of", lambda _, now=now: SimpleNamespace(state=Standing(now))
        )
        for works in (True, False):
            told.clear()

            def step(pk: int, to: str, *, actor: str, reason: str, now=now, works=works) -> bool:
                steps.append(now)
                assert (pk, actor, reason) == (1, "risk", "A test.")
                return works

            monkeypatch.setattr(breakers.execution, "step", step)
            changed = breakers.stop(ACCOUNT, Standing(to), "A test.")
            assert changed == (works and now in from_)
            assert told == ([(ACCOUNT, "breaker", "account 1", to, "A test.")] if changed else [])
    assert set(steps) == from_


@pytest.mark.parametrize(
    ("age", "verdict", "right"),
    [(29.999, NO, False), (30.0, NO, False), (30.001, NO, True), (60.0, YES, False),
     (None, NO, False)],
)  # fmt: skip
def test_a_market_older_than_half_a_minute_opens_its_breaker(tripped, age, verdict, right):
    facts = given(ground={"quote": quote("600.00", age=age)})
    breakers._watch_age(ACCOUNT, verdict, facts)
    assert tripped == ([("stale", "SPY")] if right else [])


def test_a_market_that_nobody_sees_opens_none(tripped):
    breakers._watch_age(ACCOUNT, NO, given(grounds={}))
    assert tripped == []


def book(losses: dict[str, str], *, equity: str | None = "100000") -> Book:
    facts = given(limits={"order_loss": D("0.02")})
    return Book(NOW, facts.limits, {"SPY": ground()}, None if equity is None else D(equity), D(0),
                None, {name: D(one) for name, one in losses.items()}, 0)  # fmt: skip


@pytest.mark.parametrize(
    ("losses", "equity", "symbols"),
    [
        ({"SPY": "1999.99"}, "100000", []), ({"SPY": "2000"}, "100000", ["SPY"]),
        ({"SPY": "2000.01", "QQQ": "1"}, "100000", ["SPY"]),
        ({"SPY": "2000", "QQQ": "3000"}, "100000", ["SPY", "QQQ"]),
        ({"SPY": "2000"}, None, []), ({"SPY": "0"}, "0", []), ({"SPY": "5"}, "-100", []),
        ({"SPY": "0.02"}, "1", ["SPY"]),
    ],
)  # fmt: skip
def test_positions_that_lost_what_an_order_may_open_their_breaker(tripped, losses, equity, symbols):
    breakers._watch_positions(ACCOUNT, book(losses, equity=equity))
    assert tripped == [("loss", name) for name in symbols]


@pytest.mark.parametrize(
    ("at", "right"),
    [
        (dt.datetime(2026, 11, 20, 15, 30, tzinfo=dt.UTC), dt.datetime(2026, 11, 21, 5)),
        # Midnight in New York is the next day's begin; there it is the day before till then.
        (dt.datetime(2026, 11, 21, 4, 59, tzinfo=dt.UTC), dt.datetime(2026, 11, 21, 5)),
        (dt.datetime(2026, 11, 21, 5, 0, tzinfo=dt.UTC), dt.datetime(2026, 11, 22, 5)),
        (dt.datetime(2026, 6, 1, 12, 0, tzinfo=dt.UTC), dt.datetime(2026, 6, 2, 4)),
    ],
)
def test_a_day_ends_at_midnight_in_new_york(at, right):
    assert breakers._day_after(at) == right.replace(tzinfo=dt.UTC)


def tried(**more: Any) -> SimpleNamespace:
    return SimpleNamespace(**{"filled_quantity": D(0), "ended_as": "", "state": "working"} | more)


@pytest.mark.parametrize(
    ("order", "late", "state"),
    [
        (None, 0, "half-open"),
        (tried(filled_quantity=D(1)), -1, "closed"),
        (tried(filled_quantity=D(1), ended_as=News.REJECTED), -1, "closed"),
        (tried(), -1, None),
        (tried(), 0, "half-open"),
        (tried(), 1, "half-open"),
        (tried(state="canceled", ended_as=News.CANCELED), -1, "half-open"),
        (tried(state="rejected", ended_as=News.REJECTED), -1, "open"),
    ],
)
def test_what_tried_is_judged(monkeypatch, order, late, state):
    """`late`: microseconds after the time that it has."""

    class Rows:
        def filter(self, **_: Any) -> Rows:
            return self

        def order_by(self, *_: Any) -> Rows:
            return self

        def first(self) -> Any:
            return order

    monkeypatch.setattr(breakers.Order, "objects", Rows())
    kept: list[str] = []
    monkeypatch.setattr(breakers, "_set", lambda _, to: kept.append(str(to)))
    one = SimpleNamespace(account=ACCOUNT, after=3, times=1, until=NOW)
    breakers._judge(one, NOW + dt.timedelta(microseconds=late))
    assert kept == ([] if state is None else [state])
    if state != "open":
        assert (one.times, one.until) == (1, NOW)


@pytest.mark.parametrize(
    ("times", "seconds"), [(1, 60), (2, 120), (5, 960), (6, 1_800), (7, 1_800), (20, 1_800)]
)
def test_each_refusal_doubles_the_wait_up_to_half_an_hour(monkeypatch, times, seconds):
    rows = SimpleNamespace(first=lambda: tried(ended_as=News.REJECTED, state="rejected"))
    rows.filter = rows.order_by = lambda *_, **__: rows
    monkeypatch.setattr(breakers.Order, "objects", rows)
    monkeypatch.setattr(breakers, "_set", lambda *_: None)
    one = SimpleNamespace(account=ACCOUNT, after=3, times=times, until=NOW)
    breakers._judge(one, NOW)
    assert (one.times, (one.until - NOW).total_seconds()) == (times + 1, seconds)


@pytest.mark.parametrize(
    ("state", "late", "to"),
    [("open", -1, None), ("open", 0, "half-open"), ("open", 1, "half-open"),
     ("reducing", -1, None), ("reducing", 0, "closed"), ("half-open", 1, None),
     ("trying", -1, "judged"), ("trying", 1, "judged")],
)  # fmt: skip
def test_a_breaker_moves_on_when_its_time_has_come(monkeypatch, state, late, to):
    one = SimpleNamespace(pk=1, state=Breaker.State(state), until=NOW)
    kept: list[str] = []

    class Rows(list):  # type: ignore[type-arg]
        def values_list(self, *_: str) -> list[tuple[int, str]]:
            return [(each.pk, str(each.state)) for each in self]

    def moved(breaker: SimpleNamespace, to: str) -> None:
        kept.append(str(to))
        breaker.state = to

    monkeypatch.setattr(breakers, "_not_closed", lambda _: Rows([one]))
    monkeypatch.setattr(breakers, "_set", moved)
    monkeypatch.setattr(breakers, "_judge", lambda *_: kept.append("judged"))
    changed = breakers.move_on(ACCOUNT, NOW + dt.timedelta(microseconds=late))
    assert kept == ([] if to is None else [to])
    assert changed == (to in ("half-open", "closed"))


@pytest.mark.parametrize(("before", "halts"), [(8, False), (9, True), (10, True)])
def test_the_tenth_order_that_came_too_fast_halts(monkeypatch, stopped, before, halts):
    asked: dict[str, Any] = {}

    def rows(**more: Any) -> SimpleNamespace:
        asked.update(more)
        return SimpleNamespace(count=lambda: before)

    monkeypatch.setattr(breakers.GateDecision, "objects", SimpleNamespace(filter=rows))
    breakers._watch_rate(ACCOUNT, NOW)
    assert [to for to, _ in stopped] == ["halted"] * halts
    assert all(reason.startswith(f"{before + 1} orders") for _, reason in stopped)
    assert asked["at__gt"] == NOW - dt.timedelta(seconds=10)
    assert asked["allowed"] is False
    assert set(asked["rule__in"]) == {"orders a second", "orders a minute", "duplicate"}


@pytest.mark.parametrize(
    ("every", "bad", "set_already", "turns"),
    [(9, 9, False, False), (10, 5, False, True), (10, 4, False, False), (11, 5, False, False),
     (11, 6, False, True), (10, 10, True, False), (10, 10, False, True)],
)  # fmt: skip
def test_half_of_ten_orders_refused_stop_everything(monkeypatch, every, bad, set_already, turns):
    asked: dict[str, Any] = {}

    def rows(**more: Any) -> SimpleNamespace:
        asked.update(more)
        return SimpleNamespace(aggregate=lambda **_: {"all": every, "bad": bad})

    told: list[str] = []

    def turn(scope: object, state: str, *, actor: str, reason: str) -> bool:
        told.append(f"{scope} {state} {actor}: {reason}")
        return True

    monkeypatch.setattr(breakers.Order, "objects", SimpleNamespace(filter=rows))
    monkeypatch.setattr(breakers, "stops", lambda _: [1] if set_already else [])
    monkeypatch.setattr(breakers.switches, "turn", turn)
    assert breakers.watch_system(NOW) is turns
    assert len(told) == turns
    assert all(one.startswith("global reducing risk: Brokers refused") for one in told)
    assert asked["ended_at__gt"] == NOW - dt.timedelta(minutes=1)
    assert (asked["sent__gt"], asked["account__mode"]) == (0, "live")
