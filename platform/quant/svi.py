"""SVI smiles: three parametrizations, fits, and exact checks for arbitrage.

Total variance w(k) = a + b (rho (k - m) + sqrt((k - m)^2 + sigma^2)), k = ln(K/F): Gatheral's raw
form; natural and jump-wings forms and the conversions after Gatheral and Jacquier, "Arbitrage-free
SVI volatility surfaces" (2014). A wing steeper than 2 is butterfly arbitrage (the often quoted 4
is too weak: g tends to (4 - slope^2)/16), so b (1 + |rho|) <= 2 everywhere here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from quant.arrays import FloatArray, FloatLike, IntArray
from quant.butterfly import ROUNDING, Butterfly, butterflies_of, butterfly_of, least_of
from quant.smile_batch import joined
from quant.threads import in_chunks

LEAST_POINTS = 6
LEE = 2.0
"""Largest b (1 + |rho|): beyond it a wing has butterfly arbitrage."""
_REACH = 8.0  # standard deviations over which a slice is searched for arbitrage


class SVI(NamedTuple):
    """Raw parameters of one expiry."""

    a: float
    b: float
    rho: float
    m: float
    sigma: float

    def total_variance(self, k: FloatLike) -> FloatArray:
        """Return w at log-moneyness k."""
        x = np.asarray(k, dtype=np.float64) - self.m
        out: FloatArray = self.a + self.b * (self.rho * x + np.sqrt(x * x + self.sigma**2))
        return out

    def derivatives(self, k: FloatLike) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return w, dw/dk and d2w/dk2 at log-moneyness k."""
        x = np.asarray(k, dtype=np.float64) - self.m
        return _derivatives(self.a, self.b, self.rho, self.sigma, x)

    def vol(self, k: FloatLike, years: float) -> FloatArray:
        """Return the implied volatility at log-moneyness k, per square root of a year."""
        out: FloatArray = np.sqrt(np.maximum(self.total_variance(k), 0.0) / years)
        return out

    def minimum(self) -> float:
        """Return the least total variance of the slice."""
        return float(self.a + self.b * self.sigma * np.sqrt(1.0 - self.rho**2))

    def fault(self) -> str | None:
        """Say which condition the parameters break that any slice must keep, None when none."""
        if not all(np.isfinite(self)):
            return "a parameter is not a finite number"
        if self.b < 0.0 or not abs(self.rho) < 1.0 or not self.sigma > 0.0:
            return "b is below 0, rho not within (-1, 1) or sigma not above 0"
        if self.minimum() < 0.0:
            return "total variance is below 0 at its minimum"
        if self.b * (1.0 + abs(self.rho)) > LEE:
            return "a wing is steeper than 2"
        return None


class Natural(NamedTuple):
    """Natural parameters of one expiry."""

    delta: float
    mu: float
    rho: float
    omega: float
    zeta: float


class JumpWings(NamedTuple):
    """Jump-wings parameters: at-the-money variance, skew, slopes of the put and the call wing,
    and least variance; all per year but the slopes and the skew."""

    v: float
    psi: float
    p: float
    c: float
    v_least: float


def to_natural(raw: SVI) -> Natural:
    """Return the natural form of a slice."""
    flat = np.sqrt(1.0 - raw.rho**2)
    omega = 2.0 * raw.b * raw.sigma / flat
    return Natural(
        delta=float(raw.a - 0.5 * omega * flat**2),
        mu=float(raw.m + raw.rho * raw.sigma / flat),
        rho=raw.rho,
        omega=float(omega),
        zeta=float(flat / raw.sigma),
    )


def from_natural(form: Natural) -> SVI:
    """Return the raw form of a slice."""
    flat = np.sqrt(1.0 - form.rho**2)
    sigma = flat / form.zeta
    return SVI(
        a=float(form.delta + 0.5 * form.omega * flat**2),
        b=float(0.5 * form.omega * form.zeta),
        rho=form.rho,
        m=float(form.mu - form.rho / form.zeta),
        sigma=float(sigma),
    )


def to_jump_wings(raw: SVI, years: float) -> JumpWings:
    """Return the jump-wings form of a slice that settles in `years`."""
    root = np.sqrt(raw.m**2 + raw.sigma**2)
    total = raw.a + raw.b * (root - raw.rho * raw.m)
    unit = np.sqrt(total)
    return JumpWings(
        v=float(total / years),
        psi=float(0.5 * raw.b / unit * (raw.rho - raw.m / root)),
        p=float(raw.b * (1.0 - raw.rho) / unit),
        c=float(raw.b * (1.0 + raw.rho) / unit),
        v_least=float(raw.minimum() / years),
    )


