"""How many fills a second are booked, each in a transaction of its own that is on the disk.

A fill is what a venue says: order, lots, journal entry, balances, events and audit chain change
with it. Threads book on accounts of their own, as workers do. Runs on a database of its own.

    python bench/ledger.py --fills 300 --threads 1 2 4
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]

from bench.support.house import databases  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fills", type=int, default=300, help="of each thread")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2, 4])
    args = parser.parse_args()
    with databases(durable=True):
        measure(args.fills, args.threads)


def measure(fills: int, threads: list[int]) -> None:
    from django.core.management import call_command

    for many in threads:
        with ThreadPoolExecutor(many) as pool:
            works = [prepared(f"{many}-{number}") for number in range(many)]
            began = time.perf_counter()
            waits = sorted(
                took for part in pool.map(lambda work: booked(work, fills), works) for took in part
            )
            spent = time.perf_counter() - began
        p50, p99 = (1000 * waits[int(len(waits) * share)] for share in (0.5, 0.99))
        print(
            f"{many} threads: {len(waits) / spent:6.0f} fills/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms"
        )
    began = time.perf_counter()
    call_command("audit_ledger")
    print(f"audit_ledger: {time.perf_counter() - began:.1f} s")


def prepared(name: str) -> tuple[int, str]:
    """Open an account with an order that was sent."""
    from decimal import Decimal

    from django.utils import timezone

    from accounts.models import User
    from trading.ledger import services as ledger
    from trading.orders import gate, services
    from trading.orders.gate import Verdict
    from trading.orders.intents import Intent, Leg

    owner = User.objects.create_user(f"{name}@bench.example")
    account = ledger.open_account(owner, name=name)
    ledger.deposit(account.pk, Decimal(10**7), ledger.Source("bench", "first", timezone.now()))
    before = gate.register(
        lambda account, intent, among: Verdict(True, "bench", "It may.", hold=Decimal(10**6))
    )
    intent = Intent("one", (Leg("SPY", 1),), Decimal(10**6), limit_price=Decimal(1))
    order = services.place(account.pk, intent, actor="bench").order
    gate.register(before)
    return account.pk, services.begin_send(account.pk, order.pk)


def booked(work: tuple[int, str], fills: int) -> list[float]:
    """Book fills one after the other and return the seconds that each took."""
    from decimal import Decimal

    from django.db import connection
    from django.utils import timezone

    from trading.orders.machine import News
    from trading.orders.venue import Event, Execution, apply

    account, sent = work
    waits = []
    for number in range(fills):
        quantity = Decimal(-2 if number % 5 == 4 else 1)  # some are of nobody and close lots
        one = Execution(f"x{number}", "SPY", quantity, Decimal("9.99"), Decimal(1), Decimal("0.35"))
        event = Event("bench", f"e{number}", News.FILL, timezone.now(), sent, execution=one)
        began = time.perf_counter()
        apply(account, event)
        waits.append(time.perf_counter() - began)
    connection.close()
    return waits


if __name__ == "__main__":
    main()
