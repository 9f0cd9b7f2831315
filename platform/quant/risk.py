"""Risk of a book of options: what moved it, and how much it may lose.

Value at risk and expected shortfall come from full repricing: near expiry an expansion in Greeks
misses by a third. Scenarios are normal in log spot and in log volatility, correlated, drawn by
scrambled Sobol sequences; the spread over independent scramblings is the error that is shown
(Owen 1997). Shortfall is that of Rockafellar and Uryasev (2002), with its fractional atom, and is
allocated by Euler's rule: each position's mean loss where the book's is in the tail (Tasche 1999).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy  # loads `stats` when it is first used: half a second of every start
from scipy.special import ndtri

from quant import bsm
from quant.arrays import BoolArray, BoolLike, FloatArray, FloatLike
from quant.threads import in_chunks

DEFAULT_LEVEL = 0.99


@dataclass(frozen=True, slots=True, eq=False)
class Book:
    """Options on one underlying and units of it.

    Attributes
    ----------
    S, r, q : float
        Spot; rate and yield per year.
    K, T, sigma : (n,) float64
        Strike, years left, volatility per square root of a year.
    is_call : (n,) bool
    quantity : (n,) float64
        Units of the underlying: contracts times multiplier, below zero for short.
    units : float
        Of the underlying itself.
    """

    S: float
    r: float
    q: float
    K: FloatArray
    T: FloatArray
    sigma: FloatArray
    is_call: BoolArray
    quantity: FloatArray
    units: float = 0.0

    @classmethod
    def of(
        cls,
        S: float,
        K: FloatLike,
        T: FloatLike,
        sigma: FloatLike,
        is_call: BoolLike,
        quantity: FloatLike,
        *,
        r: float = 0.0,
        q: float = 0.0,
        units: float = 0.0,
    ) -> Book:
        """Return a book of anything that broadcasts to one dimension.

        Raises
        ------
        ValueError
            Naming the field that has a value that is not valid.
        """
        given = {"K": K, "T": T, "sigma": sigma, "quantity": quantity}
        arrays = {name: np.asarray(value, dtype=np.float64) for name, value in given.items()}
        rights = np.asarray(is_call, dtype=np.bool_)
        shape = np.broadcast_shapes(*(a.shape for a in arrays.values()), rights.shape)
        for name, values in (*arrays.items(), ("S", np.asarray(S)), ("units", np.asarray(units))):
            least = 0.0 if name in ("K", "T", "sigma", "S") else -np.inf
            if not np.all(np.isfinite(values) & (values >= least)):
                raise ValueError(f"{name} has a value that is not finite or is below {least:g}")
        if not S > 0.0 or not np.all(arrays["K"] > 0.0):
            raise ValueError("S and K must be above zero")
        flat = {name: np.broadcast_to(a, shape).ravel() for name, a in arrays.items()}
        return cls(
            S, r, q, flat["K"], flat["T"], flat["sigma"],
            np.broadcast_to(rights, shape).ravel(), flat["quantity"], units,
        )  # fmt: skip

    def values(self, S: FloatLike, vol: FloatLike, elapsed: float) -> FloatArray:
        """Return each option's value per unit after `elapsed` years, spots and factors of
        volatility broadcast against a last axis of contracts."""
        spot = np.asarray(S, dtype=np.float64)[..., None]
        factor = np.asarray(vol, dtype=np.float64)[..., None]
        left = np.maximum(self.T - elapsed, 0.0)
        return bsm.price(spot, self.K, left, self.r, self.q, self.sigma * factor, self.is_call)

    def value(self) -> float:
        """Return the whole book's value now."""
        return float(self.quantity @ self.values(self.S, 1.0, 0.0)) + self.units * self.S


class Scenarios(NamedTuple):
    """Spots, and factors by which every volatility is multiplied (sticky strike), one each."""

    spot: FloatArray
    vol: FloatArray


