"""What a strategy decides on: its account's newest row, the quotes of that minute, its equity."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from django.utils import timezone

from market import calendars, occ
from market.clock import from_ns
from market.frames import Kind
from market.framestore import read_rows
from market.kept import Kept
from market.models import FeedRun, FrameRow
from tools_app.consensus import Consensus, Rules
from tools_app.contract import Evaluation, Tool
from tools_app.decisions import EntryController
from tools_app.execution import evaluations_at
from tools_app.registry import catalogue
from tools_app.scorecard_selectors import reliability_of
from trading.brokers.paper import markets
from trading.brokers.paper.models import PaperAccount
from trading.ledger import selectors as ledger
from trading.models import Account
from trading.strategies.config import EntryRules
from trading.strategies.course import Marked
from trading.strategies.sizers import SESSIONS, true_range

Held = Sequence[tuple[str, int, str]]
"""Symbol, ratio and multiplier as text of each leg of a trade."""


@dataclass(frozen=True, slots=True)
class Minute:
    """A row of a market, with its snapshot when that is there."""

    row: int
    run: FeedRun
    at: dt.datetime
    session: dt.date
    kept: Kept | None

    @property
    def closes(self) -> dt.datetime:
        """The close of the row's session; the row's own time where the calendar has none."""
        found = calendars.session(self.session)
        return self.at if found is None else found.close

    @property
    def late_s(self) -> float:
        """How far the live market has gone on since the row, s; 0 where the row is the market."""
        if self.run.source != FeedRun.Source.LIVE:
            return 0.0
        return (timezone.now() - self.at).total_seconds()

    def marked(self, legs: Held) -> list[Marked]:
        """Return ratio, bid and ask of each leg; NaN where there is no quote."""
        found = []
        for symbol, ratio, _ in legs:
            bid, ask = self.sides(symbol)
            found.append((ratio, bid, ask))
        return found

    def sides(self, symbol: str) -> tuple[float, float]:
        """Return bid and ask of an instrument, NaN where there is none."""
        if self.kept is None:
            return math.nan, math.nan
        quote = markets.quote_of(self.kept, symbol)
        return quote.bid, quote.ask


def newest(paper: PaperAccount) -> Minute | None:
    """Return the newest row of an account's market, None before the first."""
    row: FrameRow | None = markets.newest_first(paper).select_related("run").first()
    if row is None:
        return None
    place = markets.Row(row.run_id, row.time, row.session_date, row.snapshot_id)
    return Minute(row.pk, row.run, row.time, row.session_date, markets.kept(place))


def equity(account: Account, minute: Minute) -> Decimal | None:
    """Return cash and marks at the middles of a minute; None where something held has no quote."""
    marks = {}
    for held in ledger.positions(account):
        bid, ask = minute.sides(held.symbol)
        if not (math.isfinite(bid + ask) and 0.0 <= bid <= ask):
            return None
        marks[held.symbol] = Decimal(repr(round((bid + ask) / 2, 6)))
    return ledger.equity(account, marks).total


def last_trade(symbols: Sequence[str]) -> dt.datetime:
    """Return until when all of some options trade."""
    contracts = [occ.parse(symbol) for symbol in symbols]
    return min(calendars.last_trade(one.root, one.expiry) for one in contracts)


def settlement(expiry: int) -> dt.datetime:
    """Return a settlement instant of a chain, ns UTC, as a datetime."""
    return from_ns(expiry)


def average_range(minute: Minute) -> float | None:
    """Return the average true range of the sessions before a row, $; None when not known."""
    rows = read_rows(minute.run.pk, Kind.DAILY, through=minute.at, newest=SESSIONS + 1)
    columns = [rows.columns.get(name, np.full(len(rows), np.nan))
               for name in ("high", "low", "close")]  # fmt: skip
    return true_range(*columns)


def controller(rules: EntryRules, symbol: str) -> tuple[EntryController, list[Tool]]:
    """Return the entry of a configuration as it stands today, and the tools that it asks."""
    tools = [catalogue().get(number) for number in rules.tools]
    made = Consensus(
        names={tool.id: tool.name for tool in tools},
        weights=rules.weights,
        reliability=reliability_of(rules.tools, symbol),
        vetoes=frozenset(rules.vetoes),
        rules=Rules(rules.agreement, rules.confidence),
    )
    return made, tools


def answers(tools: Sequence[Tool], minute: Minute) -> list[Evaluation]:
    """Return what the tools say at a row."""
    return evaluations_at(tools, minute.run, minute.session, minute.at)
