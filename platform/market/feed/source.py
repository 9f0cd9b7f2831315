"""What a source of a feed gives: sessions, each a stream of minutes and what is known around it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from market.calendars import Session
from market.features.context import DailyContext, MinuteBar, MinuteView, SessionContext
from market.frames import FloatArray
from market.snapshot import SnapshotData

RECORDING = "alpaca"
"""The source of what is recorded live."""
RECORDED_LIVE = frozenset({RECORDING})
"""Sources of recordings that hold snapshots between minutes, too: only those at a whole minute,
which are how it ended, make rows."""
STALE_SCALAR = "chain_stale"
"""Scalar of a snapshot whose chain is too old to be used."""
FLOW_COLUMN = "customer_flow"
"""Contracts that customers bought less those they sold in the snapshot's interval."""


class SessionSource(Protocol):
    """One session of one underlying."""

    session: Session

    def history(self) -> list[DailyContext]:
        """Return what was known at the close of each session before this one, oldest first."""
        ...

    def context(self) -> SessionContext:
        """Return what was known of the session at its open."""
        ...

    def minutes(self, after: int = 0) -> Iterator[SnapshotData]:
        """Yield the session's snapshots known after an instant, in order of time.

        The same ones, bit for bit, each time it is asked; of a session that is on, those so far.
        """
        ...

    def complete(self) -> bool:
        """Return whether all of its minutes are there to be read."""
        ...

    def between(self, after: int) -> SnapshotData | None:
        """Return the newest snapshot known after an instant, while the session is on, if any.

        It makes no row: it says where the market is between two minutes.
        """
        ...

    def at_close(self, newest: SnapshotData | None) -> DailyContext | None:
        """Return what is known at this session's close, or None without a daily bar of it."""
        ...

    def closed(self) -> None:
        """Hear that the session was played to its end; may be told again."""
        ...


class Source(Protocol):
    """Sessions of one underlying, in order."""

    symbol: str
    simulated: bool
    stored: bool
    """Whether its snapshots are in the store already."""
    paced: bool
    """Whether the run's speed says when a minute is due; else it is due once it is there."""

    def sessions(self) -> Iterator[SessionSource]:
        """Yield sessions from the run's first one on."""
        ...


def minute_view(data: SnapshotData) -> MinuteView:
    """Return a snapshot as features see it. Without a price of the underlying there is no chain."""
    bar = MinuteBar(
        open=data.scalar("open"),
        high=data.scalar("high"),
        low=data.scalar("low"),
        close=data.spot,
        volume=data.scalar("volume"),
        bid=data.bid,
        ask=data.ask,
    )
    priced = np.isfinite(data.spot) and data.spot > 0 and len(data.layout) > 0
    flow: FloatArray | None = data.columns.get(FLOW_COLUMN)
    return MinuteView(
        time=data.known_at,
        bar=bar if np.isfinite(data.spot) else None,
        chain=data.chain() if priced else None,
        stale=data.scalar(STALE_SCALAR, 0.0) > 0.0,
        option_flow=flow,
        peer=data.scalar("peer"),
        advancing=data.scalar("advancing"),
        off_exchange=data.scalar("off_exchange"),
    )
