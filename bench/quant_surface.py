"""A volatility surface of 8 expiries of 80 strikes, from the chain's quotes to smiles.

Ours is `quant.surface.fit` on a chain of 1,280 calls and puts: forwards by parity, volatilities of
bids, mids and asks, the choice of quotes, SVI, SABR and eSSVI fits, the search for arbitrage, and
smiles that are free of it. The time goal speaks of this call, warm.

The peer is SciPy's `least_squares` on raw SVI, one fit per expiry, on the same points with the same
weights, which it is given ready made: bounds on the parameters, `x_scale="jac"`, a start of the
right size, derivatives by differences as they come by default. The quickest other way is reported
as well: exact derivatives by formula, and Levenberg-Marquardt without bounds.

Two comparisons are made, since the peer does a small part of the work: our whole call against its
fits, and our SVI fits alone, `quant.svi.calibrate_many` on the same points. Both on one thread.

    python bench/quant_surface.py [--reps 9]
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
from scipy.optimize import least_squares

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.support import timing
from quant import bsm, ssvi, surface, svi
from quant.chain import Chain

DAYS = (0.25, 1.0, 3.0, 7.0, 14.0, 30.0, 60.0, 120.0)
STRIKES, SPOT, R, Q = 80, 6000.0, 0.04, 0.01
NOW = 1_709_650_000 * 10**9
GOAL, MOST_SECONDS = 10.0, 0.02


def quotes(seed: int = 1) -> Chain:
    """Return a chain priced by one eSSVI surface, with spreads, noise and ticks."""
    rng = np.random.default_rng(seed)
    parts = []
    for days in DAYS:
        T = days / 365
        theta = 0.02 * T * (1 + 0.3 * T)
        smile = ssvi.Slice(theta, -0.65, 1.0 / np.sqrt(theta * (1 + theta)) * theta)
        forward = SPOT * np.exp((R - Q) * T)
        k = np.linspace(-4, 3, STRIKES) * np.sqrt(theta)
        K = np.repeat(np.round(forward * np.exp(k), 2), 2)
        is_call = np.tile([True, False], STRIKES)
        fair = bsm.price(SPOT, K, T, R, Q, smile.vol(np.log(K / forward), T), is_call)
        settles = np.full(K.size, NOW + int(days * 86_400) * 10**9)
        parts.append((settles, K, is_call, fair))
    expiries, K, is_call, fair = (np.concatenate(column) for column in zip(*parts, strict=True))
    half = np.maximum(0.025, 0.004 * fair)
    middle = fair + 0.3 * half * rng.normal(size=fair.size)
    unknown = np.full(K.size, np.nan)
    return Chain(
        NOW, SPOT, K, expiries, is_call,
        np.maximum(0.05 * np.round((middle - half) / 0.05), 0.05),
        0.05 * np.round((middle + half) / 0.05) + 0.05,
        unknown, unknown, unknown, unknown, np.full(K.size, 100.0), R, Q,
    )  # fmt: skip


class Smile(NamedTuple):
    """What one fit is given: points, volatilities, years, and roots of the weights."""

    k: np.ndarray
    iv: np.ndarray
    years: float
    root: np.ndarray


def curve(p: np.ndarray, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return total variance, and the root inside it."""
    a, b, rho, m, sigma = p
    x = k - m
    bend = np.sqrt(x * x + sigma * sigma)
    return a + b * (rho * x + bend), bend


def miss(p: np.ndarray, smile: Smile) -> np.ndarray:
    """Return weighted volatility errors."""
    w, _ = curve(p, smile.k)
    return smile.root * (np.sqrt(np.maximum(w, 1e-12) / smile.years) - smile.iv)


