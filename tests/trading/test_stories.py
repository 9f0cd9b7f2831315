"""Random stories of orders, fills, cancels, repeats and disorder, against every invariant."""

from __future__ import annotations

import datetime as dt
import os
import random
from collections import defaultdict
from decimal import Decimal
from itertools import count

import hypothesis.strategies as st
import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from accounts.models import User
from record import audit
from tests.trading.conftest import NOON, by, filled, passing, says
from trading.audit import differences
from trading.ledger import selectors
from trading.ledger import services as ledger
from trading.ledger.book import Move
from trading.ledger.services import Kind
from trading.models import Account, Fill, JournalEntry, Order, OrderEvent
from trading.orders import attempts, gate, services
from trading.orders.intents import Intent, Leg
from trading.orders.machine import FINAL, News
from trading.orders.venue import Event, apply

D = Decimal
STORIES = int(os.environ.get("PULSE_STORIES", "10"))
"""Of 30 steps each."""
numbers = count()
CALL, PUT = "SPY261218C00500000", "SPY261218P00500000"
MARKS = {"SPY": D("101.37"), "QQQ": D("55.5"), CALL: D("3.15"), PUT: D("2.05")}
SHAPES = (
    (Leg("SPY", 1),),
    (Leg("SPY", -1),),
    (Leg("QQQ", 1),),
    (Leg(CALL, 1, D(100)), Leg(PUT, -2, D(100))),
)
prices = st.decimals("0.01", "150", places=2)


class Story(RuleBasedStateMachine):
    """An account, its orders, and everything that a venue ever said, to say again."""

    orders = Bundle("orders")
    events = Bundle("events")

    def __init__(self) -> None:
        super().__init__()
        self.savepoint = transaction.atomic()
        self.savepoint.__enter__()
        self.before = gate.register(passing)
        number = next(numbers)
        owner = User.objects.create_user(f"story{number}@trading.example")
        method = Account.Method.AVERAGE if number % 2 else Account.Method.FIFO
        self.account = ledger.open_account(owner, name="story", method=method)
        self.deposited = D(20_000)
        ledger.deposit(self.account.pk, self.deposited, by("first"))
        self.cash = self.deposited
        self.booked: dict[str, Event] = {}
        self.most_filled: dict[int, Decimal] = defaultdict(Decimal)
        self.ended: set[int] = set()

    def teardown(self) -> None:
        gate.register(self.before)
        transaction.set_rollback(True)
        self.savepoint.__exit__(None, None, None)

    @rule(target=orders, shape=st.sampled_from(SHAPES), quantity=st.integers(1, 12), price=prices)
    def place(self, shape, quantity, price) -> tuple[int, str, tuple[Leg, ...]]:
        intent = Intent(f"i{next(numbers)}", shape, D(quantity), limit_price=price)
        free = selectors.free(self.account)
        order = services.place(self.account.pk, intent, actor="story").order
        assert services.place(self.account.pk, intent, actor="story").order == order
        assert order.held <= max(free, D(0))
        assert (order.state == "rejected") == (not order.decision.allowed)
        sent = ""
        if order.state == "pending":
            sent = services.begin_send(self.account.pk, order.pk)
        return order.pk, sent, shape

    @rule(order=orders)
    def goes_unanswered(self, order) -> None:
        attempts.mark_unknown(self.account.pk, order[0])

    @rule(order=orders, second=st.integers(0, 12))
    def is_not_found(self, order, second) -> None:
        at = NOON + dt.timedelta(seconds=second)
        attempts.mark_absent(self.account.pk, order[0], at)

    @rule(order=orders)
    def is_sent_again_only_when_pending(self, order) -> None:
        pending = Order.objects.get(pk=order[0]).state == "pending"
        try:
            services.begin_send(self.account.pk, order[0])
        except services.NotSendableError:
            assert not pending
        else:
            assert pending

    @rule(order=orders)
    def is_cancelled(self, order) -> None:
        services.cancel(self.account.pk, order[0], actor="story")

    @rule(
        target=events, order=orders, second=st.integers(0, 3),
        news=st.sampled_from([one for one in News if one != News.FILL]),
    )  # fmt: skip
    def says(self, order, news, second) -> Event:
        event = says(news, f"e{next(numbers)}", order[1], second=second)
        apply(self.account.pk, event)
        return event

    @rule(target=events, order=orders, leg=st.integers(0, 1), quantity=st.integers(1, 6),
          price=prices, foreign=st.integers(0, 19))  # fmt: skip
    def fills(self, order, leg, quantity, price, foreign) -> Event:
        _, sent, shape = order
        one = shape[leg % len(shape)]
        signed = quantity if one.ratio > 0 else -quantity
        event = filled(
            f"x{next(numbers)}", sent if foreign else "of nobody", str(signed), str(price),
            symbol=one.symbol,
        )  # fmt: skip
        self._tell(event)
        return event

    @rule(event=events)
    def says_again(self, event) -> None:
        rows = JournalEntry.objects.count(), OrderEvent.objects.count(), Fill.objects.count()
        assert not apply(self.account.pk, event).fresh
        assert rows == (
            JournalEntry.objects.count(), OrderEvent.objects.count(), Fill.objects.count(),
        )  # fmt: skip

    @rule(back=st.booleans())
    def a_fill_is_busted(self, back) -> None:
        fills = Fill.objects.filter(account=self.account, entry__reversed_by=None)
        fill = fills.order_by("id" if back else "-id").first()
        if fill is None:
            return
        source = by(f"bust {fill.pk}")
        assert ledger.reverse(self.account.pk, fill.entry_id, source, reason="bust").fresh
        assert not ledger.reverse(self.account.pk, fill.entry_id, source, reason="bust").fresh
        self.cash += fill.quantity * fill.price * fill.multiplier + fill.fee

    @rule(amount=st.decimals("0.01", "500", places=2), way=st.sampled_from("dwfi"))
    def cash_moves(self, amount, way) -> None:
        source = by(f"c{next(numbers)}")
        if way == "d":
            ledger.deposit(self.account.pk, amount, source)
            self.deposited += amount
        elif way == "w":
            ledger.withdraw(self.account.pk, amount, source)
            self.deposited -= amount
        elif way == "f":
            ledger.charge(self.account.pk, amount, source)
        else:
            ledger.dividend(self.account.pk, amount, source, symbol="SPY")
        self.cash += amount if way in "di" else -amount

    @rule(symbol=st.sampled_from([CALL, PUT]), way=st.sampled_from(["expiry", "settlement", "x"]))
    def an_option_ends(self, symbol, way) -> None:
        held = {one.symbol: one.quantity for one in selectors.positions(self.account)}
        if symbol not in held:
            return
        source, gone = by(f"o{next(numbers)}"), -held[symbol]
        shares = None
        price = D("1.25") if way == "settlement" else D(0)
        if way == "x":
            way = Kind.EXERCISE if gone < 0 else Kind.ASSIGNMENT
            sign = 1 if symbol == CALL else -1
            shares = Move("SPY", -gone * 100 * sign, D(500))
            self.cash -= shares.quantity * 500
        option = Move(symbol, gone, price, D(100))
        ledger.option_ended(self.account.pk, way, option, source, deliverable=shares)
        self.cash -= gone * price * 100

    def _tell(self, event: Event) -> None:
        one = event.execution
        assert one is not None
        apply(self.account.pk, event)
        self.cash -= one.quantity * one.price * one.multiplier + one.fee

    @invariant()
    def cash_is_what_happened(self) -> None:
        assert selectors.balances(self.account).cash == self.cash

    @invariant()
    def what_was_earned_and_is_open_is_the_equity(self) -> None:
        now, worth = selectors.balances(self.account), selectors.equity(self.account, MARKS)
        assert worth.total - now.deposits == now.earned + worth.unrealised
        assert now.deposits == self.deposited

    @invariant()
    def fills_never_fall_and_ends_are_ends(self) -> None:
        for order in Order.objects.filter(account=self.account):
            assert self.most_filled[order.pk] <= order.filled_quantity <= order.quantity
            self.most_filled[order.pk] = order.filled_quantity
            assert order.pk not in self.ended or order.state in FINAL
            if order.state in FINAL:
                self.ended.add(order.pk)

    @invariant()
    def everything_proves_everything(self) -> None:
        with connection.cursor() as cursor:  # what a commit would check
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        assert differences(self.account.pk) == []

    @invariant()
    def every_change_is_in_the_audit_chain(self) -> None:
        found = audit.verify()
        assert found.sound
        lone = JournalEntry.objects.filter(account=self.account).exclude(kind__in=("fill", "hold"))
        rows = lone.count()  # the others are in the row of their order's event
        rows += OrderEvent.objects.filter(account=self.account).count()
        assert found.heads[ledger.chain_of(self.account.pk)].seq == rows + 1


