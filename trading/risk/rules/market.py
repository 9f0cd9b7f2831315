"""Whether there is a market to trade in: open, and seen as it is now."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Final

from market.clock import NEW_YORK
from trading.risk.facts import Asset, Facts, Ground, Quote
from trading.risk.findings import Answer, at_most, need, passed, refused
from trading.risk.picture import FRESH_CHAIN, FRESH_CLOSE, FRESH_OPTION, FRESH_SPOT

D = Decimal
LAST_HOUR: Final = dt.time(15, 0)
BEFORE_CLOSE: Final = dt.timedelta(hours=1)
AHEAD: Final = D(1)
"""Seconds that a quote may come from the future: clocks differ."""
WIDE, WIDE_LEAST = D("0.25"), D("0.10")


def session(facts: Facts) -> Answer:
    """The market of each leg is on, within its regular session; coins trade always."""
    for leg in facts.legs:
        name = leg.instrument.underlying
        ground = facts.picture.ground(name)
        if ground.state != "on":
            return refused(f"The market of {name} is not on: {ground.state}.", "off", "on")
        if leg.instrument.asset == Asset.CRYPTO:
            continue
        if ground.session is None or not ground.session[0] <= ground.now < ground.session[1]:
            return refused(f"The market of {name} is closed.", _clock(ground), "open")
    return passed("open", "open")


def last_trade(facts: Facts) -> Answer:
    """No option past its last trade."""
    for leg in facts.legs:
        option = leg.instrument.option
        if option is None:
            continue
        ground = facts.picture.ground(leg.instrument.underlying)
        if ground.now >= option.last_trade:
            text = f"{leg.instrument.symbol} traded last at {option.last_trade:%Y-%m-%d %H:%M} UTC."
            return refused(text, _clock(ground), f"{option.last_trade:%Y-%m-%d %H:%M}")
    return passed()


def last_hour(facts: Facts) -> Answer:
    """What expires today is not opened from 15:00 New York, or an hour before an early close."""
    for leg in facts.opening:
        if not facts.picture.ends_today(leg.as_holding()):
            continue
        ground = facts.picture.ground(leg.instrument.underlying)
        opened, closes = need(ground.session, "the session")
        cut = dt.datetime.combine(opened.astimezone(NEW_YORK).date(), LAST_HOUR, NEW_YORK)
        cut = min(cut.astimezone(dt.UTC), closes - BEFORE_CLOSE)
        if ground.now >= cut:
            text = "Options that expire today are not opened in the last hour."
            return refused(text, _clock(ground), f"{cut:%Y-%m-%d %H:%M}")
    return passed()


def listed(facts: Facts) -> Answer:
    """Each leg is listed, with as many units as the order says."""
    for leg in facts.legs:
        name, given = leg.instrument.symbol, leg.instrument.multiplier
        right = need(leg.listed, f"the contract {name}")
        if given != right:
            return refused(f"A contract of {name} is of {right} units.", given, right)
    return passed()


def quote_age(facts: Facts) -> Answer:
    """The quote of each option: 5 s to open, 30 s to lower risk."""
    ages = [_age(leg.quote, leg.instrument.symbol) for leg in facts.legs
            if leg.instrument.asset == Asset.OPTION]  # fmt: skip
    return _oldest(ages, facts, FRESH_OPTION, "A quote of an option is too old.")


def underlying_age(facts: Facts) -> Answer:
    """The quote of each underlying: 2 s to open, 30 s to lower risk."""
    ages = [_age(facts.picture.ground(name).quote, name) for name in facts.underlyings]
    return _oldest(ages, facts, FRESH_SPOT, "The quote of the underlying is too old.")


def chain_age(facts: Facts) -> Answer:
    """The chain, with what is computed from it: 60 s to open."""
    names = {leg.instrument.underlying for leg in facts.legs if leg.instrument.option is not None}
    ages = [
        D(repr(need(facts.picture.ground(name).chain_age, f"the age of the chain of {name}")))
        for name in sorted(names)
    ]
    return _oldest(ages, facts, FRESH_CHAIN, "The option chain is too old.")


def future(facts: Facts) -> Answer:
    """No quote from more than a second ahead: some clock is wrong."""
    ages = [_age(leg.quote, leg.instrument.symbol) for leg in facts.legs]
    ages += [_age(facts.picture.ground(name).quote, name) for name in facts.underlyings]
    return at_most(-min(ages), AHEAD, "A quote comes from the future: clocks are not right.")


def two_sided(facts: Facts) -> Answer:
    """A bid below an ask on every leg and underlying; to lower risk the bid may be 0."""
    quotes = [(leg.instrument.symbol, leg.quote) for leg in facts.legs]
    for name in facts.underlyings:
        own = facts.picture.ground(name).quote
        if own.bid is None and own.ask is None:  # an index has a level and no quote
            facts.picture.spot(name)
        else:
            quotes.append((name, own))
    for name, quote in quotes:
        found = need(quote, f"the quote of {name}")
        bid, ask = need(found.bid, f"the bid of {name}"), need(found.ask, f"the ask of {name}")
        said = f"{bid} / {ask}"
        if not (bid.is_finite() and ask.is_finite()):
            return refused(f"The quote of {name} is no number.", said)
        if bid >= ask:
            word = "locked" if bid == ask else "crossed"
            return refused(f"The quote of {name} is {word}.", said, "bid < ask")
        if bid < 0 or (bid == 0 and not facts.picture.reducing):
            return refused(f"Nobody bids for {name}.", said, "bid > 0")
    return passed()


def width(facts: Facts) -> Answer:
    """Each leg's spread: a quarter of its middle, or $0.10."""
    worst, limit = D(-1), D(0)
    for leg in facts.legs:
        quote = need(leg.quote, f"the quote of {leg.instrument.symbol}")
        mid = need(quote.mid, f"the middle of {leg.instrument.symbol}")
        wide = need(quote.ask, "the ask") - need(quote.bid, "the bid")
        most = max(WIDE * mid, WIDE_LEAST)
        if wide - most > worst - limit or worst < 0:
            worst, limit = wide, most
    return at_most(worst, limit, "The spread of a quote is too wide.")


def _oldest(ages: list[Decimal], facts: Facts, fresh: float, text: str) -> Answer:
    if not ages:
        return passed()
    limit = max(FRESH_CLOSE, fresh) if facts.picture.reducing else fresh
    return at_most(max(ages), D(repr(limit)), text)


def _age(quote: Quote | None, name: str) -> Decimal:
    return D(repr(need(need(quote, f"the quote of {name}").age, f"the age of {name}'s quote")))


def _clock(ground: Ground) -> str:
    return f"{ground.now:%Y-%m-%d %H:%M}"
