"""Whether the account has lost too much to open anything more."""

from __future__ import annotations

from decimal import Decimal

from trading.ledger.book import ZERO
from trading.risk.facts import Day, Facts
from trading.risk.findings import Answer, need, passed, refused, warned


def day(facts: Facts) -> Answer:
    """From this loss of the day on nothing is opened."""
    found = need(facts.day, "the account's day")
    return _lost(found, facts.limits.reduce_loss * found.first, "The day's loss is at its limit.")


def halting(facts: Facts) -> Answer:
    """From this loss of the day on only what lowers risk is left; a breaker halts the account."""
    if facts.picture.reducing:
        return passed("leaves a position")
    found = need(facts.day, "the account's day")
    return _lost(found, facts.limits.halt_loss * found.first, "The day's loss halts the account.")


def drawdown(facts: Facts) -> Answer:
    """From this fall on nothing is opened."""
    fall, most = need(facts.day, "the account's day").fall, facts.limits.drawdown
    if fall < most:
        return passed(fall, most)
    return refused("The account fell too far from its highest.", fall, most)


def _lost(found: Day, most: Decimal, text: str) -> Answer:
    limit = max(most, ZERO)
    lost = max(-found.profit, ZERO)
    if found.first > 0 and lost < limit:
        return passed(lost, limit)
    return refused(text, lost, limit)


def wash_sale(facts: Facts) -> Answer:
    """Buying again within 30 days of a loss defers that loss: a word on taxes, never a refusal."""
    mine = sorted(
        {leg.instrument.underlying for leg in facts.opening if leg.ratio > 0} & facts.losses
    )
    if not mine:
        return passed()
    names = ", ".join(mine)
    return warned(f"A loss in {names} within 30 days may be a wash sale: it is deferred.", names)
