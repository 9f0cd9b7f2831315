"""One American option in units without time or currency, valued by QuantLib's fastest engine.

The engine is QdFp, the fixed-point method of Andersen, Lake and Offengenden (2016). It knows whole
days only, so every option is handed to it as one that expires in exactly one year with strike 1:
with x = S/K, the price over K depends on x, r T, q T and sigma sqrt(T) alone, for American options
too. That also makes a last hour as exact as a year.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtr

from quant import bsm
from quant.arrays import FloatArray

_COARSE, _NONE = 2e-4, 2e-6
"""Time values, over the carry that exercise gains in all, below which the precise scheme decides
whether to exercise, and which that one cannot tell from none."""
_STIRRING, _STILL = 1e-4, 1e-9
"""Total volatility below which derivatives cannot be told, and below which the path is taken to be
certain."""
_GRID = 400
MOST_CARRY, MOST_TOTAL = 100.0, 64.0
"""Rate or yield times time, or ln(S/K), and total volatility, up to which the engines are asked: a
discount factor of e^-700 they refuse."""
_MOST_STRIKE = 1e60
GRID_EFFORT = 200
"""Time of a value on the grid, in times of one by the fixed point."""


class UnvaluedError(ArithmeticError):
    """The engine gave up on an option; its own words say why."""


class Unit(NamedTuple):
    """An option of strike 1 that lasts a time of 1: spot, rate, yield and total volatility."""

    x: float
    a: float
    b: float
    s: float
    is_call: bool

    @property
    def intrinsic(self) -> float:
        """What exercise pays now."""
        return max(self.x - 1.0 if self.is_call else 1.0 - self.x, 0.0)

    def may_pay_early(self) -> bool:
        """Whether there is any state in which exercise before the end is better."""
        carried, paid = (self.b, self.a) if self.is_call else (self.a, self.b)
        return not (carried <= 0.0 and paid >= carried)

    def twice_exercised(self) -> bool:
        """Whether exercise is best between two boundaries, which only the grid knows."""
        carried, paid = (self.b, self.a) if self.is_call else (self.a, self.b)
        return paid < carried < -_STILL

    def within_reach(self) -> bool:
        """Whether the engines can value it."""
        if not (max(abs(self.a), abs(self.b)) <= MOST_CARRY and self.s <= MOST_TOTAL):
            return False
        return math.exp(-MOST_CARRY) <= self.x <= math.exp(MOST_CARRY)

    def most_premium(self) -> float:
        """Return a bound of the early-exercise premium.

        Exercise gains at most the carry on what is received and not paid, and happens only where
        the strike is reached: the probability that the lognormal path ever touches it.
        """
        received, given = (self.x, 1.0) if self.is_call else (1.0, self.x)
        rate, cost = (self.b, self.a) if self.is_call else (self.a, self.b)
        gain = received * -math.expm1(-max(rate, 0.0)) + given * math.expm1(max(-cost, 0.0))
        away = -math.log(self.x) if self.is_call else math.log(self.x)
        if away <= 0.0 or self.s < _STILL:
            return gain
        drift = (self.a - self.b - 0.5 * self.s**2) * (-1.0 if self.is_call else 1.0)
        touch = ndtr(-(away + drift) / self.s)
        lift = min(-2.0 * away * drift / self.s**2, 700.0)
        touch += math.exp(lift) * ndtr((drift - away) / self.s)
        return gain * min(float(touch), 1.0)


class _Engines:
    """QuantLib's objects of one thread; only the four numbers of the market change."""

    def __init__(self) -> None:
        import QuantLib as ql

        start = ql.Date(1, ql.January, 2020)
        end = start + 365
        self._settings, self._today = ql.Settings.instance(), start
        self._settings.evaluationDate = start
        day, calendar = ql.Actual365Fixed(), ql.NullCalendar()
        self.quotes = [ql.SimpleQuote(value) for value in (1.0, 0.05, 0.0, 0.2)]
        spot, rate, dividend, vol = (ql.QuoteHandle(quote) for quote in self.quotes)
        process = ql.BlackScholesMertonProcess(
            spot,
            ql.YieldTermStructureHandle(ql.FlatForward(start, dividend, day)),
            ql.YieldTermStructureHandle(ql.FlatForward(start, rate, day)),
            ql.BlackVolTermStructureHandle(ql.BlackConstantVol(start, calendar, vol, day)),
        )
        fast, precise = (
            ql.QdFpAmericanEngine(process, scheme)
            for scheme in (
                ql.QdFpAmericanEngine.fastScheme(),
                ql.QdFpAmericanEngine.accurateScheme(),
            )
        )
        # Two exercise boundaries, which QdFp does not know, take a grid.
        grid = ql.FdBlackScholesVanillaEngine(process, _GRID, _GRID)
        self._options = {
            (kind, is_call): self._option(ql, engine, is_call, start, end)
            for kind, engine in (("fast", fast), ("precise", precise), ("grid", grid))
            for is_call in (False, True)
        }

    @staticmethod
    def _option(ql: Any, engine: Any, is_call: bool, start: Any, end: Any) -> Any:
        right = ql.Option.Call if is_call else ql.Option.Put
        option = ql.VanillaOption(
            ql.PlainVanillaPayoff(right, 1.0), ql.AmericanExercise(start, end)
        )
        option.setPricingEngine(engine)
        return option

    def value(self, unit: Unit, kind: str) -> float:
        # The library's date is one for the whole process: others that use it may have moved it.
        if self._settings.evaluationDate != self._today:
            self._settings.evaluationDate = self._today
        for quote, number in zip(self.quotes, unit[:4], strict=True):
            quote.setValue(number)
        try:
            found = float(self._options[kind, unit.is_call].NPV())
        except RuntimeError as error:
            raise UnvaluedError(str(error)) from error
        if not math.isfinite(found):
            raise UnvaluedError(f"{unit} has no finite value")
        return found


