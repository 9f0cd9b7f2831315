"""GARCH models: fits by the `arch` package, forecasts in closed form, simulations of our own.

Returns are e_t = mu + sqrt(h_t) z_t with

    h_{t+1} = omega + (alpha + gamma 1[e_t < mu]) (e_t - mu)^2 + beta h_t,

gamma 0 for plain GARCH (Bollerslev 1986), free for GJR (Glosten, Jagannathan and Runkle 1993); z is
normal, Student's t of variance 1, or drawn from a fit's own standardized residuals (filtered
historical simulation, Barone-Adesi, Giannopoulos and Vosper 1999). Everything is per period, in
the units of the returns: a return of one percent is 0.01.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from quant import memory
from quant.arrays import FloatArray, FloatLike
from quant.threads import in_chunks

Model = Literal["garch", "gjr"]
Innovations = Literal["normal", "t"]

LEAST_RETURNS = 100
_PERCENT = 100.0
"""Fits are made in percent: in other units the optimizer stops early (arch issues 150 and 213)."""
_BLOCK_BYTES = 64 << 20


class Parameters(NamedTuple):
    """A GARCH(1,1) or GJR(1,1) model per period; `freedom` of Student's t, None for normal."""

    mu: float
    omega: float
    alpha: float
    gamma: float
    beta: float
    freedom: float | None = None

    @property
    def persistence(self) -> float:
        """How much of a shock to variance is left after one period."""
        return self.alpha + 0.5 * self.gamma + self.beta

    @property
    def long_run(self) -> float:
        """Return the variance that forecasts tend to; infinite where nothing pulls back."""
        left = 1.0 - self.persistence
        return self.omega / left if left > 0.0 else float("inf")

    def forecast(self, next_variance: float, horizon: int) -> FloatArray:
        """Return the expected variance of each of the next `horizon` periods."""
        ahead = np.arange(horizon)
        left = np.power(self.persistence, ahead, dtype=np.float64)
        # omega (1 + p + ... ) as a sum: right where nothing pulls back, too.
        added = np.concatenate([[0.0], np.cumsum(left)])[:horizon]
        out: FloatArray = next_variance * left + self.omega * added
        return out


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A fitted model.

    Attributes
    ----------
    parameters : Parameters
    errors : dict of str to float
        Robust standard errors (Bollerslev and Wooldridge) by parameter.
    log_likelihood : float
        Of the returns in their own units.
    observations : int
    variance : (n,) float64
        Conditional variance of each period.
    residuals : (n,) float64
        Standardized.
    next_variance : float
        Of the period after the last.
    fault : str or None
        Why the fit is not to be trusted, None when it is.
    """

    parameters: Parameters
    errors: dict[str, float]
    log_likelihood: float
    observations: int
    variance: FloatArray
    residuals: FloatArray
    next_variance: float
    fault: str | None

    def forecast(self, horizon: int) -> FloatArray:
        """Return the expected variance of each of the next `horizon` periods."""
        return self.parameters.forecast(self.next_variance, horizon)


def fit(
    returns: FloatLike,
    model: Model = "garch",
    innovations: Innovations = "normal",
    *,
    mean: bool = True,
    backcast: float | None = None,
) -> Fit:
    """Fit by maximum likelihood.

    Parameters
    ----------
    returns : (n,) float64
        At least `LEAST_RETURNS`, finite, not all equal.
    model : str
        "garch" or "gjr".
    innovations : str
        "normal" or "t".
    mean : bool
        Whether to estimate mu, or to keep it at 0.
    backcast : float, optional
        Variance before the first period. By default the `arch` package's, which weighs the first
        returns; the mean squared residual gives the estimates of Fiorentini, Calzolari and
        Panattoni (1996).

    Raises
    ------
    ValueError
        Naming what is wrong with the returns.
    """
    # Not on the module: it takes a second to load and pulls in data frames.
    from arch.univariate import arch_model

    values = _checked(returns)
    start = None if backcast is None else backcast * _PERCENT**2
    built = arch_model(
        values * _PERCENT,
        mean="Constant" if mean else "Zero",
        vol="GARCH",
        p=1,
        o=1 if model == "gjr" else 0,
        q=1,
        dist="t" if innovations == "t" else "normal",
        rescale=False,
    )
    found = built.fit(disp="off", show_warning=False, backcast=start)
    names = {"alpha[1]": "alpha", "gamma[1]": "gamma", "beta[1]": "beta", "nu": "freedom"}
    scale = {"mu": 1.0 / _PERCENT, "omega": 1.0 / _PERCENT**2}
    estimates = {names.get(key, key): value for key, value in found.params.items()}
    errors = {names.get(key, key): value for key, value in found.std_err.items()}
    given = {name: float(value) * scale.get(name, 1.0) for name, value in estimates.items()}
    parameters = Parameters(**{"mu": 0.0, "gamma": 0.0, **given})
    variance = np.asarray(found.conditional_volatility, dtype=np.float64) ** 2 / _PERCENT**2
    shocks = values - parameters.mu
    return Fit(
        parameters=parameters,
        errors={name: float(value) * scale.get(name, 1.0) for name, value in errors.items()},
        log_likelihood=float(found.loglikelihood) + values.size * float(np.log(_PERCENT)),
        observations=values.size,
        variance=variance,
        residuals=shocks / np.sqrt(variance),
        next_variance=_next(parameters, float(variance[-1]), float(shocks[-1])),
        fault=_fault(
            parameters, int(found.convergence_flag), str(found.optimization_result.message)
        ),
    )


def _checked(returns: FloatLike) -> FloatArray:
    values = np.asarray(returns, dtype=np.float64)
    if values.ndim != 1 or values.size < LEAST_RETURNS:
        raise ValueError(
            f"returns has shape {values.shape}; give at least {LEAST_RETURNS} in one dimension"
        )
    if not np.isfinite(values).all():
        place = int(np.flatnonzero(~np.isfinite(values))[0])
        raise ValueError(f"returns[{place}] is {values[place]}; leave out what is not known")
    if np.ptp(values) == 0.0:
        raise ValueError("returns are all equal; a variance cannot be fitted")
    return values


def _next(parameters: Parameters, variance: float, shock: float) -> float:
    reaction = parameters.alpha + (parameters.gamma if shock < 0.0 else 0.0)
    return parameters.omega + reaction * shock**2 + parameters.beta * variance


def _fault(parameters: Parameters, flag: int, message: str) -> str | None:
    if flag != 0:
        return f"the optimizer did not converge: {message}"
    if parameters.persistence >= 1.0:
        return f"persistence is {parameters.persistence:.4f}: variance has no level to return to"
    return None


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """Simulated paths; arrays hold one element per path.

    Attributes
    ----------
    returns : (steps, paths) float64
        Empty, (0, paths), where only the sums were asked for.
    total : (paths,) float64
        Sum of the returns.
    realized : (paths,) float64
        Sum of their squares.
    next_variance : (paths,) float64
        Of the step after the last: give it as `variance` to go on.
    """

    returns: FloatArray
    total: FloatArray
    realized: FloatArray
    next_variance: FloatArray


def simulate(
    parameters: Parameters,
    paths: int,
    steps: int,
    variance: FloatLike,
    *,
    seed: int | None = None,
    residuals: FloatLike | None = None,
    keep: bool = True,
    first_step: int = 0,
    threads: int | None = None,
) -> Paths:
    """Simulate.

    A random number depends on the seed, its path and its step alone: the bits are the same for
    any number of threads, and `first_step` with `next_variance` goes on where an earlier call
    stopped, as if it had not.

    Parameters
    ----------
    parameters : Parameters
        Innovations are Student's t when `freedom` is given, else normal.
    paths, steps : int
    variance : float64
        Of the first step: one for all paths, or one each.
    seed : int, optional
        From 0 to 2^63 - 1; by default the system's own randomness.
    residuals : (m,) float64, optional
        Standardized residuals to draw innovations from instead; they are used as they are.
    keep : bool
        Whether to return every step, 8 bytes each, or the sums alone.
    first_step : int
    threads : int, optional
        By default as many as the size pays for.

    Raises
    ------
    ValueError
        Naming the argument that is not valid.
    """
    from quant.kernels import garch as kernels

    if paths < 0 or steps < 0 or first_step < 0:
        raise ValueError("paths, steps and first_step must not be below 0")
    start = np.array(np.broadcast_to(np.asarray(variance, dtype=np.float64), (paths,)))
    if not np.all(np.isfinite(start) & (start >= 0.0)):
        raise ValueError("variance has a value that is not a finite number of at least 0")
    if parameters.freedom is not None and not parameters.freedom > 2.0:
        raise ValueError(f"freedom is {parameters.freedom}; Student's t has a variance above 2")
    kind = kernels.NORMAL if parameters.freedom is None else kernels.STUDENT
    values = np.zeros(1)
    if residuals is not None:
        kind, values = kernels.DRAWN, np.ascontiguousarray(residuals, dtype=np.float64).ravel()
        if not values.size or not np.isfinite(values).all():
            raise ValueError("residuals is empty or has a value that is not finite")
    block = memory.take(steps * paths) if keep else np.empty(0)
    out = block.reshape(steps if keep else 0, paths)
    sums = np.zeros((2, paths))
    model = np.array([*parameters[:5], parameters.freedom or 0.0])
    word = secrets.randbits(63) if seed is None else seed
    if not 0 <= word < 1 << 63:
        raise ValueError(f"seed is {seed}; give a whole number from 0 to 2^63 - 1")
    in_chunks(
        lambda span: kernels.garch_kernel(
            span, steps, first_step, word, kind, model, values, start, out, sums
        ),
        paths,
        grain=kernels.GRAIN,
        tile=kernels.TILE,
        threads=threads,
    )
    if keep:
        memory.keep(block)
    return Paths(out, sums[0], sums[1], start)


def simulate_blocks(
    parameters: Parameters,
    paths: int,
    steps: int,
    variance: float,
    *,
    seed: int,
    residuals: FloatLike | None = None,
    block_bytes: int = _BLOCK_BYTES,
    threads: int | None = None,
) -> Iterator[Paths]:
    """Yield the paths of `simulate` in blocks of steps, each of at most `block_bytes`.

    Other arguments as in `simulate`; nothing but the newest block is held.
    """
    each = max(1, block_bytes // (8 * max(paths, 1)))
    state: FloatLike = variance
    for first in range(0, steps, each):
        made = simulate(
            parameters,
            paths,
            min(each, steps - first),
            state,
            seed=seed,
            residuals=residuals,
            first_step=first,
            threads=threads,
        )
        state = made.next_variance
        yield made
