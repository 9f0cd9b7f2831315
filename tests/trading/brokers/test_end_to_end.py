"""The whole way: orders of the house, the execution process, a real adapter, a venue with faults.

Sizes come from the environment: PULSE_ALPACA_ORDERS.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest

from sandbox.alpaca.base import BrokerStandIn
from sandbox.alpaca.server import Alpaca
from sandbox.tradier.server import Tradier
from tests.trading.brokers.benches import AlpacaBench
from tests.trading.desk import latch, market
from tests.trials.sizes import size
from trading.audit import differences
from trading.brokers import connections
from trading.execution import services
from trading.execution.executor import Executor
from trading.execution.selectors import state_of
from trading.execution.states import Standing
from trading.ledger import selectors
from trading.models import Account, Order
from trading.orders import services as orders
from trading.orders.intents import Intent, Leg

__all__ = ["latch", "market"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
VENUES: dict[str, type[Alpaca | Tradier]] = {"alpaca": Alpaca, "tradier": Tradier}
DOUBT = ("pending", "submitting", "unknown", "cancel_pending")


@pytest.fixture(params=sorted(VENUES))
def venue(request, settings) -> Iterator[Alpaca | Tradier]:
    made = VENUES[request.param](rate=0, seed=5)
    made.venue.prices.set("SPY", Decimal("99.9"), Decimal("100.1"))
    setattr(settings, f"{request.param.upper()}_PAPER_BASE", made.address)
    yield made
    made.close()


@pytest.fixture
def account(venue, open_account, open_gate, market, latch) -> Account:
    name = type(venue).__name__.lower()
    made = open_account(f"at {name}", broker=name)
    connections.save(made, key=venue.key, secret=venue.secret, actor="user 1")
    services.step(made.pk, Standing.ARMED, actor="user 1", reason="test")
    return made


@pytest.fixture
def running(account) -> Iterator[Executor]:
    executor = Executor(only=[account.pk])
    thread = threading.Thread(target=executor.run)
    thread.start()
    yield executor
    executor.ended.set()
    thread.join(30)


def eventually(done: Callable[[], object], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until, "it never came to be so"
        time.sleep(0.05)


def settled(account: Account) -> bool:
    return not Order.objects.filter(account=account, state__in=DOUBT).exists()


def at_venue(venue: BrokerStandIn) -> list[str]:
    tags = getattr(venue, "tags", {})
    return [tags.get(one.id, one.client_order_id) for one in venue.venue.roots()]


def prove(account: Account, venue: BrokerStandIn) -> None:
    """Books sound and equal to the venue; every order there once."""
    assert differences(account.pk) == []
    held = {one.symbol: one.quantity for one in selectors.positions(account)}
    there = {name: one.quantity for name, one in venue.venue.account.positions.items()}
    assert {name: many for name, many in held.items() if many} == there
    cash = selectors.balances(account).cash
    assert abs(cash - venue.venue.account.cash) < Decimal("0.0001")
    names = Counter(at_venue(venue))
    for order in Order.objects.filter(account=account):
        texts = list(order.client_ids.values_list("text", flat=True))
        assert sum(names[text] for text in texts) <= 1, f"order {order.pk} is there as {texts}"


def test_orders_go_out_and_end_the_same_with_and_without_faults(account, venue, running):
    # Tradier answers half as often, and the execution process keeps to that.
    count = size("PULSE_ALPACA_ORDERS", 8) // (1 if isinstance(venue, Alpaca) else 2)
    eventually(lambda: state_of(account.pk).state == Standing.LIVE, 30)
    orders_path = (
        "POST /v2/orders$" if isinstance(venue, Alpaca) else "POST /v1/accounts/.*/orders$"
    )
    kinds = sorted((AlpacaBench.before | AlpacaBench.after) - {"hang", "hang_after", "duplicate"})
    for kind in kinds:
        venue.script.add(orders_path, kind, chance=0.5 / len(kinds), seconds=0.1)
    for name, share in {"twice": 0.2, "shuffled": 0.2, "late": 0.1}.items():
        setattr(venue.stream_faults, name, share)
    for number in range(count):
        price = "101" if number % 4 else "90"
        intent = Intent(f"order {number}", (Leg("SPY", 1),), Decimal(3), limit_price=Decimal(price))
        placed = orders.place(account.pk, intent, actor="user 1").order
        if number % 4 == 0:
            eventually(lambda one=placed: Order.objects.get(pk=one.pk).sent, 60)
            orders.cancel(account.pk, placed.pk, actor="user 1")
        time.sleep(0.3)
    eventually(lambda: settled(account), 60 + 10 * count)
    done = sum(rule.done for rule in venue.script.rules)
    venue.script.rules.clear()
    ended = ("filled", "canceled")
    eventually(
        lambda: set(Order.objects.filter(account=account).values_list("state", flat=True))
        <= set(ended), 60,
    )  # fmt: skip
    prove(account, venue)
    assert state_of(account.pk).state == Standing.LIVE
    states = Counter(Order.objects.filter(account=account).values_list("state", flat=True))
    sys.stdout.write(
        f"{type(venue).__name__}, seed 5: {count} intents, {venue.orders_asked} posts, "
        f"{done} faults, {dict(states)}\n"
    )


def by_hand(venue: Alpaca | Tradier) -> None:
    """Buy at the broker itself."""
    venue.venue.submit({"symbol": "SPY", "qty": "5", "side": "buy", "type": "limit",
                        "limit_price": "101", "time_in_force": "day"})  # fmt: skip


def test_trades_before_this_house_knew_the_account_are_in_its_opening(venue, request):
    """Today's, which the broker still lists: they are no news of nobody's order."""
    by_hand(venue)
    time.sleep(0.1)
    account = request.getfixturevalue("account")
    request.getfixturevalue("running")
    ended = (Standing.LIVE, Standing.REDUCING, Standing.HALTED)
    eventually(lambda: state_of(account.pk).state in ended, 30)
    assert state_of(account.pk).state == Standing.LIVE, state_of(account.pk).reason
    prove(account, venue)


def test_a_trade_past_this_house_halts_the_account(account, venue, running):
    """Somebody trades at the broker itself: no order here says why."""
    eventually(lambda: state_of(account.pk).state == Standing.LIVE, 30)
    by_hand(venue)
    eventually(lambda: state_of(account.pk).state == Standing.HALTED, 60)
    assert "SPY at 100.1 for no order of this account here" in state_of(account.pk).reason
    eventually(lambda: selectors.positions(account), 10)
    prove(account, venue)


def test_brackets_that_alpaca_keeps_are_there_once_and_leave_once(account, venue, running):
    """Whatever happens to the requests and to the news, also of exits, which have no id of ours."""
    if not isinstance(venue, Alpaca):
        pytest.skip("this broker takes no groups")
    eventually(lambda: state_of(account.pk).state == Standing.LIVE, 60)
    for kind in ("504_after", "reset_after", "504_before", "truncated"):
        venue.script.add("POST /v2/orders$", kind, chance=0.12, seconds=0.1)
    for name, share in {"twice": 0.2, "shuffled": 0.2, "lost": 0.1}.items():
        setattr(venue.stream_faults, name, share)
    sold = (Leg("SPY", -1),)
    for number in range(count := size("PULSE_ALPACA_GROUPS", 4)):
        orders.place_group(
            account.pk, "bracket", (
                Intent(f"in {number}", (Leg("SPY", 1),), Decimal(3), limit_price=Decimal(101)),
                Intent(f"up {number}", sold, Decimal(3), limit_price=Decimal(106)),
                Intent(f"down {number}", sold, Decimal(3), kind="stop", stop_price=Decimal(95)),
            ), intent_id=f"group {number}", actor="user 1",
        )  # fmt: skip
        time.sleep(0.5)  # slower than somebody who runs away
    mine = Order.objects.filter(account=account)
    eventually(
        lambda: mine.filter(role="entry", filled_quantity__gt=0).count() == count
        and not mine.filter(role="entry", state__in=(*DOUBT, "partially_filled")).exists(), 200,
    )  # fmt: skip
    venue.script.rules.clear()
    venue.venue.prices.set("SPY", Decimal("94"), Decimal("94.2"))
    eventually(lambda: not venue.venue.account.positions, 60)
    eventually(lambda: mine.filter(state__in=("filled", "canceled")).count() == mine.count(), 120)
    prove(account, venue)
    assert state_of(account.pk).state == Standing.LIVE
    assert not mine.filter(events__alert__gt="").exists()
