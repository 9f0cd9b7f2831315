"""Which rows an account follows, and what time it is there: its market's clock, never the wall's.

A market is named `simulator:SYMBOL`, `live:SYMBOL` or `replay:RUN`. Rows are those of its runs'
frames, in order of market time; a simulated market is played by one run after the other, the live
one by a run a day.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from django.db.models import QuerySet

from accounts.entitlements import allows
from accounts.models import User
from market import occ
from market.clock import SECOND, to_ns
from market.feed.control import ACTIVE
from market.frames import Kind
from market.framestore import read_rows
from market.kept import Kept, indexed
from market.models import FeedRun, FrameRow, Snapshot
from market.store import load_snapshot
from trading.brokers.paper.models import PaperAccount
from trading.brokers.paper.tickets import NO_QUOTE, Quote
from trading.ledger.book import LedgerError

MADE_BY: Final = ("seed", "effect", "path")
"""Parameters of a run that say which simulated market it plays."""
MOST_AHEAD_S: Final = 59.0
"""How far a market's clock goes on after a row: rows come once a minute."""
SHARES_SHOWN: Final = 500.0
"""Shares at the touch where a source tells no size: an assumption, a few round lots."""
TRADED_SHARE: Final = 0.1
"""Of a minute's volume, what could have come to a resting order: minutes tell one last price, not
what traded at each."""
_KEPT: Final = 64
_USUAL: Final = 20
_MINUTES: Final = 15
_SEARCHED: Final = dt.timedelta(minutes=_MINUTES - 1)
"""How far from the open or the close a price is looked for when the minute there has none."""


class MarketError(LedgerError):
    """A market that cannot be followed; the text says what to give."""


class Chosen(NamedTuple):
    """A market by its name, and the run that plays it now."""

    market: PaperAccount.Market
    run: FeedRun


class Row(NamedTuple):
    """One row of a market: its instant, session and stored snapshot, None when it is forgotten."""

    run_id: int
    time: dt.datetime
    day: dt.date
    snapshot: int | None


def choose(user: User, name: str) -> Chosen:
    """Return the market that a name stands for; MarketError when this person cannot have it."""
    kind, _, key = name.partition(":")
    if kind == PaperAccount.Market.SIMULATOR:
        runs = FeedRun.objects.filter(source=FeedRun.Source.SIMULATOR, symbol=key)
        run = runs.filter(state__in=ACTIVE).first() or runs.first()
        if run is None:
            raise MarketError("market", f"No simulator has run for {key[:32]!r}.")
        return Chosen(PaperAccount.Market.SIMULATOR, run)
    if kind == PaperAccount.Market.LIVE:
        return Chosen(PaperAccount.Market.LIVE, _live(key))
    if kind != PaperAccount.Market.REPLAY or not key.isdecimal():
        raise MarketError(
            "market", "Give simulator:SYMBOL, live:SYMBOL, or replay: and the number of a run."
        )
    known = FeedRun.objects.filter(source=FeedRun.Source.REPLAY, requested_by=user.pk)
    run = known.filter(pk=int(key), state__in=ACTIVE).first() if len(key) < 19 else None
    if run is None:
        raise MarketError("market", f"You have no replay {key[:19]} that is on; start one first.")
    if not (decision := allows(user, "market.replay")).allowed:
        raise MarketError("market", decision.reason)
    return Chosen(PaperAccount.Market.REPLAY, run)


def _live(symbol: str) -> FeedRun:
    if "/" in symbol:
        raise MarketError(
            "market", f"The paper venue trades shares and options, not {symbol[:32]}."
        )
    runs = FeedRun.objects.filter(source=FeedRun.Source.LIVE, symbol=symbol)
    run = runs.filter(state__in=ACTIVE).first() or runs.first()
    if run is None:
        raise MarketError("market", f"No live feed has run for {symbol[:32]!r}.")
    return run


