"""Implied volatility of prices and of whole chains, with the reason where there is none."""

from typing import NamedTuple

import numpy as np

from quant.arrays import BoolArray, BoolLike, ByteArray, FloatArray, FloatLike
from quant.bsm_terms import discounted_gap, log_ratio
from quant.chain import Chain
from quant.forwards import ForwardCurve, implied_forwards
from quant.memory import address, flat, places
from quant.status import Status
from quant.threads import in_chunks
from quant.total_vol import total_volatility


class ImpliedVol(NamedTuple):
    """Volatilities per square root of a year (NaN unless the status is OK) and their `Status`."""

    iv: FloatArray
    status: ByteArray


class ChainVols(NamedTuple):
    """Implied volatilities of a chain, one element per contract.

    `status` speaks of `mid`. `bid` and `ask` are NaN where that side alone has no volatility.
    `source` is a `quant.forwards.ForwardSource` byte: whether `forward` and `discount` come from
    put-call parity or from the chain's own rate and yield.
    """

    bid: FloatArray
    mid: FloatArray
    ask: FloatArray
    status: ByteArray
    forward: FloatArray
    discount: FloatArray
    source: ByteArray

    def select(self, which: BoolArray) -> "ChainVols":
        """Return the contracts of a boolean mask, in order."""
        return ChainVols(
            bid=self.bid[which],
            mid=self.mid[which],
            ask=self.ask[which],
            status=self.status[which],
            forward=self.forward[which],
            discount=self.discount[which],
            source=self.source[which],
        )


class _Quotes(NamedTuple):
    """Prices with what inverts them; `gap` is `spot` - `strike`, both discounted."""

    price: FloatArray
    spot: FloatArray
    strike: FloatArray
    y: FloatArray
    gap: FloatArray
    years: FloatArray
    is_call: BoolArray


def implied_vol(
    price: FloatLike,
    S: FloatLike,
    K: FloatLike,
    T: FloatLike,
    r: FloatLike,
    q: FloatLike,
    is_call: BoolLike,
    *,
    threads: int | None = None,
) -> ImpliedVol:
    """Invert `quant.bsm.price` for the volatility.

    Parameters
    ----------
    price, S, K : float64, broadcast together with all the others
        Option price, spot and strike in one currency.
    T : float64
        Years to settlement.
    r, q : float64
        Continuously compounded rate and dividend yield, per year.
    is_call : bool
    threads : int, optional
        How many to use; by default as many as the size pays for. The bits are the same.

    Returns
    -------
    ImpliedVol
        Of the common shape. Status `BAD_INPUT` where something is not finite, S or K is not
        above zero or the price is negative; `EXPIRED` where T <= 0; `BELOW_INTRINSIC` where the
        price has no time value; `ABOVE_MAX` where it reaches its upper bound.
    """
    from quant.kernels import implied as kernels

    given = [np.asarray(value, dtype=np.float64) for value in (price, S, K, T, r, q)]
    calls = np.asarray(is_call, dtype=np.bool_)
    shape = np.broadcast_shapes(*(array.shape for array in given), calls.shape)
    iv, status = np.empty(shape), np.empty(shape, dtype=np.uint8)
    if not iv.size:
        return ImpliedVol(iv, status)
    columns = [flat(array, shape) for array in (*given, calls)]
    inputs, flags = places(columns, iv.size), status.reshape(-1)
    target = np.array([address(iv)])
    in_chunks(
        lambda span: kernels.implied_kernel(span, inputs, target, flags),
        iv.size,
        grain=kernels.GRAIN,
        tile=kernels.TILE,
        threads=threads,
    )
    hard = np.flatnonzero(flags == kernels.HARD)
    if hard.size:
        taken = [column[hard] if column.size == iv.size else column[0] for column in columns]
        told = reference(*taken)
        iv.reshape(-1)[hard], flags[hard] = told.iv, told.status
    return ImpliedVol(iv, status)


