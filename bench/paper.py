"""How many fills a second the paper venue makes: matched, charged, posted, each on the disk.

Every row of the market brings each account one fill of a resting order, and is one transaction:
snapshot, kernel, execution with its reasons, lots, journal entry, audit chain, progress. Threads
walk accounts of their own, as workers do. Runs on a database of its own.

    python bench/paper.py --rows 300 --threads 1 2 4
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

CALL = "SIM260105C00500000"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300, help="of one session, 388 at most")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2, 4])
    args = parser.parse_args()
    with databases(durable=True):
        measure(args.rows, args.threads)


def measure(rows: int, threads: list[int]) -> None:
    from django.core.management import call_command

    run, shot = opened()
    works = {many: [prepared(f"{many}-{number}") for number in range(many)] for many in threads}
    for minute in range(2, rows + 2):
        stored(run, shot, minute)
    for many in threads:
        with ThreadPoolExecutor(many) as pool:
            began = time.perf_counter()
            fills = sum(pool.map(walked, works[many]))
            spent = time.perf_counter() - began
        print(f"{many} threads: {fills / spent:6.0f} fills/s, {fills} fills in {spent:.1f} s")
    began = time.perf_counter()
    call_command("audit_ledger")
    print(f"audit_ledger: {time.perf_counter() - began:.1f} s")


def opened() -> tuple[object, object]:
    """Return a run with a first row, and the first snapshot of the simulator's own session."""
    from market.calendars import sessions
    from market.feed.simulated import FIRST_SESSION, resume_or_create
    from market.simulator import SimulatedMarket, SimulatorConfig

    days = sessions(FIRST_SESSION, FIRST_SESSION.replace(month=6))
    market = SimulatedMarket(
        SimulatorConfig(symbol="SIM", seed=7), [(d.date, d.open_ns, d.close_ns) for d in days]
    )
    run = resume_or_create(symbol="SIM", seed=7, speed=1.0, effect=1.0)
    contracts = market.session(0).contracts
    stored(run, contracts, 1)
    return run, contracts


def stored(run, contracts, minute: int) -> None:
    """Store a row of the whole chain, at which the one contract is offered for a cent more."""
    import numpy as np

    from market import calendars
    from market.clock import MINUTE, from_ns
    from market.frames import Kind
    from market.framestore import Observed, write_rows
    from market.snapshot import SnapshotData, make_layout
    from market.store import write_snapshot

    session = calendars.sessions(contracts.expiry_dates[0], contracts.expiry_dates[0])[0]
    at = session.open_ns + minute * MINUTE
    layout, _ = make_layout(
        "SIM", roots=["SIM"] * len(contracts),
        expiries=[contracts.expiry_dates[place] for place in contracts.expiry.tolist()],
        is_call=contracts.is_call, strikes=contracts.strikes, settles=contracts.settlements,
    )  # fmt: skip
    price = 1.0 + minute / 100.0
    columns = {
        "bids": np.full(len(layout), price - 0.05), "asks": np.full(len(layout), price),
        "bid_sizes": np.full(len(layout), 50.0), "ask_sizes": np.ones(len(layout)),
    }  # fmt: skip
    scalars = {"r": 0.04, "open": 500.0}
    data = SnapshotData("SIM", "simulator", at, at, 499.9, 500.1, 500.0, layout, columns, scalars)
    snapshot = write_snapshot(data, run=run).pk
    row = Observed(Kind.INTRADAY, session.date, at, {"open": 500.0, "close": 500.0}, {})
    write_rows(run, [row], snapshot=snapshot)
    run.position, run.state = from_ns(at), "running"
    run.save()


def prepared(name: str) -> int:
    """Open an account with an order that takes whatever is offered, and return its number."""
    from decimal import Decimal

    from accounts.models import User
    from trading.brokers.paper import services as venue
    from trading.brokers.protocol import Request
    from trading.orders import gate, services
    from trading.orders.gate import Verdict
    from trading.orders.intents import Intent, Leg

    owner = User.objects.create_user(f"{name}@bench.example", plan="pro_plus")
    account = venue.open_paper_account(
        owner, name=name, cash=Decimal(10_000_000), market="simulator:SIM"
    )
    before = gate.register(lambda *given: Verdict(True, "bench", "It may.", hold=Decimal(10**6)))
    leg = Leg(CALL, 1, Decimal(100))
    intent = Intent("one", (leg,), Decimal(1_000), limit_price=Decimal("50.00"))
    order = services.place(account.pk, intent, actor="bench").order
    gate.register(before)
    name = services.begin_send(account.pk, order.pk)
    venue.submit(account.pk, Request(name, intent, (False,)), now=account.created)
    return account.pk


def walked(account: int) -> int:
    """Walk an account to the newest row and return how many fills that brought."""
    from django.db import connection

    from trading.brokers.paper import engine
    from trading.models import Fill

    engine.step(account)
    made = Fill.objects.filter(account_id=account).count()
    connection.close()
    return made


if __name__ == "__main__":
    main()
