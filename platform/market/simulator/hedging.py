"""What dealers hold and how they hedge it, on a few strikes, for many paths at once.

With n(d1) the normal density and P the dealers' position, the sums of P n(d1) and of P n(d1) d2
give gamma, charm and vanna of the whole book:

    gamma  = 100 S sum(P n(d1)) / s                 $ of delta per unit of return
    charm  = 100 S sum(P n(d1) d2) du / (2 u)       $ of delta as variance time du of u passes
    vanna  = -100 S sum(P n(d1) d2) dlog(sigma)     $ of delta

s is total volatility to expiry. Hedging trades the opposite of each change of delta.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from market.simulator.config import MINUTES_PER_YEAR, MULTIPLIER, SimulatorConfig
from market.simulator.interest import customer_buying, same_day_interest, term_interest
from market.simulator.plans import Plan
from market.simulator.profiles import variance_left, variance_weights
from market.simulator.term import total_variance
from quant.arrays import FloatArray, IntArray

SAME_DAY_HALF, TERM_HALF = 15, 6  # strikes above and below the open
TERM_SESSIONS = 12.0  # to the one expiry that stands for all later ones
TERM_YEARS = 17.0 / 365.0
TERM_REACTION = 0.38  # of its log volatility to today's

_NORMAL = 1.0 / math.sqrt(2.0 * math.pi)


@dataclass(frozen=True, slots=True, eq=False)
class DealerBook:
    """The book at the open on the strikes that paths hedge.

    Attributes
    ----------
    strikes, calls, puts : (n, k) float64
        Same-day contracts; dealers are long the calls and short the puts.
    bought : (n, k) float64
        Same-day calls that customers buy from dealers between the turning points.
    term_strikes, term_calls, term_puts : (n, j) float64
        All later expiries as one of `TERM_SESSIONS`.
    """

    strikes: FloatArray
    calls: FloatArray
    puts: FloatArray
    bought: FloatArray
    term_strikes: FloatArray
    term_calls: FloatArray
    term_puts: FloatArray


def strike_grid(opening: FloatArray, *, step: float, half: int) -> FloatArray:
    """Return the 2 half + 1 listed strikes around the open, (n, 2 half + 1)."""
    center = np.rint(opening / step)
    grid: FloatArray = (center[:, None] + np.arange(-half, half + 1.0)) * step
    return grid


def make_book(config: SimulatorConfig, plan: Plan, paths: IntArray, session: int) -> DealerBook:
    """Return the book that a plan implies."""
    strikes = strike_grid(plan.opening, step=config.strike_step, half=SAME_DAY_HALF)
    far = strike_grid(plan.opening, step=config.wide_step, half=TERM_HALF)
    calls, puts = same_day_interest(config, plan, strikes, paths=paths, session=session)
    term_calls, term_puts = term_interest(config, plan, far)
    return DealerBook(
        strikes=strikes,
        calls=calls,
        puts=puts,
        bought=customer_buying(config, plan, strikes),
        term_strikes=far,
        term_calls=term_calls,
        term_puts=term_puts,
    )


class Sums(NamedTuple):
    """Sums of P n(d1) and of P n(d1) d2 over strikes, each (n,)."""

    density: FloatArray
    slope: FloatArray


class Exposure(NamedTuple):
    """The book's sensitivities at one instant, each (n,).

    `shown` and `true` are total gamma in $ of delta per 1 % by open interest and after what
    customers bought; `pull` and `lean` are 100 S sum(P n(d1) d2), in $, of the same-day and of
    the later contracts as truly held; `charm` ($ of delta per minute) and `vanna` ($ of delta per
    volatility point) are by open interest.
    """

    shown: FloatArray
    true: FloatArray
    pull: FloatArray
    lean: FloatArray
    charm: FloatArray
    vanna: FloatArray


class _Bucket:
    """Positions of one expiry, with room to work in."""

    def __init__(self, strikes: FloatArray, held: FloatArray) -> None:
        self._logs = np.log(strikes)
        self._held = held
        self._d2 = np.empty_like(held)
        self._density = np.empty_like(held)

    def place(self, log_spot: FloatArray, total_vol: FloatArray) -> None:
        """Take the densities at a spot (n,) and a total volatility (n,)."""
        d2, density, s = self._d2, self._density, total_vol[:, None]
        np.subtract(log_spot[:, None], self._logs, out=d2)
        d2 /= s
        np.add(d2, 0.5 * s, out=density)
        np.square(density, out=density)
        density *= -0.5
        np.exp(density, out=density)
        density *= _NORMAL
        d2 -= 0.5 * s

    def sums(self, held: FloatArray | None = None) -> Sums:
        """Sum over strikes for the positions held, or for others on the same strikes."""
        weighted = self._density * (self._held if held is None else held)
        density = np.add.reduce(weighted, axis=1)
        weighted *= self._d2
        return Sums(density, np.add.reduce(weighted, axis=1))


class Hedger:
    """Values the book of n paths minute by minute."""

    def __init__(
        self,
        config: SimulatorConfig,
        book: DealerBook,
        plan: Plan,
        *,
        variance: FloatArray,
        minutes: int,
    ) -> None:
        self._config, self._plan, self._variance = config, plan, variance
        self._same_day = _Bucket(book.strikes, book.calls - book.puts)
        self._term = _Bucket(book.term_strikes, book.term_calls - book.term_puts)
        self._bought = book.bought
        self._any_bought = bool(book.bought.any())
        self._left = variance_left(minutes)
        self._weights = variance_weights(minutes)
        self._minutes = minutes

    def bought_share(self, minute: int) -> FloatArray:
        """Return the share of the customers' purchase made before a minute begins."""
        plan = self._plan
        passed = (minute - plan.first_ends) / (plan.second_ends - plan.first_ends)
        return np.clip(passed, 0.0, 1.0)

    def decay(self, minute: int) -> float:
        """Return du / (2 u): how fast total volatility runs off in the minute that begins."""
        last = min(minute, self._minutes - 1)
        return float(self._weights[last] / (2.0 * self._left[last]))

    def exposure(self, minute: int, spot: FloatArray, front: FloatArray) -> Exposure:
        """Return the exposure as a minute begins; at the close, as if half a minute were left."""
        left = max(float(self._left[minute]), 0.5 * float(self._weights[-1]))
        near = self._vol(front, left, 0.0)
        far = self._vol(front, left, TERM_SESSIONS)
        log_spot = np.log(spot)
        self._same_day.place(log_spot, near)
        self._term.place(log_spot, far)
        today, later = self._same_day.sums(), self._term.sums()
        held = today
        if self._any_bought:
            sold, share = self._same_day.sums(self._bought), self.bought_share(minute)
            held = Sums(today.density - share * sold.density, today.slope - share * sold.slope)
        dollars = MULTIPLIER * spot
        years = max(self._minutes - minute, 0.5) / MINUTES_PER_YEAR
        term_gamma = later.density / far
        lean_by_vol = today.slope * np.sqrt(years) / near + later.slope * np.sqrt(TERM_YEARS) / far
        return Exposure(
            shown=0.01 * dollars * (today.density / near + term_gamma),
            true=0.01 * dollars * (held.density / near + term_gamma),
            pull=dollars * held.slope,
            lean=dollars * later.slope,
            charm=dollars * today.slope * self.decay(minute),
            vanna=-0.01 * dollars * lean_by_vol,
        )

    def _vol(self, front: FloatArray, left: float, sessions: float) -> FloatArray:
        total = total_variance(
            self._config,
            variance=self._variance,
            front=front,
            remaining=left,
            sessions=sessions,
        )
        return np.sqrt(total)
