"""The trust tier of a trade, decided by the server when the trade arrives.

Two tiers need somebody who saw the trade: what was filled here is `server_priced`, what a broker
confirmed is `broker_verified`. Whoever can say so registers as a source.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import structlog

from leaderboard.claims import Claim, Execution, Leg, plain
from leaderboard.models import Bot, Trade
from leaderboard.quotes import Grounds
from leaderboard.rules import Quote, why_no_such_fee, why_not_checked, why_not_timely

log = structlog.get_logger("pulse.leaderboard")
Tier = Trade.Tier
REPORTED_WITHIN: Final = dt.timedelta(minutes=1)
"""Of the market's time since an execution was known: whoever sees how the next minutes go could
report what went well alone."""
REPORTED_LEAST: Final = dt.timedelta(seconds=5)
"""Of ours, which a bot has on the fastest market."""
SAME_TIME: Final = dt.timedelta(minutes=1)
"""By which the time that a bot claims may differ from the execution's."""
CONFIRMING: Final = (Tier.SERVER_PRICED, Tier.BROKER_VERIFIED)
UNKNOWN_SOURCE: Final = "There is no source {!r} that could confirm an execution."


@dataclass(frozen=True, slots=True)
class Seen:
    """One leg as a source saw it executed; `quantity` is below zero when it was sold."""

    symbol: str
    quantity: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a source saw under a reference.

    `at` is the market's time of it, `known_at` when it was known here, by our clock, and `market`
    whose prices it had; a source that leaves them out is not held to them. `fee` is what it cost.
    """

    legs: tuple[Seen, ...]
    at: dt.datetime
    known_at: dt.datetime | None = None
    market: str = ""
    fee: Decimal = Decimal(0)


Confirm = Callable[[int | None, str], Confirmation | None]
"""Given the owner's id and a reference: what was executed, or None when it is not known.

A source answers for executions of this owner alone, and each of them once.
"""


@dataclass(frozen=True, slots=True)
class Source:
    """Somebody who can confirm executions, and the tier that this is worth."""

    name: str
    tier: str
    confirm: Confirm


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the server makes of a claim."""

    tier: str
    market: str
    reasons: list[str]
    evidence: dict[str, Any]
    source: str = ""
    reference: str = ""


_sources: dict[str, Source] = {}


def register_source(name: str, *, tier: str, confirm: Confirm) -> None:
    """Let a source confirm executions.

    Raises
    ------
    ValueError
        When another source has the name, or the tier is not one that a source can give.
    """
    if tier not in CONFIRMING:
        raise ValueError(f"a source gives {' or '.join(CONFIRMING)}, not {tier}")
    source = Source(name, tier, confirm)
    if _sources.setdefault(name, source) != source:
        raise ValueError(f"the source {name!r} is registered already")


def unregister_source(name: str) -> None:
    """Remove a source (tests)."""
    _sources.pop(name, None)


def judge(bot: Bot, claim: Claim, grounds: Grounds, spent: Callable[[str, str], bool]) -> Verdict:
    """Return the tier of a claim, what it was held against, and why it is not higher.

    Parameters
    ----------
    bot : Bot
    claim : Claim
    grounds : Grounds
        The markets at receipt.
    spent : callable
        Whether an execution, by source and reference, stands behind another trade already.
    """
    refused: list[str] = []
    if claim.execution is not None and claim.fee >= 0:  # no source sees a rebate
        confirmed, refused = _confirmed(bot, claim, claim.execution, spent, grounds)
        if confirmed is not None:
            return confirmed
    found = [(leg, grounds.of(bot, leg)) for leg in claim.legs]
    quotes = [(leg, ground.quote(leg)) for leg, ground in found]
    first = found[0][1]
    reasons = why_not_timely(claim.executed_at, first.moment) + why_no_such_fee(claim.fee)
    for (leg, ground), (_, quote) in zip(found, quotes, strict=True):
        reasons += why_not_checked(leg, quote, is_open=ground.is_open(leg))
    evidence = {
        "market_time": first.moment.now.isoformat() if first.has_clock else None,
        "quotes": [_quoted(leg, quote) for leg, quote in quotes if quote is not None],
    }
    tier = Tier.SELF_REPORTED if reasons else Tier.CHECKED
    return Verdict(tier.value, first.market, refused + reasons, evidence)


