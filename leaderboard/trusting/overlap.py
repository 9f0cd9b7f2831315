"""Overlap of trades: which pairs of bots trade the same at the same time, or the opposite.

A trade is held against the minutes around it, at every lag of up to ten minutes, so a copy that
comes late is found as one that comes at once. What two bots share by their hours of trading is
counted out by the same days in another order; what many owners share is a signal that all of them
see, and no copy can be told from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
CLONE, MIRROR = "clone", "mirror"
BIN_S: Final = 60
"""Seconds of one bin; trades match within one and a half of a lag."""
LAGS: Final = 10
"""Bins by which a copy may come late."""
WIDE: Final = 6
"""Bins of a window for copies whose lag varies."""
LEAST_MATCHES: Final = 20
LEAST_DAYS: Final = 5
LEAST_SHARE: Final = 0.75
"""Of the smaller bot's trades; a copy that leaves out a fifth and adds a fifth has 0.8."""
WIDE_SHARE: Final = 0.9
"""The same in a wide window, in which bots that see one signal on different bars meet too."""
LEAST_EXCESS: Final = 1 / 3
"""Of the same: matches in one window beyond those at any lag."""
RING: Final = 4
"""Owners up to whom a group of copies is one; what more owners share is a common signal."""
APART: Final = 0.5
"""The share of an owner beyond the ring, against the pair's, from which a signal is common."""
SHIFTS: Final = 20
EXAMPLES: Final = 20
CHANCE: Final = 0.01
"""Probability of one pair or more by chance among all that were compared."""
_BLOCK: Final = 128
_DAY: Final = 86_400
_SIGNS: Final = {CLONE: 1, MIRROR: -1}
_WINDOWS: Final = (
    *((lag - 1, lag + 1) for lag in range(-LAGS, LAGS + 1)),
    (-1, WIDE - 1),
    (1 - WIDE, 1),
    (WIDE - 1, 2 * WIDE - 2),
    (2 - 2 * WIDE, 1 - WIDE),
)
"""Lags, first and last, over which matches are counted."""
_TRIES: Final = 2 * len(_WINDOWS)
_ALL_LAGS: Final = range(-LAGS - 1, LAGS + 2)


@dataclass(frozen=True, slots=True)
class Trades:
    """Trades of all bots, one entry each.

    Attributes
    ----------
    bots : int array
        The bot's place in `owners`.
    codes : int array
        What was traded: one number for each instrument or structure.
    sides : int array
        +1 or -1.
    at : int array
        Seconds since 1970, UTC.
    quantities : float array
    owners : int array, one for each bot
        A number for each owner.
    """

    bots: Ints
    codes: Ints
    sides: Ints
    at: Ints
    quantities: Floats
    owners: Ints


@dataclass(frozen=True, slots=True)
class Overlap:
    """What two bots share.

    `matches` of the `trades` of the smaller bot, on `days` days; `expected` is what their hours of
    trading give by chance, and `log10_p` the bound of the probability of so many. The second bot
    trades `first_lag` to `last_lag` seconds after the first. `scale` is the median of the second's
    quantities over the first's. `usual` is the share with the nearest owner beyond a ring.
    `examples` are places of matching trades in what was given, (first bot's, second bot's).
    """

    kind: str
    matches: int
    trades: int
    days: int
    expected: float
    log10_p: float
    first_lag: int
    last_lag: int
    scale: float
    usual: float
    examples: tuple[tuple[int, int], ...]

    @property
    def share(self) -> float:
        """Of the smaller bot's trades."""
        return self.matches / self.trades


class Candidate(NamedTuple):
    """A pair worth a closer look, the first place the lower.

    `window` is where it shares most, and `excess` the share of the smaller bot beyond all lags.
    """

    first: int
    second: int
    kind: str
    window: int
    excess: float


def overlaps(trades: Trades) -> dict[tuple[int, int], Overlap]:
    """Return the pairs of different owners' bots that trade alike beyond chance.

    Memory grows with the trades and with the bots; pairs are counted in blocks.
    """
    index = _Index(trades)
    limit = np.log10(CHANCE / max(1, pairs_compared(trades.owners) * _TRIES))
    candidates = list(index.candidates())
    usual = index.usual({place for one in candidates for place in one[:2]})
    best: dict[tuple[int, int], Overlap] = {}
    for one in candidates:
        pair = one.first, one.second
        common = max(usual[one.kind, one.first], usual[one.kind, one.second])
        if common > APART * one.excess:
            continue
        found = index.look(one, common)
        if found is None or found.log10_p > limit:
            continue
        if pair not in best or found.log10_p < best[pair].log10_p:
            best[pair] = found
    return best


def _wide(first: int, last: int) -> bool:
    return last - first >= WIDE - 1


def pairs_compared(owners: Ints) -> int:
    """Return how many pairs of bots have different owners."""
    counts = np.unique(owners, return_counts=True)[1]
    total = int(counts.sum())
    return (total * total - int((counts**2).sum())) // 2


