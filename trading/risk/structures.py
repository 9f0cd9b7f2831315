"""Which structure an order opens, so that an account's class can say whether it may."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from quant.account_classes import Structure


@dataclass(frozen=True, slots=True)
class Piece:
    """One leg that opens: an option where it has a right, else shares or coins."""

    ratio: int
    is_call: bool | None = None
    strike: Decimal = Decimal(0)
    expiry: dt.date = dt.date.max


def structure(
    pieces: Sequence[Piece], *, shares: Decimal = Decimal(0), bare: bool = False
) -> Structure | None:
    """Return what the opening legs of an order are, or None when it is none of those.

    Parameters
    ----------
    shares : Decimal
        Of the underlying that are held: they make a short option a covered one.
    bare : bool
        Whether more short puts stand over nothing but cash than before.
    """
    stock = [one for one in pieces if one.is_call is None]
    options = [one for one in pieces if one.is_call is not None]
    if stock:
        return _with_stock(stock, options)
    if len(options) == 1:
        return _single(options[0], shares, bare=bare)
    if len(options) == 2:
        return _pair(*sorted(options, key=lambda one: one.ratio))
    return _wings(options)


def _with_stock(stock: Sequence[Piece], options: Sequence[Piece]) -> Structure | None:
    if len(stock) > 1:
        return None
    if not options:
        return Structure.STOCK if stock[0].ratio > 0 else Structure.SHORT_STOCK
    if stock[0].ratio < 0:
        return None
    return Structure.COVERED if len(options) == 1 else None


def _single(one: Piece, shares: Decimal, *, bare: bool) -> Structure:
    """A short option alone stands over shares, over options that are held, or over cash."""
    if one.ratio > 0:
        return Structure.LONG_OPTION
    if bare and not one.is_call:
        return Structure.CASH_SECURED_PUT
    if (shares > 0) == bool(one.is_call) and shares:
        return Structure.COVERED
    return Structure.CREDIT_VERTICAL


def _pair(short: Piece, long: Piece) -> Structure | None:
    if short.ratio > 0:
        both = short.is_call != long.is_call and short.expiry == long.expiry
        return Structure.LONG_STRADDLE if both else None
    if short.is_call != long.is_call or short.ratio != -long.ratio:
        return None
    if short.expiry != long.expiry:
        return Structure.CALENDAR if short.expiry < long.expiry else None
    dearer = long.strike < short.strike if long.is_call else long.strike > short.strike
    return Structure.DEBIT_VERTICAL if dearer else Structure.CREDIT_VERTICAL


def _wings(options: Sequence[Piece]) -> Structure | None:
    """A butterfly of one right, or a condor (also an iron butterfly) of both: balanced alone."""
    if len({one.expiry for one in options}) != 1:
        return None
    by_right = {call: [one for one in options if one.is_call == call] for call in (True, False)}
    if any(sum(one.ratio for one in side) for side in by_right.values()):
        return None
    if all(len(side) == 2 for side in by_right.values()):
        return Structure.IRON_CONDOR
    side = sorted(by_right[True] or by_right[False], key=lambda one: one.strike)
    if by_right[True] and by_right[False]:
        return None
    signs = [one.ratio > 0 for one in side]
    flies = ([True, False, True], [False, True, False],
             [True, False, False, True], [False, True, True, False])  # fmt: skip
    return Structure.BUTTERFLY if signs in flies else None