def from_jump_wings(form: JumpWings, years: float) -> SVI:
    """Return the raw form of a slice that settles in `years`.

    Raises
    ------
    ValueError
        When no slice has these parameters (the skew must lie between the wings' slopes), or more
        than one: where the minimum is at the money they do not tell how sharp it is.
    """
    total = form.v * years
    unit = np.sqrt(total)
    b = 0.5 * unit * (form.c + form.p)
    rho = 1.0 - form.p * unit / b
    beta = rho - 2.0 * form.psi * unit / b
    if not abs(beta) <= 1.0:
        raise ValueError("psi does not lie between the slopes of the wings")
    flat = np.sqrt(1.0 - rho**2)
    if not form.v > form.v_least:
        raise ValueError("v is not above v_least: the parameters do not determine a slice")
    if beta == 0.0:
        m = 0.0
        sigma = (form.v - form.v_least) * years / (b * (1.0 - flat))
    else:
        alpha = np.sign(beta) * np.sqrt(1.0 / beta**2 - 1.0)
        bottom = b * (-rho + np.sign(alpha) * np.sqrt(1.0 + alpha**2) - alpha * flat)
        m = (form.v - form.v_least) * years / bottom
        sigma = alpha * m
    a = form.v_least * years - b * sigma * flat
    return SVI(float(a), float(b), float(rho), float(m), float(sigma))


def butterfly(raw: SVI, reach: float | None = None) -> Butterfly:
    """Return where a slice has butterfly arbitrage, and how much.

    Parameters
    ----------
    raw : SVI
    reach : float, optional
        Half-width in log-moneyness over which to look, wings besides; by default eight
        at-the-money standard deviations or widths of the bend, whichever is more.
    """
    width = _width(raw) if reach is None else reach
    return butterfly_of(raw.derivatives, width, steepest=_steepest(raw), also=_bend(raw))