_local = threading.local()


def _engines() -> _Engines:
    found: _Engines | None = getattr(_local, "engines", None)
    if found is None:
        found = _local.engines = _Engines()
    return found


def value(unit: Unit, *, precise: bool = False) -> float:
    """Return the option's value over the strike; at least the intrinsic value.

    Parameters
    ----------
    unit : Unit
        x and s above zero, everything finite; early exercise must be able to pay.
    precise : bool
        The accurate scheme (error about 1e-7 of the strike, six times slower) instead of the
        fast one (about 1e-6).

    Raises
    ------
    UnvaluedError
        When the engine gives up: far from any market, within the bounds above.
    """
    if unit.s < _STILL:
        return _certain(unit)
    if unit.twice_exercised():
        return max(_engines().value(unit, "grid"), unit.intrinsic)
    found = _engines().value(unit, "precise" if precise else "fast")
    return max(found, unit.intrinsic)


def _value_or_nan(unit: Unit, *, precise: bool = False) -> float:
    try:
        return value(unit, precise=precise)
    except UnvaluedError:
        return math.nan


def settled(unit: Unit) -> tuple[float, bool]:
    """Return the option's value over the strike, and whether it is best exercised now."""
    found = value(unit)
    carry = max(unit.b * unit.x if unit.is_call else unit.a, 0.0)
    if unit.intrinsic > 0.0 and found - unit.intrinsic < _COARSE * carry:
        found = value(unit, precise=True)
        if found - unit.intrinsic < _NONE * carry:
            return unit.intrinsic, True
    return found, False


def _certain(unit: Unit) -> float:
    """Return the value where nothing is random: the best of now, the end and the one maximum."""
    instants = [0.0, 1.0]
    if unit.a * unit.b > 0.0 and unit.a != unit.b:
        ratio = math.log(abs(unit.b)) - math.log(abs(unit.a)) + math.log(unit.x)
        best = ratio / (unit.b - unit.a)
        instants.append(min(max(best, 0.0), 1.0))
    side = 1.0 if unit.is_call else -1.0
    paid = (side * (unit.x * math.exp(-unit.b * at) - math.exp(-unit.a * at)) for at in instants)
    return max(0.0, *paid)


