"""How long the gate takes for one order: facts out of the database, all rules, the verdict.

The account holds spreads and has open orders in one market, as a busy one does. Nothing is stored.
Runs on a database of its own.

    python bench/gate.py --orders 500 --positions 40 --open 20
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import time
from decimal import Decimal
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]

from bench.support.house import databases  # noqa: E402

GOAL_MS = 20.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=500)
    parser.add_argument("--positions", type=int, default=40)
    parser.add_argument("--open", type=int, default=20, help="other open orders")
    parser.add_argument("--profile", action="store_true", help="say where the time goes")
    args = parser.parse_args()
    with databases():
        measure(args.orders, args.positions, args.open, args.profile)


def measure(orders: int, positions: int, pending: int, profile: bool) -> None:
    account, symbols = prepared(positions, pending)
    judge(account, symbols, 20)
    if profile:
        import cProfile

        cProfile.runctx("judge(account, symbols, 100)", globals(), locals(), sort="cumtime")
    both = judge(account, symbols, orders)
    for name, took in both.items():
        took.sort()
        p50, p99 = (1000 * took[int(len(took) * share)] for share in (0.5, 0.99))
        print(f"{name:8} p50 {p50:6.1f} ms   p99 {p99:6.1f} ms   n={len(took)}")
    p99 = 1000 * both["whole"][int(orders * 0.99)]
    said = "met" if p99 <= GOAL_MS else "missed"
    print(f"goal p99 <= {GOAL_MS:g} ms: {said} ({positions} positions, {pending} open orders)")


def judge(account, symbols: list[str], orders: int) -> dict[str, list[float]]:
    from django.db import transaction

    from trading.orders.gate import ALONE
    from trading.orders.intents import Intent, Leg
    from trading.risk import gate, gather

    took: dict[str, list[float]] = {"facts": [], "rules": [], "whole": []}
    many = Decimal(100)
    for number in range(orders):
        long, short = (symbols[(number + step) % len(symbols)] for step in (0, 2))
        legs = (Leg(long, 1, many), Leg(short, -1, many))
        intent = Intent(f"{number}", legs, Decimal(1), limit_price=Decimal("1.00"))
        with transaction.atomic():
            began = time.perf_counter()
            facts = gather.facts_of(account, intent)
            seen = time.perf_counter()
            gate.judge(facts)
            took["rules"].append(time.perf_counter() - seen)
            took["facts"].append(seen - began)
        with transaction.atomic():
            began = time.perf_counter()
            gate.risk_gate(account, intent, ALONE)
            took["whole"].append(time.perf_counter() - began)
            transaction.set_rollback(True)
    return took


def prepared(positions: int, pending: int):
    from django.utils import timezone

    from accounts.models import User
    from market.models import FeedRun, Instrument
    from market.store import write_snapshot
    from trading.execution import services as execution
    from trading.execution.states import EXECUTION, Standing
    from trading.ledger import services as ledger
    from trading.ledger.book import Move
    from trading.models import PaperAccount
    from trading.orders import gate, services
    from trading.orders.gate import Verdict
    from trading.orders.intents import Intent, Leg

    spy = Instrument.objects.create(symbol="SPY", kind="equity")
    at = dt.datetime(2026, 11, 20, 15, 30, tzinfo=dt.UTC)
    run = FeedRun.objects.create(
        symbol="SPY", underlying=spy, source="simulator", simulated=True, speed=0.001,
        position=at, heartbeat_at=timezone.now(), state="running", rows=1,
    )  # fmt: skip
    data = [chain(at - dt.timedelta(minutes=1)), chain(at)]
    for one in data:
        write_snapshot(one, run=run)
    owner = User.objects.create_user("gate@bench.example", plan="pro_plus")
    account = ledger.open_account(owner, name="gate")
    ledger.deposit(account.pk, Decimal(10**6), ledger.Source("bench", "first", timezone.now()))
    PaperAccount.objects.create(
        account=account, market="simulator", symbol="SPY", world={}, through=at
    )
    for state in (Standing.ARMED, Standing.RECONCILING, Standing.LIVE):
        actor = EXECUTION if state == Standing.LIVE else "user 1"
        execution.step(account.pk, state, actor=actor, reason="The bench begins.")
    symbols = data[1].layout.symbols()
    for number, symbol in enumerate(symbols[:positions]):
        quantity = Decimal(1 if number % 2 == 0 else -1)
        ledger.adjust(account.pk, ledger.Source("bench", symbol, timezone.now()), reason="bench",
                      moves=(Move(symbol, quantity, Decimal(5), Decimal(100)),))  # fmt: skip
    before = gate.register(lambda *_: Verdict(True, "bench", "It may.", hold=Decimal(100)))
    for number in range(pending):
        legs = (Leg(symbols[-number - 1], 1, Decimal(100)),)
        intent = Intent(f"open {number}", legs, Decimal(1), limit_price=Decimal("1.00"))
        services.place(account.pk, intent, actor="bench")
    gate.register(before)
    account.refresh_from_db()
    return account, symbols[positions:-pending] if pending else symbols[positions:]


def chain(at: dt.datetime):
    """2,000 contracts of ten expiries around a spot of 600."""
    import numpy as np

    from market.clock import to_ns
    from market.snapshot import SnapshotData, make_layout

    days = [dt.date(2026, 11, 20) + dt.timedelta(days=7 * week) for week in range(10)]
    rows = [(day, strike, call) for day in days for strike in range(550, 650) for call in (1, 0)]
    expiries, strikes, calls = zip(*rows, strict=True)
    is_call, strike = np.array(calls, dtype=bool), np.array(strikes, dtype=float)
    layout, order = make_layout(
        "SPY", roots=["SPY"] * len(rows), expiries=list(expiries), is_call=is_call, strikes=strike
    )
    away = np.where(is_call, 600.0 - strike, strike - 600.0)
    worth = np.round(np.maximum(away, 0.0) + 8.0 * np.exp(-np.abs(away) / 15.0), 2)
    columns = {"bids": worth - 0.01, "asks": worth + 0.01, "bid_sizes": 50 + 0 * worth,
               "ask_sizes": 50 + 0 * worth, "open_interest": 5_000 + 0 * worth}  # fmt: skip
    return SnapshotData(
        "SPY", "simulator", to_ns(at), to_ns(at), 599.99, 600.01, 600.0, layout,
        {name: column[order] for name, column in columns.items()},
    )  # fmt: skip


if __name__ == "__main__":
    main()
