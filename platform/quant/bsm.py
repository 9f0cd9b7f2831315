"""Price and Greeks of European options under generalized Black-Scholes-Merton.

The numbers hold to what their inputs' last digit decides, 256 eps (1 + d1^2 + d2^2), down to the
last second before expiry: the log-moneyness is kept to full relative precision near the money,
out-of-the-money prices come from a difference of Mills ratios that is divided, not subtracted,
in-the-money prices from put-call parity. Where a formula
has no finite value its limit is served, with a `quant.status.Status` that says so.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self, overload

import numpy as np
import numpy.typing as npt

from quant import memory
from quant.arrays import BoolLike, ByteArray, FloatArray, FloatLike, IntArray
from quant.bsm_terms import Terms
from quant.fields import ALIASES, FIELDS, QUOTES
from quant.memory import address, flat, places
from quant.status import Status
from quant.threads import in_chunks


class _Field:
    """Attribute access to one computed field of `Greeks`."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, greeks: None, owner: type) -> Self: ...
    @overload
    def __get__(self, greeks: "Greeks", owner: type) -> FloatArray: ...
    def __get__(self, greeks: "Greeks | None", owner: type) -> "FloatArray | Self":
        if greeks is None:
            return self
        try:
            return greeks.values[self.name]
        except KeyError:
            raise AttributeError(f"{self.name} was not among the names asked for") from None


@dataclass(frozen=True, slots=True, eq=False)
class Greeks:
    """Price and Greeks of an array of contracts, each field of the inputs' common shape.

    Fields hold raw mathematical derivatives: vega and rho per 1.00, theta, charm and color per
    year as calendar time passes. The one exception is `volga`, which is `vomma * 1e-4` wherever
    it stands: both are d2V/dsigma2, vomma in the mathematical unit and volga per vol point
    squared, so a sum over all Greeks has to skip `ALIASES`.

    Attributes
    ----------
    values : dict of str to float64
        What was asked for, by name; also readable as attributes. NaN where `status` is
        `BAD_INPUT`, finite everywhere else.
    status : uint8
        One `Status` per element.
    """

    values: dict[str, FloatArray]
    status: ByteArray

    price = _Field()
    delta = _Field()
    gamma = _Field()
    vega = _Field()
    theta = _Field()
    rho = _Field()
    charm = _Field()
    vanna = _Field()
    vomma = _Field()
    volga = _Field()
    speed = _Field()
    zomma = _Field()
    color = _Field()
    ultima = _Field()

    def quoted(self) -> "Greeks":
        """Return the same numbers in the market's units, which `QUOTES` lists."""
        scaled = {name: value / QUOTES[name].divisor for name, value in self.values.items()}
        return Greeks(values=scaled, status=self.status)


def price(
    S: FloatLike,
    K: FloatLike,
    T: FloatLike,
    r: FloatLike,
    q: FloatLike,
    sigma: FloatLike,
    is_call: BoolLike,
) -> FloatArray:
    """Return option values.

    Parameters
    ----------
    S, K : float64, broadcast together with all the others
        Spot and strike, in the currency of the answer.
    T : float64
        Years to settlement; below zero the settled intrinsic value is returned.
    r, q : float64
        Continuously compounded rate and dividend yield, per year.
    sigma : float64
        Volatility per square root of a year, 0.20 for 20 %.
    is_call : bool

    Returns
    -------
    float64
        Of the common shape; NaN where an input is not a valid number.
    """
    return greeks(S, K, T, r, q, sigma, is_call, names=("price",)).price


def greeks(
    S: FloatLike,
    K: FloatLike,
    T: FloatLike,
    r: FloatLike,
    q: FloatLike,
    sigma: FloatLike,
    is_call: BoolLike,
    names: Iterable[str] | None = None,
    *,
    out: Greeks | None = None,
    threads: int | None = None,
) -> Greeks:
    """Return the price and the Greeks, or those of them that `names` lists, in one pass.

    An element's numbers depend on its own inputs alone, to the last bit: neither the shape it
    comes in, nor the other fields asked for, nor the number of threads changes them.

    Parameters
    ----------
    S, K, T, r, q, sigma, is_call
        As in `price`; any memory layout. An element is `BAD_INPUT` (NaN) where S or K is not
        above zero, sigma is below zero, anything is not finite, or the value itself overflows.
    names : iterable of str, optional
        A subset of `FIELDS`; all of them by default. `SINGULAR` is then raised only by the
        overflow of a field that was asked for.
    out : Greeks, optional
        An earlier result of the same shape and fields, whose memory takes the new numbers.
    threads : int, optional
        How many to use; by default as many as the size pays for.

    Raises
    ------
    ValueError
        For a name that is not in `FIELDS`, shapes that do not broadcast, an `out` of another
        shape or with other fields, and fewer threads than one.
    """
    wanted = _fields(names)
    given = [np.asarray(value, dtype=np.float64) for value in (S, K, T, r, q, sigma)]
    calls = np.asarray(is_call, dtype=np.bool_)
    shape = np.broadcast_shapes(*(array.shape for array in given), calls.shape)
    found, begins = _blank(wanted, shape) if out is None else _checked(out, wanted, shape)
    if found.status.size:
        columns = [flat(array, shape) for array in (*given, calls)]
        hard = _fused(columns, found.status.reshape(-1), begins, threads)
        if hard.size:
            _refer(columns, found, hard)
    return found