def slopes(p: np.ndarray, smile: Smile) -> np.ndarray:
    """Return the derivatives of `miss`."""
    _, b, rho, m, sigma = p
    w, bend = curve(p, smile.k)
    x = smile.k - m
    out = np.stack(
        [np.ones(x.size), rho * x + bend, b * x, -b * (rho + x / bend), b * sigma / bend]
    )
    return (out * (0.5 * smile.root / np.sqrt(np.maximum(w, 1e-12) * smile.years))).T


def start(smile: Smile) -> np.ndarray:
    """Return a guess of the right size: half the level flat, the other half a symmetric smile."""
    level = float(np.interp(0.0, smile.k, smile.iv)) ** 2 * smile.years
    return np.array([0.5 * level, 0.5 * np.sqrt(level), -0.3, 0.0, np.sqrt(level)])


LOW, HIGH = np.array([-1.0, 0.0, -0.999, -2.0, 1e-6]), np.array([4.0, 10.0, 0.999, 2.0, 4.0])


def bounded(smile: Smile) -> np.ndarray:
    found = least_squares(miss, start(smile), bounds=(LOW, HIGH), x_scale="jac", args=(smile,))
    return found.x


def exact(smile: Smile) -> np.ndarray:
    found = least_squares(
        miss, start(smile), slopes, bounds=(LOW, HIGH), x_scale="jac", args=(smile,)
    )
    return found.x


def marquardt(smile: Smile) -> np.ndarray:
    found = least_squares(miss, start(smile), slopes, method="lm", x_scale="jac", args=(smile,))
    return found.x


def main() -> None:
    reps = timing.repetitions(__doc__, 9)
    chain = quotes()
    made = surface.fit(chain)
    smiles, asked = [], []
    for one in made.slices:
        weights = one.points.weights(one.years)
        smiles.append(Smile(one.points.k, one.points.mid, one.years, np.sqrt(weights)))
        asked.append((one.points.k, one.points.mid, one.years, weights))
    fits = [one.raw for one in svi.calibrate_many(asked, threads=1) if one is not None]
    ours = [
        np.sqrt(np.mean(miss(np.array(raw), smile) ** 2))
        for raw, smile in zip(fits, smiles, strict=True)
    ]
    timing.header()
    title = f"surface, {len(DAYS)} expiries x {STRIKES} strikes"
    print(
        f"  {sum(one.good for one in made.slices)} of {len(DAYS)} expiries have a smile, "
        f"{sum(smile.k.size for smile in smiles)} points, {len(made.crossings)} crossings"
    )
    ways: dict[str, Callable[[Smile], np.ndarray]] = {
        "bounds, differences": bounded,
        "bounds, exact derivatives": exact,
        "Levenberg-Marquardt, exact derivatives": marquardt,
    }

    def loop(way: Callable[[Smile], np.ndarray]) -> None:
        for smile in smiles:
            way(smile)

    took: list[float] = []
    for number, (name, way) in enumerate(ways.items()):
        theirs = [np.sqrt(np.mean(miss(way(smile), smile) ** 2)) for smile in smiles]
        share = [own / far for own, far in zip(ours, theirs, strict=True)]
        print(
            f"  agree: weighted error of our SVI fit over that of SciPy ({name}): "
            f"largest {max(share):.5g}, smallest {min(share):.5g}"
        )
        goal = None if number else GOAL
        once = timing.timer(lambda w=way: loop(w))
        pair = timing.in_turn(timing.timer(lambda: surface.fit(chain)), once, reps)
        timing.faster(f"{title}, all of it, SciPy SVI ({name})", pair, goal)
        took += pair.ours
        pair = timing.in_turn(
            timing.timer(lambda: svi.calibrate_many(asked, threads=1)), once, reps
        )
        timing.faster(f"{title}, SVI fits alone, SciPy SVI ({name})", pair, goal)
    timing.row(
        f"{title}, all of it, warm, time", timing.seconds(took), "-", "-",
        f"less than {1e3 * MOST_SECONDS:g} ms", median(took) < MOST_SECONDS,
    )  # fmt: skip


if __name__ == "__main__":
    main()
