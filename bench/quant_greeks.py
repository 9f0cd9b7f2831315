"""Price and Greeks of 10,000 and of 1,000,000 European contracts.

Ours is one call of `quant.bsm.greeks`: the price and all thirteen Greeks. The peers answer with the
price and five Greeks:

- fast-vollib, `fast_black_scholes_merton` and `get_all_greeks` on arrays, with its best backend
  (of Numba and NumPy, whichever is quicker here);
- py_vollib_vectorized, `vectorized_black_scholes_merton` and `get_all_greeks`, whose Greeks are
  differences of prices over a cent, a day or a point, so they agree as well as those do; it runs
  in a process of its own (`support/peers.py`);
- QuantLib, a plain loop over a sample: one option with an analytic engine, whose market data are
  set for each contract; NPV, delta, gamma, vega, theta, rho. Scaled per contract.

The last line sets our call against one pass of NumPy's exponential and SciPy's erfc over as many
numbers, on one thread: the least that any price costs. Threads are the same on both sides: all
cores against fast-vollib for 1,000,000 contracts, one everywhere else, since the others have one.

    python bench/quant_greeks.py [--reps 5]
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import QuantLib as ql
from scipy.special import erfc

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.support import peers, timing
from quant import bsm

SIZES = (10_000, 1_000_000)
LOOP = 5_000
FIVE = ("delta", "gamma", "vega", "theta", "rho")
GOALS = {  # how many times faster
    10_000: {"fast-vollib": 4.0, "py_vollib_vectorized": 25.0, "QuantLib": 100.0},
    1_000_000: {"fast-vollib": 5.0, "py_vollib_vectorized": 50.0, "QuantLib": 300.0},
}
PASSES = 6.0  # passes of exp and erfc that ours may cost
MANY_REPS = 2  # times as many repetitions of the small batch, whose calls are short
UNITS = {"vega": 100.0, "theta": 365.0, "rho": 100.0}  # peers quote per point and per day


class Market:
    """Contracts with their prices by us, as the arrays that each peer takes."""

    def __init__(self, count: int) -> None:
        rng = np.random.default_rng(1)
        self.count = count
        self.S = rng.uniform(80.0, 120.0, count)
        self.K = self.S * np.exp(rng.normal(0.0, 0.2, count))
        self.T = rng.uniform(7 / 365, 2.0, count)
        self.r = rng.uniform(0.01, 0.05, count)
        self.q = rng.uniform(0.0, 0.03, count)
        self.vol = rng.uniform(0.1, 0.8, count)
        self.is_call = rng.random(count) < 0.5
        self.flag = np.where(self.is_call, "c", "p")

    def ours(self, threads: int) -> bsm.Greeks:
        """Return the price and the thirteen Greeks."""
        return bsm.greeks(
            self.S, self.K, self.T, self.r, self.q, self.vol, self.is_call, threads=threads
        )

    def quoted(self) -> dict[str, np.ndarray]:
        """Return our numbers in the units of the peers."""
        values = self.ours(1).values
        return {name: values[name] / UNITS.get(name, 1.0) for name in ("price", *FIVE)}


def title(market: Market, threads: int) -> str:
    return f"price + 13 Greeks, {market.count:,}, {timing.threads(threads)}"


def told(name: str, mine: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> None:
    """Print the largest difference of each field, over the largest size of the field."""
    parts = {}
    for field, value in theirs.items():
        own = mine[field][: value.size]
        parts[field] = float(np.abs(own - value).max() / np.abs(own).max())
    timing.differs(f"{name}, over a field's largest number", parts)


def against_fast_vollib(market: Market, threads: int, reps: int) -> None:
    package = peers.fast_vollib(threads)
    given = (market.flag, market.S, market.K, market.T, market.r, market.vol, market.q)

    def answer(backend: str) -> dict[str, np.ndarray]:
        price = package.fast_black_scholes_merton(*given, return_as="numpy", backend=backend)
        rest = package.get_all_greeks(
            *given, model="black_scholes_merton", return_as="dict", backend=backend
        )
        return {"price": price, **rest}

    backends = ("numba", "numpy")
    tried = {
        name: min(timing.alone(timing.timer(lambda b=name: answer(b)), 3)) for name in backends
    }
    best = min(backends, key=tried.__getitem__)
    told(f"fast-vollib ({best})", market.quoted(), answer(best))
    pair = timing.in_turn(
        timing.timer(lambda: market.ours(threads)),
        timing.timer(lambda: answer(best)),
        reps,
        pieces=market.count,
    )
    timing.faster(
        f"{title(market, threads)}, fast-vollib ({best}), a contract",
        pair,
        GOALS[market.count]["fast-vollib"],
    )


def against_vectorized(market: Market, reps: int) -> None:
    with peers.Vectorized() as peer:
        names = ("flag", "S", "K", "T", "r", "q", "vol")
        peer.give(**{name: getattr(market, name) for name in names})
        once = peer.timer("greeks")
        once()
        mine = market.quoted()
        # Its rho keeps the cost of carry as it is, and so moves the discount factor alone.
        told(
            "py_vollib_vectorized", mine | {"rho": -0.01 * market.T * mine["price"]}, peer.answer()
        )
        pair = timing.in_turn(
            timing.timer(lambda: market.ours(1)),
            once,
            reps,
            pieces=market.count,
        )
    timing.faster(
        f"{title(market, 1)}, py_vollib_vectorized, a contract",
        pair,
        GOALS[market.count]["py_vollib_vectorized"],
    )


class Loop:
    """QuantLib's analytic engine in a loop; its market data are set, not built, per contract."""

    def __init__(self, market: Market) -> None:
        today = ql.Date(2, ql.January, 2024)
        ql.Settings.instance().evaluationDate = today
        self._today = today
        self._quotes = [ql.SimpleQuote(0.1) for _ in range(4)]
        spot, r, q, vol = (ql.QuoteHandle(quote) for quote in self._quotes)
        clock, calendar = ql.Actual365Fixed(), ql.NullCalendar()
        process = ql.BlackScholesMertonProcess(
            spot,
            ql.YieldTermStructureHandle(ql.FlatForward(today, q, clock)),
            ql.YieldTermStructureHandle(ql.FlatForward(today, r, clock)),
            ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, calendar, vol, clock)),
        )
        self._engine = ql.AnalyticEuropeanEngine(process)
        count = min(LOOP, market.count)
        # Dates have whole days; ours are asked the same when the answers are compared.
        self.days = np.maximum(np.rint(365.0 * market.T[:count]), 1.0)
        columns = (market.S, market.r, market.q, market.vol, market.K)
        self._rows = list(
            zip(
                *(column[:count].tolist() for column in columns),
                self.days.astype(int).tolist(),
                market.is_call[:count].tolist(),
                strict=True,
            )
        )

    def run(self) -> np.ndarray:
        """Return price, delta, gamma, vega, theta and rho of each contract, raw."""
        out = []
        for spot, r, q, vol, strike, days, call in self._rows:
            for quote, value in zip(self._quotes, (spot, r, q, vol), strict=True):
                quote.setValue(value)
            payoff = ql.PlainVanillaPayoff(ql.Option.Call if call else ql.Option.Put, strike)
            option = ql.VanillaOption(payoff, ql.EuropeanExercise(self._today + days))
            option.setPricingEngine(self._engine)
            out.append(
                (option.NPV(), option.delta(), option.gamma(), option.vega(), option.theta(),
                 option.rho())
            )  # fmt: skip
        return np.array(out)


