"""How long an account's gate stays shut after its execution process was away.

Orders rest at Alpaca's stand-in when the process dies, and fill in parts while nobody listens. Then
a process takes the account over, as it does at every start: stream, orders, fills by pages,
positions, cash, all at the broker's 200 requests a minute. Timed until the account is live; then
books, positions and cash are held against the stand-in's. The goal is 30 s.

    python bench/recovery.py --orders 200 --fills 1000
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from decimal import Decimal
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]

from bench.support.house import databases  # noqa: E402

CASH = Decimal(1_000_000)
PRICE = Decimal(90)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=200)
    parser.add_argument("--fills", type=int, default=1000, help="that nobody heard of")
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    with databases(durable=True):
        for number in range(args.runs):
            measure(number, args.orders, args.fills)


def measure(number: int, orders: int, fills: int) -> None:
    from django.conf import settings

    from sandbox.alpaca.server import Alpaca

    venue = Alpaca(rate=0, seed=number + 1)
    settings.ALPACA_PAPER_BASE = venue.address
    try:
        venue.venue.prices.set("SPY", Decimal("99.9"), Decimal("100.1"))
        venue.venue.account.cash = CASH
        venue.venue.filling = False
        account = opened(number, venue)
        taken_over(account)  # what there was before the first time is an opening value
        each = -(-fills // orders) + 1
        placed(account, orders, Decimal(each))
        missed(venue, fills)
        # Another minute at the broker, and orders that came in too long ago to be a runaway's.
        time.sleep(66 - time.time() % 60)
        venue.rate = 200
        asked = len(venue.received)
        took = taken_over(account)
        check(account, venue, orders, fills)
    finally:
        venue.close()
    print(
        f"run {number + 1}: live after {took:.1f} s with {orders} open orders and {fills} missed "
        f"fills, {len(venue.received) - asked} requests; books as at the venue"
    )


def opened(number: int, venue):
    """Open an account at the stand-in, with its cash."""
    from django.utils import timezone

    from accounts.models import User
    from trading.brokers import connections
    from trading.execution import services
    from trading.execution.states import Standing
    from trading.ledger import services as books
    from trading.ledger.services import Source

    owner = User.objects.create_user(f"bench{number}@bench.example", plan="pro_plus")
    account = books.open_account(owner, name=f"bench {number}", broker="alpaca")
    books.deposit(account.pk, CASH, Source("bench", "first", timezone.now()))
    connections.save(account, key=venue.key, secret=venue.secret, actor="bench")
    services.step(account.pk, Standing.ARMED, actor="user 1", reason="bench")
    return account


def placed(account, orders: int, many: Decimal) -> None:
    """Have orders rest there, by an adapter that counts no requests."""
    from trading.brokers import connections
    from trading.brokers.alpaca.broker import Alpaca as Adapter
    from trading.brokers.budget import Budget
    from trading.brokers.protocol import Request
    from trading.execution.hearing import hear
    from trading.models import AccountState
    from trading.orders import gate, services
    from trading.orders.gate import Verdict
    from trading.orders.intents import Intent, Leg

    before = gate.register(lambda *given: Verdict(True, "bench", "It may."))
    broker = Adapter(connections.credentials_of(account), budget=Budget(10**6))
    token = AccountState.objects.get(pk=account.pk).token
    for number in range(orders):
        intent = Intent(f"rest {number}", (Leg("SPY", 1),), many, limit_price=PRICE)
        order = services.place(account.pk, intent, actor="bench").order
        name = services.begin_send(account.pk, order.pk, token)
        for event in broker.submit(Request(name, intent, (False,))).news:
            hear(account.pk, event)
    gate.register(before)


def missed(venue, fills: int) -> None:
    """Fill orders in parts of one share, in turn."""
    from sandbox.alpaca.matching import Match

    resting = venue.venue.live()
    for number in range(fills):
        with venue._news:
            venue.venue.fill(resting[number % len(resting)], Match(Decimal(1), {"SPY": PRICE}))


def taken_over(account) -> float:
    """Take an account over, and return how long it took until it was live, s."""
    from trading.execution.executor import Executor
    from trading.execution.states import Standing
    from trading.models import AccountState

    executor = Executor(only=[account.pk])
    rows = AccountState.objects.filter(pk=account.pk)
    token = rows.get().token
    live = rows.filter(token__gt=token, state=Standing.LIVE)
    began = time.perf_counter()
    thread = threading.Thread(target=executor.run)
    thread.start()
    try:
        while not live.exists():
            if time.perf_counter() - began > 120:
                raise SystemExit(f"It is {rows.get().state}, not live, after two minutes.")
            time.sleep(0.05)
        return time.perf_counter() - began
    finally:
        executor.ended.set()
        thread.join(30)


def check(account, venue, orders: int, fills: int) -> None:
    """Hold the books against the venue's."""
    from trading.audit import differences
    from trading.ledger import selectors
    from trading.models import Fill, Order

    assert differences(account.pk) == []
    booked = Fill.objects.filter(account=account).count()
    assert booked == fills, f"{booked} fills booked"
    (held,) = selectors.positions(account)
    assert held.quantity == venue.venue.account.positions["SPY"].quantity == fills
    assert selectors.balances(account).cash == venue.venue.account.cash
    assert Order.objects.filter(account=account, state="partially_filled").count() == min(
        orders, fills
    )


if __name__ == "__main__":
    main()
