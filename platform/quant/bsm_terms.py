"""The closed forms of Black-Scholes-Merton, term by term, with every limit in its place."""

from functools import cached_property

import numpy as np
from scipy.special import ndtr

from quant.arrays import BoolArray, BoolLike, ByteArray, FloatArray, FloatLike
from quant.mills import density, mills_drop
from quant.status import Status

_FAR = 1e8
"""d1 and d2 are cut here; the density has underflowed to zero long before."""
_WIDE = 1.5
"""Total volatility from which the two terms of a price no longer cancel."""


def log_ratio(S: FloatArray, K: FloatArray) -> FloatArray:
    """Return ln(S/K), correct to the last digits however close S is to K."""
    gap = S - K
    ratio = S / K
    safe = np.isfinite(ratio) & (ratio > np.finfo(float).tiny)
    away: FloatArray = np.where(safe, np.log(ratio), np.log(S) - np.log(K))
    return np.where(np.abs(gap) < 0.5 * K, np.log1p(gap / K), away)


def discounted_gap(
    S: FloatArray, K: FloatArray, drift: FloatArray, Dq: FloatArray, Dr: FloatArray
) -> FloatArray:
    """Return S Dq - K Dr, exact at r = q, where `drift` is (r - q) T."""
    close: FloatArray = Dr * (S - K) + S * Dr * np.expm1(drift)
    return np.where(np.abs(drift) < 1.0, close, S * Dq - K * Dr)


