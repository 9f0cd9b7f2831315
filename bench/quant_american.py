"""American options: prices, and prices with delta, gamma and theta, of 500 contracts; no goal.

Ours is one call of `quant.american.price` or `quant.american.greeks` on all contracts. The peers
are plain loops over QuantLib, which build the option, its process and its engine for each contract,
as one does for contracts of different rates, volatilities and times:

- `FdBlackScholesVanillaEngine` with its own default grid, for price, delta, gamma and theta;
- `QdFpAmericanEngine` with its own default scheme, for the price alone: it has no Greeks.

Our premium comes from QuantLib's engine, too, so this says what is saved by the European part in
closed form, by skipping what cannot be exercised early, and by engines that are made once. The
differences are from QuantLib's most precise scheme, over the strike.

    python bench/quant_american.py [--reps 3]
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import QuantLib as ql

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.support import timing
from quant import american

CONTRACTS = 500
SPOT = 100.0
FOUR = ("price", "delta", "gamma", "theta")


class Contracts:
    """Puts and calls with times of whole days, since QuantLib counts those."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.K = rng.uniform(80.0, 120.0, CONTRACTS)
        self.days = rng.integers(2, 400, CONTRACTS)
        self.T = self.days / 365
        self.r = rng.uniform(0.02, 0.06, CONTRACTS)
        self.q = rng.uniform(0.0, 0.04, CONTRACTS)
        self.vol = rng.uniform(0.15, 0.5, CONTRACTS)
        self.is_call = rng.random(CONTRACTS) < 0.5
        self.today = ql.Date(2, ql.January, 2024)
        ql.Settings.instance().evaluationDate = self.today
        columns = (self.K, self.days, self.r, self.q, self.vol, self.is_call)
        self._rows = list(zip(*(column.tolist() for column in columns), strict=True))

    def given(self) -> tuple[object, ...]:
        """Return the arguments of our calls."""
        return SPOT, self.K, self.T, self.r, self.q, self.vol, self.is_call

    def loop(
        self, engine: Callable[[ql.GeneralizedBlackScholesProcess], object]
    ) -> list[ql.VanillaOption]:
        """Return QuantLib's options, one by one, each with an engine of its own."""
        clock, calendar = ql.Actual365Fixed(), ql.NullCalendar()
        made = []
        for strike, days, r, q, vol, call in self._rows:
            process = ql.BlackScholesMertonProcess(
                ql.QuoteHandle(ql.SimpleQuote(SPOT)),
                ql.YieldTermStructureHandle(ql.FlatForward(self.today, q, clock)),
                ql.YieldTermStructureHandle(ql.FlatForward(self.today, r, clock)),
                ql.BlackVolTermStructureHandle(
                    ql.BlackConstantVol(self.today, calendar, vol, clock)
                ),
            )
            option = ql.VanillaOption(
                ql.PlainVanillaPayoff(ql.Option.Call if call else ql.Option.Put, strike),
                ql.AmericanExercise(self.today, self.today + days),
            )
            option.setPricingEngine(engine(process))
            made.append(option)
        return made

    def grid(self) -> np.ndarray:
        """Return price, delta, gamma and theta by finite differences."""
        options = self.loop(ql.FdBlackScholesVanillaEngine)
        return np.array([(o.NPV(), o.delta(), o.gamma(), o.theta()) for o in options]).T

    def spectral(self, scheme: object = None) -> np.ndarray:
        """Return prices by the fixed-point engine."""
        options = self.loop(
            ql.QdFpAmericanEngine
            if scheme is None
            else lambda process: ql.QdFpAmericanEngine(process, scheme)
        )
        return np.array([option.NPV() for option in options])


def main() -> None:
    reps = timing.repetitions(__doc__, 3)
    held = Contracts()
    timing.header()
    true = held.spectral(ql.QdFpAmericanEngine.highPrecisionScheme())
    ours, grid = american.greeks(*held.given(), names=FOUR), held.grid()
    timing.differs(
        "prices and the most precise, over the strike",
        {
            "ours": float(np.abs((american.price(*held.given()).price - true) / held.K).max()),
            "FD": float(np.abs((grid[0] - true) / held.K).max()),
            "QdFp": float(np.abs((held.spectral() - true) / held.K).max()),
        },
    )
    timing.differs(
        "ours and FD, over the largest",
        {
            name: float(np.abs(ours.values[name] - grid[place]).max() / np.abs(grid[place]).max())
            for place, name in enumerate(FOUR)
        },
    )
    title = f"American, {CONTRACTS} contracts"
    call = timing.timer(lambda: american.price(*held.given()))
    for name, peer in (("FD", held.grid), ("QdFp", held.spectral)):
        pair = timing.in_turn(call, timing.timer(peer), reps, pieces=CONTRACTS)
        timing.faster(f"{title}, price, QuantLib {name} loop, a contract", pair)
    pair = timing.in_turn(
        timing.timer(lambda: american.greeks(*held.given(), names=FOUR)),
        timing.timer(held.grid),
        reps,
        pieces=CONTRACTS,
    )
    timing.faster(f"{title}, price, delta, gamma, theta, QuantLib FD loop, a contract", pair)
    everything = timing.alone(
        timing.timer(lambda: american.greeks(*held.given())), reps, pieces=CONTRACTS
    )
    timing.row(
        f"{title}, price + 13 Greeks, a contract", timing.seconds(everything), "-", "-", "", None
    )


if __name__ == "__main__":
    main()
