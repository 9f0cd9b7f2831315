"""What the feed tells the browsers: the newest state of a symbol, over Redis.

Redis may be away: the state is told again with the next minute, so a failure is logged once and
the feed goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import redis
import structlog

from market.bodies.exposure import exposure_body
from market.calendars import Session
from market.features.flow import dealer_positions
from market.feed.recorder import Minute
from market.models import FeedRun
from market.payloads import Payload, iso, number, run_payload, session_payload
from market.snapshot import SnapshotData
from record.state import Coalescer

log = structlog.get_logger("pulse.feed")
NS = 1_000_000_000
EVERY_S = 0.25
"""A state is told at most this often: a day replayed at full speed makes hundreds a second."""


def head_of(run: FeedRun) -> Payload:
    """Return what every payload of a run says first."""
    return {
        "symbol": run.symbol,
        "run": run.pk,
        "source": run.source,
        "simulated": run.simulated,
        "delayed_s": 0,
    }


def quote_of(
    run: FeedRun, session: Session, data: SnapshotData, *, previous: float, arrived: float
) -> Payload:
    """Return the underlying's quote with where the session stands."""
    spot = data.spot
    known = np.isfinite(previous) and previous > 0
    return {
        **head_of(run),
        "name": run.underlying.name or run.symbol,
        "time": iso(data.known_at),
        "received": iso(int(arrived * NS)),
        "bid": number(data.bid),
        "ask": number(data.ask),
        "last": number(spot),
        "prev_close": number(previous),
        "change": number(spot - previous) if known else None,
        "change_pct": number((spot / previous - 1) * 100) if known else None,
        "session": session_payload(session, data.known_at),
        "speed": run.speed,
        "paused": run.state == FeedRun.State.PAUSED,
    }


def exposure_of(head: Payload, minute: Minute) -> Payload:
    """Return a minute's exposure, under signed trades as well where they are known."""
    if minute.analysis is None:
        raise ValueError("the minute has no chain")
    chain = minute.analysis.chain
    return exposure_body(
        chain,
        time=minute.data.known_at,
        head=head,
        iv=minute.analysis.iv,
        positions=dealer_positions(minute.positions, chain),
    )


class Publisher:
    """Publishes the states of one run."""

    def __init__(self, run: FeedRun, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._run = run
        self._session: Session | None = None
        self._previous = float("nan")
        self._silent = False
        self._states = Coalescer(EVERY_S, clock=clock)

    def open_session(self, session: Session, previous_close: float = float("nan")) -> None:
        """Begin a session; `previous_close` is NaN when it is not known."""
        self._session, self._previous = session, previous_close

    def minute(self, minute: Minute, arrived: float) -> None:
        """Publish quote, exposure and chain of a minute, and the run's status."""
        run, data, head = self._run, minute.data, head_of(self._run)
        if self._session is None:
            return
        self.quote(data, arrived)
        if minute.analysis is not None:
            self._publish(f"exposure:{run.symbol}", run.symbol, lambda: exposure_of(head, minute))
            chain = {**head, "time": iso(data.known_at), "spot": number(data.spot)}
            self._publish(f"chain:{run.symbol}", run.symbol, chain)
        self.status()

    def quote(self, data: SnapshotData, arrived: float) -> None:
        """Publish the underlying's quote alone, as it is between two minutes of a live market."""
        run = self._run
        if self._session is None:
            return
        quote = quote_of(run, self._session, data, previous=self._previous, arrived=arrived)
        self._publish(f"quote:{run.symbol}", run.symbol, quote)

    def status(self) -> None:
        """Publish the run's own row without its place: that is market data, and this is not."""
        told = {name: value for name, value in run_payload(self._run).items() if name != "position"}
        self._publish("feed:status", str(self._run.pk), told)

    def flush(self, *, force: bool = False) -> None:
        """Tell what is due by now, or with `force` everything that waits."""
        self._safely(lambda: self._states.flush(force=force))

    def _publish(self, channel: str, key: str, data: Payload | Callable[[], Payload]) -> None:
        self._safely(lambda: self._states.put(channel, key, data))

    def _safely(self, tell: Callable[[], object]) -> None:
        try:
            tell()
        except redis.RedisError as error:
            if not self._silent:
                log.warning("redis_away", error=str(error))
            self._silent = True
        else:
            self._silent = False
