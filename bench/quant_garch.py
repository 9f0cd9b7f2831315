"""Simulation of 100,000 GARCH paths of 252 steps, and of 390 steps with its peak memory.

Ours is `quant.garch.simulate`, which returns every step of every path. The peers:

- a loop over the steps in NumPy, whole rows of paths at once, in float64, which keeps every step;
- the `arch` package's `forecast(method="simulation")` of a model with the same parameters: a tenth
  of the paths in one call, scaled per path, since all of them take it ten seconds;
- the `arch` package's `simulate` method of a model, one path a call, over a sample of paths and
  scaled likewise, reported only.

All with normal innovations and zero mean. NumPy and arch use one thread for this; ours is timed as
it comes, which takes all cores, and on one. Random numbers differ, so what is compared is our
paths' recursion, step by step in NumPy from our own returns, and the mean variance of each step
with its closed form, in standard errors.

The peak of memory is that of a process that does nothing else, as the system counts it, less what
it held before.

    python bench/quant_garch.py [--reps 5]
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import warnings
from pathlib import Path
from statistics import median

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.support import timing
from quant import garch

PATHS, STEPS, DAY = 100_000, 252, 390
MODEL = garch.Parameters(mu=0.0, omega=2e-6, alpha=0.08, gamma=0.0, beta=0.9)
START = MODEL.long_run * 1.5
NUMPY_GOAL, ARCH_GOAL, MOST_SECONDS = 2.0, 10.0, 1.5
SAMPLE = 100
ARCH_PATHS = PATHS // 10
ALONE = "PULSE_BENCH_ALONE"  # set for the process whose memory is measured


def numpy_loop(rng: np.random.Generator) -> np.ndarray:
    """Return the returns of every step, as one writes it in NumPy."""
    out = np.empty((STEPS, PATHS))
    h = np.full(PATHS, START)
    for step in range(STEPS):
        e = np.sqrt(h) * rng.standard_normal(PATHS)
        h = MODEL.omega + MODEL.alpha * e * e + MODEL.beta * h
        out[step] = e
    return out


class Arch:
    """The arch package's two ways to simulate; returns in percent, as it likes them."""

    def __init__(self) -> None:
        from arch.univariate import arch_model

        rng = np.random.default_rng(3)
        history = 100.0 * np.sqrt(START) * rng.standard_normal(500)
        self._model = arch_model(history, mean="Zero", vol="GARCH", p=1, q=1, rescale=False)
        self._parameters = np.array([1e4 * MODEL.omega, MODEL.alpha, MODEL.beta])
        self._fixed = self._model.fix(self._parameters)

    def forecast(self) -> np.ndarray:
        """Return simulated returns, paths by steps."""
        made = self._fixed.forecast(
            horizon=STEPS, method="simulation", simulations=ARCH_PATHS, reindex=False
        )
        return made.simulations.values

    def simulate(self) -> None:
        """Simulate a sample of paths, one by one."""
        for _ in range(SAMPLE):
            self._model.simulate(self._parameters, STEPS)


def check() -> None:
    """Compare our paths with the recursion, and each step's mean variance with its closed form."""
    made = garch.simulate(MODEL, PATHS, STEPS, START, seed=1)
    h = np.full(PATHS, START)
    means, errors = np.empty(STEPS), np.empty(STEPS)
    for step in range(STEPS):
        means[step], errors[step] = h.mean(), h.std() / np.sqrt(PATHS)
        h = MODEL.omega + MODEL.alpha * made.returns[step] ** 2 + MODEL.beta * h
    timing.differs(
        "variance after the last step and NumPy's recursion, relative",
        float(np.abs(made.next_variance / h - 1.0).max()),
    )
    off = np.abs(means - MODEL.forecast(START, STEPS))[1:] / errors[1:]
    timing.differs("mean variance of a step and its closed form, standard errors", float(off.max()))


def peak_bytes() -> int:
    """Return the most memory that this process has held; of this program alone, not its parent."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def alone() -> None:
    """Simulate a day of minutes and print seconds and bytes; for a process of its own."""
    garch.simulate(MODEL, 1000, 2, START, seed=1)
    before = peak_bytes()
    began = time.perf_counter()
    garch.simulate(MODEL, PATHS, DAY, START, seed=1)
    took = time.perf_counter() - began
    print(took, peak_bytes() - before)


def race(reps: int) -> None:
    cores = len(os.sched_getaffinity(0))
    rng = np.random.default_rng(0)
    title = f"GARCH, {PATHS:,} x {STEPS}"
    loop = timing.timer(lambda: numpy_loop(rng))
    for threads in (cores, 1):
        pair = timing.in_turn(
            timing.timer(lambda n=threads: garch.simulate(MODEL, PATHS, STEPS, START, threads=n)),
            loop,
            reps,
        )
        timing.faster(
            f"{title}, {timing.threads(threads)}, NumPy loop",
            pair,
            NUMPY_GOAL if threads == cores else None,
        )
    ours = timing.timer(lambda: garch.simulate(MODEL, PATHS, STEPS, START))
    try:
        peer = Arch()
    except ImportError as error:
        timing.not_measured(f"{title}, arch", str(error))
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spread = peer.forecast()[0].std(axis=0)
        ahead = 100.0 * np.sqrt(MODEL.forecast(MODEL.long_run, STEPS))
        timing.differs(
            "spread of the last step of arch and ours in the long run, relative",
            float(abs(spread[-1] / ahead[-1] - 1.0)),
        )
        pair = timing.in_turn(
            ours,
            timing.timer(peer.forecast),
            max(1, reps // 2),
            pieces=PATHS,
            peer_pieces=ARCH_PATHS,
        )
        timing.faster(
            f"{title}, {timing.threads(cores)}, arch forecast(method='simulation'), a path",
            pair,
            ARCH_GOAL,
        )
        pair = timing.in_turn(
            ours, timing.timer(peer.simulate), max(1, reps // 2), pieces=PATHS, peer_pieces=SAMPLE
        )
        timing.faster(
            f"{title}, {timing.threads(cores)}, arch simulate over {SAMPLE} paths, a path", pair
        )


def a_day(reps: int) -> None:
    """Report a day of minutes: time, and memory of a process of its own."""
    call = timing.timer(lambda: garch.simulate(MODEL, PATHS, DAY, START, seed=1))
    times = timing.alone(call, reps)
    title = f"GARCH, {PATHS:,} x {DAY}"
    timing.row(
        f"{title}, time", timing.seconds(times), "-", "-",
        f"at most {MOST_SECONDS:g} s", median(times) <= MOST_SECONDS,
    )  # fmt: skip
    told = subprocess.run(
        [sys.executable, __file__],
        env=os.environ | {ALONE: "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    took, peak = (float(word) for word in told.stdout.split())
    result = 8 * PATHS * DAY
    timing.row(
        f"{title}, first call in a new process: time, peak memory",
        f"{took:.3g} s, {peak / 2**20:.0f} MiB",
        "-",
        f"{peak / result:.3g} of the {result / 2**20:.0f} MiB returned",
        "",
        None,
    )


def main() -> None:
    if os.environ.get(ALONE):
        alone()
        return
    reps = timing.repetitions(__doc__, 5)
    timing.header()
    check()
    race(reps)
    a_day(reps)


if __name__ == "__main__":
    main()