def reference(
    S: FloatLike,
    K: FloatLike,
    T: FloatLike,
    r: FloatLike,
    q: FloatLike,
    sigma: FloatLike,
    is_call: BoolLike,
    names: Iterable[str] | None = None,
) -> Greeks:
    """Return what `greeks` returns, by plain NumPy with every limit in its place.

    It defines the truth that the fast kernel is tested against, and answers the elements that
    the kernel leaves alone. Arguments and errors as in `greeks`.
    """
    wanted = _fields(names)
    with np.errstate(all="ignore"):
        terms = Terms(S=S, K=K, T=T, r=r, q=q, sigma=sigma, is_call=is_call)
        values: dict[str, FloatArray] = {}
        for name in wanted:
            alias = ALIASES.get(name)
            values[name] = (
                terms.field(alias.of) * alias.scale if alias is not None else terms.field(name)
            )
        status = terms.status()
    bad = status == Status.BAD_INPUT
    if bad.any():
        values = {name: np.where(bad, np.nan, value) for name, value in values.items()}
    return Greeks(values=values, status=status)


def _fields(names: Iterable[str] | None) -> tuple[str, ...]:
    wanted = FIELDS if names is None else tuple(names)
    unknown = [name for name in wanted if name not in FIELDS]
    if unknown:
        raise ValueError(f"unknown field {unknown[0]!r}; choose from {', '.join(FIELDS)}")
    return wanted


def _blank(wanted: tuple[str, ...], shape: tuple[int, ...]) -> tuple[Greeks, dict[str, int]]:
    """Return a result with room for its numbers, and the address of each field."""
    count = math.prod(shape)
    length = memory.row_length(count)
    block = memory.take(length * len(wanted))
    base = address(block)
    begins = {name: base + 8 * length * place for place, name in enumerate(wanted)}
    rows = {
        name: block[length * place : length * place + count].reshape(shape)
        for place, name in enumerate(wanted)
    }
    memory.keep(block)
    return Greeks(values=rows, status=np.empty(shape, dtype=np.uint8)), begins


def _checked(
    out: Greeks, wanted: tuple[str, ...], shape: tuple[int, ...]
) -> tuple[Greeks, dict[str, int]]:
    """Return an earlier result that can take new numbers, and the address of each field."""
    if out.status.shape != shape:
        raise ValueError(f"out has shape {out.status.shape}, the answer {shape}")
    if tuple(out.values) != wanted:
        raise ValueError(f"out holds {', '.join(out.values)}, not {', '.join(wanted)}")
    arrays: list[npt.NDArray[Any]] = [*out.values.values(), out.status]
    if not all(array.flags.c_contiguous and array.flags.writeable for array in arrays):
        raise ValueError("out has arrays that cannot be written in place; give one of `greeks`")
    return out, {name: address(value) for name, value in out.values.items()}


def _fused(
    columns: list[npt.NDArray[Any]],
    status: ByteArray,
    begins: dict[str, int],
    threads: int | None,
) -> IntArray:
    """Fill a result by the kernel; return the positions that it leaves to the reference."""
    from quant.kernels import greeks as kernels

    count = status.size
    rows = np.array([begins.get(name, 0) for name in kernels.FIELDS])
    aliases = [(begins[name], *ALIASES[name]) for name in begins if name in ALIASES]
    alias_rows = np.array([at for at, _, _ in aliases], dtype=np.int64)
    alias_of = np.array([kernels.FIELDS.index(of) for _, of, _ in aliases], dtype=np.int64)
    alias_scale = np.array([scale for _, _, scale in aliases], dtype=np.float64)
    stream = count >= kernels.STREAM_FROM and all(at % 64 == 0 for at in begins.values())
    inputs = places(columns, count)

    def work(span: IntArray) -> None:
        kernels.greeks_kernel(span, inputs, rows, alias_of, alias_rows, alias_scale, status, stream)

    in_chunks(work, count, grain=kernels.GRAIN, tile=kernels.TILE, threads=threads)
    return np.flatnonzero(status == kernels.HARD)


def _refer(columns: list[npt.NDArray[Any]], found: Greeks, hard: IntArray) -> None:
    """Fill in what the kernel left to the reference."""
    count = found.status.size
    taken = [column[hard] if column.size == count else column[0] for column in columns]
    S, K, T, r, q, sigma, is_call = taken
    told = reference(S, K, T, r, q, sigma, is_call, names=tuple(found.values))
    for name, value in told.values.items():
        found.values[name].reshape(-1)[hard] = value
    found.status.reshape(-1)[hard] = told.status
