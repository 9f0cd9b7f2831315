"""Quotes for the last look, from the market that the risk gate sees too."""

from __future__ import annotations

from trading.execution.quotes import Quote
from trading.ledger.book import ZERO
from trading.models import Account
from trading.risk import markets
from trading.scopes import underlying


def seen(account: Account, symbol: str) -> Quote | None:
    """Return the newest quote of an instrument as an account sees its market, None without one.

    Nobody who bids is a bid of 0.
    """
    instrument = markets.instrument_of(symbol, markets.D(1))
    found = markets.look(account, underlying(instrument.underlying))
    quote = found.quote(instrument)
    if found.ground.state != "on":
        return None
    if quote is None or quote.ask is None or quote.age is None:
        return None
    return Quote(quote.bid or ZERO, quote.ask, quote.age)
