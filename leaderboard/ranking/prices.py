"""Prices that the server looks up itself, each once: what was found then holds for ever.

So a record does not depend on when it was folded, and a recomputation finds the same figures.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from leaderboard.models import Mark, Trade
from leaderboard.quotes import place_of
from market import occ
from market.clock import from_ns
from market.kept import Kept, indexed
from market.models import FeedRun
from market.selectors import newest_run
from market.store import read_snapshot

SETTLED_WITHIN: Final = dt.timedelta(minutes=5)
MARKED_WITHIN: Final = dt.timedelta(days=4)
"""A weekend with holidays on both sides: the close before it is the newest price there is."""
MOST_HELD: Final = 64
"""Snapshots kept in memory: enough for one midnight of many underlyings."""
QUANTUM: Final = Decimal("1e-8")
Asked = tuple[str, dt.datetime]


class Prices:
    """The marks of one market: those that are kept, and those that were looked up just now."""

    def __init__(self, market: str) -> None:
        self.market = market
        self._known: dict[Asked, Decimal | None] = {}
        self._fresh: set[Asked] = set()
        self._snapshots: dict[Asked, Kept | None] = {}
        self._runs: dict[str, FeedRun | None] = {}

    def load(self, instruments: Iterable[str], since: dt.datetime) -> None:
        """Read what is kept of some instruments, so that it is not asked for one by one."""
        rows = Mark.objects.filter(
            market=self.market, instrument__in=set(instruments), at__gte=since
        )
        for name, at, price in rows.values_list("instrument", "at", "price"):
            self._known[name, at] = price

    def settled_at(self, symbol: str, at: dt.datetime) -> Decimal | None:
        """Return the price of an underlying at a settlement."""
        return self._price(symbol, at, SETTLED_WITHIN)

    def mark_at(self, instrument: str, at: dt.datetime) -> Decimal | None:
        """Return the price of an instrument at a midnight: the newest until then."""
        return self._price(instrument, at, MARKED_WITHIN)

    def keep(self) -> None:
        """Store what was looked up. Whoever was first is right."""
        Mark.objects.bulk_create(
            (
                Mark(market=self.market, instrument=name, at=at, price=self._known[name, at])
                for name, at in self._fresh
            ),
            ignore_conflicts=True,
        )
        self._fresh.clear()

    def _price(self, name: str, at: dt.datetime, within: dt.timedelta) -> Decimal | None:
        asked = (name, at)
        if asked not in self._known:
            row = Mark.objects.filter(market=self.market, instrument=name, at=at).first()
            if row is None:
                self._fresh.add(asked)
            self._known[asked] = self._look_up(name, at, within) if row is None else row.price
        return self._known[asked]

    def _look_up(self, name: str, at: dt.datetime, within: dt.timedelta) -> Decimal | None:
        try:
            underlying = occ.rule(occ.parse(name).root).underlying
        except occ.OccError:
            underlying = name
        kept = self._snapshot(underlying, at)
        if kept is None or at - from_ns(kept.data.time) > within:
            return None
        data = kept.data
        if underlying == name:
            value = data.spot
        else:
            place = place_of(kept, name)
            if place is None:
                return None
            value = (float(data.column("bids")[place]) + float(data.column("asks")[place])) / 2
        return Decimal(repr(value)).quantize(QUANTUM) if math.isfinite(value) else None

    def _snapshot(self, underlying: str, at: dt.datetime) -> Kept | None:
        asked = (underlying, at)
        if asked not in self._snapshots:
            if len(self._snapshots) >= MOST_HELD:
                self._snapshots.clear()
            self._snapshots[asked] = self._read(underlying, at)
        return self._snapshots[asked]

    def _read(self, underlying: str, at: dt.datetime) -> Kept | None:
        run = None
        if self.market != Trade.Market.REAL:
            run = self._run(underlying)
            if run is None:
                return None
        data = read_snapshot(underlying, at=at, run=run)
        return None if data is None else indexed(data)

    def _run(self, underlying: str) -> FeedRun | None:
        if underlying not in self._runs:
            run = newest_run(underlying)
            simulates = run is not None and run.source == FeedRun.Source.SIMULATOR
            self._runs[underlying] = run if simulates else None
        return self._runs[underlying]