class Terms:
    """The shared terms of one array of contracts, computed once each and only when needed.

    Arrays keep their own shapes as long as they can, so what is common to an expiry is computed
    once for it. To be used inside `np.errstate(all="ignore")`: classification comes first, and
    whatever an impossible branch computes is masked.
    """

    def __init__(
        self,
        *,
        S: FloatLike,
        K: FloatLike,
        T: FloatLike,
        r: FloatLike,
        q: FloatLike,
        sigma: FloatLike,
        is_call: BoolLike,
    ) -> None:
        years = np.asarray(T, dtype=np.float64)
        self.S = np.asarray(S, dtype=np.float64)
        self.K = np.asarray(K, dtype=np.float64)
        self.r = np.asarray(r, dtype=np.float64)
        self.q = np.asarray(q, dtype=np.float64)
        self.sigma = np.asarray(sigma, dtype=np.float64)
        self.w = np.where(np.asarray(is_call, dtype=np.bool_), 1.0, -1.0)
        self.T = np.maximum(years, 0.0)
        parts = (self.S, self.K, years, self.r, self.q, self.sigma, self.w)
        self.shape = np.broadcast_shapes(*(part.shape for part in parts))
        self.settled = years < 0.0
        self.at_expiry = years <= 0.0
        self.bad = ~((self.S > 0) & (self.K > 0) & (self.sigma >= 0))
        for part in parts:
            self.bad = self.bad | ~np.isfinite(part)
        self.singular = np.zeros(self.shape, dtype=np.bool_)
        self._moneyness()

    def _moneyness(self) -> None:
        """Set d1, d2 and what follows from the distance of the forward from the strike."""
        self.root_T = np.sqrt(self.T)
        self.s = self.sigma * self.root_T
        self.drift = (self.r - self.q) * self.T
        self.Dq, self.Dr = np.exp(-self.q * self.T), np.exp(-self.r * self.T)
        self.y = log_ratio(self.S, self.K) + self.drift
        flat = self.s == 0.0
        z = np.where(flat, np.sign(self.y) * _FAR, np.clip(self.y / self.s, -_FAR, _FAR))
        self.z = z
        self.d1 = np.clip(z + 0.5 * self.s, -_FAR, _FAR)
        self.d2 = np.clip(z - 0.5 * self.s, -_FAR, _FAR)
        self.kink = flat & (self.y == 0.0)
        self.n1 = density(self.d1)
        self.underflow = self.n1 == 0.0
        self.dead = self.underflow | flat
        self.flat = flat

    def field(self, name: str) -> FloatArray:
        """Return one field in its raw unit, of the full shape."""
        value: FloatArray = getattr(self, name)
        gone = self.settled if name != "price" else np.False_
        return np.where(np.broadcast_to(gone, self.shape), 0.0, value)

    def status(self) -> ByteArray:
        """Return one status byte per element, the gravest state last."""
        out = np.full(self.shape, Status.OK, dtype=np.uint8)
        for mask, code in (
            (self.underflow, Status.UNDERFLOW),
            (self.flat, Status.ZERO_VOL),
            (self.at_expiry, Status.EXPIRED),
            (self.singular | (self.kink & ~self.settled), Status.SINGULAR),
            (self.bad | ~np.isfinite(self.magnitude), Status.BAD_INPUT),
        ):
            np.copyto(out, np.uint8(code), where=mask)
        return out

    @property
    def magnitude(self) -> FloatArray:
        """Bound price, delta, rho and carry from above; not finite where one may overflow."""
        paid = self.S * self.Dq * (1.0 + np.abs(self.q))
        financed = self.K * self.Dr * (1.0 + np.abs(self.r) + self.T)
        out: FloatArray = paid + financed + self.Dq * (1.0 + np.abs(self.q)) + self.y
        return out

    def _finite(self, value: FloatArray, dead: BoolArray) -> FloatArray:
        """Return a term that carries the density: its limit 0 where that vanished or overflowed."""
        masked = np.where(dead, 0.0, value)
        finite = np.isfinite(masked)
        if finite.all():
            return masked
        self.singular |= ~finite
        return np.where(finite, masked, 0.0)

    @cached_property
    def cdf1(self) -> FloatArray:
        """N(w d1)."""
        out: FloatArray = ndtr(self.w * self.d1)
        return out

    @cached_property
    def cdf2(self) -> FloatArray:
        """N(w d2)."""
        out: FloatArray = ndtr(self.w * self.d2)
        return out

    @cached_property
    def d1_slope(self) -> FloatArray:
        """The derivative of d1 with respect to T."""
        out: FloatArray = (self.r - self.q) / self.s - self.d2 / (2.0 * self.T)
        return out

    @cached_property
    def d1_per_vol(self) -> FloatArray:
        """d1 / sigma, with its limit at the kink."""
        return np.where(self.kink, 0.5 * self.root_T, self.d1 / self.sigma)

    @cached_property
    def d2_per_vol(self) -> FloatArray:
        """d2 / sigma, with its limit at the kink."""
        return np.where(self.kink, -0.5 * self.root_T, self.d2 / self.sigma)

    @cached_property
    def smooth(self) -> BoolArray:
        """Where a derivative by volatility alone has the limit 0; it has another at the kink."""
        out: BoolArray = self.dead & ~self.kink
        return out

    @property
    def price(self) -> FloatArray:
        """V: the out-of-the-money value, plus parity where the option is in the money."""
        half = 0.5 * self.s
        a = np.abs(self.z) - half
        spot, strike = self.S * self.Dq, self.K * self.Dr
        low, high = np.minimum(spot, strike), np.maximum(spot, strike)
        wide = self.s >= _WIDE
        narrow_s = np.where(wide, 0.0, self.s)
        otm = low * density(a) * mills_drop(np.where(wide, 0.0, a), narrow_s)
        if wide.any():
            otm = np.where(wide, low * ndtr(-a) - high * ndtr(-np.abs(self.z) - half), otm)
        gap = discounted_gap(self.S, self.K, self.drift, self.Dq, self.Dr)
        value = otm + np.where(self.w * self.y > 0.0, self.w * gap, 0.0)
        out: FloatArray = np.maximum(value, 0.0)
        return out

    @property
    def delta(self) -> FloatArray:
        """dV/dS."""
        out: FloatArray = self.w * self.Dq * self.cdf1
        return out

    @cached_property
    def gamma(self) -> FloatArray:
        """d2V/dS2."""
        return self._finite(self.Dq * self.n1 / (self.S * self.s), self.dead)

    @cached_property
    def vega(self) -> FloatArray:
        """dV/dsigma."""
        return self._finite(self.S * self.Dq * self.n1 * self.root_T, self.smooth)

    @property
    def theta(self) -> FloatArray:
        """dV/dt as calendar time passes, per year."""
        decay = -self.S * self.Dq * self.n1 * (self.sigma / (2.0 * self.root_T))
        paid = self.q * (self.S * self.Dq) * self.cdf1
        financed = self.r * (self.K * self.Dr) * self.cdf2
        return self._finite(decay, self.dead) + self.w * (paid - financed)

    @property
    def rho(self) -> FloatArray:
        """dV/dr."""
        out: FloatArray = self.w * (self.K * self.Dr) * self.cdf2 * self.T
        return out

    @property
    def charm(self) -> FloatArray:
        """d delta/dt as calendar time passes, per year."""
        moving = -self.Dq * self.n1 * self.d1_slope
        return self._finite(moving, self.dead) + self.w * self.q * self.Dq * self.cdf1

    @property
    def vanna(self) -> FloatArray:
        """d delta/dsigma."""
        return self._finite(-self.Dq * self.n1 * self.d2_per_vol, self.smooth)

    @property
    def vomma(self) -> FloatArray:
        """d vega/dsigma."""
        return self._finite(self.vega * self.d1 * self.d2_per_vol, self.smooth)

    @property
    def speed(self) -> FloatArray:
        """d gamma/dS."""
        return self._finite(-self.gamma / self.S * (self.d1 / self.s + 1.0), self.dead)

    @property
    def zomma(self) -> FloatArray:
        """d gamma/dsigma."""
        return self._finite(self.gamma * (self.d1 * self.d2 - 1.0) / self.sigma, self.dead)

    @property
    def color(self) -> FloatArray:
        """d gamma/dt as calendar time passes, per year."""
        rate = self.q + self.d1 * self.d1_slope + 0.5 / self.T
        return self._finite(self.gamma * rate, self.dead)

    @property
    def ultima(self) -> FloatArray:
        """d vomma/dsigma."""
        e1, e2, product = self.d1_per_vol, self.d2_per_vol, self.d1 * self.d2
        bend = e1 * e2 * (1.0 - product) + e1 * e1 + e2 * e2
        return self._finite(-self.vega * bend, self.smooth)
