"""The rule that decides whether a reported trade is `checked`: one place for all its numbers."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from leaderboard.claims import Leg, plain


@dataclass(frozen=True, slots=True)
class Rule:
    """What a reported trade is held against.

    Attributes
    ----------
    price_share, price_least : Decimal
        A price may lie outside bid and offer by this share of the nearer side, and by at least
        this amount: one cent, for venues quote in cents.
    quote_age_s : float
        Age, in seconds of the market's own clock, beyond which a quote says nothing. Snapshots
        come once a minute.
    back_dated_s : float
        Seconds by which a trade may lie before its receipt, and by which clocks may differ.
    volume_share : Decimal
        Of the last interval's volume, where no size is displayed.
    """

    price_share: Decimal = Decimal("0.0005")
    price_least: Decimal = Decimal("0.01")
    quote_age_s: float = 90.0
    back_dated_s: float = 5.0
    volume_share: Decimal = Decimal("0.1")


RULE: Final = Rule()


@dataclass(frozen=True, slots=True)
class Quote:
    """What the server had stored of an instrument at receipt; None where it is not known.

    `time` is the market's instant of the quote and `age_s` its age there; `volume` is what was
    traded in the quote's interval.
    """

    bid: float | None
    ask: float | None
    time: dt.datetime
    age_s: float
    bid_size: float | None = None
    ask_size: float | None = None
    volume: float | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """The receipt on the market's own clock. `speed` is its seconds to one of ours."""

    now: dt.datetime
    speed: float = 1.0


def why_not_checked(
    leg: Leg, quote: Quote | None, *, is_open: bool, rule: Rule = RULE
) -> list[str]:
    """Return what keeps a leg from being checked, in sentences; nothing when it is."""
    faults = []
    if not is_open:
        faults.append(f"The market of {leg.symbol} was closed at receipt.")
    if quote is None:
        return [*faults, f"The server had no quote of {leg.symbol} at receipt."]
    if quote.age_s > rule.quote_age_s:
        return [
            *faults,
            f"The newest quote of {leg.symbol} was {_age(quote.age_s)} old at receipt; "
            f"{rule.quote_age_s:.0f} s are the most.",
        ]
    if quote.bid is None or quote.ask is None:
        return [*faults, f"The quote of {leg.symbol} had no bid or no offer at receipt."]
    return faults + _price(leg, quote.bid, quote.ask, rule) + _size(leg, quote, rule)


def why_not_timely(executed_at: dt.datetime | None, moment: Moment, rule: Rule = RULE) -> list[str]:
    """Return what is wrong with the time that a bot gives; without one it is the receipt."""
    if executed_at is None:
        return []
    # On a clock that runs faster than ours the same delay on the wire spans more of its time.
    allowed = rule.back_dated_s * max(1.0, moment.speed)
    late = (moment.now - executed_at).total_seconds()
    if late > allowed:
        return [f"It is dated {_age(late)} before its receipt; {allowed:.0f} s are the most."]
    if late < -allowed:
        return [f"It is dated {_age(-late)} after its receipt; {allowed:.0f} s are the most."]
    return []


def why_no_such_fee(fee: Decimal) -> list[str]:
    """Return what is wrong with a fee: a rebate is money that only the bot says it was given."""
    if fee >= 0:
        return []
    return [f"A fee of {plain(fee)} is money that was received, which nobody here has seen."]


def _price(leg: Leg, bid: float, ask: float, rule: Rule) -> list[str]:
    low, high = (Decimal(repr(side)) for side in (bid, ask))
    room = [max(rule.price_least, side * rule.price_share) for side in (low, high)]
    if low - room[0] <= leg.price <= high + room[1]:
        return []
    return [
        f"The price {plain(leg.price)} of {leg.symbol} lies outside the stored bid and offer, "
        f"{plain(low)} to {plain(high)}."
    ]


def _size(leg: Leg, quote: Quote, rule: Rule) -> list[str]:
    shown = quote.ask_size if leg.signed > 0 else quote.bid_size
    if shown is not None:
        most, what = Decimal(repr(shown)), "displayed"
    elif quote.volume is not None:
        most = Decimal(repr(quote.volume)) * rule.volume_share
        what = f"{rule.volume_share:.0%} of the volume of the last interval"
    else:
        return [f"The server knows no size and no volume of {leg.symbol} to hold this one against."]
    if leg.quantity <= most:
        return []
    return [f"The size {plain(leg.quantity)} of {leg.symbol} is above {plain(most)}, {what}."]


def _age(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"
