"""What a portfolio may lose: value at risk, shortfall, stress, and where its Greeks stand.

Every option is repriced in every scenario, as European (early exercise is left out; on the last
day it is within a tick for most, see American exercise in the conventions). Estimates pool all
scramblings. Their standard errors are those of sectioning (Asmussen and Glynn 2007, III.5a;
Nakayama 2014): the spread of each scrambling's own estimate around the pooled one.

Leaving costs half the spread of each option, more by the root of the size over what is displayed
(Torre and Ferrari 1997; Almgren, Thum, Hauptmann and Li 2005), and spreads widen with volatility.
It is added to each scenario's loss (Bangia, Diebold, Schuermann and Stroughair 1999).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from quant import bsm, risk
from quant.arrays import FloatArray, FloatLike
from quant.portfolio import Portfolio, Shocks
from quant.risk import Scenarios

DAYS = 365.0
BUCKETS = (1.0, 7.0, 30.0, 90.0, 365.0)
"""Ends of expiry buckets in days: the first ends before a day is left, the last has no end."""
BUCKET_NAMES = ("today", "to a week", "to 30 days", "to 90 days", "to a year", "beyond")


class Figure(NamedTuple):
    """An estimate and its Monte Carlo standard error."""

    value: float
    error: float


class Figures(NamedTuple):
    """Estimates and their Monte Carlo standard errors, arrays of one shape."""

    value: FloatArray
    error: FloatArray


class Liquidity(NamedTuple):
    """What leaving costs.

    Attributes
    ----------
    half_spread : (n,) float64
        Half of ask less bid, $ a unit, in the order of the positions.
    displayed : (n,) float64
        Units at the touch; infinite for no effect of size.
    """

    half_spread: FloatArray
    displayed: FloatArray

    @classmethod
    def of(cls, half_spread: FloatLike, displayed: FloatLike = np.inf) -> Liquidity:
        """Return it, broadcast to one dimension.

        Raises
        ------
        ValueError
            When a spread is not finite or below 0, or a size not above 0.
        """
        half, size = np.broadcast_arrays(
            *(np.atleast_1d(np.asarray(v, dtype=np.float64)) for v in (half_spread, displayed))
        )
        if not np.all(np.isfinite(half) & (half >= 0.0)):
            raise ValueError("half_spread has a value that is not finite or is below 0")
        if not np.all(size > 0.0):
            raise ValueError("displayed has a size that is not above 0")
        return cls(half.ravel(), size.ravel())

    def cost(self, quantity: FloatArray) -> FloatArray:
        """Return the cost of leaving positions of so many units each, $."""
        held = np.abs(quantity)
        out: FloatArray = held * self.half_spread * np.sqrt(np.maximum(held / self.displayed, 1.0))
        return out


@dataclass(frozen=True, slots=True, eq=False)
class PortfolioRisk:
    """What a portfolio may lose over a horizon, in $.

    Attributes
    ----------
    level, horizon : float
        Years.
    var, cvar : Figure
        Losses above zero.
    mean : Figure
        Expected profit.
    liquid_var, liquid_cvar : Figure
        With the cost of leaving at the horizon; as `var` and `cvar` where none was given.
    cost : float
        Of leaving now what is alive at the horizon; exact.
    underlyings : Figures of (m,)
        Shares of `cvar`; they add up to it (Tasche 1999).
    positions : Figures of (n,)
        The same by option, without units of the underlyings.
    scenarios, replications : int
        Of all scramblings together, and how many there were.
    """

    level: float
    horizon: float
    var: Figure
    cvar: Figure
    mean: Figure
    liquid_var: Figure
    liquid_cvar: Figure
    cost: float
    underlyings: Figures
    positions: Figures
    scenarios: int
    replications: int


def value_at_risk(
    portfolio: Portfolio,
    shocks: Shocks,
    horizon: float,
    *,
    liquidity: Liquidity | None = None,
    level: float = risk.DEFAULT_LEVEL,
    power: int = 10,
    replications: int = 16,
    seed: int = 0,
    threads: int | None = None,
) -> PortfolioRisk:
    """Return value at risk and expected shortfall by full repricing, 16,384 scenarios by default.

    Parameters
    ----------
    portfolio, shocks
        Of the same number of underlyings.
    horizon : float
        Years. What settles within it is worth its exercise at the horizon's spot.
    liquidity : Liquidity, optional
        One element a position.
    level : float
    power : int
        2^power scenarios a scrambling.
    replications : int
        Independent scramblings, at least 2; their spread is the error.
    seed : int

    Raises
    ------
    ValueError
        Naming the argument that is not valid.
    """
    _valid(portfolio, shocks, horizon, liquidity, replications)
    rngs = np.random.default_rng(seed).spawn(replications)
    scenarios = shocks.drawn(portfolio.books, horizon, power, rngs)
    losses = np.zeros(replications << power)
    for book, moved in zip(portfolio.books, scenarios, strict=True):
        losses -= risk.profits(book, moved, horizon, threads)
    now, extra = _leaving(portfolio, scenarios, horizon, liquidity)
    weights = _tails(losses, level, replications)
    beyond = np.flatnonzero(weights.any(axis=0))
    shares = [
        weights[:, beyond]
        @ risk.position_losses(book, Scenarios(moved.spot[beyond], moved.vol[beyond]), horizon)
        for book, moved in zip(portfolio.books, scenarios, strict=True)
    ]
    sections = losses.reshape(replications, -1)
    var, cvar = _pooled(sections, level)
    liquid_var, liquid_cvar = (
        (var, cvar)
        if liquidity is None
        else _pooled(sections + extra.reshape(sections.shape), level)
    )
    return PortfolioRisk(
        level=level, horizon=horizon, var=var, cvar=cvar,
        mean=_figure(-losses.mean(), -sections.mean(axis=1)),
        liquid_var=liquid_var, liquid_cvar=liquid_cvar, cost=now,
        underlyings=_figures(np.stack([part.sum(axis=1) for part in shares], axis=1)),
        positions=_figures(portfolio.given_order([part[:, :-1] for part in shares])),
        scenarios=losses.size, replications=replications,
    )  # fmt: skip


def _valid(
    portfolio: Portfolio,
    shocks: Shocks,
    horizon: float,
    liquidity: Liquidity | None,
    replications: int,
) -> None:
    if not portfolio.books:
        raise ValueError("portfolio has no underlyings; give at least one name")
    if len(portfolio.books) != shocks.spot_vol.size:
        raise ValueError(
            f"shocks are of {shocks.spot_vol.size} underlyings, the portfolio has"
            f" {len(portfolio.books)}"
        )
    if not (np.isfinite(horizon) and horizon >= 0.0):
        raise ValueError(f"horizon is {horizon}; give a finite number of at least 0")
    if replications < 2:
        raise ValueError(f"replications is {replications}; an error needs at least 2")
    if liquidity is not None and liquidity.half_spread.size != portfolio.size:
        raise ValueError(
            f"liquidity has {liquidity.half_spread.size} elements; give one for each of the"
            f" {portfolio.size} positions"
        )


def _leaving(
    portfolio: Portfolio, scenarios: list[Scenarios], horizon: float, liquidity: Liquidity | None
) -> tuple[float, FloatArray]:
    """Return the cost of leaving now, and at the horizon in each scenario."""
    extra = np.zeros(scenarios[0].spot.size)
    if liquidity is None:
        return 0.0, extra
    now = 0.0
    for book, row, moved in zip(portfolio.books, portfolio.rows, scenarios, strict=True):
        mine = Liquidity(liquidity.half_spread[row], liquidity.displayed[row])
        cost = float(mine.cost(book.quantity) @ (book.T - horizon > 0.0))
        now += cost
        # Spreads widen with volatility; that they narrow below today's is not relied on.
        extra += cost * np.maximum(moved.vol, 1.0)
    return now, extra


def _tails(losses: FloatArray, level: float, replications: int) -> FloatArray:
    """Return the scenarios' weights in the shortfall: first of all pooled, then by scrambling."""
    size = losses.size // replications
    out = np.zeros((replications + 1, losses.size))
    out[0, np.argsort(losses, kind="stable")] = risk.tail_weights(losses.size, level)
    for at in range(replications):
        own = np.argsort(losses[at * size : (at + 1) * size], kind="stable")
        out[at + 1, at * size + own] = risk.tail_weights(size, level)
    return out


