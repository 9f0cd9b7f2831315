"""The simulator as a source: sessions one after the other on a market clock of its own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from django.db import transaction

from market import calendars
from market.calendars import Session
from market.clock import MINUTE
from market.features.context import (
    CryptoNights,
    DailyBars,
    DailyContext,
    Release,
    SessionContext,
)
from market.feed import walked
from market.feed.source import FLOW_COLUMN
from market.frames import FloatArray, IntArray
from market.models import FeedRun, FrameRow
from market.services import ensure_instrument
from market.simulator import SimulatedMarket, SimulatedSession, SimulatorConfig, WalkedSession
from market.snapshot import CHAIN_COLUMNS, Layout, SnapshotData, make_layout

SOURCE = "simulator"
FIRST_SESSION = dt.date(2026, 1, 5)
"""Where every simulation's calendar begins, so that a seed always gives the same days."""
LAST_SESSION = dt.date(2031, 12, 31)
HISTORY_SESSIONS = 300
BASKET_NAMES = 20
CRYPTO_NIGHTS = 120
DECISION_EVERY, DECISION_FIRST, DECISION_MINUTE = 12, 3, 270
"""Every so many sessions, from one of them on, a decision of the Fed is scheduled for 14:00."""
LOOK_AHEAD_SESSIONS = 15
DECISIONS_AHEAD = 45


class SimulatedSource:
    """The sessions of one simulated market, from one of them on.

    `kept` are its first sessions, walked before; by default those that the database keeps.
    """

    simulated = True
    stored = False
    paced = True

    def __init__(
        self,
        config: SimulatorConfig,
        *,
        first: int = 0,
        kept: Sequence[WalkedSession] | None = None,
    ) -> None:
        self.symbol = config.symbol
        self._first = first
        self._sessions = calendars.sessions(FIRST_SESSION, LAST_SESSION)
        self._market = SimulatedMarket(
            config,
            [(day.date, day.open_ns, day.close_ns) for day in self._sessions],
            walked.load(config) if kept is None else kept,
        )
        before = calendars.sessions(
            FIRST_SESSION - dt.timedelta(days=2 * HISTORY_SESSIONS),
            FIRST_SESSION - dt.timedelta(days=1),
        )
        closes = [day.close_ns for day in (*before[-HISTORY_SESSIONS:], *self._sessions)]
        self._closes = np.array(closes, dtype=np.int64)

    def sessions(self) -> Iterator[SimulatedSourceSession]:
        """Yield sessions to the end of the simulator's calendar."""
        for index in range(self._first, len(self._market)):
            yield SimulatedSourceSession(self, index)

    @property
    def market(self) -> SimulatedMarket:
        """The market behind it."""
        return self._market

    def session(self, index: int) -> Session:
        """Return the calendar's session at a position."""
        return self._sessions[index]

    def context(self, *, until: int) -> DailyContext:
        """Return what is known at the close of the session before position `until`."""
        days = HISTORY_SESSIONS
        past = self._market.daily_history(days, before=until)
        return DailyContext(
            symbol=self.symbol,
            bars=DailyBars(
                time=self._closes[until : until + days],
                open=past.open,
                high=past.high,
                low=past.low,
                close=past.close,
                volume=past.volume,
                spread=past.spread,
            ),
            basket=self._market.basket(BASKET_NAMES, days, before=until),
            proxies=self._market.proxies(days, before=until),
            decisions=self.decisions(until),
            coming_closes=self._closes[until + days : until + days + LOOK_AHEAD_SESSIONS],
        )

    def decisions(self, since: int) -> tuple[int, ...]:
        """Return the scheduled decisions of the coming sessions from a position on, ns UTC."""
        coming = self._sessions[since : since + DECISIONS_AHEAD]
        return tuple(
            day.open_ns + DECISION_MINUTE * MINUTE
            for index, day in enumerate(coming, start=since)
            if index % DECISION_EVERY == DECISION_FIRST
            and day.open_ns + DECISION_MINUTE * MINUTE < day.close_ns
        )

    def nights(self, index: int, gap: float) -> CryptoNights:
        """Return crypto's nights up to the one before a session, whose opening gap is given."""
        found = self._market.crypto(CRYPTO_NIGHTS, before=index, gap=gap)
        gaps = self._market.gaps(index)[-CRYPTO_NIGHTS:]
        return CryptoNights(overnight=float(found[-1]), past=found[:-1], gaps=gaps)


