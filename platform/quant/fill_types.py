"""What fills are made of: orders, packages, rules, and what comes out.

Prices are in currency per unit, sizes and quantities in units or contracts, times in nanoseconds
UTC. Books and orders are columns, one element per row or order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from quant.arrays import BoolArray, FloatArray, FloatLike, IntArray
from quant.fill_books import Books, numbers, wholes
from quant.kernels.fill_codes import Force, Kind, Reason, State, Trigger

__all__ = [
    "MOST_AGE", "NEVER", "Books", "Fills", "Force", "Kind", "Orders", "Outcome", "Packages",
    "Progress", "Reason", "Rules", "State", "Trigger",
]  # fmt: skip

NEVER: Final = np.iinfo(np.int64).max
"""The end of what has none."""
MOST_AGE: Final = 5_000_000_000
"""Nanoseconds: a quote that is older than 5 s is stale."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How a market is taken to behave.

    Attributes
    ----------
    most_age : int
        Nanoseconds after which a quote is stale. One from the future is stale as well.
    trigger : Trigger
        What sets off stops.
    half_spreads : float
        What a taking order pays of the way from the middle to the touch: 1 is the touch, 0 the
        middle, above 1 is slippage.
    impact : float
        The factor Y in `Y sigma sqrt(Q/V)`, by which a taking order moves the price against
        itself (the square-root law; Almgren, Thum, Hauptmann and Li 2005 fit a power of 0.6). Q is
        what the order has taken so far and now, sigma and V of one day.
    collar_share, collar_least : float
        How far through the touch a market order may go when it becomes active: the larger of this
        share of the price and this amount.
    unknown_size : float
        What stands for a displayed size that is not known. 0: nothing is filled.
    """

    most_age: int = MOST_AGE
    trigger: Trigger = Trigger.QUOTE
    half_spreads: float = 1.0
    impact: float = 0.0
    collar_share: float = 0.05
    collar_least: float = 0.05
    unknown_size: float = 0.0

    def __post_init__(self) -> None:
        for name in ("half_spreads", "impact", "collar_share", "collar_least", "unknown_size"):
            if not 0.0 <= getattr(self, name) < np.inf:
                raise ValueError(f"{name} is {getattr(self, name)}; give a number from 0 on")
        if self.most_age < 0:
            raise ValueError(f"most_age is {self.most_age}; give nanoseconds from 0 on")


@dataclass(frozen=True, slots=True, eq=False)
class Orders:
    """Orders that know nothing of one another, each on one book.

    Attributes
    ----------
    side : (n,) int64
        1 buys, -1 sells.
    quantity : (n,) float64
        Above 0, whole lots.
    kind, force : (n,) int64
        `Kind` and `Force`.
    limit, stop : (n,) float64
        Where the kind has them, on the grid of ticks.
    trail, trail_share : (n,) float64
        Of a trailing stop, one of the two: an amount, or a share of the best price so far.
    sent, latency : (n,) int64
        When it left, and nanoseconds until it arrives.
    until, cancel_at : (n,) int64
        When it expires, as of a day order the session's close, and when a request to cancel it
        arrives. A row at that very time no longer fills it.
    book : (n,) int64
    tick, wide_tick, wide_from : (n,) float64
        The grid of prices, and a coarser one from a price on (listed options: 0.05 from $3).
    lot : (n,) float64
        The smallest quantity that is traded.
    sigma, daily_volume : (n,) float64
        Volatility and volume of one day, needed for impact.
    """

    side: IntArray
    quantity: FloatArray
    kind: IntArray
    force: IntArray
    limit: FloatArray
    stop: FloatArray
    trail: FloatArray
    trail_share: FloatArray
    sent: IntArray
    latency: IntArray
    until: IntArray
    cancel_at: IntArray
    book: IntArray
    tick: FloatArray
    wide_tick: FloatArray
    wide_from: FloatArray
    lot: FloatArray
    sigma: FloatArray
    daily_volume: FloatArray

    @classmethod
    def of(
        cls,
        *,
        side: npt.ArrayLike,
        quantity: FloatLike,
        kind: npt.ArrayLike = Kind.LIMIT,
        force: npt.ArrayLike = Force.GTC,
        **columns: npt.ArrayLike,
    ) -> Orders:
        """Return orders of columns that broadcast together; what is left out has its usual value.

        Raises
        ------
        TypeError
            For a column that does not exist.
        """
        usual: dict[str, npt.ArrayLike] = {
            "limit": np.nan, "stop": np.nan, "trail": 0.0, "trail_share": 0.0, "sent": 0,
            "latency": 0, "until": NEVER, "cancel_at": NEVER, "book": 0, "tick": 0.01,
            "wide_tick": 0.01, "wide_from": np.inf, "lot": 1.0, "sigma": np.nan,
            "daily_volume": np.nan,
        }  # fmt: skip
        unknown = columns.keys() - usual.keys()
        if unknown:
            raise TypeError(f"orders have no column {min(unknown)!r}")
        given = usual | columns | {"side": side, "quantity": quantity, "kind": kind, "force": force}
        (count,) = np.broadcast_shapes((1,), *(np.shape(column) for column in given.values()))
        whole = {"side", "kind", "force", "sent", "latency", "until", "cancel_at", "book"}
        made: dict[str, Any] = {
            name: wholes(column, count) if name in whole else numbers(column, count)
            for name, column in given.items()
        }
        return cls(**made)

    @property
    def arrival(self) -> IntArray:
        """When each reaches its market."""
        return self.sent + self.latency


@dataclass(frozen=True, slots=True, eq=False)
class Packages:
    """Orders of several legs at one net price, market or limit, all legs of a unit or none.

    Attributes
    ----------
    units : (n,) float64
        Whole.
    limit : (n,) float64
        The most that a unit may cost, below 0 the least that it must bring; NaN for a market order.
    force : (n,) int64
    whole : (n,) bool
        Whether only all units at once will do.
    sent, latency, until, cancel_at : (n,) int64
    tick : (n,) float64
        Of the net price.
    legs : tuple of (n,) int64
        How many each has; those of all packages stand one after the other in:
    book, ratio, weight, leg_tick, wide_tick, wide_from : (legs,)
        The leg's book, what one unit buys (sells, below 0), by what its price counts in the net
        price (0.01 for the shares of a covered call that is priced per share), its ticks.
    """

    units: FloatArray
    limit: FloatArray
    force: IntArray
    whole: BoolArray
    sent: IntArray
    latency: IntArray
    until: IntArray
    cancel_at: IntArray
    tick: FloatArray
    legs: IntArray
    book: IntArray
    ratio: FloatArray
    weight: FloatArray
    leg_tick: FloatArray
    wide_tick: FloatArray
    wide_from: FloatArray

    @classmethod
    def of(
        cls,
        *,
        units: FloatLike,
        legs: Sequence[Sequence[tuple[int, float]]],
        limit: FloatLike = np.nan,
        force: npt.ArrayLike = Force.GTC,
        whole: npt.ArrayLike = False,
        sent: npt.ArrayLike = 0,
        latency: npt.ArrayLike = 0,
        until: npt.ArrayLike = NEVER,
        cancel_at: npt.ArrayLike = NEVER,
        tick: FloatLike = 0.01,
        weight: FloatLike = 1.0,
        leg_tick: FloatLike = 0.01,
        wide_tick: FloatLike = 0.01,
        wide_from: FloatLike = np.inf,
    ) -> Packages:
        """Return packages; `legs` has a list of (book, ratio) for each, the rest broadcasts."""
        count, flat = len(legs), [leg for package in legs for leg in package]
        return cls(
            units=numbers(units, count),
            limit=numbers(limit, count),
            force=wholes(force, count),
            whole=np.broadcast_to(np.asarray(whole, dtype=bool), (count,)),
            sent=wholes(sent, count),
            latency=wholes(latency, count),
            until=wholes(until, count),
            cancel_at=wholes(cancel_at, count),
            tick=numbers(tick, count),
            legs=wholes([len(package) for package in legs], count),
            book=wholes([book for book, _ in flat], len(flat)),
            ratio=numbers([ratio for _, ratio in flat], len(flat)),
            weight=numbers(weight, len(flat)),
            leg_tick=numbers(leg_tick, len(flat)),
            wide_tick=numbers(wide_tick, len(flat)),
            wide_from=numbers(wide_from, len(flat)),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Progress:
    """How far each order is; given back with the same orders, it goes on with rows that are newer.

    Of an order only `until` and `cancel_at` may be others than before.

    Attributes
    ----------
    numbers, wholes : (n, columns) float64, int64
        As `quant.kernels.fill_codes` lists them.
    legs : (legs, 2) float64
        Of packages: the price at which each leg took last, and how much.
    """

    numbers: FloatArray
    wholes: IntArray
    legs: FloatArray

    @property
    def left(self) -> FloatArray:
        """Quantity or units that are not filled."""
        return self.numbers[:, 0]

    @property
    def state(self) -> IntArray:
        """A `State` for each."""
        return self.wholes[:, 0]

    @property
    def reason(self) -> IntArray:
        """A `Reason` for each."""
        return self.wholes[:, 1]

    def of_order(self, number: int) -> Progress:
        """Return that of one order out of many; packages have theirs when run one by one."""
        part = slice(number, number + 1)
        return Progress(self.numbers[part].copy(), self.wholes[part].copy(), self.legs)

    @classmethod
    def stack(cls, parts: Sequence[Progress]) -> Progress:
        """Return that of several runs as one, for their orders one after the other."""
        return cls(
            np.concatenate([part.numbers for part in parts]),
            np.concatenate([part.wholes for part in parts]),
            np.concatenate([part.legs for part in parts]),
        )

    def dump(self) -> dict[str, list[list[str]]]:
        """Return it as JSON with numbers as text, to the bit, also those that are not finite."""
        parts = {"numbers": self.numbers, "wholes": self.wholes, "legs": self.legs}
        return {
            name: [[repr(value) for value in row] for row in part.tolist()]
            for name, part in parts.items()
        }

    @classmethod
    def load(cls, state: Mapping[str, Sequence[Sequence[str]]]) -> Progress:
        """Return the progress that was dumped."""
        wholes = [[int(value) for value in row] for row in state["wholes"]]
        numbers, legs = (
            np.array([[float(value) for value in row] for row in state[name]], dtype=np.float64)
            for name in ("numbers", "legs")
        )
        return cls(numbers, np.array(wholes, dtype=np.int64), legs.reshape(-1, 2))


@dataclass(frozen=True, slots=True, eq=False)
class Fills:
    """Fills by order and time.

    Attributes
    ----------
    order, row, time, reason : (m,) int64
        The order's number, the row of the books that brought it, its time, a `Reason`.
    price, quantity : (m,) float64
        Of a package the net price and units.
    legs : (m, 4) float64
        Of a package the price of each leg, NaN beyond the last; without columns otherwise.
    """

    order: IntArray
    row: IntArray
    time: IntArray
    reason: IntArray
    price: FloatArray
    quantity: FloatArray
    legs: FloatArray

    @property
    def maker(self) -> BoolArray:
        """Whether a resting order was filled, and so added the liquidity."""
        made: BoolArray = self.reason != Reason.TAKEN
        return made


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """Fills, and how far the orders are after them."""

    fills: Fills
    progress: Progress
