"""How long it takes to prove an audit trail: every hash of every entry, from the first.

Entries are those of orders, spread over chains as accounts are. Runs on a database of its own.

    python bench/audit.py --rows 1000000
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]

from bench.support.house import databases  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--chains", type=int, default=20)
    args = parser.parse_args()
    with databases():
        measure(args.rows, args.chains)


def measure(rows: int, chains: int) -> None:
    from record import audit

    store(rows, chains)
    began, worked = time.perf_counter(), time.process_time()
    found = audit.verify()
    spent, worked = time.perf_counter() - began, time.process_time() - worked
    if not found.sound or found.entries != rows // chains * chains:
        sys.exit(f"{found.entries} entries, {found.faults[:3]}")
    print(
        f"{found.entries} entries in {chains} chains proven in {spent:.1f} s, "
        f"{found.entries / spent:.0f}/s; {worked:.1f} s of that at work here"
    )


def store(rows: int, chains: int) -> None:
    """Write the chains as `audit.write` would, without a transaction for each entry."""
    from django.db import connection

    from record.models import AuditChain

    columns = "chain, seq, at, actor, action, subject, detail, hash"
    for number in range(chains):
        name, last = f"trading:{number}", ""
        with (
            connection.cursor() as cursor,
            cursor.copy(f"COPY record_auditentry ({columns}) FROM STDIN") as copy,
        ):
            for row in entries(name, rows // chains):
                copy.write_row(row)
                last = row[-1]
        AuditChain.objects.create(name=name, seq=rows // chains, hash=last)


def entries(chain: str, count: int) -> Iterator[tuple]:
    import datetime as dt

    from record.audit import GENESIS, Link, link_hash
    from record.canonical import canonical

    before, first = GENESIS, dt.datetime(2026, 1, 2, 14, 30, tzinfo=dt.UTC)
    for seq in range(1, count + 1):
        body = {"quantity": "3", "price": "4.15", "venue": f"v{seq}"}
        detail = {"state": "working", "event": f"e{seq}", "source": "alpaca", "alert": "",
                  "body": body}  # fmt: skip
        link = Link(
            chain, seq, first + dt.timedelta(seconds=seq), "user 7", "order.working",
            f"order {seq}", canonical(detail).decode(),
        )  # fmt: skip
        before = link_hash(before, link)
        yield (*link, before)


if __name__ == "__main__":
    main()
