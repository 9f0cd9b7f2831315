"""Whether the order is of a usual size, and not one of too many."""

from __future__ import annotations

from decimal import Decimal

from trading.risk.facts import Asset, Facts
from trading.risk.findings import Answer, at_least, at_most, need, passed

D = Decimal
BY_HAND = "user"
"""Origin of orders that a person gives: their own pace is theirs."""


def size(facts: Facts) -> Answer:
    """Contracts of the largest leg."""
    most = facts.limits.contracts
    return at_most(facts.picture.contracts, most, "The order is larger than this account's orders.")


def notional(facts: Facts) -> Answer:
    """What the legs are worth against the median order of 20 days, once there are ten."""
    if facts.median is None:
        return passed(facts.picture.notional, "fewer than 10 orders")
    most = facts.limits.notional * facts.median
    return at_most(facts.picture.notional, most, "The order is far larger than this account's are.")


def interest(facts: Facts) -> Answer:
    """Contracts of a leg against its open interest."""
    worst, limit = D(-1), D(0)
    for leg in facts.opening:
        if leg.instrument.asset != Asset.OPTION:
            continue
        quote = need(leg.quote, f"the quote of {leg.instrument.symbol}")
        held = need(quote.interest, f"the open interest of {leg.instrument.symbol}")
        most = facts.limits.interest * held
        if worst < 0 or abs(leg.quantity) - most > worst - limit:
            worst, limit = abs(leg.quantity), most
    if worst < 0:
        return passed()
    return at_most(worst, limit, "The order is large against the open interest.")


def displayed(facts: Facts) -> Answer:
    """Contracts of a leg against what is displayed on the side that it takes."""
    worst, limit = D(-1), D(0)
    for leg in facts.opening:
        if leg.instrument.asset != Asset.OPTION:
            continue
        quote = need(leg.quote, f"the quote of {leg.instrument.symbol}")
        side = quote.ask_size if leg.ratio > 0 else quote.bid_size
        most = facts.limits.displayed * need(side, f"the displayed size of {leg.instrument.symbol}")
        if worst < 0 or abs(leg.quantity) - most > worst - limit:
            worst, limit = abs(leg.quantity), most
    if worst < 0:
        return passed()
    return at_most(worst, limit, "The order is large against what is displayed.")


def second(facts: Facts) -> Answer:
    """Orders of the last second, this one too."""
    return at_most(
        D(facts.counts.second + 1), facts.limits.orders_a_second, "Too many orders in a second."
    )


def minute(facts: Facts) -> Answer:
    """Orders of the last minute."""
    return at_most(
        D(facts.counts.minute + 1), facts.limits.orders_a_minute, "Too many orders in a minute."
    )


def day(facts: Facts) -> Answer:
    """Orders of the day."""
    return at_most(D(facts.counts.day + 1), facts.limits.orders_a_day, "Too many orders in a day.")


def same(facts: Facts) -> Answer:
    """Orders of the same instruments, sides and quantity in the last minute."""
    text = "The same order was given too often in a minute."
    return at_most(D(facts.counts.same + 1), facts.limits.repeats, text)


def openings(facts: Facts) -> Answer:
    """Openings of the day by a machine, by the account's class."""
    if facts.intent.origin == BY_HAND:
        return passed("by hand")
    allowed = need(facts.size, "the equity").trades_a_day
    text = "An account of this size opens no more in a day."
    return at_most(D(facts.counts.openings + 1), D(allowed), text)


def between(facts: Facts) -> Answer:
    """Seconds since the machine's opening before, by the account's class."""
    if facts.intent.origin == BY_HAND or facts.counts.since_opening is None:
        return passed("by hand" if facts.intent.origin == BY_HAND else "first")
    least = need(facts.size, "the equity").seconds_between
    text = "An account of this size waits longer between openings."
    return at_least(D(repr(facts.counts.since_opening)), D(repr(least)), text)


def refusals(facts: Facts) -> Answer:
    """Refusals by the broker one after the other: more orders will not mend what is wrong."""
    text = "The broker refused too many orders one after the other."
    if facts.picture.reducing:
        return passed(facts.counts.refusals)
    return at_most(D(facts.counts.refusals + 1), facts.limits.refusals, text)
