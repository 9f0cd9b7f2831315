"""Quotes for the last look, from the market that the risk gate sees too."""

from __future__ import annotations

from trading.execution.quotes import Quote
from trading.ledger.book import ZERO
from trading.models import Account
from trading.risk import markets
from trading.risk.facts import Ground
from trading.scopes import underlying


def seen(account: Account, symbol: str) -> Quote | None:
    """Return the newest quote of an instrument as an account sees its market, None without one."""
    return quote_of(markets.look(account, underlying(symbol)), symbol)


def quote_of(found: markets.Seen, symbol: str) -> Quote | None:
    """Return an instrument's quote in its underlying's market, None without one.

    Nobody who bids is a bid of 0.
    """
    quote = found.quote(markets.instrument_of(symbol, markets.D(1)))
    if found.ground.state != "on":
        return None
    if quote is None or quote.ask is None or quote.age is None:
        return None
    return Quote(quote.bid or ZERO, quote.ask, quote.age, doubt=_doubt(found.ground))


def _doubt(ground: Ground) -> str:
    """Return what is wrong with an underlying's market, whatever the quotes of its options say."""
    bid, ask = ground.quote.bid, ground.quote.ask
    if bid is not None and ask is not None and not 0 < bid <= ask:
        return f"the quote of {ground.symbol} is no market: {bid} to {ask}"
    if ground.spot is None:
        return f"nobody knows where {ground.symbol} stands"
    return f"nothing moves in the market of {ground.symbol}" if ground.frozen else ""