class Contract(NamedTuple):
    """One contract in the units of `quant.bsm`."""

    S: float
    K: float
    T: float
    r: float
    q: float
    sigma: float
    is_call: bool

    @property
    def intrinsic(self) -> float:
        """What exercise pays now, in currency."""
        return max(self.S - self.K if self.is_call else self.K - self.S, 0.0)

    def within_reach(self) -> bool:
        """Whether it can be valued with all its derivatives."""
        return 1.0 / _MOST_STRIKE <= self.K <= _MOST_STRIKE and self.unit().within_reach()

    def moving(self) -> Contract:
        """Return the contract with no less volatility than its derivatives can be told at."""
        least = _STIRRING / math.sqrt(self.T)
        return self if self.sigma >= least else self._replace(sigma=least)

    def unit(self) -> Unit:
        """Return it without time and currency."""
        return Unit(
            self.S / self.K,
            self.r * self.T,
            self.q * self.T,
            self.sigma * math.sqrt(self.T),
            self.is_call,
        )


def premium_greeks(contracts: Sequence[Contract], names: Sequence[str]) -> dict[str, FloatArray]:
    """Return Greeks of the early-exercise premium, raw units, one element per contract.

    Five places a twentieth of a deviation apart give its derivatives in spot, five relative steps
    of 2 % those in volatility and in the rate; theta, charm and color follow from
    the Black-Scholes equation. Near the exercise boundary, where the premium has a kink, all
    steps lead away from it. Where next to nothing is random the Greeks are those of a total
    volatility of 1e-4.
    """
    nodes = [_Nodes(one.moving(), names) for one in contracts]
    units = list(dict.fromkeys(unit for each in nodes for unit in each.units()))
    precise = {unit for each in nodes if each.near for unit in each.units()}
    x, a, b, s = (np.array([unit[i] for unit in units]) for i in range(4))
    european = bsm.price(x, 1.0, 1.0, a, b, s, np.array([unit.is_call for unit in units]))
    american = np.array([_value_or_nan(unit, precise=unit in precise) for unit in units])
    with np.errstate(invalid="ignore"):
        known = dict(zip(units, np.maximum(american - european, 0.0).tolist(), strict=True))
    rows = [each.greeks(known) for each in nodes]
    return {name: np.array([row[name] for row in rows]) for name in names if name != "price"}


_STEP = 0.05
_WIDEST = 0.1
"""Step in spot, in deviations; and its bound over spot, which four steps down must not reach."""
_VOL_STEP = 0.02
_RATE_STEP = 0.02


def _weights(offsets: FloatArray) -> FloatArray:
    """Return the weights of derivatives 0 to 4 at the origin, for values at five offsets."""
    powers = np.vander(offsets, increasing=True).T
    factorials = np.diag([1.0, 1.0, 2.0, 6.0, 24.0])
    return np.linalg.solve(powers, factorials).T.astype(np.float64)


_CENTRAL, _AHEAD = np.arange(-2.0, 3.0), np.arange(5.0)
_FIVE = {False: (_CENTRAL, _weights(_CENTRAL)), True: (_AHEAD, _weights(_AHEAD))}
_THREE = {
    False: ((-1.0, 0.0, 1.0), (-0.5, 0.0, 0.5)),
    True: ((0.0, 1.0, 2.0), (-1.5, 2.0, -0.5)),
}
"""Offsets and weights; the second of each lead away from the exercise boundary."""