class SimulatedSourceSession:
    """One simulated session as the feed plays it."""

    def __init__(self, source: SimulatedSource, index: int) -> None:
        self._source = source
        self._index = index
        self.session = source.session(index)

    def context(self) -> SessionContext:
        """Return what was known at the open."""
        played = self._played
        today = [at for at in self._source.decisions(self._index) if at <= self.session.close_ns]
        return SessionContext(
            symbol=self._source.symbol,
            open=self.session.open_ns,
            close=self.session.close_ns,
            releases=tuple(Release(at, fed=True) for at in today),
            previous_close=played.previous_close,
            crypto=self._source.nights(self._index, played.opening_gap()),
        )

    @cached_property
    def _played(self) -> SimulatedSession:
        return self._source.market.session(self._index)

    @cached_property
    def _layout(self) -> tuple[Layout, IntArray]:
        contracts = self._played.contracts
        symbol = self._source.symbol
        return make_layout(
            symbol,
            roots=[symbol] * len(contracts),
            expiries=[contracts.expiry_dates[at] for at in contracts.expiry.tolist()],
            is_call=contracts.is_call,
            strikes=contracts.strikes,
            american=np.zeros(len(contracts), dtype=bool),
            multipliers=contracts.multipliers,
            settles=contracts.settlements,
        )

    def history(self) -> list[DailyContext]:
        """Return the context at each earlier close, as far as the simulated history reaches."""
        whole = self._source.context(until=self._index)
        return [_until(whole, count) for count in range(1, len(whole.bars.time) + 1)]

    def minutes(self, after: int = 0) -> Iterator[SnapshotData]:
        """Yield the session's snapshots known after an instant, in order of time."""
        layout, order = self._layout
        for shot in self._played.snapshots():
            if shot.time <= after:
                continue
            columns: dict[str, FloatArray] = {
                name: getattr(shot.chain, name)[order] for name in CHAIN_COLUMNS
            }
            columns[FLOW_COLUMN] = shot.net_customer_buys[order]
            yield SnapshotData(
                symbol=self._source.symbol,
                source=SOURCE,
                time=shot.time,
                known_at=shot.time,
                bid=shot.bid,
                ask=shot.ask,
                last=shot.last,
                layout=layout,
                columns=columns,
                scalars={
                    "r": shot.chain.r,
                    "q": shot.chain.q,
                    "open": shot.open,
                    "high": shot.high,
                    "low": shot.low,
                    "volume": shot.volume,
                    "peer": shot.peer,
                    "advancing": shot.advancing,
                    "off_exchange": shot.off_exchange,
                },
            )

    def complete(self) -> bool:
        """Return True: the whole session is made from its seed."""
        return True

    def between(self, after: int) -> SnapshotData | None:
        """Return None: each of its minutes is there."""

    def closed(self) -> None:
        """Keep where the session left the market."""
        market = self._source.market
        walked.keep(market.config, self._index, market.walked(self._index))

    def at_close(self, newest: SnapshotData | None) -> DailyContext | None:
        """Return what is known at this session's close."""
        whole = self._source.context(until=self._index + 1)
        return replace(whole, chain=None if newest is None else newest.chain())


def _until(whole: DailyContext, count: int) -> DailyContext:
    """Return what was known at the close of the first `count` sessions."""
    coming = np.concatenate([whole.bars.time[count:], whole.coming_closes])
    return replace(
        whole,
        bars=whole.bars.first(count),
        basket=None if whole.basket is None else whole.basket[:, :count],
        proxies=None if whole.proxies is None else whole.proxies[:, :count],
        coming_closes=coming[:LOOK_AHEAD_SESSIONS],
    )


@transaction.atomic
def resume_or_create(
    *, symbol: str, seed: int, speed: float, effect: float, warm: int = 0
) -> FeedRun:
    """Return the run to go on with: the last one of this market, else a new one.

    A run that was stopped by a person is left alone; a new one begins after its last session. A
    market that was played to the end of its calendar is followed by another path of its seed,
    from the calendar's beginning. The first `warm` minutes of a new one are played at once, so
    that there is something to see.
    """
    instrument = ensure_instrument(
        symbol, kind="equity", name=f"{symbol} (simulated)", simulated=True
    )
    asked = {"seed": seed, "effect": effect}
    last = (
        FeedRun.objects.select_for_update()
        .filter(symbol=symbol, source=FeedRun.Source.SIMULATOR, params__contains=asked)
        .order_by("-id")
        .first()
    )
    ended = (FeedRun.State.STOPPED, FeedRun.State.FINISHED)
    if last is not None and last.state not in ended:
        FeedRun.objects.filter(pk=last.pk).update(
            speed=speed, desired=FeedRun.Desired.RUNNING, finished_at=None, error=""
        )
        last.refresh_from_db()
        return last
    path, first = 0, 0
    if last is not None:
        path, first = int(last.params["path"]), _index_of(last.session_date) + 1
        if last.state == FeedRun.State.FINISHED:
            path, first = path + 1, 0
    run = FeedRun.objects.create(
        symbol=symbol,
        underlying=instrument,
        source=FeedRun.Source.SIMULATOR,
        params={**asked, "path": path, "first": first, "warm": warm},
        speed=speed,
        simulated=True,
    )
    walked.forget_others(_config(run))
    return run


def _config(run: FeedRun) -> SimulatorConfig:
    return SimulatorConfig(
        symbol=run.symbol,
        seed=int(run.params["seed"]),
        path=int(run.params["path"]),
        strength=float(run.params["effect"]),
        history_sessions=HISTORY_SESSIONS,
    )


def _index_of(day: dt.date | None) -> int:
    return -1 if day is None else len(calendars.sessions(FIRST_SESSION, day)) - 1


def source_of(run: FeedRun) -> SimulatedSource:
    """Return the source of a simulator's run, from the session in which its place is."""
    first = int(run.params["first"])
    if run.position is not None and run.session_date is not None:
        index = _index_of(run.session_date)
        closed = run.frame_rows.filter(
            kind=FrameRow.Kind.DAILY, session_date=run.session_date
        ).exists()
        first = max(first, index + closed)
    return SimulatedSource(_config(run), first=first)