@pytest.mark.slow
@pytest.mark.django_db
def test_every_story_keeps_every_invariant():
    run_state_machine_as_test(
        Story,
        settings=settings(
            max_examples=STORIES, stateful_step_count=30, deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(6))
def test_a_venues_history_in_any_order_ends_in_the_same_books(open_account, open_gate, seed):
    chance = random.Random(seed)
    account = [open_account(f"a{number}") for number in range(3)]
    history = [
        ("accepted", None), ("working", None),
        *((f"x{number}", chance.randint(1, 5)) for number in range(4)),
        (chance.choice(["canceled", "expired"]), None),
    ]  # fmt: skip
    ends = []
    for one in account:
        intent = Intent("one", (Leg("SPY", 1),), D(12), limit_price=D(100))
        order = services.place(one.pk, intent, actor="ana").order
        sent = services.begin_send(one.pk, order.pk)
        told = [*history, *chance.choices(history, k=3)]
        chance.shuffle(told)
        for name, quantity in told:
            event = (
                says(News(name), name, sent, second=9) if quantity is None
                else filled(name, sent, str(quantity), "99")
            )  # fmt: skip
            apply(one.pk, event)
        order.refresh_from_db()
        ends.append((
            order.state, order.filled_quantity, order.excess, order.held, order.legs.get().value,
            selectors.balances(one),
            [(held.quantity, held.cost) for held in selectors.positions(one)],
        ))  # fmt: skip
        assert differences(one.pk) == []
    assert ends[0] == ends[1] == ends[2]
