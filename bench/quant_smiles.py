"""Fits of SABR and of SVI to noisy smiles of 40 strikes.

Each smile is drawn from the model with parameters of its own, and every volatility then moved by
noise of 0.03 points. Ours fits all smiles in one call on one thread (`quant.sabr.calibrate_many`,
`quant.svi.calibrate_many`; time per fit), and also one smile in a call of its own (`calibrate`).
The peer is QuantLib, one object per smile with its Levenberg-Marquardt:

- `SABRInterpolation`, beta fixed at 1, one guess (`maxGuesses`), which begins at the volatility
  nearest to the money; it fits when it is made;
- `SviInterpolatedSmileSection`, all five parameters free, with its own guesses; it fits when it is
  first asked.

Neither weighs by vega, so both minimize what we do: the mean square of the volatility errors. The
fit errors are compared smile by smile, on volatilities that each library's own formula gives.

A line without a goal says how much of our time is spent in the compiled fit; the rest goes into
sorting and weighing the points, the start, and the errors that come with each answer.

    python bench/quant_smiles.py [--reps 7]
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path
from statistics import median

import numpy as np
import QuantLib as ql

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.support import timing
from quant import sabr, svi

SMILES, STRIKES = 60, 40
FORWARD, DAYS = 100.0, 91
YEARS = DAYS / 365.0  # QuantLib counts whole days
NOISE = 3e-4
GOAL = 15.0
SLACK = 1.001  # of the error, for rounding and for where each optimizer stops
END = (1000, 50, 1e-10, 1e-10, 1e-10)


def sabr_smiles(rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return strikes and volatilities."""
    found = []
    for _ in range(SMILES):
        alpha, rho, nu = rng.uniform(0.1, 0.4), rng.uniform(-0.8, 0.2), rng.uniform(0.3, 1.5)
        K = FORWARD * np.exp(np.linspace(-2.4, 2.0, STRIKES) * alpha * np.sqrt(YEARS))
        iv = sabr.vol(K, FORWARD, YEARS, alpha, 1.0, rho, nu)
        found.append((K, iv + NOISE * rng.normal(size=STRIKES)))
    return found


