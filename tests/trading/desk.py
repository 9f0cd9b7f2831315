"""An account with a venue of its own, served by hand: turns, kills and time are the test's."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.trading.conftest import passing
from tests.trading.venue import Crash, FakeClock, Venue
from trading.audit import differences
from trading.brokers import registry
from trading.execution import lease as leases
from trading.execution import quotes, services
from trading.execution.executor import guards
from trading.execution.lane import Lane
from trading.execution.outlet import Outlet
from trading.execution.quotes import Quote
from trading.execution.selectors import state_of
from trading.execution.session import Session
from trading.execution.states import Standing
from trading.ledger import selectors
from trading.models import Account, AccountState, Order
from trading.orders import gate
from trading.orders import services as orders
from trading.orders.intents import Intent, Leg
from trading.orders.machine import FINAL
from trading.switches import flags, press

D = Decimal


class Desk:
    """What a test has at hand."""

    def __init__(self, account: Account, venue: Venue, clock: FakeClock) -> None:
        self.account, self.venue, self.clock = account, venue, clock
        self.lane: Lane | None = None
        self.deaths = 0
        self._renewed = 0.0

    def start(self) -> Lane:
        """Take the account over, as a process that starts does."""
        AccountState.objects.filter(pk=self.account.pk).update(lease_until=None)
        lease = leases.take(self.account.pk, f"holder {self.deaths}", self.clock)
        assert lease is not None
        outlet = Outlet(self.venue, lease, self.clock, guards())
        session = Session(self.account.pk, self.account.owner_id, lease, outlet, self.clock)
        self.lane = Lane(session)
        return self.lane

    def turn(self, times: int = 1, step: float = 0.3) -> None:
        """Serve the account; a crash takes all that its process remembers."""
        for _ in range(times):
            if self.lane is None:
                self.start()
            assert self.lane is not None
            late = self.lane.session.lease.deadline < self.clock.monotonic() + 20
            if late or time.monotonic() - self._renewed > 3:
                self._renewed = time.monotonic()
                leases.renew(self.lane.session.lease, self.clock)
            try:
                self.lane.turn()
                self.lane.turn_cancels()
            except Crash:
                self.dies()
            self.clock.sleep(step)

    def dies(self) -> None:
        self.deaths += 1
        self.lane = None

    def until(self, done: Callable[[], object], seconds: float = 120, step: float = 0.3) -> None:
        """Serve until something is so, for so long of the venue's time."""
        end = self.clock.monotonic() + seconds
        while not done():
            assert self.clock.monotonic() < end, "it never came to be so"
            self.turn(step=step)

    def live(self) -> Desk:
        """Serve until orders may leave."""
        self.until(lambda: self.standing == Standing.LIVE)
        return self

    @property
    def standing(self) -> Standing:
        return state_of(self.account.pk).state

    @property
    def outlet(self) -> Outlet:
        assert self.lane is not None
        return self.lane.session.outlet

    def place(
        self, name: str, quantity: str = "10", price: str = "100", *, symbol: str = "SPY",
        sold: bool = False, **more,
    ) -> Order:  # fmt: skip
        leg = Leg(symbol, -1 if sold else 1, D(100 if len(symbol) > 10 else 1))
        intent = Intent(name, (leg,), D(quantity), limit_price=D(price), **more)
        order = orders.place(self.account.pk, intent, actor="user 1").order
        # Placed by the venue's time, which goes faster than ours.
        Order.objects.filter(pk=order.pk).update(created=self.clock.now())
        return order

    def order(self, name: str) -> Order:
        return Order.objects.get(account=self.account, intent_id=name)

    def states(self) -> list[str]:
        rows = Order.objects.filter(account=self.account).order_by("pk")
        return list(rows.values_list("state", flat=True))

    def settled(self) -> bool:
        """Whether no order waits or is in doubt."""
        doubt = ("pending", "submitting", "unknown", "cancel_pending")
        return not any(state in doubt for state in self.states())

    def ids_of(self, order: Order) -> list[str]:
        """Return the names under which the venue has an order."""
        names = order.client_ids.values_list("text", flat=True)
        return [name for name in names if name in self.venue.kept]

    def prove(self) -> None:
        """Books sound in themselves and equal to the venue; every order there at most once."""
        assert differences(self.account.pk) == []
        held = {one.symbol: one.quantity for one in selectors.positions(self.account)}
        assert held == {name: q for name, q in self.venue.held.items() if q}
        assert selectors.balances(self.account).cash == self.venue.cash
        for order in Order.objects.filter(account=self.account):
            there = self.ids_of(order)
            assert len(there) <= 1, f"order {order.pk} is there as {there}"
            if there:
                kept = self.venue.kept[there[0]]
                assert (order.state in FINAL) == (not kept.open)
                assert order.filled_quantity == min(kept.filled.values(), default=D(0))


def sent(desk: Desk, name: str = "one", *more, **others) -> Order:
    """Place an order and serve until the venue has it."""
    desk.place(name, *more, **others)
    desk.until(lambda: desk.order(name).state == "accepted")
    return desk.order(name)


@pytest.fixture
def market() -> Iterator[dict[str, Quote]]:
    """Quotes of everything, all alike until the test says otherwise."""
    seen: dict[str, Quote] = {}
    usual = Quote(D("99.9"), D("100.1"), 0.5)
    before = quotes.register(lambda account, symbol: seen.get(symbol, usual))
    yield seen
    quotes.register(before)


@pytest.fixture
def latch(tmp_path: Path, settings):
    """A latch of one's own, and no flags."""
    settings.PULSE_LATCH = str(tmp_path / "latch.json")
    press.latch().prepare()
    flags.client().delete(flags.KEY)
    yield press.latch()
    flags.client().delete(flags.KEY)


@pytest.fixture
def new_desk(open_account, market, latch, settings) -> Iterator[Callable[..., Desk]]:
    """Return a function that opens an account at a venue and arms it."""
    before = gate.register(passing)
    settings.LIVE_TRADING = True
    venues: dict[int, Venue] = {}
    registry.register("venue", lambda account: venues[account.pk])

    def make(
        name: str = "desk", *, seed: int = 0, cash: str = "100000", streams: bool = False,
        at: type[Venue] = Venue,
    ) -> Desk:  # fmt: skip
        clock = FakeClock()
        account = open_account(name, cash, mode="live", broker="venue")
        venues[account.pk] = at(clock, seed, cash, streams=streams)
        services.step(account.pk, Standing.ARMED, actor="user 1", reason="test")
        return Desk(account, venues[account.pk], clock)

    yield make
    registry.unregister("venue")
    gate.register(before)


@pytest.fixture
def desk(new_desk) -> Desk:
    return new_desk()