def world_of(run: FeedRun) -> dict[str, object]:
    """Return what makes a simulated market, without where a run of it begins."""
    return {name: run.params[name] for name in MADE_BY if name in run.params}


def runs_of(paper: PaperAccount) -> QuerySet[FeedRun]:
    """Return the runs that play an account's market, newest first."""
    if paper.run_id is not None:
        return FeedRun.objects.filter(pk=paper.run_id)
    if paper.market == PaperAccount.Market.LIVE:
        return FeedRun.objects.filter(symbol=paper.symbol, source=FeedRun.Source.LIVE)
    return FeedRun.objects.filter(
        symbol=paper.symbol, source=FeedRun.Source.SIMULATOR, params__contains=paper.world
    )


def accounts_on(run: FeedRun) -> QuerySet[PaperAccount]:
    """Return the accounts that follow a run."""
    if run.source == FeedRun.Source.REPLAY:
        return PaperAccount.objects.filter(run=run)
    if run.source == FeedRun.Source.LIVE:
        return PaperAccount.objects.filter(market=PaperAccount.Market.LIVE, symbol=run.symbol)
    return PaperAccount.objects.filter(
        market=PaperAccount.Market.SIMULATOR, symbol=run.symbol, world=world_of(run)
    )


def current_run(paper: PaperAccount) -> FeedRun | None:
    """Return the run that plays an account's market now, None when none does."""
    return runs_of(paper).filter(state__in=ACTIVE).first()


def run_for(paper: PaperAccount, symbol: str) -> FeedRun | None:
    """Return the run in which an account sees an underlying: its market's newest; None: nowhere."""
    if symbol != paper.symbol:
        return None
    return current_run(paper) or runs_of(paper).filter(rows__gt=0).first()


def clock_of(run: FeedRun, now: dt.datetime) -> int | None:
    """Return a run's time, ns UTC: that of its newest row, and what passed since at its speed.

    None before its first row. It stands while the run does. A live market's clock is ours: rows
    that its feed is late with are of the past, and fill no order that is sent now.
    """
    if run.position is None:
        return None
    if run.source == FeedRun.Source.LIVE:
        return max(to_ns(now), to_ns(run.position))
    ahead = 0.0
    if run.state == FeedRun.State.RUNNING and run.heartbeat_at is not None:
        since = max((now - run.heartbeat_at).total_seconds(), 0.0)
        ahead = min(since * run.speed, MOST_AHEAD_S)
    return to_ns(run.position) + round(ahead * SECOND)


def rows(paper: PaperAccount) -> QuerySet[FrameRow]:
    """Return the rows of an account's market that it has not seen, oldest first."""
    return _minutes(paper).filter(time__gt=paper.through).order_by("time")


def session_rows(paper: PaperAccount, day: dt.date) -> QuerySet[FrameRow]:
    """Return the rows of one session, oldest first."""
    return _minutes(paper).filter(session_date=day).order_by("time")


def newest_first(paper: PaperAccount) -> QuerySet[FrameRow]:
    """Return all rows of an account's market, the newest first."""
    return _minutes(paper).order_by("-time")


def _minutes(paper: PaperAccount) -> QuerySet[FrameRow]:
    return FrameRow.objects.filter(run__in=runs_of(paper), kind=Kind.INTRADAY.value)


def row_of(query: QuerySet[FrameRow]) -> Row | None:
    """Return the first row of a query."""
    found = query.values_list("run_id", "time", "session_date", "snapshot_id").first()
    return None if found is None else Row(*found)


def is_over(paper: PaperAccount, day: dt.date) -> bool:
    """Return whether a session was played to its end: its close is stored, or what comes after."""
    closed = FrameRow.objects.filter(
        run__in=runs_of(paper), kind=Kind.DAILY.value, session_date=day
    )
    if closed.exists() or _minutes(paper).filter(session_date__gt=day).exists():
        return True
    if paper.market == PaperAccount.Market.LIVE:  # a stopped day may be taken up again
        over = FeedRun.objects.filter(session_date=day, state=FeedRun.State.FINISHED)
        return runs_of(paper).filter(pk__in=over).exists()
    ended = (FeedRun.State.FINISHED, FeedRun.State.STOPPED, FeedRun.State.FAILED)
    return paper.run is not None and paper.run.state in ended


