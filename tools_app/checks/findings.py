"""What a check finds, and how two answers of a tool are compared: bit by bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from market.features.assembly import assemble
from market.frames import ByteArray, FloatArray, Frame, IntArray
from tools_app.contract import Evaluation, Tool

SYMBOL = "CHECK"


@dataclass(frozen=True, slots=True)
class Finding:
    """One property that a tool breaks: which, what was seen, and what to change."""

    check: str
    problem: str
    remedy: str


def frame_of(
    tool: Tool,
    times: IntArray,
    observations: Mapping[str, FloatArray],
    reasons: Mapping[str, ByteArray] | None = None,
) -> Frame:
    """Return the frame of the columns that a tool reads."""
    return assemble(tool.kind, SYMBOL, times, observations, reasons, tool.columns)


def arrays(evaluation: Evaluation) -> dict[str, npt.NDArray[Any]]:
    """Return everything that an evaluation says, by name."""
    told: dict[str, npt.NDArray[Any]] = {}
    for place, condition in enumerate(evaluation.conditions, 1):
        told[f"the value of {condition.label!r} (condition {place})"] = np.asarray(condition.value)
        if condition.degree is not None:
            told[f"the degree of {condition.label!r} (condition {place})"] = condition.degree
    for name in ("score", "side", "volatility", "fires", "missing"):
        told[f"the {name}"] = getattr(evaluation, name)
    return told


def bits(array: npt.NDArray[Any]) -> bytes:
    """Return the bits of an array; a missing number is a missing number, whatever its sign bit."""
    plain = np.ascontiguousarray(array)
    if plain.dtype.kind == "f":
        plain = np.where(np.isnan(plain), np.nan, plain)
    return plain.tobytes()


def difference(
    got: Evaluation,
    want: Evaluation,
    which: tuple[Any, ...] = (...,),
    where: tuple[Any, ...] = (...,),
) -> str | None:
    """Return the name of the first thing that two answers say differently, or None.

    Parameters
    ----------
    which, where : tuple
        What is compared of `got` and of `want`: indices into (..., T).
    """
    one, other = arrays(got), arrays(want)
    if list(one) != list(other):
        return "the labels of the conditions"
    for name, values in one.items():
        if bits(np.asarray(values)[which]) != bits(np.asarray(other[name])[where]):
            return name
    return None