def _confirmed(
    bot: Bot,
    claim: Claim,
    execution: Execution,
    spent: Callable[[str, str], bool],
    grounds: Grounds,
) -> tuple[Verdict | None, list[str]]:
    name, reference = execution.source, execution.reference
    source = _sources.get(name)
    if source is None:
        return None, [UNKNOWN_SOURCE.format(name[:40])]
    if spent(name, reference):
        return None, [f"The execution {reference} stands behind another trade already."]
    try:
        seen = source.confirm(bot.owner_id, reference)
    except Exception as error:  # noqa: BLE001 - a source may fail in its own ways
        log.error("confirmation_failed", source=name, error=str(error))
        return None, [f"{name} could not be asked for the execution."]
    if seen is None:
        return None, [f"{name} knows no such execution of this owner."]
    market = Trade.Market.SIMULATED if bot.market == Bot.Market.SIMULATED else Trade.Market.REAL
    differs = _differs(claim.legs, seen) or _misdated(claim, seen, market)
    if differs := differs or _chosen(bot, claim, seen, grounds):
        return None, [f"{name} saw something else: {differs}."]
    evidence = {"at": seen.at.astimezone(dt.UTC).isoformat(), "fee": plain(seen.fee)}
    return Verdict(source.tier, market.value, [], evidence, name, reference), []


def _misdated(claim: Claim, seen: Confirmation, market: str) -> str:
    """Return in words why an execution is not this trade for its market or its time."""
    if seen.market and seen.market != market:
        return f"a {seen.market} market, and the bot trades on {market} ones"
    if claim.executed_at is not None and abs(claim.executed_at - seen.at) > SAME_TIME:
        return f"it was at {seen.at:%Y-%m-%d %H:%M:%S}, not at {claim.executed_at:%H:%M:%S}"
    return ""


def _chosen(bot: Bot, claim: Claim, seen: Confirmation, grounds: Grounds) -> str:
    """Return in words how late an execution is told; the house tells of all that it trades."""
    if seen.known_at is None or bot.kind == Bot.Kind.HOSTED:
        return ""
    speed = max(1.0, grounds.of(bot, claim.legs[0]).moment.speed)
    most = max(REPORTED_WITHIN / speed, REPORTED_LEAST).total_seconds()
    late = (grounds.now - seen.known_at).total_seconds()
    if late <= most:
        return ""
    return f"it was known {late:.0f} s before this report; {most:.0f} s are the most"


def _differs(legs: tuple[Leg, ...], seen: Confirmation) -> str:
    said = {leg.symbol: (leg.signed, leg.price) for leg in legs}
    saw = {leg.symbol: (leg.quantity, leg.price) for leg in seen.legs}
    for symbol in sorted({*said, *saw}):
        if said.get(symbol) != saw.get(symbol):
            return f"{symbol} {_pair(saw.get(symbol))}, not {_pair(said.get(symbol))}"
    return ""


def _pair(pair: tuple[Decimal, Decimal] | None) -> str:
    return "nothing" if pair is None else f"{plain(pair[0])} at {plain(pair[1])}"


def _quoted(leg: Leg, quote: Quote) -> Mapping[str, Any]:
    return {
        "symbol": leg.symbol,
        "bid": quote.bid,
        "ask": quote.ask,
        "bid_size": quote.bid_size,
        "ask_size": quote.ask_size,
        "volume": quote.volume,
        "time": quote.time.isoformat(),
        "age_s": round(quote.age_s, 3),
    }