def profits(
    book: Book, scenarios: Scenarios, elapsed: float, threads: int | None = None
) -> FloatArray:
    """Return the book's profit in each scenario after `elapsed` years, by full repricing.

    An option that settles within that time is worth its exercise at the scenario's spot.
    """
    from quant.kernels import revalue as kernels

    left = np.maximum(book.T - elapsed, 0.0)
    columns = np.stack([
        np.log(book.K) - (book.r - book.q) * left,
        book.K * np.exp(-book.r * left),
        np.exp(-book.q * left),
        book.sigma * np.sqrt(left),
        np.where(book.is_call, 1.0, -1.0),
        book.quantity,
    ])  # fmt: skip
    spot, vol = (np.ascontiguousarray(part, dtype=np.float64) for part in scenarios)
    with np.errstate(divide="ignore"):
        rows = np.stack([spot, np.log(spot), vol, 1.0 / np.maximum(vol, 1e-300)])
    out = book.units * (spot - book.S)
    in_chunks(
        lambda span: kernels.revalue_kernel(span, rows, columns, out),
        spot.size,
        grain=max(1, kernels.GRAIN // max(book.K.size, 1)),
        tile=kernels.TILE,
        threads=threads,
    )
    out -= float(book.quantity @ book.values(book.S, 1.0, 0.0))
    return out


class Tail(NamedTuple):
    """Value at risk and expected shortfall, as losses above zero."""

    var: float
    cvar: float


def tail(losses: FloatLike, level: float = DEFAULT_LEVEL) -> Tail:
    """Return the order statistic ceil(level n), and the mean beyond it with the fractional atom.

    Raises
    ------
    ValueError
        When there are no losses or `level` is not within (0, 1).
    """
    ordered = np.sort(np.asarray(losses, dtype=np.float64))
    weights = tail_weights(ordered.size, level)
    at = tail_order(ordered.size, level)
    return Tail(float(ordered[at]), float(weights[at:] @ ordered[at:]))


def tail_order(count: int, level: float) -> int:
    """Return where value at risk stands among so many losses in ascending order."""
    if not count or not 0.0 < level < 1.0:
        raise ValueError(
            f"level is {level} for {count} losses; give some, and a level within 0 and 1"
        )
    # The product is rounded: 0.99 x 100 must not come out as 100 losses.
    return min(max(int(np.ceil(level * count - 1e-9)) - 1, 0), count - 1)


def tail_weights(count: int, level: float) -> FloatArray:
    """Return the weights of losses in ascending order in the shortfall; they sum to 1."""
    at = tail_order(count, level)
    out = np.zeros(count)
    out[at + 1 :] = 1.0
    out[at] = (at + 1) - level * count
    return out / (count * (1.0 - level))


def var_interval(
    losses: FloatLike, level: float = DEFAULT_LEVEL, confidence: float = 0.95
) -> tuple[float, float]:
    """Return order statistics that enclose the true value at risk of independent losses.

    Infinite above where the sample is too small to say.
    """
    ordered = np.sort(np.asarray(losses, dtype=np.float64))
    each = 0.5 * (1.0 - confidence)
    low = int(scipy.stats.binom.ppf(each, ordered.size, level)) - 1
    high = int(scipy.stats.binom.ppf(1.0 - each, ordered.size, level))
    below = float(ordered[low]) if low >= 0 else -np.inf
    return below, float(ordered[high]) if high < ordered.size else float("inf")


@dataclass(frozen=True, slots=True, eq=False)
class Risk:
    """What a book may lose over a horizon.

    Attributes
    ----------
    level : float
    var, cvar : float
        Losses above zero.
    var_error, cvar_error : float
        Standard errors over the scramblings.
    mean : float
        Expected profit.
    contributions : (n,) float64
        Of each option to `cvar`; with `units` they add up to it.
    units : float
        Of the underlying itself.
    scenarios, replications : int
        Scenarios of each scrambling, and how many there were.
    """

    level: float
    var: float
    cvar: float
    var_error: float
    cvar_error: float
    mean: float
    contributions: FloatArray
    units: float
    scenarios: int
    replications: int


def value_at_risk(
    book: Book,
    horizon: float,
    *,
    spot_vol: float,
    vol_of_vol: float = 0.0,
    correlation: float = 0.0,
    level: float = DEFAULT_LEVEL,
    power: int = 12,
    replications: int = 16,
    seed: int = 0,
    threads: int | None = None,
) -> Risk:
    """Return value at risk and expected shortfall by quasi-Monte Carlo.

    Parameters
    ----------
    book : Book
    horizon : float
        Years.
    spot_vol : float
        Of the underlying, per square root of a year.
    vol_of_vol : float
        Standard deviation of the logarithm of all volatilities over the horizon, itself not per
        year: 0.3 for a shock of 30 %.
    correlation : float
        Between log spot and log volatility.
    level : float
    power : int
        2^power scenarios each.
    replications : int
        Independent scramblings, at least 2; their spread is the error.
    seed : int

    Raises
    ------
    ValueError
        Naming the argument that is not valid.
    """
    if replications < 2:
        raise ValueError(f"replications is {replications}; an error needs at least 2")
    if not -1.0 <= correlation <= 1.0:
        raise ValueError(f"correlation is {correlation}; give a number from -1 to 1")
    for name, number in (("horizon", horizon), ("spot_vol", spot_vol), ("vol_of_vol", vol_of_vol)):
        if not (np.isfinite(number) and number >= 0.0):
            raise ValueError(f"{name} is {number}; give a finite number of at least 0")
    tails, means, parts = [], [], []
    for rng in np.random.default_rng(seed).spawn(replications):
        drawn = _drawn(book, horizon, spot_vol, vol_of_vol, correlation, power, rng)
        losses = -profits(book, drawn, horizon, threads)
        order = np.argsort(losses, kind="stable")
        weights = tail_weights(losses.size, level)
        beyond = weights > 0.0
        tails.append((losses[order[tail_order(losses.size, level)]], weights @ losses[order]))
        means.append(-losses.mean())
        worst = Scenarios(*(part[order[beyond]] for part in drawn))
        parts.append(weights[beyond] @ position_losses(book, worst, horizon))
    found, shares = np.array(tails), np.array(parts)
    mean, error = found.mean(axis=0), found.std(axis=0, ddof=1) / np.sqrt(replications)
    whole = shares.mean(axis=0)
    return Risk(
        level=level,
        var=float(mean[0]),
        cvar=float(mean[1]),
        var_error=float(error[0]),
        cvar_error=float(error[1]),
        mean=float(np.mean(means)),
        contributions=whole[:-1],
        units=float(whole[-1]),
        scenarios=1 << power,
        replications=replications,
    )


def _drawn(
    book: Book,
    horizon: float,
    spot_vol: float,
    vol_of_vol: float,
    correlation: float,
    power: int,
    rng: np.random.Generator,
) -> Scenarios:
    """Return one scrambling's scenarios; forwards and mean volatility factors are kept."""
    u = scipy.stats.qmc.Sobol(2, scramble=True, rng=rng).random_base2(power)
    z = ndtri(np.clip(u, 1e-16, 1.0 - 1e-16))
    second = correlation * z[:, 0] + np.sqrt(1.0 - correlation**2) * z[:, 1]
    total = spot_vol * np.sqrt(horizon)
    drift = (book.r - book.q) * horizon - 0.5 * total**2
    return Scenarios(
        book.S * np.exp(drift + total * z[:, 0]),
        np.exp(vol_of_vol * second - 0.5 * vol_of_vol**2),
    )


def position_losses(book: Book, scenarios: Scenarios, elapsed: float) -> FloatArray:
    """Return losses by scenario and position, the units of the underlying last."""
    now = book.values(book.S, 1.0, 0.0)
    options = book.quantity * (now - book.values(*scenarios, elapsed))
    return np.column_stack([options, book.units * (book.S - scenarios.spot)])
