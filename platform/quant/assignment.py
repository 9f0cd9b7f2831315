"""Assignment before and around expiry: who exercises early, what a pin may bring, what is swept."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import scipy  # loads `stats` when it is first used: half a second of every start
from scipy.special import ndtr

from quant.arrays import BoolArray, BoolLike, FloatArray, FloatLike, IntArray
from quant.levels import pin_probability

SWEEP_LEAD: Final = 45 * 60 * 10**9
"""Nanoseconds before the close from which Alpaca closes what an account cannot carry into expiry:
15:15 New York ("typically", earlier in volatile markets). That a half day keeps the 45 minutes is
our assumption."""
NEAR: Final = 0.01
"""Share of spot within which an option counts as close to the money; Alpaca names no figure."""
_YEAR_DAYS: Final = 365.0


def dividend_due(
    price: FloatLike, spot: FloatLike, strike: FloatLike, dividend: FloatLike
) -> BoolArray:
    """Return whether a holder of an American call does better by exercising before the ex-date.

    On the day before, in the money, when the time value is less than the dividend: keeping the
    option gives up the one for the other (Merton 1973; Hull, Options, Futures and Other
    Derivatives, "Calls on dividend-paying stocks").

    Parameters
    ----------
    price, spot, strike, dividend : float64, broadcast together
        Of the day before the ex-date; `price` what the option could be sold at.
    """
    worth = np.asarray(spot, dtype=np.float64) - np.asarray(strike, dtype=np.float64)
    left = np.asarray(price, dtype=np.float64) - np.maximum(worth, 0.0)
    paid = np.asarray(dividend, dtype=np.float64)
    found: BoolArray = (worth > 0.0) & (paid > 0.0) & (left < paid - 1e-9)
    return found


def put_due(
    price: FloatLike,
    spot: FloatLike,
    strike: FloatLike,
    rate: FloatLike,
    days: FloatLike,
    dividend: FloatLike = 0.0,
) -> BoolArray:
    """Return whether a holder of an American put does better by exercising tonight.

    Deep in the money, when the interest on the strike until it could be exercised again, less a
    dividend that the shares would pay by then, is more than the time value given up.

    Parameters
    ----------
    price, spot, strike : float64, broadcast together with those that follow
    rate : float64
        Per year, continuously compounded.
    days : float64
        Calendar days until the next session: 1, or 3 over a weekend.
    dividend : float64
    """
    worth = np.asarray(strike, dtype=np.float64) - np.asarray(spot, dtype=np.float64)
    left = np.asarray(price, dtype=np.float64) - np.maximum(worth, 0.0)
    years = np.asarray(days, dtype=np.float64) / _YEAR_DAYS
    interest = -np.asarray(strike, dtype=np.float64) * np.expm1(-np.asarray(rate) * years)
    found: BoolArray = (worth > 0.0) & (left < interest - np.asarray(dividend) - 1e-9)
    return found


def assigned_early(
    due: BoolLike, short: FloatLike, uniform: FloatLike, share: float = 1.0
) -> IntArray:
    """Return how many contracts held short are assigned tonight.

    Clearing spreads exercises at random over those who are short, so each contract is assigned with
    the share of holders that do exercise what they should: a binomial number.

    Parameters
    ----------
    due : bool, broadcast together with those that follow
        As of `dividend_due` or `put_due`.
    short : float64
        Contracts held short, at least 0.
    uniform : float64
        Draws from [0, 1): the same draw gives the same answer.
    share : float
        Of holders; some forget. 1 assigns all, the worst case.

    Raises
    ------
    ValueError
        When the share is not between 0 and 1.
    """
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"share is {share}; give a number between 0 and 1")
    chance = np.where(due, share, 0.0)
    held = np.asarray(short, dtype=np.float64)
    drawn = scipy.stats.binom.ppf(np.asarray(uniform, dtype=np.float64), held, chance)
    found: IntArray = np.clip(drawn, 0.0, held).astype(np.int64)
    return found


class PinRisk(NamedTuple):
    """Of positions at the cut-off for exercise, after the last trade.

    `in_money` is the probability of being in the money; `shares` the expected shares that come
    (below 0 go), `shares_sd` their standard deviation `M |Q| sqrt(p (1 - p))`; `near` the
    probability of ending within the half width of the strike.
    """

    in_money: FloatArray
    shares: FloatArray
    shares_sd: FloatArray
    near: FloatArray


def pin_risk(
    *,
    is_call: BoolLike,
    spot: FloatLike,
    strike: FloatLike,
    quantity: FloatLike,
    sigma: FloatLike,
    years: FloatLike,
    half_width: FloatLike,
    multiplier: FloatLike = 100.0,
) -> PinRisk:
    """Return the risk of an unknown number of shares on the next morning.

    Parameters
    ----------
    is_call : bool, broadcast together with all others
    spot, strike, half_width : float64
    quantity : float64
        Contracts, below 0 when short.
    sigma, years : float64
        Volatility and the time to the cut-off, both above 0; no drift.
    multiplier : float64
    """
    sd = np.asarray(sigma, dtype=np.float64) * np.sqrt(np.asarray(years, dtype=np.float64))
    with np.errstate(divide="ignore", invalid="ignore"):
        above = ndtr(np.log(np.asarray(spot) / np.asarray(strike)) / sd - 0.5 * sd)
    chance = np.where(is_call, above, 1.0 - above)
    size = np.asarray(quantity, dtype=np.float64) * np.asarray(multiplier, dtype=np.float64)
    near = pin_probability(spot, strike, half_width, years, 0.0, 0.0, sigma)
    return PinRisk(
        chance,
        np.where(is_call, size, -size) * chance,
        np.abs(size) * np.sqrt(chance * (1.0 - chance)),
        near,
    )


def sweep_instant(closes: int, lead: int = SWEEP_LEAD) -> int:
    """Return from when a broker closes what an account cannot carry, ns UTC."""
    return closes - lead


def swept(
    *,
    is_call: BoolLike,
    strike: FloatLike,
    quantity: FloatLike,
    spot: FloatLike,
    underlying: FloatLike,
    shares: FloatLike,
    buying_power: float,
    multiplier: FloatLike = 100.0,
    near: float = NEAR,
) -> BoolArray:
    """Return which of one account's positions, expiring today, the broker closes before the close.

    What is in the money is netted by underlying at the spot, at `near` below and above it and on
    both sides of every strike between, so a spread whose legs both end in the money needs its width
    alone. Where shares would be lacking,
    what delivers them goes; where money would be lacking, what buys shares goes, calls that are
    held before puts that were sold. What a leg that goes had covered is looked at again.

    Parameters
    ----------
    is_call, strike, quantity, multiplier : (n,)
        Contracts below 0 when short.
    spot : (n,) float64
        Of each position's underlying.
    underlying : (n,) int
        Numbers from 0 on.
    shares : (underlyings,) float64
        Held and not promised to anything else.
    buying_power : float
        Dollars.
    near : float
    """
    call = np.asarray(is_call, dtype=bool)
    of = np.asarray(underlying, dtype=np.int64)
    held = np.asarray(shares, dtype=np.float64)
    price = np.asarray(strike, dtype=np.float64)
    count = np.asarray(quantity, dtype=np.float64) * np.asarray(multiplier, dtype=np.float64)
    moves = np.where(call, count, -count)  # shares that come when it is exercised
    goes = np.zeros(call.shape, dtype=bool)
    now = np.asarray(spot, dtype=np.float64)
    # Between two strikes one half of a spread ends in the money alone.
    at_strikes = np.concatenate([(price - 0.01) / now, (price + 0.01) / now])
    at_strikes = at_strikes[np.abs(at_strikes - 1.0) < near]
    ends = now * np.unique([1.0 - near, 1.0, 1.0 + near, *at_strikes])[:, None]
    # What goes may have covered what stays, so every end is looked at again until nothing goes.
    while True:
        left = goes.copy()
        for at in ends:
            live = np.where(call, at - price, price - at) >= 0.01 - 1e-9
            goes |= _lacking(live & ~goes, moves, count > 0.0, price, of, held, buying_power)
        if (left == goes).all():
            return goes


def _lacking(
    live: BoolArray, moves: FloatArray, bought: BoolArray, price: FloatArray,
    of: IntArray, shares: FloatArray, buying_power: float,
) -> BoolArray:  # fmt: skip
    """Return which go next if the market ends so: none where nothing is lacking."""
    coming = np.where(live, moves, 0.0)
    after = shares + np.bincount(of, weights=coming, minlength=shares.size)
    undelivered = live & (moves < 0.0) & (after[of] < 0.0)
    if undelivered.any() or buying_power - (coming * price).sum() >= -1e-9:
        return undelivered
    unpaid = live & (moves > 0.0)
    # A call that is held is sold at no risk; a put that was sold may be the half of a spread.
    return unpaid & bought if (unpaid & bought).any() else unpaid