def butterflies(slices: Sequence[SVI]) -> list[Butterfly]:
    """Return what `butterfly` says of each slice, in one go."""
    if not slices:
        return []
    columns = np.array(slices)

    def derivatives(rows: IntArray, k: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        a, b, rho, m, sigma = np.moveaxis(columns[rows], -1, 0)
        return _derivatives(a, b, rho, sigma, k - m)

    return butterflies_of(
        derivatives,
        np.array([_width(raw) for raw in slices]),
        steepest=np.array([_steepest(raw) for raw in slices]),
        also=np.array([_bend(raw) for raw in slices]),
    )


def free_of_butterflies(raw: SVI) -> bool:
    """Whether `butterfly` would find nothing, sooner said."""
    if _steepest(raw) > LEE:
        return False
    return least_of(raw.derivatives, _width(raw), also=_bend(raw)) >= -ROUNDING


def _derivatives(
    a: FloatArray | float,
    b: FloatArray | float,
    rho: FloatArray | float,
    sigma: FloatArray | float,
    x: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return w, dw/dk and d2w/dk2 at x = k - m."""
    root = np.sqrt(x * x + sigma * sigma)
    slope = x / root
    w: FloatArray = a + b * (rho * x + root)
    first: FloatArray = b * (rho + slope)
    second: FloatArray = b * (1.0 - slope * slope) / root
    return w, first, second


def _steepest(raw: SVI) -> float:
    return raw.b * (1.0 + abs(raw.rho))


def _width(raw: SVI) -> float:
    unit = float(np.sqrt(max(raw.total_variance(0.0).item(), 1e-12)))
    return max(_REACH * unit, abs(raw.m) + _REACH * raw.sigma)


def _bend(raw: SVI) -> FloatArray:
    return np.array([raw.m - raw.sigma, raw.m, raw.m + raw.sigma])


def repair(raw: SVI, years: float) -> SVI:
    """Return a slice without butterfly arbitrage, as near to a given one as one way allows.

    Gatheral and Jacquier (2014, section 5.1): with the level, skew and put wing kept, the call
    wing c* = p + 2 psi and the least variance v* = 4 v p c*/(p + c*)^2 give a slice of the SSVI
    family. The answer lies between the slice and that one, as near to the slice as is free.
    """
    if not butterfly(raw).violated:
        return raw
    form = to_jump_wings(raw, years)
    c_safe = max(form.p + 2.0 * form.psi, 1e-8)
    v_safe = 4.0 * form.v * form.p * c_safe / (form.p + c_safe) ** 2

    def between(share: float) -> SVI:
        c = form.c + share * (c_safe - form.c)
        v_least = form.v_least + share * (v_safe - form.v_least)
        return from_jump_wings(form._replace(c=c, v_least=v_least), years)

    low, high = 0.0, 1.0
    for _ in range(40):
        middle = 0.5 * (low + high)
        free = free_of_butterflies(between(middle))
        low, high = (low, middle) if free else (middle, high)
    return between(high)


class SVIFit(NamedTuple):
    """A fitted slice: raw parameters, root mean square and largest volatility error, both per
    square root of a year, and the points it was fitted to."""

    raw: SVI
    rms: float
    worst: float
    points: int


def calibrate(
    k: FloatLike, iv: FloatLike, years: float, weights: FloatLike | None = None
) -> SVIFit | None:
    """Fit raw SVI to one expiry's volatilities; None for fewer than `LEAST_POINTS` points.

    Parameters
    ----------
    k, iv : (n,) float64
        Log-moneyness and implied volatility per square root of a year; pairs with a value that is
        not finite are left out.
    years : float
        To settlement, above zero.
    weights : (n,) float64, optional
        Of squared volatility errors; equal by default.
    """
    return calibrate_many([(k, iv, years, weights)])[0]


def calibrate_many(
    smiles: Sequence[tuple[FloatLike, FloatLike, float, FloatLike | None]],
    *,
    threads: int | None = None,
) -> list[SVIFit | None]:
    """Fit many expiries in one call; each item has the arguments of `calibrate`."""
    from quant.kernels import svi as kernels

    if not smiles:
        return []
    x, sigma, weights, offsets = joined([(k, iv, given) for k, iv, _, given in smiles])
    roots = np.sqrt(np.array([years for _, _, years, _ in smiles], dtype=np.float64))
    out = np.empty((len(smiles), 8))
    in_chunks(
        lambda span: kernels.svi_kernel(
            span, offsets, x, sigma, weights, roots, LEE, LEAST_POINTS, out
        ),
        len(smiles),
        grain=64,
        threads=threads,
    )
    return [
        None if row[7] < LEAST_POINTS else SVIFit(SVI(*row[:5]), row[5], row[6], int(row[7]))
        for row in out.tolist()
    ]


def calibrate_free(
    k: FloatLike,
    iv: FloatLike,
    years: float,
    weights: FloatLike | None,
    start: SVI,
    floor: SVI | None = None,
) -> SVIFit | None:
    """Fit raw SVI without butterfly arbitrage that nowhere falls below another slice.

    Both are held on a grid of log-moneyness over nine standard deviations, denser at the money
    and about the bend, and the wings by their slopes. The caller checks the answer: where the
    quotes contradict one another wildly a stretch may remain.

    Parameters
    ----------
    k, iv, years, weights
        As in `calibrate`.
    start : SVI
        The closest fit.
    floor : SVI, optional
        An earlier expiry's slice.
    """
    from quant.kernels import free_svi as kernels

    x, vol, weight, unit = _points(k, iv, years, weights)
    if x.size < LEAST_POINTS:
        return None
    p = _scaled(start, unit)
    least = np.zeros(5) if floor is None else _scaled(floor, unit)
    kernels.free_svi_kernel(x, vol, weight, unit, LEE / unit, least, p)
    a, b, rho, m, sigma = p.tolist()
    return _judged(SVI(a * unit**2, b * unit, rho, m * unit, sigma * unit), x, vol, unit, years)


def _scaled(raw: SVI, unit: float) -> FloatArray:
    """Return a slice's parameters in units of an at-the-money total volatility."""
    return np.array([raw.a / unit**2, raw.b / unit, raw.rho, raw.m / unit, raw.sigma / unit])


def _judged(raw: SVI, x: FloatArray, vol: FloatArray, unit: float, years: float) -> SVIFit:
    miss = raw.vol(x * unit, years) - vol * unit / np.sqrt(years)
    return SVIFit(raw, float(np.sqrt(np.mean(miss**2))), float(np.abs(miss).max()), int(x.size))


def _points(
    k: FloatLike, iv: FloatLike, years: float, weights: FloatLike | None
) -> tuple[FloatArray, FloatArray, FloatArray, float]:
    """Return finite points ascending in k, scaled by the at-the-money total volatility."""
    from quant.kernels import svi as kernels

    given, sigma, weight, _ = joined([(k, iv, weights)])
    x, vol, scaled = (np.empty(given.size) for _ in range(3))
    told = np.empty(2)
    kernels.points_kernel(given, sigma, weight, float(np.sqrt(years)), x, vol, scaled, told)
    count = int(told[0])
    return x[:count], vol[:count], scaled[:count], float(told[1])
