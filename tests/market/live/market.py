"""A live market to record: the stand-in on a clock of its own, its recorder, and a feed beside it.

Nothing waits: whenever the feed would sleep, time goes on by a step, the market moves and the
recorder writes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal

from market import calendars
from market.clock import to_ns
from market.feed import live
from market.feed.runner import FeedRunner
from market.models import FeedRun
from market.vendors.alpaca.clients import DataAccess
from market.vendors.alpaca.recorder import AFTER_S, Recorder
from sandbox.alpaca.server import Alpaca

DAY = dt.date(2026, 11, 18)  # a Wednesday
STEP_S = 10.0


class Silent:
    """A stream that says nothing."""

    def close(self) -> None: ...


class Live:
    """The vendor, its recorder and the instant, which `go` moves."""

    def __init__(self, symbol: str, start: dt.datetime) -> None:
        self.symbol = symbol
        self.vendor = Alpaca(start=start, rate=0)
        self.recorder = self.record()
        self.on_step: list[Callable[[], None]] = []
        self.recording = True

    def now(self) -> int:
        return to_ns(self.vendor.clock.now())

    def record(self) -> Recorder:
        """Return a new recorder, as a process that starts."""
        access = DataAccess(
            self.vendor.key, self.vendor.secret, self.vendor.address,
            f"ws://127.0.0.1:{self.vendor.port}", contracts_address=self.vendor.address,
        )  # fmt: skip
        return Recorder(self.symbol, access, now=self.now, opening=lambda *_: Silent())

    def go(self, seconds: float = STEP_S) -> None:
        """Let time go by: the market moves, the vendor is asked, and what is due is written."""
        self.vendor.advance(seconds - AFTER_S)
        for act in self.on_step:
            act()
        if self.recording:
            self.recorder.ask()
            self.vendor.advance(AFTER_S)
            self.recorder.write()
        else:
            self.vendor.advance(AFTER_S)

    def until(self, at: dt.datetime) -> None:
        while self.vendor.clock.now() < at:
            self.go()

    def feed(self, run: FeedRun, should_end: Callable[[], bool] = lambda: False) -> str:
        """Play a live run while time goes by; return how it was left."""
        source = live.source_of(run, self.now)
        return FeedRunner(run, source, should_end=should_end, sleep=lambda _: self.go()).play()


@contextmanager
def live_market(
    symbol: str = "SPY", minutes_before_close: float = 8, day: dt.date = DAY
) -> Iterator[Live]:
    """Give a live market that is so many minutes before the close of a day."""
    session = calendars.session(day, calendars.exchange_of(symbol))
    assert session is not None
    made = Live(symbol, session.close - dt.timedelta(minutes=minutes_before_close))
    made.vendor.advance(AFTER_S)
    made.vendor.venue.prices.set(symbol, Decimal("499.9"), Decimal("500.1"))
    made.vendor.venue.prices.let_go(symbol)
    try:
        yield made
    finally:
        made.vendor.close()
