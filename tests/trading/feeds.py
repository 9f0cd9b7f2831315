"""A recorded market, second by second, and everything that a feed can do wrong with it."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace

import numpy as np

from market.clock import to_ns
from market.models import Instrument, Snapshot
from market.snapshot import SnapshotData, make_layout
from market.store import write_snapshot
from tests.trading.risk.conftest import MOMENT, snapshot
from tests.trading.venue import FakeClock

FAULTS = ("mute", "frozen", "crossed", "nan", "future", "late")
LATE_S = 900.0


def coin(at: dt.datetime) -> SnapshotData:
    layout, _ = make_layout("BTC/USD", roots=[], expiries=[], is_call=[], strikes=[])
    stamp = to_ns(at)
    return SnapshotData("BTC/USD", "test", stamp, stamp, 600.0, 600.1, 600.05, layout, {})


class Feed:
    """What is recorded of one underlying; `faults` say how it is told from now on."""

    def __init__(self, symbol: str, clock: FakeClock) -> None:
        kind = "crypto" if "/" in symbol else "equity"
        Instrument.objects.get_or_create(symbol=symbol, defaults={"kind": kind})
        Snapshot.objects.filter(underlying__symbol=symbol).delete()
        self.clock, self.faults = clock, frozenset[str]()
        self._first = coin(MOMENT) if "/" in symbol else snapshot(MOMENT)
        self._began, self._moved = clock.passed, 0

    @property
    def now(self) -> dt.datetime:
        """The market's time: it goes with the clock of the desk."""
        return MOMENT + dt.timedelta(seconds=self.clock.passed - self._began)

    def tick(self) -> None:
        """Record this second, as its faults let it be told."""
        if "mute" in self.faults:
            return
        if "frozen" not in self.faults:
            self._moved += 1
        step, first = self._moved / 100, self._first
        told = replace(first, bid=first.bid + step, ask=first.ask + step, last=first.last + step)
        if "crossed" in self.faults:
            columns = {**told.columns}
            if len(told.layout):
                columns |= {"bids": told.columns["asks"] + 1, "asks": told.columns["bids"]}
            told = replace(told, bid=told.ask + 1, ask=told.bid, columns=columns)
        if "nan" in self.faults:
            nothing = np.full(len(told.layout), math.nan)
            columns = {**told.columns, "bids": nothing, "asks": nothing} if nothing.size else {}
            told = replace(told, bid=math.nan, ask=math.nan, last=math.nan, columns=columns)
        at = self.now
        known = at + dt.timedelta(seconds=LATE_S if "future" in self.faults else 0)
        time = known - dt.timedelta(seconds=LATE_S if "late" in self.faults else 0)
        write_snapshot(replace(told, time=to_ns(time), known_at=to_ns(known)))
