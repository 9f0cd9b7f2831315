"""Timing of two calls in turn, and the table that every script prints.

The machine is shared and its clock drifts, so the calls alternate within one run and only their
ratio is worth comparing between runs: that of the medians, with the minima beside it.
"""

from __future__ import annotations

import argparse
import importlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import NamedTuple
from unittest import mock

Timer = Callable[[], float]
COLUMNS = ("work", "ours", "peer", "ratio", "goal", "verdict")
REPORTED = "reported"
WARM_UP = 2  # repetitions: compiling, then finding how many calls one takes
LEAST_SECONDS, MOST_CALLS = 0.1, 1000
LONG_SECONDS, OFTEN = 0.3, 5
_UNITS = ((1e-6, 1e9, "ns"), (1e-3, 1e6, "us"), (1.0, 1e3, "ms"), (float("inf"), 1.0, "s"))


def repeated(run: Callable[[int], float]) -> Timer:
    """Return a repetition of enough calls to last a while, in seconds a call.

    A single call of a fraction of a millisecond would mostly measure caches that the other side
    has just emptied, which no caller in a loop sees. `run` makes so many calls and returns the
    seconds of them all.
    """
    times = 1

    def once() -> float:
        nonlocal times
        each = run(times) / times
        if each * times < LEAST_SECONDS:
            times = min(MOST_CALLS, int(LEAST_SECONDS / max(each, 1e-9)) + 1)
        return each

    return once


def timer(call: Callable[[], object]) -> Timer:
    """Return a repetition of a call in this process."""

    def run(times: int) -> float:
        began = time.perf_counter()
        for _ in range(times):
            call()
        return time.perf_counter() - began

    return repeated(run)


class Pair(NamedTuple):
    """Seconds of each repetition of our call and of the peer's, per piece of work."""

    ours: list[float]
    peer: list[float]

    @property
    def ratio(self) -> float:
        """How many times faster ours is."""
        return median(self.peer) / median(self.ours)

    @property
    def least_ratio(self) -> float:
        """The same of the quickest repetitions."""
        return min(self.peer) / min(self.ours)


def in_turn(
    ours: Timer, peer: Timer, reps: int, *, pieces: int = 1, peer_pieces: int | None = None
) -> Pair:
    """Time both alternately; the first two repetitions of each are for warming up.

    Ours is run a few times for every repetition of a peer that takes long: on a machine with
    other work a handful of short looks would tell little.

    Parameters
    ----------
    ours, peer
        Each returns its seconds.
    reps : int
        That count.
    pieces, peer_pieces : int
        By which the seconds are divided, where a peer is too slow for the whole of the work.
    """
    first, second = [], []
    for number in range(WARM_UP + reps):
        slow = peer()
        mine = [ours() for _ in range(OFTEN if slow > LONG_SECONDS else 1)]
        if number >= WARM_UP:
            second.append(slow / (peer_pieces or pieces))
            first += [each / pieces for each in mine]
    return Pair(first, second)


def alone(ours: Timer, reps: int, *, pieces: int = 1) -> list[float]:
    """Time one call, warmed up in the same way."""
    return [ours() / pieces for _ in range(WARM_UP + reps)][WARM_UP:]


def seconds(values: list[float]) -> str:
    """Return the median and the minimum as text."""
    middle, least = median(values), min(values)
    _, scale, unit = next(row for row in _UNITS if middle < row[0])
    return f"{scale * middle:.3g} {unit} (min {scale * least:.3g})"


def threads(count: int) -> str:
    """Return a number of threads as text."""
    return "1 thread" if count == 1 else f"{count} threads"


def header() -> None:
    """Print the names of the columns."""
    print(" | ".join(COLUMNS), flush=True)


def row(work: str, ours: str, peer: str, ratio: str, goal: str, met: bool | None) -> None:
    """Print a line of the table; `met` is None where there is no goal."""
    verdict = REPORTED if met is None else "met" if met else "NOT MET"
    print(" | ".join((work, ours, peer, ratio, goal or "-", verdict)), flush=True)


def faster(work: str, pair: Pair, least: float | None = None) -> None:
    """Print how much faster than a peer we are, held against a goal."""
    row(
        work,
        seconds(pair.ours),
        seconds(pair.peer),
        f"{pair.ratio:.3g}x (min {pair.least_ratio:.3g}x)",
        f"at least {least:g}x" if least else "",
        pair.ratio >= least if least else None,
    )


def not_measured(work: str, reason: str) -> None:
    """Print that a peer is missing, and why."""
    print(f"{work} | not measured: {reason}", flush=True)


def differs(what: str, difference: float | dict[str, float]) -> None:
    """Print the largest differences between two answers, before any timing."""
    parts = difference if isinstance(difference, dict) else {"": difference}
    told = ", ".join(f"{name} {value:.2g}".strip() for name, value in parts.items())
    print(f"  agree: {what}: largest difference {told}", flush=True)


def repetitions(about: str | None, default: int) -> int:
    """Return what the command line asks for: repetitions that count."""
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reps", type=int, default=default, help="repetitions that count")
    return max(1, int(parser.parse_args().reps))


@contextmanager
def one_core() -> Iterator[None]:
    """Let our calls take one thread where they have no argument that says so."""
    with mock.patch("quant.threads.cores", return_value=1):
        yield


def inside(module: str, name: str, call: Callable[[], object], reps: int) -> float:
    """Return the seconds that a call spends in a compiled function, by the median repetition."""
    spent = 0.0
    compiled = getattr(importlib.import_module(module), name)

    def watched(*args: object) -> None:
        nonlocal spent
        began = time.perf_counter()
        compiled(*args)
        spent += time.perf_counter() - began

    found = []
    with mock.patch(f"{module}.{name}", watched):
        for _ in range(reps):
            spent = 0.0
            call()
            found.append(spent)
    return median(found)
