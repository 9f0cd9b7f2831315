"""SABR smiles: Hagan's expansion, fits that are safe on the last day, and their limits.

The expansion is a series in nu sqrt(T), not in T: sigma(alpha, nu, T) sqrt(T) equals
sigma(alpha sqrt(T), nu sqrt(T), 1) exactly. So everything is fitted in units without time, where
a smile of an hour and one of a year look alike; nu itself may then be 30 on the last day while
nu sqrt(T) is 0.3. beta is 1 unless told: a smile of one expiry does not determine it.

Sources: Hagan, Kumar, Lesniewski, Woodward (2002), eq. 2.17a; Obloj (2008, arXiv 0708.0998);
West (2005) for the smallest root of alpha's cubic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from quant.arrays import FloatArray, FloatLike
from quant.butterfly import Butterfly, butterfly_of
from quant.smile_batch import joined
from quant.threads import in_chunks

Formula = Literal["hagan", "obloj"]
LEAST_POINTS = 4
MOST_NU = 1.5
"""Bound of nu sqrt(T): the expansion means little beyond."""
MOST_CORRECTION = 0.15
"""How far the time correction may be from 1 in a fit that is trusted."""
_SMALL = 1e-3


class SABR(NamedTuple):
    """Parameters of one expiry: alpha per F^(beta-1) and square root of a year, nu likewise."""

    alpha: float
    beta: float
    rho: float
    nu: float


def vol(
    K: FloatLike,
    F: FloatLike,
    T: FloatLike,
    alpha: FloatLike,
    beta: FloatLike,
    rho: FloatLike,
    nu: FloatLike,
    formula: Formula = "hagan",
) -> FloatArray:
    """Return the lognormal implied volatility of the SABR expansion.

    Parameters
    ----------
    K, F : float64, broadcast together with all the others
        Strike and forward, above zero.
    T : float64
        Years to settlement.
    alpha, beta, rho, nu : float64
        alpha above 0, beta within [0, 1], rho within (-1, 1), nu not below 0.
    formula : str
        "hagan" for eq. 2.17a; "obloj" for the leading term of Berestycki, Busca and Florent,
        which is the exact limit for short times. Both are one at beta = 1.

    Returns
    -------
    float64
        Per square root of a year; not above zero where the expansion has broken down.
    """
    forward = np.asarray(F, dtype=np.float64)
    x = np.log(np.asarray(K, dtype=np.float64) / forward)
    beta_, rho_, nu_ = (np.asarray(value, dtype=np.float64) for value in (beta, rho, nu))
    free = 1.0 - beta_
    # alpha per F^(1-beta) is a volatility; the forward's own power drops out of everything else.
    local = np.asarray(alpha, dtype=np.float64) * forward**-free
    tilt = np.exp(0.5 * free * x)
    with np.errstate(all="ignore"):
        if formula == "hagan":
            square = (free * x) ** 2
            front = local / (tilt * (1.0 + square / 24.0 + square * square / 1920.0))
            z = -nu_ / local * tilt * x
            shape = front * _over_chi(z, rho_)
        else:
            # (F^(1-beta) - K^(1-beta))/((1-beta) F^(1-beta)), exact as beta tends to 1.
            gap = np.where(free == 0.0, -x, -np.expm1(free * x) / np.where(free == 0.0, 1.0, free))
            zeta = nu_ / local * gap
            flat = np.abs(x) < 1e-12
            lean = np.where(flat, 1.0, -x / np.where(flat, 1.0, gap))
            shape = local * lean * _over_chi(zeta, rho_)
        out: FloatArray = shape * correction(x, T, local, beta_, rho_, nu_)
    return out


def correction(
    x: FloatLike, T: FloatLike, local: FloatLike, beta: FloatLike, rho: FloatLike, nu: FloatLike
) -> FloatArray:
    """Return the factor 1 + (...) T of the expansion; `local` is alpha F^(beta-1), x = ln(K/F)."""
    x_, local_, beta_, rho_, nu_ = (
        np.asarray(value, dtype=np.float64) for value in (x, local, beta, rho, nu)
    )
    free = 1.0 - beta_
    tilt = np.exp(0.5 * free * x_)
    out: FloatArray = 1.0 + np.asarray(T, dtype=np.float64) * (
        (free * local_ / tilt) ** 2 / 24.0
        + 0.25 * rho_ * beta_ * nu_ * local_ / tilt
        + (2.0 - 3.0 * rho_ * rho_) * nu_ * nu_ / 24.0
    )
    return out


def _over_chi(z: FloatArray, rho: FloatArray) -> FloatArray:
    """Return z/chi(z), by its series near 0 and by the conjugate form where z is below rho."""
    root = np.sqrt(1.0 - 2.0 * rho * z + z * z)
    above = z >= rho
    chi = np.where(
        above, np.log((root + z - rho) / (1.0 - rho)), np.log((1.0 + rho) / (root - (z - rho)))
    )
    small = np.abs(z) < _SMALL
    square, cube = (2.0 - 3.0 * rho * rho) / 12.0, rho * (5.0 - 6.0 * rho * rho) / 24.0
    series = 1.0 - z * (0.5 * rho - z * (square + z * cube))
    out: FloatArray = np.where(small, series, z / np.where(small, 1.0, chi))
    return out


def alpha_of_atm(sigma: float, F: float, T: float, beta: float, rho: float, nu: float) -> float:
    """Return the alpha whose at-the-money volatility is `sigma`: the smallest positive root.

    Raises
    ------
    ValueError
        When no alpha above zero gives that volatility.
    """
    free = 1.0 - beta
    # In local = alpha F^(beta-1): cubic, quadratic, linear and constant coefficient.
    cubic = [
        free * free * T / 24.0,
        0.25 * rho * beta * nu * T,
        1.0 + (2.0 - 3.0 * rho * rho) * nu * nu * T / 24.0,
        -sigma,
    ]
    roots = np.roots(np.trim_zeros(cubic, "f"))
    real = np.real(roots[np.abs(np.imag(roots)) <= 1e-9 * np.abs(roots)])
    positive = real[real > 0.0]
    if not positive.size:
        raise ValueError(f"no alpha gives an at-the-money volatility of {sigma}")
    local = float(positive.min())
    slope = np.polyval(np.polyder(cubic), local)
    local -= float(np.polyval(cubic, local) / slope)  # one Newton step takes off the rounding
    return float(local * F**free)


class SABRFit(NamedTuple):
    """A fitted smile.

    `rms` and `worst` are volatility errors per square root of a year; `fault` says why the fit is
    not to be trusted, None when it is.
    """

    parameters: SABR
    rms: float
    worst: float
    points: int
    fault: str | None


def calibrate(
    K: FloatLike,
    F: float,
    T: float,
    iv: FloatLike,
    weights: FloatLike | None = None,
    beta: float = 1.0,
) -> SABRFit | None:
    """Fit alpha, rho and nu to one expiry; None for fewer than `LEAST_POINTS` volatilities.

    Parameters
    ----------
    K, iv : (n,) float64
        Strikes and implied volatilities per square root of a year; pairs with a value that is not
        finite are left out.
    F, T : float
        Forward and years to settlement, above zero.
    weights : (n,) float64, optional
        Of squared volatility errors; equal by default.
    beta : float
        Kept fixed.
    """
    return calibrate_many([(K, F, T, iv, weights)], beta=beta)[0]


def calibrate_many(
    smiles: Sequence[tuple[FloatLike, float, float, FloatLike, FloatLike | None]],
    *,
    beta: float = 1.0,
    threads: int | None = None,
) -> list[SABRFit | None]:
    """Fit many expiries in one call; each item is (K, F, T, iv, weights) as in `calibrate`."""
    from quant.kernels import sabr as kernels

    if not smiles:
        return []
    strikes, sigma, weights, offsets = joined([(K, iv, given) for K, _, _, iv, given in smiles])
    forwards, years = (np.array([smile[i] for smile in smiles], dtype=np.float64) for i in (1, 2))
    roots = np.sqrt(years)
    out = np.empty((len(smiles), 8))
    in_chunks(
        lambda span: kernels.sabr_kernel(
            span, offsets, strikes, sigma, weights, forwards, roots, beta, MOST_NU, LEAST_POINTS,
            out,
        ),
        len(smiles),
        grain=64,
        threads=threads,
    )  # fmt: skip
    faults = _faults(out)
    out[:, 0] *= forwards ** (1.0 - beta)
    out[:, [0, 2, 3, 4]] /= roots[:, np.newaxis]
    return [
        None
        if points < LEAST_POINTS
        else SABRFit(SABR(alpha, beta, rho, nu), rms, worst, int(points), fault)
        for (alpha, rho, nu, rms, worst, _, _, points), fault in zip(
            out.tolist(), faults, strict=True
        )
    ]


def _faults(out: FloatArray) -> list[str | None]:
    """Return what speaks against each solution of the kernel, in units without time."""
    with np.errstate(invalid="ignore"):
        low = ~(out[:, 5] > 0.0)
        long = np.abs(out[:, 6] - 1.0) > MOST_CORRECTION
        steep = out[:, 2] >= MOST_NU * (1.0 - 1e-9)
    found: list[str | None] = [None] * len(out)
    for place in np.flatnonzero(low | long | steep).tolist():
        if low[place]:
            found[place] = "the expansion gives a volatility that is not above zero"
        elif long[place]:
            found[place] = f"the time correction reaches {out[place, 6]:.2f}"
        else:
            found[place] = f"nu sqrt(T) is at its bound of {MOST_NU}"
    return found


def butterfly(parameters: SABR, F: float, T: float, reach: float) -> Butterfly:
    """Return where the expansion implies a negative density within `reach` of the forward.

    `reach` is in log-moneyness. Derivatives by central differences of the closed form, on a step
    of a thousandth of the reach: the expansion has no simple ones.
    """
    step = 1e-3 * reach

    def derivatives(k: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        down, here, up = (
            vol(F * np.exp(k + d), F, T, *parameters) ** 2 * T for d in (-step, 0.0, step)
        )
        return here, (up - down) / (2.0 * step), (up - 2.0 * here + down) / step**2

    return butterfly_of(derivatives, reach)