def _pooled(sections: FloatArray, level: float) -> tuple[Figure, Figure]:
    whole = risk.tail(sections.ravel(), level)
    each = np.array([risk.tail(section, level) for section in sections])
    return _figure(whole.var, each[:, 0]), _figure(whole.cvar, each[:, 1])


def _figure(whole: float, each: FloatArray) -> Figure:
    count = each.size
    return Figure(float(whole), float(np.sqrt(np.sum((each - whole) ** 2) / (count * (count - 1)))))


def _figures(rows: FloatArray) -> Figures:
    """Return the first row, which is the pooled one, with the spread of the others around it."""
    count = len(rows) - 1
    spread = np.sum((rows[1:] - rows[0]) ** 2, axis=0)
    return Figures(rows[0], np.sqrt(spread / (count * (count - 1))))


class Buckets(NamedTuple):
    """Greeks by underlying (rows) and expiry bucket (`BUCKET_NAMES`), in $.

    Attributes
    ----------
    delta : (m, 6) float64
        Value of the underlying that would move as much.
    gamma : (m, 6) float64
        Change of `delta` for a move of 1 %.
    vega : (m, 6) float64
        For a vol point.
    theta : (m, 6) float64
        For a day.
    units : (m,) float64
        Value of units of the underlying itself, on top of `delta`.
    """

    delta: FloatArray
    gamma: FloatArray
    vega: FloatArray
    theta: FloatArray
    units: FloatArray


