"""American options: prices, Greeks, implied volatilities and the early-exercise boundary.

Value = European value + early-exercise premium. The European part is `quant.bsm`, exact; only the
premium comes from QuantLib's engine (`quant.early_exercise`), and only where it can matter. Greeks
of the premium are differences of it, those in time follow from the Black-Scholes equation, which
the premium obeys where the option is kept. Dividends are a continuous yield.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

from quant import bsm
from quant.arrays import BoolLike, ByteArray, FloatArray, FloatLike
from quant.bsm import Greeks
from quant.chain import Chain
from quant.early_exercise import (
    GRID_EFFORT,
    MOST_TOTAL,
    Contract,
    Unit,
    UnvaluedError,
    premium_greeks,
    settled,
    value,
)
from quant.fields import ALIASES, FIELDS
from quant.forwards import ForwardCurve, forward_curve
from quant.implied_vol import ChainVols, ImpliedVol, chain_iv
from quant.implied_vol import implied_vol as european_iv
from quant.smile import contract_vols
from quant.status import Status

_NEGLIGIBLE = 1e-9
"""Premium, over the strike, that is left out: below a hundred-thousandth of a cent for $100."""
_ROUNDING = 1e-13
_LEAST_TOTAL = 1e-7
_NEARBY, _NEAREST = 1e-3, 1e-2
"""Time value over the rate at which the boundary is told from: where the spot is 3 % of a deviation
away, or 1 % of itself if that is less."""


class Priced(NamedTuple):
    """Values, and how much of each is the right to exercise early; a `Status` byte per element.

    Where the status is `EXERCISE` the option is worth its intrinsic value and no more.
    """

    price: FloatArray
    premium: FloatArray
    status: ByteArray


def price(
    S: FloatLike,
    K: FloatLike,
    T: FloatLike,
    r: FloatLike,
    q: FloatLike,
    sigma: FloatLike,
    is_call: BoolLike,
) -> Priced:
    """Return values of American options.

    Parameters
    ----------
    S, K, T, r, q, sigma : float64, broadcast together
        As in `quant.bsm.price`.
    is_call : bool

    Returns
    -------
    Priced
        Of the common shape, in currency; error about 1e-6 of the strike, 1e-5 at worst. NaN with
        `BAD_INPUT` where an input is not a valid number, and where early exercise can pay and
        r T, q T or ln(S/K) is above 100 in size, sigma sqrt(T) above 64 or the strike beyond 1e60.
    """
    european, contracts, shape = _batch(S, K, T, r, q, sigma, is_call, ("price",))
    total, premium = european.price.reshape(-1).copy(), np.zeros(len(contracts))
    status = european.status.reshape(-1).copy()
    for place, one in enumerate(contracts):
        status[place] = _answerable(one, status[place])
        if _worth_asking(one, status[place]):
            try:
                found, now = settled(one.unit())
            except UnvaluedError:
                status[place] = Status.BAD_INPUT
                continue
            paid = one.intrinsic if now else max(found * one.K, total[place])
            premium[place] = paid - total[place]
            total[place] = paid
            if now:
                status[place] = Status.EXERCISE
    total = _worth_exercise(total, contracts)
    total[status == Status.BAD_INPUT] = premium[status == Status.BAD_INPUT] = np.nan
    return Priced(total.reshape(shape), premium.reshape(shape), status.reshape(shape))


def greeks(
    S: FloatLike,
    K: FloatLike,
    T: FloatLike,
    r: FloatLike,
    q: FloatLike,
    sigma: FloatLike,
    is_call: BoolLike,
    names: Iterable[str] | None = None,
) -> Greeks:
    """Return price and Greeks of American options; arguments and units as `quant.bsm.greeks`.

    Where exercise now is best the status is `EXERCISE`, delta is 1 or -1 and every other Greek 0.
    Elsewhere the error of a Greek is about that of the premium: first derivatives to 1e-4 of
    their size, third ones to about 1e-2. Fewer `names` are quicker.
    """
    wanted = FIELDS if names is None else tuple(dict.fromkeys(names))
    distinct = tuple(dict.fromkeys(ALIASES[n].of if n in ALIASES else n for n in wanted))
    european, contracts, shape = _batch(
        S, K, T, r, q, sigma, is_call, tuple(dict.fromkeys(("price", *distinct)))
    )
    values = {name: european.values[name].reshape(-1).copy() for name in european.values}
    status = european.status.reshape(-1).copy()
    kept: list[int] = []
    for place, one in enumerate(contracts):
        status[place] = _answerable(one, status[place])
        if not _worth_asking(one, status[place]):
            continue
        try:
            found, now = settled(one.unit())
        except UnvaluedError:
            status[place] = Status.BAD_INPUT
            continue
        if now:
            status[place] = Status.EXERCISE
            for part in values.values():
                part[place] = 0.0
            if "delta" in values:
                values["delta"][place] = 1.0 if one.is_call else -1.0
            values["price"][place] = one.intrinsic
        elif found - values["price"][place] / one.K > _NEGLIGIBLE:
            kept.append(place)
            values["price"][place] = found * one.K
    values["price"] = _worth_exercise(values["price"], contracts)
    if kept:
        extra = premium_greeks([contracts[place] for place in kept], distinct)
        for name, parts in extra.items():
            values[name][kept] += parts
            lost = ~np.isfinite(parts)
            status[np.array(kept)[lost]] = Status.BAD_INPUT
    for part in values.values():
        part[status == Status.BAD_INPUT] = np.nan
    out = {
        name: values[ALIASES[name].of] * ALIASES[name].scale if name in ALIASES else values[name]
        for name in wanted
    }
    return Greeks({name: part.reshape(shape) for name, part in out.items()}, status.reshape(shape))


def implied_vol(
    price: FloatLike,
    S: FloatLike,
    K: FloatLike,
    T: FloatLike,
    r: FloatLike,
    q: FloatLike,
    is_call: BoolLike,
) -> ImpliedVol:
    """Invert American prices for the volatility; arguments as `quant.implied_vol.implied_vol`.

    Status `BELOW_INTRINSIC` where the price is not above what exercise pays now: such an option
    is best exercised at any volatility low enough, so it tells none.
    """
    european = european_iv(price, S, K, T, r, q, is_call)
    with np.errstate(all="ignore"):
        start = np.where(
            european.status == Status.OK,
            european.iv,
            1.0 / np.sqrt(np.asarray(T, dtype=np.float64)),
        )
    vega = bsm.greeks(S, K, T, r, q, start, is_call, names=("vega",)).vega
    arrays = np.broadcast_arrays(price, S, K, T, r, q, start, is_call, vega)
    iv, status = european.iv.reshape(-1).copy(), european.status.reshape(-1).copy()
    rows = zip(*(array.ravel().tolist() for array in arrays), strict=True)
    for place, (paid, spot, strike, years, rate, dividend, sigma, right, slope) in enumerate(rows):
        if status[place] in (Status.EXPIRED, Status.BAD_INPUT):
            continue
        one = Contract(spot, strike, years, rate, dividend, sigma, bool(right))
        told = Status(int(status[place]))
        try:
            iv[place], status[place] = _invert(one, paid / one.K, slope / one.K, told)
        except UnvaluedError:
            iv[place], status[place] = math.nan, Status.BAD_INPUT
    shape = european.iv.shape
    return ImpliedVol(iv.reshape(shape), status.reshape(shape))


def boundary(
    K: float, times: FloatLike, r: float, q: float, sigma: float, is_call: bool
) -> FloatArray:
    """Return the spots at which exercise becomes best, for each time left.

    At the boundary the delta is that of exercise and the Black-Scholes equation gives the gamma
    on the side where the option is kept, 2 (r K - q B)/(sigma B)^2, so a time value nearby tells
    the distance; two of them extrapolate it to zero.

    Parameters
    ----------
    K : float
        Strike.
    times : (n,) float64
        Years left.
    r, q, sigma : float
    is_call : bool

    Returns
    -------
    (n,) float64
        NaN where early exercise is never best, or twice (r and q both negative).
    """
    left = np.atleast_1d(np.asarray(times, dtype=np.float64))
    out = np.full(left.shape, np.nan)
    for place, years in enumerate(left.ravel().tolist()):
        rate, other = (q * years, r * years) if is_call else (r * years, q * years)
        if rate > 0.0 and sigma > 0.0:
            # A call is a put on the strike with rate and yield exchanged.
            share = _put_boundary(rate, other, sigma * math.sqrt(years))
            out.ravel()[place] = K / share if is_call else K * share
    return out


def chain_vols(chain: Chain, tick: float = 0.01) -> ChainVols:
    """Return a chain's volatilities under its own exercise style.

    For an American chain parity holds only between European values, so forwards are implied
    twice: from the quotes, then from the quotes less the premiums that the first ones imply. Its
    slope cannot tell premium from rate: the rate given stands, and what differs is a yield.
    """
    vols = chain_iv(chain, tick)
    if not chain.american or not len(chain):
        return vols
    curve = forward_curve(_less_premium(chain, vols), rate_doubt=0.0)
    return _american_vols(chain, curve, tick)


def chain_rates(chain: Chain, vols: ChainVols) -> tuple[FloatArray, FloatArray]:
    """Return per contract the rate and the yield that its forward and discount factor imply.

    The rate of an American chain is the one given.
    """
    years = chain.years()
    with np.errstate(all="ignore"):
        free = (years > 0.0) & (not chain.american)
        r = np.where(free, -np.log(vols.discount) / years, chain.r)
        q = np.where(years > 0.0, r - np.log(vols.forward / chain.spot) / years, chain.q)
    return r, q


def _batch(
    S: FloatLike,
    K: FloatLike,
    T: FloatLike,
    r: FloatLike,
    q: FloatLike,
    sigma: FloatLike,
    is_call: BoolLike,
    names: tuple[str, ...],
) -> tuple[Greeks, list[Contract], tuple[int, ...]]:
    """Return the European answer and the contracts one by one."""
    european = bsm.greeks(S, K, T, r, q, sigma, is_call, names=names)
    arrays = np.broadcast_arrays(S, K, T, r, q, sigma, is_call)
    columns = [np.asarray(array, dtype=np.float64).ravel().tolist() for array in arrays[:-1]]
    rights = np.asarray(arrays[-1], dtype=np.bool_).ravel().tolist()
    contracts = [Contract(*row) for row in zip(*columns, rights, strict=True)]
    return european, contracts, european.status.shape


def effort(T: FloatLike, r: FloatLike, q: FloatLike, is_call: BoolLike) -> FloatArray:
    """Return what a contract costs to value: 1, or `GRID_EFFORT` with two exercise boundaries."""
    years, rate, dividend = (np.asarray(value, dtype=np.float64) for value in (T, r, q))
    with np.errstate(invalid="ignore", over="ignore"):
        a, b = rate * years, dividend * years
    call = np.asarray(is_call, dtype=np.bool_)
    rows = zip(*(part.ravel().tolist() for part in np.broadcast_arrays(a, b, call)), strict=True)
    twice = [Unit(1.0, one, other, 1.0, right).twice_exercised() for one, other, right in rows]
    out: FloatArray = np.where(twice, float(GRID_EFFORT), 1.0)
    return out.reshape(np.broadcast_shapes(a.shape, b.shape, call.shape))


def _answerable(one: Contract, status: int) -> int:
    """Return the status of a contract before it is valued: what the engines cannot is bad input."""
    if status in (Status.EXPIRED, Status.BAD_INPUT):
        return status
    unit = one.unit()
    bad = unit.may_pay_early() and not one.within_reach()
    return int(Status.BAD_INPUT) if bad else status


def _worth_exercise(price: FloatArray, contracts: list[Contract]) -> FloatArray:
    """Return values that no rounding of a discounted sum puts below what exercise pays."""
    floor = np.array([one.intrinsic for one in contracts], dtype=np.float64)
    out: FloatArray = np.maximum(price, floor)
    return out


def _worth_asking(one: Contract, status: int) -> bool:
    """Return whether the contract is alive and early exercise can be worth anything."""
    if status in (Status.EXPIRED, Status.BAD_INPUT):
        return False
    unit = one.unit()
    if not unit.may_pay_early():
        return False
    return unit.most_premium() > _NEGLIGIBLE


def _invert(one: Contract, target: float, vega: float, status: Status) -> tuple[float, Status]:
    """Return the volatility of one price; price and vega in strikes.

    `one.sigma` is the European volatility with its vega, or where there is none a first guess.
    """
    unit = one.unit()
    if not unit.may_pay_early():
        return (one.sigma if status == Status.OK else float("nan")), status
    if (fault := _beyond_bounds(one, target)) is not None:
        return float("nan"), fault
    if status == Status.OK and unit.most_premium() <= _NEGLIGIBLE:
        return one.sigma, status
    root = math.sqrt(one.T)
    total = _solve(unit, target, vega / root)
    if math.isfinite(total):
        return total / root, Status.OK
    return float("nan"), Status.BELOW_INTRINSIC if math.isnan(total) else Status.ABOVE_MAX


def _beyond_bounds(one: Contract, target: float) -> Status | None:
    """Return why no volatility gives a price in strikes, None when one does."""
    certain = one._replace(sigma=0.0)
    if not certain.within_reach():
        return Status.BAD_INPUT
    unit = certain.unit()
    if target <= value(unit) + _ROUNDING:
        return Status.BELOW_INTRINSIC
    return Status.ABOVE_MAX if target >= (unit.x if unit.is_call else 1.0) else None


def _solve(unit: Unit, target: float, vega: float) -> float:
    """Return the total volatility of a price in strikes; `unit.s` is rather too high.

    `vega` is the European one by total volatility. NaN where the price is above exercise by less
    than the engine can tell, infinity where no volatility that it values reaches the price.
    """

    def miss(s: float) -> float:
        return value(unit._replace(s=s)) - target

    high = min(unit.s, MOST_TOTAL)
    over = miss(high)
    while over < 0.0 and high < MOST_TOTAL:
        high = min(2.0 * high, MOST_TOTAL)
        over = miss(high)
    if over < 0.0:
        return math.inf
    if over == 0.0:
        return high
    # The European volatility is too high by about the premium over the vega.
    low = max(high - 1.5 * over / max(vega, 1e-12), 0.25 * high)
    while (under := miss(low)) > 0.0:
        high, low = low, 0.25 * low
        if low < _LEAST_TOTAL:
            return float("nan")
    if under == 0.0:
        return low
    return float(brentq(miss, low, high, xtol=1e-11 * high, rtol=1e-11))


def _put_boundary(a: float, b: float, s: float) -> float:
    """Return the boundary of a put over its strike, from time values at two distances from it."""
    edge = 1.0 if b <= 0.0 else min(1.0, a / b)

    def told(level: float) -> float:
        """Return the boundary that the place of a small time value tells."""

        def gap(x: float) -> float:
            return value(Unit(x, a, b, s, False), precise=True) - (1.0 - x) - level

        low = edge * math.exp(-0.5 * s)
        while gap(low) > 0.0:
            low *= math.exp(-0.5 * s)
        x = float(brentq(gap, low, edge, xtol=1e-14))
        # A time value of d away from B is (a - b B) (d/(s B))^2, to the first order.
        found = x
        for _ in range(50):
            found = x - s * found * math.sqrt(level / (a - b * found))
        return found

    # Where the yield reaches the rate, waiting costs less and less towards the edge.
    level = a * min(_NEARBY, (_NEAREST / s) ** 2) * min(1.0, max(1.0 - b / a, 0.0) + s)
    far, near = told(level), told(0.25 * level)
    return 2.0 * near - far


def _less_premium(chain: Chain, vols: ChainVols) -> Chain:
    """Return the chain with its quotes less their early-exercise premiums."""
    sigma = contract_vols(chain, vols)
    known = np.isfinite(sigma) & (vols.status == Status.OK)
    premium = np.zeros(len(chain))
    years = chain.years()[known]
    premium[known] = price(
        chain.spot, chain.strikes[known], years, chain.r, chain.q, sigma[known],
        chain.is_call[known],
    ).premium  # fmt: skip
    return replace(chain, bids=np.maximum(chain.bids - premium, 0.0), asks=chain.asks - premium)


def _american_vols(chain: Chain, curve: ForwardCurve, tick: float) -> ChainVols:
    """Return volatilities with every quote inverted as American, at the curve's rates."""
    vols = chain_iv(chain, tick, curve=curve)
    r, q = chain_rates(chain, vols)
    quotes = np.stack([chain.bids, chain.mids(), chain.asks])
    quotes[:, vols.status == Status.NO_QUOTE] = np.nan
    found = implied_vol(quotes, chain.spot, chain.strikes, chain.years(), r, q, chain.is_call)
    side = np.where(chain.is_call, 1.0, -1.0)
    value_now = np.maximum(side * (chain.spot - chain.strikes), 0.0)
    status = np.where(vols.status == Status.OK, found.status[1], vols.status)
    thin = (status == Status.OK) & (quotes[1] - value_now < tick)
    status[thin] = Status.WITHIN_TICK
    bid, mid, ask = found.iv
    return vols._replace(
        bid=bid, mid=np.where(status == Status.OK, mid, np.nan), ask=ask, status=status
    )
