"""Frames from stored observations: the derived columns that were asked for, computed causally."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from market.features.registry import Derived, registry
from market.frames import ByteArray, FloatArray, Frame, Kind, Missing


def assemble(
    kind: Kind,
    symbol: str,
    times: npt.ArrayLike,
    observations: Mapping[str, FloatArray],
    reasons: Mapping[str, ByteArray] | None = None,
    names: Iterable[str] | None = None,
) -> Frame:
    """Return a frame with the columns named and everything that they are computed from.

    Parameters
    ----------
    kind : Kind
    symbol : str
    times : (T,) int64
        When each row became known, ns UTC, strictly increasing.
    observations : mapping of str to (..., T) float64
        Stored columns; one that is needed and not there is missing throughout. Columns given
        under the name of a derived one are taken as they are.
    reasons : mapping of str to (..., T) uint8, optional
        `Missing` codes.
    names : iterable of str, optional
        Columns wanted; every registered one by default.

    Returns
    -------
    Frame

    Raises
    ------
    UnknownColumnError
        For a name that is not registered.
    ValueError
        When shapes differ or the time does not increase.
    """
    known = registry()
    wanted = [c.name for c in known.columns(Kind(kind))] if names is None else list(names)
    observed, steps = known.plan(Kind(kind), [n for n in wanted if n not in observations])
    given = [*(n for n in wanted if n in observations), *observed]
    shape = next((np.shape(column) for column in observations.values()), np.shape(times))
    absent = np.full(shape, np.uint8(Missing.NO_COLUMN))
    codes = reasons or {}
    base = Frame(
        kind=Kind(kind),
        symbol=symbol,
        time=np.asarray(times, dtype=np.int64),
        columns={n: observations.get(n, np.full(shape, np.nan)) for n in given},
        reasons={n: codes[n] for n in given if n in codes}
        | {n: absent for n in given if n not in observations},
    )
    return with_derived(base, steps)


def with_derived(frame: Frame, steps: Iterable[Derived]) -> Frame:
    """Return the frame with derived columns added, computed in the order given."""
    columns: dict[str, FloatArray] = dict(frame.columns)
    reasons: dict[str, ByteArray] = dict(frame.reasons)
    for step in steps:
        made = step.compute({given: columns[given] for given in step.inputs})
        for column, values in zip(step.columns, made, strict=True):
            if column.name not in columns:
                columns[column.name] = values
                reasons[column.name] = _reasons(values, [reasons[g] for g in step.inputs])
    return Frame(
        kind=frame.kind, symbol=frame.symbol, time=frame.time, columns=columns, reasons=reasons
    )


def _reasons(values: FloatArray, inputs: list[ByteArray]) -> ByteArray:
    """Say why derived values are missing: an input is at that row, or was in the window."""
    codes = np.full(values.shape, np.uint8(Missing.WARMING_UP))
    for given in reversed(inputs):
        codes = np.where(given != Missing.OK, given, codes)
    return np.where(np.isfinite(values), np.uint8(Missing.OK), codes)