def svi_smiles(rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return strikes and volatilities."""
    found = []
    k = np.linspace(-0.5, 0.35, STRIKES)
    for _ in range(SMILES):
        a, b, rho = rng.uniform(0.01, 0.03), rng.uniform(0.05, 0.2), rng.uniform(-0.8, 0.1)
        raw = svi.SVI(a, b, rho, rng.uniform(-0.05, 0.1), rng.uniform(0.05, 0.3))
        found.append((FORWARD * np.exp(k), raw.vol(k, YEARS) + NOISE * rng.normal(size=STRIKES)))
    return found


class SabrPeer:
    """QuantLib's SABR fits."""

    def __init__(self, smiles: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
        middle = STRIKES // 2
        self._smiles = [(K.tolist(), iv.tolist(), float(iv[middle])) for K, iv in smiles]

    def fit(self, place: int) -> ql.SABRInterpolation:
        """Fit one smile."""
        K, iv, level = self._smiles[place]
        return ql.SABRInterpolation(
            K, iv, YEARS, FORWARD, level, 1.0, 0.5, -0.2, False, True, False, False, False,
            ql.EndCriteria(*END), ql.LevenbergMarquardt(), 0.0020, False, 1,
        )  # fmt: skip

    def vols(self, place: int) -> np.ndarray:
        """Return the fitted volatilities at the strikes."""
        made = self.fit(place)
        return np.array([made(K) for K in self._smiles[place][0]])


class SviPeer:
    """QuantLib's SVI fits."""

    def __init__(self, smiles: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
        today = ql.Date(2, ql.January, 2024)
        ql.Settings.instance().evaluationDate = today
        self._expiry = today + DAYS
        middle = STRIKES // 2
        self._smiles = [(K.tolist(), iv.tolist(), float(iv[middle])) for K, iv in smiles]

    def fit(self, place: int) -> ql.SviInterpolatedSmileSection:
        """Fit one smile."""
        K, iv, level = self._smiles[place]
        none = ql.nullDouble()
        made = ql.SviInterpolatedSmileSection(
            self._expiry, FORWARD, K, False, level, iv, none, none, none, none, none,
            False, False, False, False, False, False,
            ql.EndCriteria(*END), ql.LevenbergMarquardt(), ql.Actual365Fixed(),
        )  # fmt: skip
        made.rmsError()
        return made

    def vols(self, place: int) -> np.ndarray:
        """Return the fitted volatilities at the strikes."""
        made = self.fit(place)
        return np.array([made.volatility(K) for K in self._smiles[place][0]])


def compare(
    name: str,
    smiles: Sequence[tuple[np.ndarray, np.ndarray]],
    peer: SabrPeer | SviPeer,
    many: Callable[[], object],
    single: Callable[[int], object],
    fitted: Sequence[np.ndarray],
    reps: int,
) -> None:
    """Print the errors and the times of one model."""
    ours = np.array(
        [np.sqrt(np.mean((own - iv) ** 2)) for own, (_, iv) in zip(fitted, smiles, strict=True)]
    )
    other = [peer.vols(place) for place in range(SMILES)]
    theirs = np.array(
        [np.sqrt(np.mean((own - iv) ** 2)) for own, (_, iv) in zip(other, smiles, strict=True)]
    )
    apart = [np.abs(own - far).max() for own, far in zip(fitted, other, strict=True)]
    timing.differs(f"{name}, fitted volatilities, median of the smiles", float(np.median(apart)))
    share = ours / theirs
    timing.row(
        f"{name}, {STRIKES} strikes, error (rms), {SMILES} smiles",
        f"median {np.median(ours):.3g}, worst {ours.max():.3g}",
        f"median {np.median(theirs):.3g}, worst {theirs.max():.3g}",
        f"ours over the peer's: largest {share.max():.5g}, median {np.median(share):.5g}",
        f"at most {SLACK:g} everywhere",
        bool(share.max() <= SLACK),
    )

    def loop() -> None:
        for place in range(SMILES):
            peer.fit(place)

    pair = timing.in_turn(timing.timer(many), timing.timer(loop), reps, pieces=SMILES)
    timing.faster(
        f"{name}, {STRIKES} strikes, {SMILES} smiles in a call, a fit, QuantLib", pair, GOAL
    )
    compiled = (
        timing.inside(f"quant.kernels.{name.lower()}", f"{name.lower()}_kernel", many, reps)
        / SMILES
    )
    timing.row(
        f"{name}, {STRIKES} strikes, {SMILES} smiles in a call, of which in the compiled fit",
        f"{1e6 * compiled:.3g} us",
        timing.seconds(pair.peer),
        f"{median(pair.peer) / compiled:.3g}x",
        "",
        None,
    )
    turn, their_turn = cycle(range(SMILES)), cycle(range(SMILES))
    pair = timing.in_turn(
        timing.timer(lambda: single(next(turn))),
        timing.timer(lambda: peer.fit(next(their_turn))),
        reps,
    )
    timing.faster(f"{name}, {STRIKES} strikes, one smile in a call, QuantLib", pair, GOAL)


def main() -> None:
    reps = timing.repetitions(__doc__, 7)
    rng = np.random.default_rng(0)
    timing.header()

    smiles = sabr_smiles(rng)
    asked = [(K, FORWARD, YEARS, iv, None) for K, iv in smiles]
    fits = [one for one in sabr.calibrate_many(asked, threads=1) if one is not None]
    compare(
        "SABR",
        smiles,
        SabrPeer(smiles),
        lambda: sabr.calibrate_many(asked, threads=1),
        lambda place: sabr.calibrate(*asked[place]),
        [
            sabr.vol(K, FORWARD, YEARS, *fit.parameters)
            for (K, _), fit in zip(smiles, fits, strict=True)
        ],
        reps,
    )

    smiles = svi_smiles(rng)
    wanted = [(np.log(K / FORWARD), iv, YEARS, None) for K, iv in smiles]
    found = [one for one in svi.calibrate_many(wanted, threads=1) if one is not None]
    compare(
        "SVI",
        smiles,
        SviPeer(smiles),
        lambda: svi.calibrate_many(wanted, threads=1),
        lambda place: svi.calibrate(*wanted[place]),
        [one.raw.vol(k, YEARS) for (k, *_), one in zip(wanted, found, strict=True)],
        reps,
    )


if __name__ == "__main__":
    main()