def against_loop(market: Market, reps: int) -> None:
    loop = Loop(market)
    found, size = loop.run(), loop.days.size
    own = bsm.greeks(
        market.S[:size], market.K[:size], loop.days / 365.0, market.r[:size], market.q[:size],
        market.vol[:size], market.is_call[:size], threads=1,
    )  # fmt: skip
    told("QuantLib", own.values, dict(zip(("price", *FIVE), found.T, strict=True)))
    pair = timing.in_turn(
        timing.timer(lambda: market.ours(1)),
        timing.timer(loop.run),
        reps,
        pieces=market.count,
        peer_pieces=size,
    )
    timing.faster(
        f"{title(market, 1)}, QuantLib loop over {size:,}, a contract",
        pair,
        GOALS[market.count]["QuantLib"],
    )


def against_a_pass(market: Market, reps: int) -> None:
    x = (np.log(market.S / market.K) / (market.vol * np.sqrt(market.T))) / np.sqrt(2.0)
    out = np.empty_like(x)

    def once() -> None:
        np.exp(-x * x, out=out)
        erfc(x, out=out)

    pair = timing.in_turn(
        timing.timer(lambda: market.ours(1)), timing.timer(once), reps, pieces=market.count
    )
    cost = 1.0 / pair.ratio
    timing.row(
        f"{title(market, 1)}, one exp + erfc pass, a contract",
        timing.seconds(pair.ours),
        timing.seconds(pair.peer),
        f"{cost:.3g} passes (min {1.0 / pair.least_ratio:.3g})",
        f"at most {PASSES:g} passes",
        cost <= PASSES if market.count == SIZES[-1] else None,
    )


def main() -> None:
    reps = timing.repetitions(__doc__, 5)
    cores = len(os.sched_getaffinity(0))
    timing.header()
    for count in SIZES:
        market = Market(count)
        many = MANY_REPS * reps if count < SIZES[-1] else reps
        threads = 1 if count < SIZES[-1] else cores
        try:
            against_fast_vollib(market, threads, many)
        except peers.Missing as reason:
            timing.not_measured(f"{title(market, threads)}, fast-vollib", str(reason))
        try:
            against_vectorized(market, many if count < SIZES[-1] else max(1, reps - 2))
        except peers.Missing as reason:
            timing.not_measured(f"{title(market, 1)}, py_vollib_vectorized", str(reason))
        against_loop(market, reps)
        against_a_pass(market, many)


if __name__ == "__main__":
    main()
