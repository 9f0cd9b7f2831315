"""One underlying's state at one instant, as arrays: what every source gives and the store keeps."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from market import calendars, occ
from market.clock import to_ns
from quant.chain import Chain

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

CHAIN_COLUMNS: Final = ("bids", "asks", "bid_sizes", "ask_sizes", "open_interest", "volume")
"""Columns that a `quant.chain.Chain` has; NaN where not known.

`volume` counts contracts traded in the snapshot's interval (a minute, or the day of an evening
file). Further columns that sources give: `last` (newest trade price up to the instant),
`quote_age` (seconds since the older side of the quote was last seen).
"""
SPOT_AGE: Final = "spot_age"
"""Scalar of a recorded snapshot: seconds since the underlying's own quote was last seen."""
EPOCH: Final = dt.date(1970, 1, 1)


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Which contracts the positions of the arrays are, in order of settlement, strike, right, root.

    Attributes
    ----------
    underlying : str
    root_names : tuple of str
        Sorted, distinct.
    roots : (n,) uint8
        Position in `root_names`.
    days : (n,) int32
        Expiry dates, days since 1970-01-01.
    settles : (n,) int64
        Settlement instants, ns UTC.
    strikes, multipliers : (n,) float64
    is_call, american : (n,) bool
    """

    underlying: str
    root_names: tuple[str, ...]
    roots: npt.NDArray[np.uint8]
    days: npt.NDArray[np.int32]
    settles: IntArray
    strikes: FloatArray
    is_call: BoolArray
    american: BoolArray
    multipliers: FloatArray

    def __len__(self) -> int:
        return int(self.strikes.size)

    def root_list(self) -> list[str]:
        """Return the root of each contract."""
        return [self.root_names[code] for code in self.roots.tolist()]

    def expiry_dates(self) -> list[dt.date]:
        """Return the expiry date of each contract."""
        made = {day: EPOCH + dt.timedelta(days=day) for day in np.unique(self.days).tolist()}
        return [made[day] for day in self.days.tolist()]

    def symbols(self) -> list[str]:
        """Return the compact OCC symbol of each contract."""
        return occ.symbols(self.root_list(), self.expiry_dates(), self.is_call, self.strikes)

    def keys(self) -> list[tuple[str, int, bool, float]]:
        """Return what identifies each contract: root, expiry day, call or not, strike."""
        columns = (self.root_list(), self.days.tolist(), self.is_call.tolist())
        return list(zip(*columns, self.strikes.tolist(), strict=True))


def make_layout(
    underlying: str,
    *,
    roots: Sequence[str],
    expiries: Sequence[dt.date],
    is_call: npt.ArrayLike,
    strikes: npt.ArrayLike,
    american: npt.ArrayLike | None = None,
    multipliers: npt.ArrayLike = 100.0,
    settles: npt.ArrayLike | None = None,
) -> tuple[Layout, IntArray]:
    """Return the layout of the contracts given in any order, and that order's permutation.

    `column[order]` puts a column given in the caller's order into the layout's. Exercise style
    and settlement instants follow the root unless they are given. ValueError when lengths
    differ, a strike is not a finite number above zero, or a contract is given twice.
    """
    n = len(roots)
    names = tuple(sorted(set(roots)))
    code = {name: position for position, name in enumerate(names)}
    if american is None:
        american = [occ.rule(root).american for root in roots]
    if settles is None:
        pairs = zip(roots, expiries, strict=True)
        settles = [to_ns(calendars.settlement(root, day)) for root, day in pairs]
    layout = Layout(
        underlying,
        names,
        np.array([code[root] for root in roots], dtype=np.uint8),
        np.array([(day - EPOCH).days for day in expiries], dtype=np.int32),
        np.asarray(settles, dtype=np.int64),
        np.asarray(strikes, dtype=np.float64),
        np.asarray(is_call, dtype=np.bool_),
        np.asarray(american, dtype=np.bool_),
        np.broadcast_to(np.asarray(multipliers, dtype=np.float64), (n,)),
    )
    _check(layout, n)
    order = np.lexsort((layout.roots, ~layout.is_call, layout.strikes, layout.settles))
    return select(layout, order), order


def select(layout: Layout, which: npt.ArrayLike) -> Layout:
    """Return the contracts of a mask or at the given positions."""
    index = np.asarray(which)
    arrays = ("roots", "days", "settles", "strikes", "is_call", "american", "multipliers")
    return replace(layout, **{name: getattr(layout, name)[index] for name in arrays})


def _check(layout: Layout, n: int) -> None:
    for name in ("roots", "days", "settles", "strikes", "is_call", "american", "multipliers"):
        if getattr(layout, name).shape != (n,):
            raise ValueError(f"{name} does not have one value for each of {n} contracts")
    if not np.all(np.isfinite(layout.strikes) & (layout.strikes > 0)):
        raise ValueError("strikes has a value that is not a finite number above zero")
    if len(set(layout.keys())) != n:
        raise ValueError("a contract is given twice")


@dataclass(frozen=True, slots=True, eq=False)
class SnapshotData:
    """A snapshot in memory.

    Attributes
    ----------
    symbol, source : str
    time, known_at : int
        ns UTC; `known_at` is when it could first have been used.
    bid, ask, last : float
        Of the underlying; NaN when not known.
    layout : Layout
    columns : mapping of (n,) float64
        See `CHAIN_COLUMNS`; further names are kept as they are.
    scalars : mapping of float
        `r` and `q` (continuously compounded, per year), and what else the source knows of the
        instant: `open`, `high`, `low`, `volume` of the underlying in the interval, `forward_spot`
        = 1 when there was no quote of the underlying and `last` comes from put-call parity.
    id : int or None
        Of the stored row.
    """

    symbol: str
    source: str
    time: int
    known_at: int
    bid: float
    ask: float
    last: float
    layout: Layout
    columns: Mapping[str, FloatArray]
    scalars: Mapping[str, float] = field(default_factory=dict)
    id: int | None = None

    def __post_init__(self) -> None:
        if self.known_at < self.time:
            raise ValueError("known_at is before time")
        for name, column in self.columns.items():
            if np.shape(column) != (len(self.layout),):
                raise ValueError(f"column {name} has shape {np.shape(column)}")

    @property
    def spot(self) -> float:
        """The last price when it lies within the quote, else the quote's middle; NaN if neither.

        A last price outside the quote is old news; without a quote it is all there is.
        """
        quoted = math.isfinite(self.bid) and math.isfinite(self.ask) and 0 < self.bid <= self.ask
        if not quoted or self.bid <= self.last <= self.ask:
            return self.last
        return 0.5 * (self.bid + self.ask)

    def column(self, name: str) -> FloatArray:
        """Return a column, all NaN when the source does not give it."""
        found = self.columns.get(name)
        return np.full(len(self.layout), np.nan) if found is None else found

    def scalar(self, name: str, default: float = math.nan) -> float:
        """Return a scalar, or `default` when the source does not give it."""
        return self.scalars.get(name, default)

    def quoted(self) -> int:
        """Return how many contracts have a quote on either side."""
        either = np.isfinite(self.column("bids")) | np.isfinite(self.column("asks"))
        return int(np.count_nonzero(either))

    def chain(self) -> Chain:
        """Return the chain for numerics; ValueError when there is no price of the underlying."""
        columns = {name: self.column(name) for name in CHAIN_COLUMNS}
        return Chain(
            time=self.time,
            spot=self.spot,
            strikes=self.layout.strikes,
            expiries=self.layout.settles,
            is_call=self.layout.is_call,
            multiplier=self.layout.multipliers,
            r=self.scalar("r", 0.0),
            q=self.scalar("q", 0.0),
            american=bool(self.layout.american.any()),
            **columns,
        )


def merge(old: SnapshotData, new: SnapshotData) -> SnapshotData:
    """Return `old` with what `new` knows of the same instant: more contracts, more columns.

    Where both have a value of the same contract, `new` has the word; what it does not know (NaN)
    stays. The result is known when the later of the two was.
    """
    layout, columns = (
        (old.layout, _merge_columns(old, new, len(old.layout), None, None))
        if old.layout is new.layout
        else _merge_layouts(old, new)
    )

    def pick(name: str) -> float:
        given: float = getattr(new, name)
        return given if math.isfinite(given) else float(getattr(old, name))

    return replace(
        old,
        known_at=max(old.known_at, new.known_at),
        bid=pick("bid"),
        ask=pick("ask"),
        last=pick("last"),
        layout=layout,
        columns=columns,
        scalars={**old.scalars, **new.scalars},
    )


def _merge_layouts(old: SnapshotData, new: SnapshotData) -> tuple[Layout, dict[str, FloatArray]]:
    place = {key: position for position, key in enumerate(old.layout.keys())}
    at = [place.setdefault(key, len(place)) for key in new.layout.keys()]  # noqa: SIM118
    fresh = np.array([position >= len(old.layout) for position in at], dtype=np.bool_)
    added = select(new.layout, fresh)

    def joined(name: str) -> npt.NDArray[np.generic]:
        return np.concatenate([getattr(old.layout, name), getattr(added, name)])

    layout, order = make_layout(
        old.layout.underlying,
        roots=old.layout.root_list() + added.root_list(),
        expiries=old.layout.expiry_dates() + added.expiry_dates(),
        is_call=joined("is_call"),
        strikes=joined("strikes"),
        american=joined("american"),
        multipliers=joined("multipliers"),
        settles=joined("settles"),
    )
    columns = _merge_columns(old, new, len(place), np.array(at, dtype=np.int64), order)
    return layout, columns


def _merge_columns(
    old: SnapshotData,
    new: SnapshotData,
    n: int,
    at: IntArray | None,
    order: IntArray | None,
) -> dict[str, FloatArray]:
    merged: dict[str, FloatArray] = {}
    for name in {**old.columns, **new.columns}:
        column = np.full(n, np.nan)
        column[: len(old.layout)] = old.column(name)
        given = new.column(name)
        index = np.arange(n) if at is None else at
        column[index] = np.where(np.isnan(given), column[index], given)
        merged[name] = column if order is None else column[order]
    return merged
