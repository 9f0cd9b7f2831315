"""What the server itself knows of a market at the receipt of a trade."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from functools import lru_cache

from leaderboard.claims import Leg
from leaderboard.models import Bot, Trade
from leaderboard.rules import Moment, Quote
from market import calendars, occ
from market.clock import from_ns
from market.kept import Kept, newest_known
from market.models import FeedRun
from market.selectors import newest_run

_INTERVAL = dt.timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Ground:
    """One underlying at receipt: whose clock runs, whether it does, and its newest snapshot.

    Without a simulation there is no clock either, and the moment is that of the server.
    """

    market: str
    moment: Moment
    on: bool
    snapshot: Kept | None
    has_clock: bool = True

    def quote(self, leg: Leg) -> Quote | None:
        """Return the stored quote of a leg, None when the snapshot does not hold it."""
        if self.snapshot is None:
            return None
        data = self.snapshot.data
        time = from_ns(data.known_at)
        age = max(0.0, (self.moment.now - time).total_seconds())
        if leg.kind != "option":
            sizes = (data.scalar("bid_size"), data.scalar("ask_size"), data.scalar("volume"))
            bid_size, ask_size, volume = map(_known, sizes)
            return Quote(_known(data.bid), _known(data.ask), time, age, bid_size, ask_size, volume)
        place = place_of(self.snapshot, leg.symbol)
        if place is None:
            return None
        columns = ("bids", "asks", "bid_sizes", "ask_sizes")
        bid, ask, bid_size, ask_size = (_known(data.column(name)[place]) for name in columns)
        return Quote(bid, ask, time, age, bid_size, ask_size)

    def is_open(self, leg: Leg) -> bool:
        """Return whether the leg could be traded at receipt."""
        if not self.on:
            return False
        if leg.kind == "crypto":
            return True
        try:
            if not _session_on(self.moment.now):
                return False
            if leg.kind == "equity":
                return True
            contract = occ.parse(leg.symbol)
            return self.moment.now < calendars.last_trade(contract.root, contract.expiry)
        except calendars.CalendarError:
            return False


@lru_cache(maxsize=64)
def _session_on(at: dt.datetime) -> bool:
    """Return whether the session is on: the same instant for all rows of a batch."""
    return calendars.is_open(at)


class Grounds:
    """Markets at one instant; each underlying is looked up once for all bots that trade it."""

    def __init__(self, now: dt.datetime) -> None:
        self.now = now
        self._found: dict[tuple[str, bool], Ground] = {}

    def of(self, bot: Bot, leg: Leg) -> Ground:
        """Return the ground of a leg's underlying in the market of a bot."""
        place = (leg.underlying, bot.market == Bot.Market.SIMULATED)
        if place not in self._found:
            look = _simulated if place[1] else _real
            self._found[place] = look(place[0], self.now)
        return self._found[place]


def _real(symbol: str, now: dt.datetime) -> Ground:
    snapshot = newest_known(symbol, at=now)
    return Ground(Trade.Market.REAL, Moment(now), True, snapshot)


def _simulated(symbol: str, now: dt.datetime) -> Ground:
    """Return where a run of the symbol stands on its own clock, which moves between minutes."""
    run = newest_run(symbol)
    real = run is not None and run.source == FeedRun.Source.LIVE  # nobody simulates it
    if run is None or run.position is None or real:
        return Ground(Trade.Market.SIMULATED, Moment(now), False, None, has_clock=False)
    since = dt.timedelta() if run.heartbeat_at is None else now - run.heartbeat_at
    ahead = min(max(since, dt.timedelta()) * run.speed, _INTERVAL) if run.speed else dt.timedelta()
    moment = Moment(run.position + ahead, run.speed or 1.0)
    on = run.state == FeedRun.State.RUNNING
    if run.source == FeedRun.Source.REPLAY:
        snapshot = newest_known(symbol, at=run.position)
        return Ground(Trade.Market.REPLAYED, moment, on, snapshot)
    # A minute is known at its end, and a simulation has stored nothing that is not known.
    snapshot = newest_known(symbol, at=run.position + _INTERVAL, run=run)
    return Ground(Trade.Market.SIMULATED, moment, on, snapshot)


def place_of(kept: Kept, symbol: str) -> int | None:
    """Return where a contract stands in a snapshot's arrays, None when it does not."""
    contract = occ.parse(symbol)
    return kept.place(
        contract.root,
        contract.expiry,
        is_call=contract.right == "C",
        thousandths=contract.strike_thousandths,
    )


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
