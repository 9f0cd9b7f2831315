"""The market of an account as it is now: its clock, its newest snapshot, and how old that is.

A broker trades on what was recorded now. Paper follows its run: a market that speaks once a
minute on a clock of its own. There nothing moves between two of its words, so a quote ages from
when the next one was due, in seconds of ours: a feed that hangs shows at once, at any speed. Paper
on the live market sees what was recorded now, as a broker's account does.
"""

from __future__ import annotations

import datetime as dt
import math
import time
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Final

import numpy as np
from django.db.models import Q
from django.utils import timezone

from market import calendars, eventbook, occ
from market.clock import SECOND, from_ns, local_date, to_ns
from market.kept import Kept, newest_known
from market.models import Event as Scheduled
from market.models import FeedRun
from market.snapshot import SPOT_AGE, SnapshotData
from trading.brokers.paper import markets as venue
from trading.models import Account, PaperAccount
from trading.risk.facts import Asset, Event, Ground, Holding, Instrument, Option, Quote

D = Decimal
_MINUTE_S: Final = 60.0
_UNPACED_S: Final = 1.0
"""Seconds within which a run that is not paced speaks."""
_BEFORE: Final = dt.timedelta(microseconds=1)
_STILL: Final = dt.timedelta(seconds=5)
"""So long a market may stand still: a live one has a snapshot each second."""
_AROUND: Final = dt.timedelta(days=2)
_DIGITS: Final = 6
_ASKED_EVERY_S: Final = 30.0
_COLUMNS: Final = ("bids", "asks", "bid_sizes", "ask_sizes", "open_interest", "quote_age")
_KINDS: Final = (*eventbook.RELEASES, Scheduled.Kind.EARNINGS)


@dataclass(frozen=True, slots=True)
class Seen:
    """An underlying's market with its newest snapshot; `late` is how late the next one is, s."""

    ground: Ground
    kept: Kept | None
    late: float | None

    def holding(self, instrument: Instrument, quantity: Decimal) -> Holding:
        """Return a quantity with its quote, which is None where the snapshot does not hold it."""
        place = self._place(instrument)
        if instrument.option is None:
            return Holding(instrument, quantity, self.ground.quote)
        if self.kept is None or place is None:
            return Holding(instrument, quantity, None)
        american = bool(self.kept.data.layout.american[place])
        if american != instrument.option.american:  # the listing says how it is exercised
            option = replace(instrument.option, american=american)
            instrument = replace(instrument, option=option)
        return Holding(instrument, quantity, self._quote(self.kept.data, place))

    def quote(self, instrument: Instrument) -> Quote | None:
        """Return an instrument's quote."""
        return self.holding(instrument, D(1)).quote

    def listed(self, instrument: Instrument) -> Decimal | None:
        """Return how many units a contract has where it is listed, None where it is not."""
        if instrument.option is None:
            return D(1)
        place = self._place(instrument)
        if self.kept is None or place is None:
            return None
        return exact(float(self.kept.data.layout.multipliers[place]))

    def _place(self, instrument: Instrument) -> int | None:
        if self.kept is None or instrument.option is None:
            return None
        contract = occ.parse(instrument.symbol)
        return self.kept.place(
            contract.root, contract.expiry, is_call=contract.right == "C",
            thousandths=contract.strike_thousandths,
        )  # fmt: skip

    def _quote(self, data: SnapshotData, place: int) -> Quote:
        bid, ask, bid_size, ask_size, interest, aged = (
            math.nan if column is None else float(column[place])
            for column in (data.columns.get(name) for name in _COLUMNS)
        )
        age = None if self.late is None else self.late + (0.0 if math.isnan(aged) else aged)
        left = int(data.layout.settles[place]) - to_ns(self.ground.now)
        asked = exact(ask)
        return Quote(
            exact(bid), None if asked is not None and asked <= 0 else asked, age,
            exact(bid_size), exact(ask_size), exact(interest),
            max(left / SECOND / calendars.CALENDAR_YEAR, 0.0),
        )  # fmt: skip


def look(account: Account, symbol: str, now: dt.datetime | None = None) -> Seen:
    """Return an underlying's market as an account sees it, at an instant or by the clock of now.

    The clock is read once the market's row is here: what came in until then is of the past.
    """
    if account.broker != "paper":  # a broker's practice account trades the real market too
        return _real(symbol, now or timezone.now())
    paper = PaperAccount.objects.select_related("run").filter(account=account).first()
    if paper is None or paper.symbol != symbol:
        return _seen(symbol, now or timezone.now(), "this account does not follow it",
                     None, None, None)  # fmt: skip
    run = paper.run or venue.current_run(paper)
    if run is not None and run.source == FeedRun.Source.LIVE:
        return _real(symbol, now or timezone.now(), _state_of(run))
    return _played(symbol, run, now or timezone.now())


def _state_of(run: FeedRun) -> str:
    return "on" if run.state == FeedRun.State.RUNNING else f"its feed is {run.state}"


def _real(symbol: str, now: dt.datetime, state: str = "on") -> Seen:
    kept = newest_known(symbol, at=now)
    if kept is None:
        return _seen(symbol, now, "there is no data of it", None, None, None)
    # By when the market was so, not by when that could be known: a feed may tell of it late.
    late = (to_ns(now) - kept.data.time) / SECOND
    return _seen(symbol, now, state, kept, _earlier(kept, symbol, None), late)


