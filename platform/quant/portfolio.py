"""A portfolio of options on several underlyings, and the joint law of what may move it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri
from scipy.stats import qmc

from quant.arrays import BoolLike, FloatArray, FloatLike, IntArray
from quant.risk import Book, Scenarios

_LEAST_EIGENVALUE = -1e-8


@dataclass(frozen=True, slots=True, eq=False)
class Portfolio:
    """Options and units of several underlyings.

    Attributes
    ----------
    names : tuple of str
        Of the underlyings.
    books : tuple of Book
        One for each.
    rows : tuple of (k,) int64
        Which of the positions given stand in each book, in its order.
    """

    names: tuple[str, ...]
    books: tuple[Book, ...]
    rows: tuple[IntArray, ...]

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        spots: FloatLike,
        underlying: FloatLike,
        K: FloatLike,
        T: FloatLike,
        sigma: FloatLike,
        is_call: BoolLike,
        quantity: FloatLike,
        *,
        r: FloatLike = 0.0,
        q: FloatLike = 0.0,
        units: FloatLike = 0.0,
    ) -> Portfolio:
        """Return a portfolio of n positions in m underlyings.

        Parameters
        ----------
        names : m of str
        spots, r, q, units : (m,) or one for all
            Spot, rate, yield, and units held of the underlying itself.
        underlying : (n,) int
            Which name each position is on, from 0.
        K, T, sigma, is_call, quantity : (n,) or one for all
            As in `Book`; the quantity is contracts times multiplier.

        Raises
        ------
        ValueError
            Naming the field that has a value that is not valid.
        """
        on = np.asarray(underlying, dtype=np.int64).ravel()
        count = len(names)
        if on.size and not (on.min() >= 0 and on.max() < count):
            raise ValueError(f"underlying must be from 0 to {count - 1}, the places in names")
        strike, left, vol, held = (
            np.broadcast_to(np.asarray(v, dtype=np.float64), on.shape)
            for v in (K, T, sigma, quantity)
        )
        call = np.broadcast_to(np.asarray(is_call, dtype=np.bool_), on.shape)
        spot, rate, dividend, own = (
            np.broadcast_to(np.asarray(v, dtype=np.float64), (count,)).tolist()
            for v in (spots, r, q, units)
        )
        rows = tuple(np.flatnonzero(on == at) for at in range(count))
        books = tuple(
            Book.of(
                spot[at], strike[mine], left[mine], vol[mine], call[mine], held[mine],
                r=rate[at], q=dividend[at], units=own[at],
            )
            for at, mine in enumerate(rows)
        )  # fmt: skip
        return cls(tuple(names), books, rows)

    @property
    def size(self) -> int:
        """Positions, units of the underlyings apart."""
        return sum(row.size for row in self.rows)

    def given_order(self, parts: Sequence[FloatArray]) -> FloatArray:
        """Return columns by book as columns in the order in which positions were given."""
        out = np.empty((*parts[0].shape[:-1], self.size)) if parts else np.empty(0)
        for row, part in zip(self.rows, parts, strict=True):
            out[..., row] = part
        return out


@dataclass(frozen=True, slots=True, eq=False)
class Shocks:
    """Log spots, and logs of one factor on all volatilities of each underlying: jointly normal.

    Attributes
    ----------
    spot_vol : (m,) float64
        Per square root of a year.
    vol_of_vol : (m,) float64
        Standard deviation of the logarithm of the volatilities over the horizon, itself not per
        year: 0.3 for a shock of 30 %.
    correlation : (2m, 2m) float64
        Log spots first.
    root : (2m, 2m) float64
        Of `correlation`, by its principal components: kept, since finding it wakes the threads of
        BLAS, which go on spinning for longer than all of a draw takes.
    """

    spot_vol: FloatArray
    vol_of_vol: FloatArray
    correlation: FloatArray
    root: FloatArray

    @classmethod
    def of(
        cls,
        spot_vol: FloatLike,
        vol_of_vol: FloatLike,
        correlation: FloatLike,
        *,
        leverage: FloatLike = 0.0,
        common: float = 0.0,
    ) -> Shocks:
        """Return shocks whose correlation is one by construction.

        Each volatility follows its own spot with `leverage`; what is left of it is correlated
        between underlyings by `common`.

        Parameters
        ----------
        spot_vol : (m,)
        vol_of_vol, leverage : (m,) or one for all
        correlation : (m, m)
            Of log spots.
        common : float
            From 0 to 1.

        Raises
        ------
        ValueError
            Naming the argument that is not valid.
        """
        vols = np.atleast_1d(np.asarray(spot_vol, dtype=np.float64))
        m = vols.size
        shock, lever = (
            np.broadcast_to(np.asarray(v, dtype=np.float64), (m,)) for v in (vol_of_vol, leverage)
        )
        spots = np.asarray(correlation, dtype=np.float64)
        for name, values in (("spot_vol", vols), ("vol_of_vol", shock)):
            if not np.all(np.isfinite(values) & (values >= 0.0)):
                raise ValueError(f"{name} has a value that is not finite or is below 0")
        if not (np.all(np.abs(lever) <= 1.0) and 0.0 <= common <= 1.0):
            raise ValueError("leverage must be from -1 to 1 and common from 0 to 1")
        if spots.shape != (m, m):
            raise ValueError(f"correlation has shape {spots.shape}; spot_vol asks for {(m, m)}")
        _check(spots)
        rest = np.sqrt(1.0 - lever**2)
        own = np.full((m, m), common)
        np.fill_diagonal(own, 1.0)
        across = spots * lever
        vol_part = np.outer(lever, lever) * spots + np.outer(rest, rest) * own
        whole = np.block([[spots, across], [across.T, vol_part]])
        values, vectors = np.linalg.eigh(whole)
        return cls(vols, shock, whole, vectors * np.sqrt(np.maximum(values, 0.0)))

    def drawn(
        self,
        books: Sequence[Book],
        horizon: float,
        power: int,
        rngs: Sequence[np.random.Generator],
    ) -> list[Scenarios]:
        """Return scenarios of each book: 2^power for each generator, one after the other.

        Each generator scrambles a Sobol sequence of its own (Owen 1997). Forwards and mean
        volatility factors are kept. The first coordinates, which are the most even ones, go to
        the components with the most variance.
        """
        m = len(books)
        scale = np.concatenate([self.spot_vol * np.sqrt(horizon), self.vol_of_vol])
        root = scale[:, None] * self.root
        root = np.ascontiguousarray(root[:, np.argsort(-np.sum(root**2, axis=0), kind="stable")])
        u = np.concatenate(
            [qmc.Sobol(2 * m, scramble=True, rng=rng).random_base2(power) for rng in rngs]
        )
        z = np.ascontiguousarray(ndtri(np.clip(u, 1e-16, 1.0 - 1e-16)).T)
        moves = np.einsum("ij,jk->ik", root, z) - 0.5 * scale[:, None] ** 2
        return [
            Scenarios(
                book.S * np.exp((book.r - book.q) * horizon + moves[at]), np.exp(moves[m + at])
            )
            for at, book in enumerate(books)
        ]


def _check(correlation: FloatArray) -> None:
    """Raise ValueError when it is no correlation matrix."""
    fine = np.all(np.isfinite(correlation)) and np.allclose(correlation, correlation.T)
    if not (fine and np.allclose(np.diag(correlation), 1.0)):
        raise ValueError("correlation must be finite and symmetric, with ones on the diagonal")
    least = float(np.linalg.eigvalsh(correlation).min())
    if least < _LEAST_EIGENVALUE:
        raise ValueError(
            f"correlation has the eigenvalue {least:.3g}, below 0: no normal law has it; shrink it"
            " towards the identity"
        )