class _Nodes:
    """Where the premium of one contract is asked for, and what its values say."""

    def __init__(self, one: Contract, names: Sequence[str]) -> None:
        self.one, self.unit = one, one.unit()
        unit = self.unit
        away = -1.0 if unit.is_call else 1.0
        step = min(_STEP * unit.s, _WIDEST)
        self.near = self._distance() < 2.5 * step * unit.x
        self.h = step * unit.x * (away if self.near else 1.0)
        self.ds = _VOL_STEP * unit.s
        paid = unit.a if unit.a != 0.0 else unit.s**2
        self.da = _RATE_STEP * abs(paid) * -away
        self.names = [name for name in names if name != "price"]
        self.groups = {_GROUP[name] for name in self.names}

    def _distance(self) -> float:
        """Return about how far the spot is from the boundary, over the strike."""
        unit = self.unit
        slope = (unit.b * unit.x - unit.a) if unit.is_call else (unit.a - unit.b * unit.x)
        if slope <= 0.0 or unit.intrinsic <= 0.0:
            return math.inf
        kept = max(_value_or_nan(unit) - unit.intrinsic, 0.0)
        return unit.s * unit.x * math.sqrt(kept / slope)

    def _spots(self, s: float) -> list[Unit]:
        offsets = _FIVE[self.near][0]
        return [self.unit._replace(x=self.unit.x + k * self.h, s=s) for k in offsets.tolist()]

    def _vols(self) -> list[Unit]:
        offsets = _FIVE[self.near][0]
        return [self.unit._replace(s=self.unit.s + k * self.ds) for k in offsets.tolist()]

    def _rates(self) -> list[Unit]:
        offsets = _FIVE[self.near][0]
        return [self.unit._replace(a=self.unit.a + k * self.da) for k in offsets.tolist()]

    def units(self) -> list[Unit]:
        """Return every place asked for."""
        out = self._spots(self.unit.s) if self.groups & {"spot", "cross"} else []
        if "cross" in self.groups:
            for k in _THREE[self.near][0]:
                out += self._spots(self.unit.s + k * self.ds)
        if "vol" in self.groups:
            out += self._vols()
        if "rate" in self.groups:
            out += self._rates()
        return out

    def _along(self, places: list[Unit], known: dict[Unit, float], step: float) -> FloatArray:
        """Return derivatives 0 to 4 along five places."""
        values = np.array([known[unit] for unit in places])
        slopes: FloatArray = _FIVE[self.near][1] @ values
        return slopes * step**-_AHEAD

    def greeks(self, known: dict[Unit, float]) -> dict[str, float]:
        """Return the Greeks in raw units."""
        one, unit = self.one, self.unit
        found: dict[str, float] = {}
        if "spot" in self.groups:
            found |= self._spot_greeks(self._along(self._spots(unit.s), known, self.h))
        if "cross" in self.groups:
            offsets, weights = _THREE[self.near]
            rows = [self._along(self._spots(unit.s + k * self.ds), known, self.h) for k in offsets]
            slope = np.array(weights) @ np.array(rows) / self.ds * math.sqrt(one.T)
            found |= {"vanna": slope[1], "zomma": slope[2] / one.K}
        if "vol" in self.groups:
            v = self._along(self._vols(), known, self.ds) * one.T ** (0.5 * np.arange(5.0)) * one.K
            found |= {"vega": v[1], "vomma": v[2], "ultima": v[3]}
        if "rate" in self.groups:
            found["rho"] = one.K * one.T * self._along(self._rates(), known, self.da)[1]
        return {name: float(found[name]) for name in self.names}

    def _spot_greeks(self, p: FloatArray) -> dict[str, float]:
        """Return what derivatives 0 to 4 in x say, with those in time by Black and Scholes."""
        one, x = self.one, self.unit.x
        drift, variance = one.r - one.q, one.sigma**2
        theta = one.r * p[0] - drift * x * p[1] - 0.5 * variance * x**2 * p[2]
        charm = one.q * p[1] - (drift + variance) * x * p[2] - 0.5 * variance * x**2 * p[3]
        color = one.q * p[2] - (drift + variance) * (p[2] + x * p[3])
        color -= variance * x * p[3] + 0.5 * variance * x**2 * p[4]
        return {
            "delta": p[1],
            "gamma": p[2] / one.K,
            "speed": p[3] / one.K**2,
            "theta": one.K * theta,
            "charm": charm,
            "color": color / one.K,
        }


_GROUP = {
    **dict.fromkeys(("delta", "gamma", "speed", "theta", "charm", "color"), "spot"),
    **dict.fromkeys(("vanna", "zomma"), "cross"),
    **dict.fromkeys(("vega", "vomma", "ultima"), "vol"),
    "rho": "rate",
}
