"""Replay of a recorded day from the store: exactly what was known, when it was known."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

import numpy as np

from market import calendars, eventbook
from market.bars import Bars, read_bars
from market.calendars import Session
from market.clock import MINUTE, from_ns, to_ns
from market.features.context import DailyBars, DailyContext, Report, SessionContext
from market.feed.source import RECORDED_LIVE
from market.frames import FloatArray
from market.models import Event, FeedRun, Instrument
from market.snapshot import SnapshotData
from market.store import snapshots_between

DAY_S = 86_400
HISTORY_SESSIONS = 300
LOOK_AHEAD_SESSIONS = 15
WITHIN = 5 * MINUTE
"""A live recording that begins later after the open, or ends earlier before the close, tells no
bar of its day."""
BASKET_NAMES = 30
BASKET_LEAST = 8
BASKET_SESSIONS = 90
PROXIES = ("HYG", "TLT", "UUP")
"""Funds of high-yield credit, of long Treasury bonds, and of the dollar."""
_AFTER = dt.timedelta(microseconds=1)


class ReplaySource:
    """One recorded day of one symbol, as one source of recordings tells it."""

    simulated = False
    stored = True
    paced = True

    def __init__(self, symbol: str, date: dt.date, source: str) -> None:
        self.symbol = symbol
        self._source = source
        session = calendars.session(date, calendars.exchange_of(symbol))
        if session is None:
            raise LookupError(f"{date} has no session")
        self._session = session

    def sessions(self) -> Iterator[ReplaySession]:
        """Yield the day."""
        yield ReplaySession(self.symbol, self._session, self._source)


class ReplaySession:
    """A recorded session: minutes from the store, history from daily bars known at its open."""

    def __init__(self, symbol: str, session: Session, source: str) -> None:
        self.symbol = symbol
        self.session = session
        self._source = source

    def context(self) -> SessionContext:
        """Return what was known of the session at its open."""
        return SessionContext(
            symbol=self.symbol,
            open=self.session.open_ns,
            close=self.session.close_ns,
            releases=eventbook.releases(self.session),
            previous_close=self._previous_close(),
        )

    def _previous_close(self) -> float:
        """Return the close of the session before, NaN when no daily bar of it is stored."""
        before = calendars.previous_session(self.session.date, calendars.exchange_of(self.symbol))
        bars = self._bars
        known = bars.time == before.close_ns
        return float(bars.close[known][-1]) if known.any() else float("nan")

    def history(self) -> list[DailyContext]:
        """Return the context at each earlier close for which a daily bar is stored."""
        count = len(self._bars.time)
        first = max(1, count - HISTORY_SESSIONS + 1)
        return [self._context(self._bars.first(stop)) for stop in range(first, count + 1)]

    def minutes(self, after: int = 0) -> Iterator[SnapshotData]:
        """Yield the snapshots known after an instant; of a live recording those of minutes' ends.

        What stands at the open of such a one ended the minute before.
        """
        live = self._source in RECORDED_LIVE
        after = max(after, self.session.open_ns) if live else after
        begin = max(self.session.open, from_ns(after))
        stream = snapshots_between(
            self.symbol,
            start=begin + _AFTER if live else begin,
            end=self.session.close,
            source=self._source,
            at=self.session.close,
            whole_minutes=live,
        )
        for data in stream:
            if data.known_at > after:
                after = data.known_at
                yield data

    def at_close(self, newest: SnapshotData | None) -> DailyContext | None:
        """Return the context at this close, its bar from the store or made of the minutes."""
        bar = self._today(newest)
        if bar is None:
            return None
        bars = self._bars.then(bar)
        chain = None
        if newest is not None and np.isfinite(newest.spot) and len(newest.layout):
            chain = newest.chain()
        return replace(self._context(bars), chain=chain)

    def complete(self) -> bool:
        """Return True: the day is over."""
        return True

    def between(self, after: int) -> SnapshotData | None:
        """Return None: each of its minutes is there."""

    def closed(self) -> None:
        """Do nothing: a recorded day is in the store already."""

    @cached_property
    def _bars(self) -> DailyBars:
        """Daily bars of earlier sessions, as known at this session's open."""
        return _daily(
            read_bars(
                self.symbol,
                interval=DAY_S,
                start=self.session.open - dt.timedelta(days=2 * HISTORY_SESSIONS),
                end=self.session.open,
                at=self.session.open,
            )
        )

    def _today(self, newest: SnapshotData | None) -> DailyBars | None:
        stored = _daily(
            read_bars(
                self.symbol,
                interval=DAY_S,
                start=self.session.open + _AFTER,  # a coin's day before ends where this one opens
                end=self.session.close,
                at=self.session.close,
            )
        )
        if len(stored.time):
            return stored
        if newest is None or not np.isfinite(newest.spot):
            return None
        return self._from_minutes()

    def _from_minutes(self) -> DailyBars | None:
        """Make the day's bar of its own minutes; volume only when every minute has one."""
        seen = [data for data in self.minutes() if np.isfinite(data.spot)]
        if not seen or not self._covered(seen[0].time, seen[-1].time):
            return None
        closes = np.array([data.spot for data in seen])
        highs = np.fmax(closes, [data.scalar("high") for data in seen])
        lows = np.fmin(closes, [data.scalar("low") for data in seen])
        opened = seen[0].scalar("open")
        volume = float(np.sum([data.scalar("volume") for data in seen]))
        return _one_bar(
            self.session.close_ns,
            open=opened if np.isfinite(opened) else float(closes[0]),
            high=float(highs.max()),
            low=float(lows.min()),
            close=float(closes[-1]),
            volume=volume,
        )

    def _covered(self, first: int, last: int) -> bool:
        """Return whether minutes from `first` to `last` tell the day."""
        if self._source not in RECORDED_LIVE:
            return True
        early = first <= self.session.open_ns + WITHIN
        return early and last >= self.session.close_ns - WITHIN

    def _context(self, bars: DailyBars) -> DailyContext:
        closes = int(bars.time[-1])
        after = from_ns(closes)
        coming = _coming(after.date(), calendars.exchange_of(self.symbol))
        return DailyContext(
            symbol=self.symbol,
            bars=bars,
            basket=self._basket_until(bars),
            reports=self._reports_known(closes),
            decisions=eventbook.decisions_ahead(after),
            proxies=self._proxies_until(bars),
            coming_closes=np.array([session.close_ns for session in coming], dtype=np.int64),
        )

    @cached_property
    def _events(self) -> list[tuple[int, int, int | None]] | None:
        """Earnings of the symbol as (scheduled, known, cancelled), or None without a calendar."""
        rows = list(
            Event.objects.filter(kind=Event.Kind.EARNINGS, symbol=self.symbol).values_list(
                "scheduled_at", "known_at", "cancelled_at"
            )
        )
        if not rows:
            return None
        return [
            (to_ns(when), to_ns(known), None if cancelled is None else to_ns(cancelled))
            for when, known, cancelled in rows
        ]

    def _reports_known(self, at: int) -> tuple[Report, ...] | None:
        if self._events is None:
            return None
        return tuple(
            Report(scheduled=when, known=known)
            for when, known, cancelled in self._events
            if known <= at and (cancelled is None or cancelled > at)
        )

    def _basket_until(self, bars: DailyBars) -> FloatArray | None:
        """Return closes of the basket, its columns aligned with the bars; NaN where unknown."""
        if not self._basket:
            return None
        return np.array([_aligned(known, bars) for known in self._basket])

    def _proxies_until(self, bars: DailyBars) -> FloatArray | None:
        """Return closes of credit, bonds and the dollar, aligned with the bars; None without."""
        if not all(len(known) for known in self._proxies):
            return None
        return np.array([_aligned(known, bars) for known in self._proxies])

    @cached_property
    def _proxies(self) -> list[Bars]:
        """Daily bars of the funds that stand for credit, bonds and the dollar."""
        start = self.session.open - dt.timedelta(days=2 * HISTORY_SESSIONS)
        end = self.session.close
        return [
            read_bars(symbol, interval=DAY_S, start=start, end=end, at=end) for symbol in PROXIES
        ]

    @cached_property
    def _basket(self) -> list[Bars]:
        """Daily bars of equities that traded all through the last sessions before this one."""
        start = self.session.open - dt.timedelta(days=2 * HISTORY_SESSIONS)
        found = []
        names = Instrument.objects.filter(kind="equity", simulated=False).exclude(
            symbol=self.symbol
        )
        for symbol in names.order_by("symbol").values_list("symbol", flat=True):
            bars = read_bars(
                symbol, interval=DAY_S, start=start, end=self.session.close, at=self.session.close
            )
            if len(bars) and _recent(bars, self.session.open_ns) >= BASKET_SESSIONS:
                found.append(bars)
            if len(found) == BASKET_NAMES:
                break
        return found if len(found) >= BASKET_LEAST else []


