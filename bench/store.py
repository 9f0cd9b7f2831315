"""Size of a day of one-minute snapshots in PostgreSQL, and how fast it is read back.

Run: `python bench/store.py [contracts]`. Starts a PostgreSQL of its own and throws it away.
"""

import datetime as dt
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]

from bench.support.house import databases  # noqa: E402

if TYPE_CHECKING:
    from market.snapshot import SnapshotData

DAY = dt.date(2024, 3, 5)
EXPIRIES = 10


def synthetic_day(contracts: int, *, minutes: int = 390, seed: int = 7) -> Iterator["SnapshotData"]:
    """Yield snapshots of a chain that moves like a market's: prices in cents, changing sizes."""
    from market.clock import MINUTE, SECOND, new_york, to_ns
    from market.snapshot import SnapshotData, make_layout
    from quant import bsm

    rng = np.random.default_rng(seed)
    strikes_each = contracts // (2 * EXPIRIES)
    days = [DAY + dt.timedelta(days=7 * i) for i in range(EXPIRIES)]
    grid = np.arange(strikes_each) + 500.0 - strikes_each // 2
    expiries = [day for day in days for _ in range(2 * strikes_each)]
    strikes = np.tile(np.repeat(grid, 2), EXPIRIES)
    is_call = np.tile([True, False], strikes_each * EXPIRIES)
    layout, order = make_layout(
        "SPY", roots=["SPY"] * len(expiries), expiries=expiries, is_call=is_call, strikes=strikes
    )
    interest = np.floor(rng.lognormal(6, 2, len(order)))
    spot, start = 500.0, to_ns(new_york(DAY, dt.time(9, 31)))
    for minute in range(minutes):
        now = start + minute * MINUTE
        spot += float(rng.normal(0, 0.12))
        years = np.maximum(layout.settles - now, SECOND) / SECOND / 31_536_000
        vol = 0.14 + 0.8 * (np.log(layout.strikes / spot)) ** 2
        fair = bsm.price(spot, layout.strikes, years, 0.05, 0.013, vol, layout.is_call)
        half = np.maximum(0.01, 0.01 * fair) * rng.uniform(0.5, 2, fair.size)
        columns = {
            "bids": np.round(np.maximum(fair - half, 0), 2),
            "asks": np.round(fair + half + 0.01, 2),
            "bid_sizes": rng.geometric(0.02, fair.size).astype(float),
            "ask_sizes": rng.geometric(0.02, fair.size).astype(float),
            "open_interest": interest,
            "volume": rng.poisson(3.0, fair.size).astype(float),
            "last": np.round(fair, 2),
        }
        mid = round(spot, 2)
        yield SnapshotData(
            "SPY", "bench", now, now, mid - 0.01, mid + 0.01, mid, layout, columns,
            {"r": 0.05, "q": 0.013, "volume": float(rng.poisson(1e5))},
        )  # fmt: skip


def main(contracts: int) -> None:
    from django.db import connection

    from market import store
    from market.models import Instrument

    Instrument.objects.create(symbol="SPY", kind="equity")
    began = time.perf_counter()
    written = store.write_snapshots(synthetic_day(contracts))
    wrote = time.perf_counter() - began
    with connection.cursor() as cursor:
        cursor.execute("VACUUM FULL market_snapshot")
        cursor.execute("SELECT pg_total_relation_size('market_snapshot')")
        size = cursor.fetchone()[0]
    first, last = (dt.datetime.combine(DAY, dt.time(h), dt.UTC) for h in (0, 23))
    cpu = time.process_time()
    began = time.perf_counter()
    read = sum(len(s.chain()) for s in store.snapshots_between("SPY", start=first, end=last))
    took = time.perf_counter() - began
    print(f"{written} snapshots of {read // written} contracts")
    print(f"stored in {size / 1e6:.1f} MB ({size / written / 1e3:.1f} kB each; limit 40 MB a day)")
    print(f"made and written at {written / wrote:.0f} a second")
    print(f"read back at {written / took:.0f} a second (goal 200)")
    print(f"CPU of reading {time.process_time() - cpu:.2f} s")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:.0f} MB")


if __name__ == "__main__":
    with databases():
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