def buckets(portfolio: Portfolio) -> Buckets:
    """Return the Greeks of a portfolio by underlying and time to expiry; settled options have
    none."""
    shape = (len(portfolio.books), len(BUCKET_NAMES))
    out = {name: np.zeros(shape) for name in ("delta", "gamma", "vega", "theta")}
    units = np.zeros(shape[0])
    for at, book in enumerate(portfolio.books):
        units[at] = book.units * book.S
        found = bsm.greeks(
            book.S, book.K, book.T, book.r, book.q, book.sigma, book.is_call, names=tuple(out)
        ).quoted()
        where = np.searchsorted(BUCKETS, book.T * DAYS, side="right")
        alive = book.quantity * (book.T > 0.0)
        scale = {"delta": book.S, "gamma": book.S**2 / 100.0, "vega": 1.0, "theta": 1.0}
        for name, rows in out.items():
            amounts = scale[name] * alive * np.nan_to_num(getattr(found, name))
            rows[at] = np.bincount(where, weights=amounts, minlength=shape[1])
    return Buckets(**out, units=units)


SPOT_MOVES = (-0.2, -0.15, -0.1, -0.05, -0.02, 0.0, 0.02, 0.05, 0.1, 0.15, 0.2)
VOL_FACTORS = (0.75, 1.0, 1.25, 1.5, 2.0)
ELAPSED = (0.0, 1.0 / DAYS, 7.0 / DAYS)


def stress(
    portfolio: Portfolio,
    moves: FloatLike = SPOT_MOVES,
    factors: FloatLike = VOL_FACTORS,
    elapsed: FloatLike = ELAPSED,
    *,
    betas: FloatLike = 1.0,
    threads: int | None = None,
) -> FloatArray:
    """Return profits by underlying, spot move, volatility factor and time; exact, no sampling.

    Parameters
    ----------
    moves : (a,)
        Relative changes of spot, each underlying's times its beta.
    factors : (b,)
        Of all volatilities, at least 0.
    elapsed : (c,)
        Years that have passed.
    betas : (m,) or one for all

    Returns
    -------
    (m, a, b, c) float64
        $; summed over the first axis, of the whole portfolio.

    Raises
    ------
    ValueError
        Naming the argument that is not valid.
    """
    move, factor, years = (
        np.atleast_1d(np.asarray(v, dtype=np.float64)) for v in (moves, factors, elapsed)
    )
    beta = np.broadcast_to(np.asarray(betas, dtype=np.float64), (len(portfolio.books),))
    if not np.all(np.isfinite(factor) & (factor >= 0.0)):
        raise ValueError("factors has a value that is not finite or is below 0")
    if not np.all(np.isfinite(years) & (years >= 0.0)):
        raise ValueError("elapsed has a value that is not finite or is below 0")
    shifted = np.outer(beta, move)
    if not np.all(np.isfinite(shifted) & (shifted > -1.0)):
        raise ValueError("moves times betas must be finite and above -1: a spot is above 0")
    out = np.empty((len(portfolio.books), move.size, factor.size, years.size))
    for at, book in enumerate(portfolio.books):
        spot, vol = np.meshgrid(book.S * (1.0 + shifted[at]), factor, indexing="ij")
        grid = Scenarios(spot.ravel(), vol.ravel())
        for to, passed in enumerate(years):
            profit = risk.profits(book, grid, float(passed), threads)
            out[at, :, :, to] = profit.reshape(spot.shape)
    return out