def _recent(bars: Bars, before: int) -> int:
    since = before - BASKET_SESSIONS * 7 // 5 * DAY_S * 1_000_000_000 - 14 * DAY_S * 1_000_000_000
    return int(np.count_nonzero((bars.times > since) & (bars.times < before)))


def _aligned(known: Bars, bars: DailyBars) -> FloatArray:
    """Return another symbol's closes at the times of the bars, NaN where it has none."""
    place = np.searchsorted(known.times, bars.time)
    inside = place < len(known.times)
    hit = np.zeros(len(bars.time), dtype=bool)
    hit[inside] = known.times[place[inside]] == bars.time[inside]
    closes = np.full(len(bars.time), np.nan)
    closes[hit] = known.close[place[hit]]
    return closes


def _coming(day: dt.date, exchange: str) -> list[Session]:
    last = min(day + dt.timedelta(days=2 * LOOK_AHEAD_SESSIONS), calendars.LAST)
    return calendars.sessions(day + dt.timedelta(days=1), last, exchange)[:LOOK_AHEAD_SESSIONS]


def _daily(bars: Bars) -> DailyBars:
    return DailyBars(
        time=bars.times,
        open=bars.open,
        high=bars.high,
        low=bars.low,
        close=bars.close,
        volume=bars.volume,
        spread=np.full(len(bars), np.nan),
    )


def _one_bar(time: int, **values: float) -> DailyBars:
    columns = {name: np.array([value]) for name, value in values.items()}
    return DailyBars(time=np.array([time], dtype=np.int64), spread=np.array([np.nan]), **columns)


def source_of(run: FeedRun) -> ReplaySource:
    """Return the source of a replay's run."""
    return ReplaySource(run.symbol, dt.date.fromisoformat(run.params["date"]), run.params["source"])
