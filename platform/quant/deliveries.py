"""What settles physically: the chance of assignment, the shares that arrive, and pins.

Probabilities are lognormal under volatilities given, the market's measure and not a forecast.
They are exact, so none has a sampling error. Options of one underlying and expiry settle on one
price: the shares that arrive are a step function of it, and their whole law follows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from quant import bsm
from quant.arrays import BoolArray, BoolLike, FloatArray
from quant.levels import pin_probability
from quant.risk import Book

PIN_WIDTH = 0.0025
"""Of the strike, either side: where exercise is decided after the close."""
_BISECTIONS = 60


def exercised(book: Book) -> FloatArray:
    """Return each option's chance of ending in the money under its own volatility, N(w d2).

    For a short option it is that of being assigned at expiry; early assignment comes on top.
    """
    return _above(book, book.K, book.T, book.sigma, book.is_call)


def early_calls(book: Book, dividend: float, until: float) -> FloatArray:
    """Return each call's chance of being exercised the evening before a dividend; 0 for puts.

    A holder exercises where S - K is more than the call is worth with the dividend gone (Merton
    1973), which happens above one spot, found by bisection. For a short call it is the chance of
    early assignment if every holder does what pays; in fact some forget (Pool, Stoll and Whaley
    2008). Puts, which may be exercised for interest at any time, are left out.

    Parameters
    ----------
    dividend : float
        $ a unit, at least 0.
    until : float
        Years to that evening, at least 0.

    Raises
    ------
    ValueError
        Naming the argument that is not valid.
    """
    for name, number in (("dividend", dividend), ("until", until)):
        if not (np.isfinite(number) and number >= 0.0):
            raise ValueError(f"{name} is {number}; give a finite number of at least 0")
    left = book.T - until
    mine = np.flatnonzero(book.is_call & (left > 0.0))
    K, T, vol = book.K[mine], left[mine], book.sigma[mine]
    low, high = np.maximum(K, dividend * (1.0 + 1e-9)), 100.0 * (K + dividend)

    def pays(spot: FloatArray) -> BoolArray:
        after = bsm.price(spot - dividend, K, T, book.r, book.q, vol, True)
        found: BoolArray = spot - K > after
        return found

    ever = pays(high)
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        up = pays(middle)
        low, high = np.where(up, low, middle), np.where(up, middle, high)
    chance = _above(book, high, np.full(K.shape, until), vol, True)
    out = np.zeros(book.K.shape)
    out[mine] = np.where(ever, chance, 0.0)
    return out


class Settlement(NamedTuple):
    """What one expiry of a book may deliver.

    Attributes
    ----------
    T : float
        Years left.
    expected, deviation : float
        Of the units that arrive, below zero for those that leave.
    assigned : float
        Expected units of short options that are exercised against us.
    least, most : float
        Units in the worst and best case.
    strikes : (k,) float64
        Ascending.
    pin : (k,) float64
        Chance of settling within the pin's width of the strike.
    at_stake : (k,) float64
        Units that hang on which side of the strike it settles: uncertain while pinned.
    """

    T: float
    expected: float
    deviation: float
    assigned: float
    least: float
    most: float
    strikes: FloatArray
    pin: FloatArray
    at_stake: FloatArray


def settlements(book: Book, *, pin_width: float = PIN_WIDTH) -> list[Settlement]:
    """Return what each expiry of a book may deliver, the next first.

    One volatility stands for an expiry, that of the strike nearest to spot, so that chances add
    up. Only for contracts that settle in the underlying.

    Parameters
    ----------
    pin_width : float
        Either side, of the strike.

    Raises
    ------
    ValueError
        When `pin_width` is not within 0 and 1.
    """
    if not 0.0 < pin_width < 1.0:
        raise ValueError(f"pin_width is {pin_width}; give a part of the strike within 0 and 1")
    return [_settled(book, T, pin_width) for T in np.unique(book.T).tolist()]


def _settled(book: Book, T: float, pin_width: float) -> Settlement:
    mine = book.T == T
    K, call, held = book.K[mine], book.is_call[mine], book.quantity[mine]
    vol = float(book.sigma[mine][np.argmin(np.abs(K - book.S))])
    strikes, at = np.unique(K, return_inverse=True)
    # A call bought brings units above its strike, a put bought takes them away below it.
    up = np.bincount(at, weights=np.where(call, held, 0.0), minlength=strikes.size)
    down = np.bincount(at, weights=np.where(call, 0.0, held), minlength=strikes.size)
    units = np.concatenate([[-down.sum()], -down.sum() + np.cumsum(up + down)])
    above = _above(book, strikes, np.full(strikes.shape, T), np.full(strikes.shape, vol), True)
    chance = -np.diff(np.concatenate([[1.0], above, [0.0]]))
    expected = float(chance @ units)
    hit = np.where(call, above[at], 1.0 - above[at])
    stake = np.zeros(strikes.size)
    np.add.at(stake, at, np.abs(held))
    if vol * T > 0.0:
        pin = pin_probability(book.S, strikes, pin_width * strikes, T, book.r, book.q, vol)
    else:
        forward = book.S * np.exp((book.r - book.q) * T)
        pin = np.where(np.abs(forward - strikes) <= pin_width * strikes, 1.0, 0.0)
    return Settlement(
        T=T,
        expected=expected,
        deviation=float(np.sqrt(chance @ (units - expected) ** 2)),
        assigned=float(np.maximum(-held, 0.0) @ hit),
        least=float(units.min()),
        most=float(units.max()),
        strikes=strikes,
        pin=pin,
        at_stake=stake,
    )


def _above(
    book: Book, K: FloatArray, T: FloatArray, sigma: FloatArray, is_call: BoolLike
) -> FloatArray:
    """Return the chance of settling above the strike for calls, below it for puts."""
    side = np.where(is_call, 1.0, -1.0)
    total = sigma * np.sqrt(T)
    away = np.log(book.S / K) + (book.r - book.q) * T
    with np.errstate(divide="ignore", invalid="ignore"):
        d2 = away / total - 0.5 * total
    # Without volatility the forward decides; at the strike itself nobody exercises.
    certain = np.where(side * away > 0.0, 1.0, 0.0)
    out: FloatArray = np.where(total > 0.0, ndtr(side * d2), certain)
    return out