def reference(
    price: FloatLike,
    S: FloatLike,
    K: FloatLike,
    T: FloatLike,
    r: FloatLike,
    q: FloatLike,
    is_call: BoolLike,
) -> ImpliedVol:
    """Return what `implied_vol` returns, by plain NumPy with bracketed steps.

    It is what the fast kernel is tested against, and answers the prices that do not settle there
    in a few steps. Arguments as in `implied_vol`.
    """
    arrays = np.broadcast_arrays(
        *(np.asarray(value, dtype=np.float64) for value in (price, S, K, T, r, q)),
        np.asarray(is_call, dtype=np.bool_),
    )
    shape = arrays[0].shape
    V, spot, strike, years, rate, dividend, call = (array.ravel() for array in arrays)
    with np.errstate(all="ignore"):
        drift = (rate - dividend) * years
        Dq, Dr = np.exp(-dividend * years), np.exp(-rate * years)
        quotes = _Quotes(
            price=V,
            spot=spot * Dq,
            strike=strike * Dr,
            y=log_ratio(spot, strike) + drift,
            gap=discounted_gap(spot, strike, drift, Dq, Dr),
            years=years,
            is_call=call.astype(np.bool_),
        )
        bad = ~((spot > 0) & (strike > 0) & np.isfinite(rate) & np.isfinite(dividend))
        iv, status = _invert(quotes, bad)
    return ImpliedVol(iv.reshape(shape), status.reshape(shape))


def chain_iv(chain: Chain, tick: float = 0.01, *, curve: ForwardCurve | None = None) -> ChainVols:
    """Return the volatilities implied by a chain's bids, mids and asks.

    Each expiry is inverted against the forward and discount factor that put-call parity implies
    for it (`quant.forwards`), so call and put of a strike agree. American quotes are inverted by
    the European formula: right to within the early-exercise premium.

    Parameters
    ----------
    chain : Chain
    tick : float
        Smallest price step, in currency. A mid whose time value is below it gets
        `WITHIN_TICK` and no mid volatility: only the interval from bid to ask means something.
    curve : ForwardCurve, optional
        Forwards to use instead of those that the quotes imply.

    Returns
    -------
    ChainVols
        Status `NO_QUOTE` where the quote is missing, one-sided upward or crossed.
    """
    parity = implied_forwards(chain, curve)
    mids = chain.mids()
    two_sided = np.isfinite(mids)
    prices = np.stack(
        [np.where(two_sided, chain.bids, np.nan), mids, np.where(two_sided, chain.asks, np.nan)]
    )
    forward, discount = parity.forward, parity.discount
    # Undiscounted prices against the forward: the same equation without rate and yield.
    iv, state = implied_vol(
        prices / discount, forward, chain.strikes, chain.years(), 0.0, 0.0, chain.is_call
    )
    bid, mid, ask = iv
    state = state[1].copy()
    gap = discount * (forward - chain.strikes)
    intrinsic = np.maximum(np.where(chain.is_call, gap, -gap), 0.0)
    thin = (state == Status.OK) & (mids - intrinsic < tick)
    state[thin] = Status.WITHIN_TICK
    state[~two_sided & (state != Status.EXPIRED)] = Status.NO_QUOTE
    return ChainVols(
        bid=bid,
        mid=np.where(thin, np.nan, mid),
        ask=ask,
        status=state,
        forward=forward,
        discount=discount,
        source=parity.source,
    )


def _invert(quotes: _Quotes, bad: BoolArray | np.bool_) -> ImpliedVol:
    """Classify flat arrays of prices, turn them out of the money, and solve what can be."""
    side = np.where(quotes.is_call, 1.0, -1.0)
    in_money = side * quotes.y > 0.0
    value = quotes.price - np.where(in_money, side * quotes.gap, 0.0)
    room = np.where(quotes.is_call, quotes.spot, quotes.strike) - quotes.price
    scale = np.sqrt(quotes.spot) * np.sqrt(quotes.strike)
    usable = np.isfinite(value) & np.isfinite(quotes.y) & np.isfinite(quotes.years)
    usable &= np.isfinite(room) & np.isfinite(scale) & (scale > 0.0) & (quotes.price >= 0.0)
    status = np.full(value.shape, Status.OK, dtype=np.uint8)
    for mask, code in (
        (value <= 0.0, Status.BELOW_INTRINSIC),
        (room <= 0.0, Status.ABOVE_MAX),
        (quotes.years <= 0.0, Status.EXPIRED),
        (bad | (~usable & ~(np.isnan(quotes.price) & (quotes.years <= 0.0))), Status.BAD_INPUT),
    ):
        np.copyto(status, np.uint8(code), where=mask)
    iv = np.full(value.shape, np.nan)
    good = np.flatnonzero(status == Status.OK)
    if good.size:
        unit = scale[good]
        total = total_volatility(
            np.abs(quotes.y[good]), _log_share(value[good], unit), _log_share(room[good], unit)
        )
        iv[good] = total / np.sqrt(quotes.years[good])
    return ImpliedVol(iv, status)


def _log_share(part: FloatArray, unit: FloatArray) -> FloatArray:
    """Return ln(part/unit), also where the quotient is too small to be represented."""
    share = part / unit
    safe = share > np.finfo(float).tiny
    return np.where(safe, np.log(share), np.log(part) - np.log(unit))
