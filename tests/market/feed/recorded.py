"""A small recorded day of one symbol, priced by the model, and a run's rows to compare."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import numpy as np

from market import calendars
from market.clock import MINUTE
from market.models import FeedRun, FrameRow
from market.snapshot import SnapshotData, make_layout
from quant import bsm

DAY = dt.date(2024, 3, 15)  # a Friday
MINUTES = 12


def recorded(
    minutes: int = MINUTES, symbol: str = "TEST", day: dt.date = DAY
) -> Iterator[SnapshotData]:
    """Yield the first minutes of a day: two expiries, the first that same day."""
    session = calendars.session(day)
    assert session is not None
    strikes = np.arange(90.0, 111.0, 2.5)
    contracts = [
        (expiry, call, strike)
        for expiry in (day, day + dt.timedelta(days=28))
        for strike in strikes
        for call in (True, False)
    ]
    layout, _ = make_layout(
        symbol,
        roots=[symbol] * len(contracts),
        expiries=[day for day, _, _ in contracts],
        is_call=[call for _, call, _ in contracts],
        strikes=[strike for _, _, strike in contracts],
    )
    rng = np.random.default_rng(5)
    spots = 100.0 * np.exp(np.cumsum(1e-3 * rng.standard_normal(minutes)))
    interest = rng.integers(50, 500, len(layout)).astype(float)
    for minute, spot in enumerate(spots.tolist(), 1):
        at = session.open_ns + minute * MINUTE
        years = np.maximum(layout.settles - at, 0) / 31_536_000e9
        price = bsm.price(spot, layout.strikes, years, 0.03, 0.0, 0.2, layout.is_call)
        columns = {
            "bids": np.floor(price * 100 - 1).clip(0) / 100,
            "asks": np.ceil(price * 100 + 1) / 100,
            "open_interest": interest,
            "volume": np.zeros(len(layout)),
        }
        scalars = {"r": 0.03, "q": 0.0, "open": spot, "high": spot, "low": spot, "volume": 1e4}
        yield SnapshotData(
            symbol, "test", at, at, spot - 0.01, spot + 0.01, spot, layout, columns, scalars
        )


def rows_of(run: FeedRun) -> list[tuple[object, ...]]:
    """Return a run's rows, exact to the bit."""
    rows = FrameRow.objects.filter(run=run).order_by("kind", "time")
    return [
        (row.kind, row.time, row.snapshot_id, np.array(row.values).tobytes(), row.reasons)
        for row in rows
    ]