class _Index:
    """Trades by bot and by cell: what, which side, which minute."""

    def __init__(self, given: Trades) -> None:
        self.given = given
        self.bots = len(given.owners)
        bins = given.at // BIN_S
        self.first_bin = int(bins.min(initial=0)) - 2 * WIDE - LAGS
        self.width = int(bins.max(initial=0)) - self.first_bin + 2 * WIDE + LAGS
        keys = self._keys(given.codes, given.sides, bins)
        self.cells = np.unique(keys)
        rows = np.unique(np.stack((given.bots, keys)), axis=1)
        self.row_bots, self.row_keys = rows[0], rows[1]
        self.starts = np.searchsorted(self.row_bots, np.arange(self.bots + 1))
        self.sizes = np.diff(self.starts)
        shape = (len(self.cells), self.bots)
        columns = np.searchsorted(self.cells, self.row_keys)
        ones = np.ones(len(columns), dtype=np.float32)
        self.by_cell = csr_array((ones, (columns, self.row_bots)), shape=shape)
        self.order = np.lexsort((given.at, given.bots))
        self.trade_starts = np.searchsorted(given.bots[self.order], np.arange(self.bots + 1))
        self.trade_sizes = np.diff(self.trade_starts)

    def _keys(self, codes: Ints, sides: Ints, bins: Ints) -> Ints:
        return (2 * codes + (sides > 0)) * self.width + bins - self.first_bin

    def _shared(self, rows: Ints, columns: slice, sign: int) -> Iterator[NDArray[np.float32]]:
        """Yield, lag by lag, how many cells of each row's bot each column's bot trades then."""
        parts = [np.arange(self.starts[row], self.starts[row + 1]) for row in rows]
        places = np.repeat(np.arange(len(rows)), [len(part) for part in parts])
        keys = self.row_keys[np.concatenate(parts)] if parts else self.row_keys[:0]
        if sign < 0:
            cells, bins = np.divmod(keys, self.width)
            keys = (cells ^ 1) * self.width + bins
        right = self.by_cell[:, columns]
        for lag in _ALL_LAGS:
            cells = np.searchsorted(self.cells, keys + lag)
            known = cells < len(self.cells)
            known[known] = self.cells[cells[known]] == keys[known] + lag
            there = (places[known], cells[known])
            ones = np.ones(len(there[0]), dtype=np.float32)
            left = csr_array((ones, there), shape=(len(rows), len(self.cells)))
            yield (left @ right).toarray()

    def _profile(
        self, rows: Ints, columns: slice, sign: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int8]]:
        """Return the most cells shared in a window, how many more than at all lags, and which."""
        lags = np.stack(list(self._shared(rows, columns, sign)))
        mean = lags.mean(axis=0)
        sums = np.cumsum(lags, axis=0, out=lags)
        best, excess = np.zeros_like(mean), np.zeros_like(mean)
        window = np.zeros(mean.shape, dtype=np.int8)
        for place, (first, last) in enumerate(_WINDOWS):
            before, through = first + LAGS, last + LAGS + 1
            found = sums[through] - (sums[before] if before >= 0 else 0)
            beyond = found - (last - first + 1) * mean
            # A wide window catches a little more by itself.
            more = beyond > (1.1 if _wide(first, last) else 1.0) * excess
            best[more], excess[more], window[more] = found[more], beyond[more], place
        return best, excess, window

    def candidates(self) -> Iterator[Candidate]:
        """Yield pairs of different owners that share enough in one window, more than in others."""
        enough = np.flatnonzero(self.sizes >= LEAST_MATCHES)
        for start in range(0, len(enough), _BLOCK):
            rows = enough[start : start + _BLOCK]
            columns = slice(int(rows[0]), self.bots)
            others = np.arange(self.bots)[columns]
            smaller = np.minimum(self.sizes[rows][:, None], self.sizes[others][None])
            apart = self.given.owners[rows][:, None] != self.given.owners[others][None]
            fits = apart & (smaller >= LEAST_MATCHES) & (others[None] > rows[:, None])
            for kind, sign in _SIGNS.items():
                best, excess, window = self._profile(rows, columns, sign)
                found = fits & (best >= LEAST_SHARE * smaller) & (excess >= LEAST_EXCESS * smaller)
                for at in np.argwhere(found):
                    row, column = int(at[0]), int(at[1])
                    share = float(excess[row, column] / smaller[row, column])
                    pair = int(rows[row]), int(others[column])
                    yield Candidate(*pair, kind, int(window[row, column]), share)

    def usual(self, places: set[int]) -> dict[tuple[str, int], float]:
        """Return, for each bot, the excess share with the nearest owner beyond a ring."""
        asked = np.array(sorted(places), dtype=np.int64)
        by_owner = np.argsort(self.given.owners, kind="stable")
        owners, first = np.unique(self.given.owners[by_owner], return_index=True)
        found: dict[tuple[str, int], float] = {}
        for start in range(0, len(asked), _BLOCK):
            rows = asked[start : start + _BLOCK]
            smaller = np.minimum(self.sizes[rows][:, None], self.sizes[None])
            for kind, sign in _SIGNS.items():
                excess = self._profile(rows, slice(0, self.bots), sign)[1]
                share = np.where(smaller < LEAST_MATCHES, 0, excess / np.maximum(smaller, 1))
                each = np.maximum.reduceat(share[:, by_owner], first, axis=1)
                each[self.given.owners[rows][:, None] == owners[None]] = 0
                beyond = np.sort(each, axis=1)[:, -RING] if len(owners) > RING else 0 * rows
                found |= {
                    (kind, int(row)): float(one) for row, one in zip(rows, beyond, strict=True)
                }
        return found

    def _trades(self, bot: int) -> Ints:
        return self.order[self.trade_starts[bot] : self.trade_starts[bot + 1]]

    def look(self, one: Candidate, usual: float) -> Overlap | None:
        """Return what two bots share, trade by trade; None when it is not enough."""
        ours, theirs = self._trades(one.first), self._trades(one.second)
        clock = _Clock(self.given, ours, theirs, _SIGNS[one.kind])
        first, last = _WINDOWS[one.window]
        low, high = first * BIN_S - BIN_S // 2, last * BIN_S + BIN_S // 2
        matched = clock.pairs(low, high)
        days = np.unique(self.given.at[ours[matched[:, 0]]] // _DAY).size
        count, smaller = len(matched), min(len(ours), len(theirs))
        share = WIDE_SHARE if _wide(first, last) else LEAST_SHARE
        if count < max(LEAST_MATCHES, share * smaller) or days < LEAST_DAYS:
            return None
        expected = clock.chance(low, high)
        pairs = np.stack((ours[matched[:, 0]], theirs[matched[:, 1]]), axis=1)
        lags = self.given.at[pairs[:, 1]] - self.given.at[pairs[:, 0]]
        sizes = self.given.quantities[pairs]
        return Overlap(
            kind=one.kind,
            matches=count,
            trades=smaller,
            days=days,
            expected=expected,
            log10_p=_log10_tail(count, expected),
            first_lag=int(np.percentile(lags, 5)),
            last_lag=int(np.percentile(lags, 95)),
            scale=float(np.median(sizes[:, 1] / sizes[:, 0])),
            usual=usual,
            examples=tuple((int(a), int(b)) for a, b in pairs[:EXAMPLES]),
        )


def _log10_tail(count: int, expected: float) -> float:
    """Return the bound (Chernoff) of the probability that a Poisson count is this or more, log10.

    Source: Mitzenmacher and Upfal, Probability and Computing, theorem 5.4.
    """
    if count <= expected:
        return 0.0
    return float((count - expected - count * np.log(count / expected)) / np.log(10))


class _Clock:
    """Two bots' trades on one axis: by code and side, then by time."""

    def __init__(self, given: Trades, ours: Ints, theirs: Ints, sign: int) -> None:
        days = np.unique(np.concatenate((given.at[ours], given.at[theirs])) // _DAY)
        self.days = len(days)
        self.span = (self.days + 2) * _DAY
        codes = np.unique(given.codes[np.concatenate((ours, theirs))])
        self.first = self._axis(given, ours, days, codes, 1)
        self.second = self._axis(given, theirs, days, codes, sign)

    def _axis(
        self, given: Trades, rows: Ints, days: Ints, codes: Ints, sign: int
    ) -> tuple[Ints, Ints, Ints]:
        """Return cells, days' places and seconds of the day."""
        cell = 2 * np.searchsorted(codes, given.codes[rows]) + (given.sides[rows] * sign > 0)
        day = np.searchsorted(days, given.at[rows] // _DAY)
        return cell, day, given.at[rows] % _DAY

    def _keys(self, axis: tuple[Ints, Ints, Ints], shift: int = 0) -> Ints:
        cell, day, second = axis
        return cell * self.span + ((day + shift) % self.days + 1) * _DAY + second

    def count(self, low: int, high: int, shift: int = 0) -> float:
        """Return how many trades of the bot with fewer find one of the other in a window."""
        first, second = self._keys(self.first), self._keys(self.second, shift)
        if len(first) > len(second):
            first, second, low, high = second, first, -high, -low
        second = np.sort(second)
        after = np.searchsorted(second, first + high, side="right")
        return float(np.sum(after > np.searchsorted(second, first + low, side="left")))

    def chance(self, low: int, high: int) -> float:
        """Return the matches to expect by chance: the second bot's days in another order."""
        shifts = range(1, min(self.days - 1, SHIFTS) + 1)
        counts = [self.count(low, high, shift) for shift in shifts]
        return (sum(counts) + 1) / (len(counts) + 1)

    def pairs(self, low: int, high: int) -> Ints:
        """Return matching trades, each used once, as places (first bot's, second bot's)."""
        first, second = self._keys(self.first), self._keys(self.second)
        ours, theirs = np.argsort(first, kind="stable"), np.argsort(second, kind="stable")
        found: list[tuple[int, int]] = []
        at = 0
        for place in ours:
            key = first[place]
            while at < len(theirs) and second[theirs[at]] < key + low:
                at += 1
            if at < len(theirs) and second[theirs[at]] <= key + high:
                found.append((int(place), int(theirs[at])))
                at += 1
        return np.array(sorted(found), dtype=np.int64).reshape(-1, 2)
