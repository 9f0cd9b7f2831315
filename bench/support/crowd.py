"""Made-up bots: independent ones of several habits, and copies planted among them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leaderboard.trusting.overlap import Trades

Floats = NDArray[np.float64]
DAY_S: Final = 86_400
OPEN_S: Final = 52_200
"""14:30 UTC."""
MINUTES: Final = 390
FIRST_DAY: Final = 20_000
SYMBOLS: Final = 12


@dataclass(frozen=True, slots=True)
class Log:
    """Trades of one bot, and its daily profits (NaN: not active)."""

    codes: NDArray[np.int64]
    sides: NDArray[np.int64]
    at: NDArray[np.int64]
    quantities: Floats
    profits: Floats

    def pick(self, kept: NDArray[np.bool_]) -> Log:
        """Return some of its trades."""
        columns = (self.codes, self.sides, self.at, self.quantities)
        return Log(*(column[kept] for column in columns), self.profits)


@dataclass(frozen=True, slots=True)
class Market:
    """Minutes of days: returns of each symbol, one factor in all of them."""

    returns: Floats  # (symbols, days, minutes)

    @property
    def days(self) -> int:
        """Sessions."""
        return self.returns.shape[1]


def market(rng: np.random.Generator, days: int) -> Market:
    """Return a market whose symbols share half of their variance."""
    shape = (SYMBOLS, days, MINUTES)
    common = rng.standard_normal(shape[1:])
    return Market(5e-4 * (common + rng.standard_normal(shape)) / np.sqrt(2))


def _log(
    rng: np.random.Generator, market: Market, spots: NDArray[np.int64], jitter: float = 20.0
) -> Log:
    """Return trades at (symbol, side, day, minute), each held for an hour at most."""
    symbol, side, day, minute = spots.T
    at = (FIRST_DAY + day) * DAY_S + OPEN_S + minute * 60 + rng.uniform(0, jitter, len(spots))
    sizes = rng.lognormal(0, 0.6, len(spots)).round(2) + 0.01
    path = np.concatenate((np.zeros((*market.returns.shape[:2], 1)), market.returns), axis=2)
    path = path.cumsum(axis=2)
    until = np.minimum(minute + 60, MINUTES)
    gain = side * sizes * (path[symbol, day, until] - path[symbol, day, minute]) * 1e5
    profits = np.bincount(day, gain, market.days)
    active = np.bincount(day, minlength=market.days) > 0
    return Log(symbol, side, at.astype(np.int64), sizes, np.where(active, profits, np.nan))


def random_minutes(rng: np.random.Generator, market: Market) -> Log:
    """A bot that trades two symbols at minutes of its own, one to forty times a day."""
    count = max(int(rng.lognormal(1.4, 0.8) * market.days), 10)
    symbols = rng.choice(SYMBOLS, 2, replace=False)
    columns = (
        rng.choice(symbols, count), rng.choice([-1, 1], count),
        rng.integers(0, market.days, count), rng.integers(0, MINUTES, count),
    )  # fmt: skip
    return _log(rng, market, np.stack(columns, axis=1))


def on_the_grid(rng: np.random.Generator, market: Market) -> Log:
    """A bot that trades the index on every fifth minute, a fifth to nearly all of them."""
    spots = np.argwhere(rng.random((market.days, MINUTES // 5)) < rng.uniform(0.05, 0.9))
    sides = rng.choice([-1, 1], len(spots), p=[0.3, 0.7])
    columns = (np.zeros(len(spots)), sides, spots[:, 0], spots[:, 1] * 5)
    return _log(rng, market, np.stack(columns, axis=1).astype(np.int64), 2.0)


def open_and_close(rng: np.random.Generator, market: Market) -> Log:
    """A bot that is long the index from the open to the close on most days, and one more symbol."""
    days = np.flatnonzero(rng.random(market.days) < rng.uniform(0.6, 1))
    other = rng.integers(1, SYMBOLS)
    edge = rng.integers(0, 3, (2, len(days)))
    parts = [
        np.stack(np.broadcast_arrays(symbol, side, days, minute), axis=1)
        for symbol in (0, other)
        for side, minute in ((1, edge[0]), (-1, MINUTES - 1 - edge[1]))
    ]
    log = _log(rng, market, np.concatenate(parts))
    moves = market.returns[0].sum(axis=1) + 0.3 * market.returns[other].sum(axis=1)
    noise = rng.normal(0, rng.uniform(0.0002, 0.004), market.days)
    profits = np.full(market.days, np.nan)
    profits[days] = 1e5 * (rng.uniform(0.5, 2) * moves + noise)[days]
    return Log(log.codes, log.sides, log.at, log.quantities, profits)


def momentum(rng: np.random.Generator, market: Market) -> Log:
    """A bot that follows breaks of the index, on its own look-back and threshold."""
    back, threshold = rng.integers(5, 61), rng.uniform(1.0, 2.5)
    path = market.returns[0].cumsum(axis=1)
    moved = path[:, back:] - path[:, :-back]
    score = moved / (5e-4 * np.sqrt(back))
    above = np.abs(score) > threshold
    crossed = above[:, 1:] & ~above[:, :-1]
    found = np.argwhere(crossed & (rng.random(crossed.shape) < rng.uniform(0.7, 1)))
    sides = np.sign(score[:, 1:][found[:, 0], found[:, 1]])
    columns = (np.zeros(len(found)), sides, found[:, 0], found[:, 1] + back + 1)
    return _log(rng, market, np.stack(columns, axis=1).astype(np.int64), 5.0)


HABITS: Final[dict[str, Callable[[np.random.Generator, Market], Log]]] = {
    "random minutes": random_minutes,
    "five-minute grid": on_the_grid,
    "open to close": open_and_close,
    "momentum": momentum,
}


def copied(
    rng: np.random.Generator,
    log: Log,
    *,
    delay: tuple[float, float] = (0.0, 5.0),
    scale: float = 1.0,
    dropped: float = 0.0,
    side: int = 1,
) -> Log:
    """Return a copy: late by seconds between two bounds, scaled, thinned, of the other side."""
    made = log.pick(rng.random(len(log.at)) >= dropped)
    late = rng.uniform(*delay, len(made.at)).astype(np.int64)
    noise = 1 + 0.05 * rng.standard_normal(len(made.profits))
    return Log(
        made.codes,
        side * made.sides,
        made.at + late,
        scale * made.quantities,
        side * scale * made.profits * noise,
    )


COPIES: Final = {
    "copy at once": {},
    "copy of a tenth's size": {"scale": 0.1},
    "copy four minutes late": {"delay": (235.0, 245.0)},
    "copy at any time within five minutes": {"delay": (0.0, 300.0)},
    "copy without a fifth of the trades": {"dropped": 0.2},
    "mirror at once": {"side": -1},
    "mirror, late, without a fifth, doubled": {
        "side": -1, "delay": (60.0, 180.0), "dropped": 0.2, "scale": 2.0,
    },
}  # fmt: skip


def gathered(logs: list[Log], owners: list[int]) -> tuple[Trades, Floats]:
    """Return the trades of all bots and the table of their profits."""
    sizes = [len(log.at) for log in logs]
    trades = Trades(
        bots=np.repeat(np.arange(len(logs)), sizes),
        codes=np.concatenate([log.codes for log in logs]),
        sides=np.concatenate([log.sides for log in logs]),
        at=np.concatenate([log.at for log in logs]),
        quantities=np.concatenate([log.quantities for log in logs]),
        owners=np.array(owners),
    )
    return trades, np.stack([log.profits for log in logs])