def _played(symbol: str, run: FeedRun | None, now: dt.datetime) -> Seen:
    clock = None if run is None else venue.clock_of(run, now)
    if run is None or run.position is None or run.heartbeat_at is None or clock is None:
        return _seen(symbol, now, "no feed plays it", None, None, None)
    since = (now - run.heartbeat_at).total_seconds()
    every = _MINUTE_S / run.speed if run.speed else _UNPACED_S
    own = run if run.source == FeedRun.Source.SIMULATOR else None
    kept = newest_known(symbol, at=run.position, run=own)
    late = since if since < 0 else max(since - every, 0.0)
    if kept is None:
        return _seen(symbol, from_ns(clock), "its feed has no snapshot", None, None, None)
    # A snapshot that is not the newest row's own is an old one.
    late += (to_ns(run.position) - kept.data.known_at) / SECOND
    before = _earlier(kept, symbol, own)
    return _seen(symbol, from_ns(clock), _state_of(run), kept, before, late, own=own)


def _earlier(kept: Kept, symbol: str, run: FeedRun | None) -> Kept | None:
    return newest_known(symbol, at=from_ns(kept.data.time) - _BEFORE, run=run)


def _frozen(kept: Kept, before: Kept, symbol: str, run: FeedRun | None) -> bool:
    """Return whether nothing moved since the snapshot before, nor for as long as it may."""
    if not _same(kept.data, before.data):
        return False
    older = newest_known(symbol, at=from_ns(kept.data.time) - _STILL, run=run)
    return older is None or _same(kept.data, older.data)


def _seen(
    symbol: str,
    now: dt.datetime,
    state: str,
    kept: Kept | None,
    before: Kept | None,
    late: float | None,
    *,
    own: FeedRun | None = None,
) -> Seen:
    synthetic = own is not None and own.simulated
    events = _events(symbol, now, synthetic=synthetic)
    if kept is None:
        ground = Ground(symbol, now, state, Quote(None, None, None), events=events)
        return Seen(ground, None, late)
    data = kept.data
    jump = quoted = frozen = None
    if before is not None and before.data.spot > 0:
        jump = exact(data.spot / before.data.spot - 1.0)
        frozen = _frozen(kept, before, symbol, own)
        had = before.data.quoted()
        quoted = exact(data.quoted() / had) if had else None
    session = calendars.session(local_date(to_ns(now)))
    age = None if late is None else late + data.scalar(SPOT_AGE, 0.0)
    ground = Ground(
        symbol, now, state,
        Quote(exact(data.bid), exact(data.ask), age, exact(data.scalar("bid_size")),
              exact(data.scalar("ask_size"))),
        spot=exact(data.spot), chain_age=late,
        session=None if session is None else (session.open, session.close),
        jump=jump, quoted=quoted, frozen=frozen, events=events, synthetic=synthetic,
        rate=data.scalar("r", 0.0), dividend=data.scalar("q", 0.0), snapshot=data.id,
    )  # fmt: skip
    return Seen(ground, kept, late)


def _same(one: SnapshotData, other: SnapshotData) -> bool:
    """Return whether two snapshots show the same prices everywhere."""
    if (one.bid, one.ask, one.last) != (other.bid, other.ask, other.last):
        return False
    return all(
        np.array_equal(one.column(name), other.column(name), equal_nan=True)
        for name in ("bids", "asks")
    )


def _events(symbol: str, now: dt.datetime, *, synthetic: bool) -> tuple[Event, ...] | None:
    """Return what is scheduled around an instant, None when the calendar says nothing of the year.

    A simulated market has no calendar but its own. What the calendar says is asked anew within
    half a minute.
    """
    minute = now.replace(second=0, microsecond=0)
    return _scheduled(symbol, minute, synthetic, int(time.monotonic() // _ASKED_EVERY_S))


@lru_cache(maxsize=256)
def _scheduled(
    symbol: str, minute: dt.datetime, synthetic: bool, _asked: int
) -> tuple[Event, ...] | None:
    rows = eventbook.events_between(minute - _AROUND, minute + _AROUND, at=minute, kinds=_KINDS)
    rows = rows.filter(Q(symbol=symbol) | Q(symbol=""))
    found = tuple(
        Event("earnings" if one.kind == Scheduled.Kind.EARNINGS else "macro", one.name,
              one.scheduled_at)
        for one in rows
    )  # fmt: skip
    if found or synthetic:
        return found
    known = Scheduled.objects.filter(
        kind__in=eventbook.RELEASES, scheduled_at__year=minute.year
    ).exists()
    return found if known else None


def forget() -> None:
    """Ask the calendar anew."""
    _scheduled.cache_clear()


def instrument_of(symbol: str, multiplier: Decimal) -> Instrument:
    """Return what a symbol names."""
    try:
        contract = occ.parse(symbol)
    except occ.OccError:
        asset = Asset.CRYPTO if "/" in symbol else Asset.EQUITY
        return Instrument(symbol, symbol, asset, multiplier)
    rule = occ.rule(contract.root)
    option = Option(
        contract.strike, contract.expiry, contract.right == "C",
        calendars.last_trade(contract.root, contract.expiry), rule.american, rule.index,
    )  # fmt: skip
    return Instrument(symbol, rule.underlying, Asset.OPTION, multiplier, option)


def exact(value: float) -> Decimal | None:
    """Return a number of the market as it was meant, to six decimals; None when it is none."""
    return D(repr(round(value, _DIGITS))) if math.isfinite(value) else None
