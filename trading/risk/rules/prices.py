"""Whether the price is one that somebody means."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from trading.risk.facts import Facts, Leg
from trading.risk.findings import Answer, at_most, need, passed, refused
from trading.risk.picture import BAND, BAND_TICKS, CLOSE_BAND, THROUGH, THROUGH_LEAST, TICK

D = Decimal
CARRY: Final = D("0.10")
"""A year's share of the strike by which a European option may stand below its exercise value."""


def sanity(facts: Facts) -> Answer:
    """No quote, and no price of a single option, that lets money be had for nothing.

    An option is asked for at least its exercise value less a tick, and bid for less than the
    underlying (call) or the strike (put); a limit does not give it away or overpay it either.
    """
    for leg in facts.legs:
        option = leg.instrument.option
        if option is None:
            continue
        spot = facts.picture.spot(leg.instrument.underlying)
        inside = max(spot - option.strike if option.is_call else option.strike - spot, D(0))
        quote = need(leg.quote, f"the quote of {leg.instrument.symbol}")
        slack = TICK
        if not option.american:
            years = D(repr(need(quote.years, f"the time of {leg.instrument.symbol}")))
            slack += CARRY * max(years, D(0)) * option.strike
        least, most = inside - slack, spot if option.is_call else option.strike
        ask, bid = need(quote.ask, "the ask"), need(quote.bid, "the bid")
        name = leg.instrument.symbol
        if ask < least:
            return refused(f"{name} is asked below what exercise gives.", ask, least)
        if bid > most:
            return refused(f"{name} is bid above what it can be worth.", bid, most)
        answer = _limit(facts, leg, least, most)
        if answer is not None:
            return answer
    return passed()


def _limit(facts: Facts, leg: Leg, least: Decimal, most: Decimal) -> Answer | None:
    price = facts.intent.limit_price
    if price is None or len(facts.legs) > 1:
        return None
    if leg.ratio < 0 and price < least:
        return refused("The limit is below what exercise gives.", price, least)
    if leg.ratio > 0 and price > most:
        return refused("The limit is above what the option can be worth.", price, most)
    return None


def collar(facts: Facts) -> Answer:
    """The limit is no worse than 10 % of the middle, or 3 ticks a leg, beyond the middle.

    With an old quote, which only an order that lowers risk may have, 5 %. A better price than the
    middle harms nobody. What has no limit is sent with this one.
    """
    picture = facts.picture
    share = CLOSE_BAND if picture.reducing and picture.stale else BAND
    most = picture.mid + max(share * abs(picture.mid), BAND_TICKS * TICK * len(facts.legs))
    if picture.limit is None:
        return passed(picture.collar, most)
    return at_most(picture.limit, most, "The limit is too far from the middle of the quote.")


def through(facts: Facts) -> Answer:
    """Nor is it beyond the far side of the quote by more than 5 %, or $0.05."""
    picture = facts.picture
    most = picture.natural + max(THROUGH * abs(picture.natural), THROUGH_LEAST)
    if picture.limit is None:
        return passed(picture.collar, most)
    return at_most(picture.limit, most, "The limit is too far beyond the other side of the quote.")
