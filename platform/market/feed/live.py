"""A live day: the minutes of a recording that is going on, each as soon as it is stored.

It is a replay that follows the recording: the same session, read through the same code, so the rows
of a live day and of its later replay are equal to the bit. A minute is read once its end is
recorded, and never before; one that was not recorded has no row.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator

from django.db import transaction

from market import calendars
from market.bars import BarRow, write_bars
from market.calendars import Session
from market.clock import SECOND, from_ns, to_ns
from market.features.context import DailyContext
from market.feed.control import ACTIVE, LATE_S, FeedError, end_days_over
from market.feed.replay import DAY_S, ReplaySession
from market.feed.source import RECORDING
from market.models import FeedRun, Instrument
from market.payloads import number
from market.snapshot import SnapshotData
from market.store import find_snapshot, read_snapshot

Now = Callable[[], int]


class LiveSession(ReplaySession):
    """A session that is being recorded."""

    def __init__(self, symbol: str, session: Session, source: str, now: Now) -> None:
        super().__init__(symbol, session, source)
        self._now = now
        self._bar: DailyContext | None = None

    def complete(self) -> bool:
        """Return whether the close is so far behind that its last minute is stored."""
        return self._now() >= self.session.close_ns + LATE_S * SECOND

    def between(self, after: int) -> SnapshotData | None:
        """Return the session's newest snapshot known after an instant, if any."""
        after = max(after, self.session.open_ns)
        now = from_ns(self._now())
        found = find_snapshot(self.symbol, at=now, source=self._source)
        if found is None or to_ns(found[1]) <= after:
            return None
        return read_snapshot(self.symbol, at=now, source=self._source)

    def at_close(self, newest: SnapshotData | None) -> DailyContext | None:
        """Return the context at this close."""
        self._bar = super().at_close(newest)
        return self._bar

    def closed(self) -> None:
        """Store the day's bar, so that the next day knows the close before it."""
        if self._bar is None:
            return
        bars = self._bar.bars
        opened, high, low, close, volume = (
            float(getattr(bars, name)[-1]) for name in ("open", "high", "low", "close", "volume")
        )
        pk, at = Instrument.objects.get(symbol=self.symbol).pk, self.session.close
        write_bars([
            BarRow(
                pk, "trade", DAY_S, at, at, opened, high, low, close, number(volume), self._source
            )
        ])  # fmt: skip


class LiveSource:
    """One live day of one symbol."""

    simulated = False
    stored = True
    paced = False

    def __init__(self, symbol: str, session: Session, source: str, now: Now) -> None:
        self.symbol = symbol
        self._session, self._source, self._now = session, source, now

    def sessions(self) -> Iterator[LiveSession]:
        """Yield the day."""
        yield LiveSession(self.symbol, self._session, self._source, self._now)


def source_of(run: FeedRun, now: Now = time.time_ns) -> LiveSource:
    """Return the source of a live run."""
    assert run.session_date is not None  # noqa: S101 - a live run is made for its day
    session = calendars.session(run.session_date, calendars.exchange_of(run.symbol))
    if session is None:
        raise LookupError(f"{run.session_date} has no session")
    return LiveSource(run.symbol, session, str(run.params["source"]), now)


def session_on(symbol: str, now: int) -> Session | None:
    """Return the session of a symbol that is on, or whose last minute is still to come."""
    late = int(LATE_S * SECOND)
    return calendars.session_at(now, calendars.exchange_of(symbol), late=late)


@transaction.atomic
def take_up(symbol: str, day: dt.date) -> FeedRun:
    """Return the run of a symbol's live day: there is one, however often its process starts.

    What else plays the symbol is asked to stop: nobody's replay keeps the market out. One that was
    stopped by a person stays as it is.

    Raises
    ------
    FeedError
        When the symbol is a simulated one.
    """
    underlying, _ = Instrument.objects.get_or_create(
        symbol=symbol, defaults={"kind": "crypto" if "/" in symbol else "equity", "name": symbol}
    )
    underlying = Instrument.objects.select_for_update().get(pk=underlying.pk)
    if underlying.simulated:
        raise FeedError("symbol", f"{symbol} is a simulated one; it has no live market")
    end_days_over()
    others = FeedRun.objects.filter(symbol=symbol, state__in=ACTIVE)
    others.exclude(source=FeedRun.Source.LIVE).update(desired=FeedRun.Desired.STOPPED)
    run, _ = FeedRun.objects.get_or_create(
        symbol=symbol, source=FeedRun.Source.LIVE, session_date=day,
        defaults={
            "underlying": underlying, "params": {"source": RECORDING}, "speed": 1.0,
            "simulated": False, "state": FeedRun.State.STARTING,
        },
    )  # fmt: skip
    return run