def price_at_end(paper: PaperAccount, day: dt.date, *, settles: str) -> float:
    """Return the underlying's price at which options of a session settle, NaN when none is known.

    Settled at the close: the session's last price. Settled at the open: its first one, which
    stands for the special opening quotation.
    """
    query = session_rows(paper, day)
    early = settles == "am"
    row = row_of(query if early else query.reverse())
    if row is None:
        return math.nan
    through = row.time + _SEARCHED if early else row.time
    told = read_rows(row.run_id, Kind.INTRADAY, session_date=day, through=through, newest=_MINUTES)
    found = told.columns.get("open" if early else "close", np.full(0, np.nan))
    known = found[np.isfinite(found)]
    return float(known[0 if early else -1]) if known.size else math.nan


def scale_of(paper: PaperAccount) -> tuple[float, float] | None:
    """Return volatility and volume of a usual day of the underlying, None when they are unknown.

    Of the last `_USUAL` sessions that the market's newest run knows.
    """
    run = runs_of(paper).first()
    if run is None:
        return None
    told = read_rows(run.pk, Kind.DAILY, newest=_USUAL + 1).columns
    if not {"close", "volume"} <= told.keys() or len(told["close"]) <= _USUAL:
        return None
    sigma = float(np.std(np.diff(np.log(told["close"])), ddof=1))
    volume = float(np.mean(told["volume"][1:]))
    known = math.isfinite(sigma) and math.isfinite(volume) and volume > 0.0
    return (sigma, volume) if known else None


@lru_cache(maxsize=_KEPT)
def _kept(snapshot: int) -> Kept:
    return indexed(load_snapshot(snapshot))


def forget() -> None:
    """Empty the cache, for a database that was made anew."""
    _kept.cache_clear()


def kept(row: Row) -> Kept | None:
    """Return a row's snapshot, unpacked once in a process; None when it is forgotten."""
    if row.snapshot is None:
        return None
    try:
        return _kept(row.snapshot)
    except Snapshot.DoesNotExist:  # retention was faster
        return None


def quotes_of(snapshot: Kept | None, symbols: Sequence[str]) -> list[Quote]:
    """Return the quote of each instrument on a row; one that is not there has none."""
    return [NO_QUOTE if snapshot is None else quote_of(snapshot, symbol) for symbol in symbols]


def quote_of(snapshot: Kept, symbol: str) -> Quote:
    """Return an instrument's quote in a snapshot, as the fill kernel takes it."""
    data = snapshot.data
    if symbol == data.symbol:
        return Quote(
            data.bid, data.ask, data.scalar("bid_size", SHARES_SHOWN),
            data.scalar("ask_size", SHARES_SHOWN), data.last, _came(data.scalar("volume")),
        )  # fmt: skip
    place = place_of(snapshot, symbol)
    if place is None:
        return NO_QUOTE
    names = ("bids", "asks", "bid_sizes", "ask_sizes", "last", "volume", "quote_age")
    bid, ask, bids, asks, last, volume, age = (float(data.column(name)[place]) for name in names)
    aged = 0 if np.isnan(age) else round(age * SECOND)
    return Quote(bid, ask, bids, asks, last, _came(volume), aged)


def place_of(snapshot: Kept, symbol: str) -> int | None:
    """Return where a contract stands in a snapshot's arrays; None when it does not."""
    try:
        contract = occ.parse(symbol)
    except occ.OccError:
        return None
    return snapshot.place(
        contract.root, contract.expiry, is_call=contract.right == "C",
        thousandths=contract.strike_thousandths,
    )  # fmt: skip


def _came(volume: float) -> float:
    return 0.0 if np.isnan(volume) else TRADED_SHARE * volume
