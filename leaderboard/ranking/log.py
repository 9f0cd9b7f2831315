"""The log of a bot as the rankings read it: each trade on its market's clock, with its boards."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

from django.db.models import Max, Min
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from leaderboard.claims import MULTIPLIER, Leg, fee_counted, leg_of
from leaderboard.models import Trade
from leaderboard.running import ZERO
from market.models import FeedRun

TIERS: Final = tuple(Trade.Tier.values)
"""From the weakest to the strongest; a board holds its tier and those above it."""
EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MARKETS: Final = (Trade.Market.REAL.value, Trade.Market.SIMULATED.value)
"""Where one can rank: on a replayed day everybody knows how it ends."""


class Logged(NamedTuple):
    """A trade as it is folded."""

    seq: int
    version: int
    market: str
    at: dt.datetime
    tier: str
    legs: tuple[Leg, ...]
    fee: Decimal
    spread: Decimal


def read(bot_id: int, *, after: int, most: int, version: int | None = None) -> list[Logged]:
    """Return trades of a bot in their order.

    A simulated one stands where its market's clock stood at receipt, a real one at its receipt.
    One in a simulation that was not there has no clock to stand on, and no market either.
    """
    rows = Trade.objects.filter(bot_id=bot_id, seq__gt=after).order_by("seq")
    if version is not None:
        rows = rows.filter(version_id=version)
    found = rows.values_list(
        "seq", "version_id", "market", "tier", "received_at", "legs", "fee",
        KeyTextTransform("market_time", "evidence"), KeyTextTransform("at", "evidence"),
        KeyTransform("quotes", "evidence"), KeyTextTransform("fee", "evidence"),
    )[:most]  # fmt: skip
    parsed = ((tuple(map(leg_of, row[5])), row) for row in found)
    return [
        Logged(
            seq, entry, *_where(market, received, market_time or at), tier,
            legs, fee_counted(fee, seen),
            spread_paid(legs, quotes) if tier == Trade.Tier.CHECKED else ZERO,
        )
        for legs, (seq, entry, market, tier, received, _, fee, market_time, at, quotes, seen)
        in parsed
    ]  # fmt: skip


def spread_paid(legs: Sequence[Leg], quotes: Sequence[Mapping[str, Any]] | None) -> Decimal:
    """Return what a trade paid against the middle of the quotes it was held against, US dollars.

    Whoever trades at random pays it, too: it says nothing about skill.
    """
    middles = {
        quote["symbol"]: (Decimal(repr(quote["bid"])) + Decimal(repr(quote["ask"]))) / 2
        for quote in quotes or ()
    }
    paid = (
        (leg.price - middles[leg.symbol]) * leg.signed * MULTIPLIER[leg.kind]
        for leg in legs
        if leg.symbol in middles
    )
    return sum(paid, ZERO)


def _where(market: str, received: dt.datetime, market_time: str | None) -> tuple[str, dt.datetime]:
    """Return the market of a trade, blank where it ranks nowhere, and its instant there."""
    if market == Trade.Market.REAL:
        return market, received
    at = None if market_time is None else parse_datetime(market_time)
    if at is None or market not in MARKETS:
        return "", received
    return market, at.astimezone(dt.UTC)


def boards_of(tier: str) -> tuple[str, ...]:
    """Return the boards on which a trade of a tier counts."""
    return TIERS[: TIERS.index(tier) + 1]


def clock(market: str) -> dt.datetime:
    """Return now on a market's own clock.

    Of simulations that are on it is the slowest: no trade is received before it. Without any it
    stands where the last one stopped.
    """
    if market == Trade.Market.REAL:
        return timezone.now()
    runs = FeedRun.objects.filter(source=FeedRun.Source.SIMULATOR, position__isnull=False)
    on = runs.filter(state__in=(FeedRun.State.RUNNING, FeedRun.State.PAUSED))
    slowest = on.aggregate(found=Min("position"))["found"]
    return slowest or runs.aggregate(found=Max("position"))["found"] or EPOCH
