"""From a tool's answer to the signals it makes: plain functions, no database."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from market.frames import IntArray, Missing
from tools_app.contract import Evaluation, Tool

FAILED = "the tool failed"
RESTED = "the tool rests after faults"
MOST_FAULTS = 20
"""Different texts that are counted apart; whoever writes a number into each fills no table."""
OTHER_FAULTS = "other faults"


@dataclass(frozen=True, slots=True)
class Firing:
    """One moment at which a tool begins to fire: the row and what it says there."""

    row: int
    score: float
    side: int
    volatility: int
    threshold: float


class Last(NamedTuple):
    """The last signal of a tool: when, and how it read."""

    time: int
    side: int
    volatility: int


def firings(evaluation: Evaluation) -> list[Firing]:
    """Return where a tool begins to fire, or fires with another side than the row before.

    A tool that stays above its threshold makes one signal, not one a row.
    """
    fires, side, about = evaluation.fires, evaluation.side, evaluation.volatility
    before = np.concatenate([[False], fires[:-1]])
    turned = np.concatenate([[False], (side[1:] != side[:-1]) | (about[1:] != about[:-1])])
    rows: npt.NDArray[np.int64] = np.flatnonzero(fires & (~before | turned))
    return [firing_at(evaluation, row, row) for row in rows.tolist()]


def begins(given: Evaluation, before: Evaluation) -> bool:
    """Return whether the last row of an answer begins to fire, after the last row of another."""
    said, was = (
        (bool(one.fires[-1]), int(one.side[-1]), int(one.volatility[-1])) for one in (given, before)
    )
    return said[0] and said != was


def firing_at(evaluation: Evaluation, row: int, place: int) -> Firing:
    """Return what fires at a row of an answer, which has a place of its own among all rows."""
    return Firing(
        row=place,
        score=float(evaluation.score[row]),
        side=int(evaluation.side[row]),
        volatility=int(evaluation.volatility[row]),
        threshold=evaluation.threshold,
    )


def cooled(found: Iterable[Firing], time: IntArray, last: Last | None, pause: int) -> list[Firing]:
    """Return the firings that make signals: not the same reading again within a pause.

    Parameters
    ----------
    found : iterable of Firing
        In order of time.
    time : (T,) int64
        Of the rows, ns UTC.
    last : Last or None
        The signal before them.
    pause : int
        ns.
    """
    kept = []
    for firing in found:
        now = Last(int(time[firing.row]), firing.side, firing.volatility)
        again = last is not None and now[1:] == last[1:] and now.time - last.time < pause
        if not again:
            kept.append(firing)
            last = now
    return kept


def params_digest(tool: Tool, params: Mapping[str, float] | None = None) -> str:
    """Return the SHA-256 of a tool's version and all its parameters."""
    said = {"version": tool.version, "params": tool.settings(params)}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def tally(
    before: Mapping[str, Any] | None, evaluation: Evaluation, since: int, fired: int
) -> dict[str, Any]:
    """Return a tool's counts after the rows from `since` on: rows, scored, fired, missing.

    An answer ends a rest; the faults before it stay counted.
    """
    counts = _begun(before)
    counts.pop("rests_until", None)
    fresh = slice(since, None)
    missing = dict(counts["missing"])
    scored = int(np.count_nonzero(~np.isnan(evaluation.score[fresh])))
    for text, rows in _reasons(evaluation, fresh).items():
        missing[text] = missing.get(text, 0) + rows
    return {
        **counts,
        "rows": counts["rows"] + evaluation.score[fresh].size,
        "scored": counts["scored"] + scored,
        "fired": counts["fired"] + fired,
        "missing": missing,
    }


def with_fault(before: Mapping[str, Any] | None, rows: int, text: str) -> dict[str, Any]:
    """Return a tool's counts after an evaluation that failed on so many new rows."""
    counts = _unscored(before, rows, FAILED)
    faults = dict(counts["faults"])
    told = text if text in faults or len(faults) < MOST_FAULTS else OTHER_FAULTS
    faults[told] = faults.get(told, 0) + 1
    return {**counts, "faults": faults, "last_fault": text}


def with_rest(before: Mapping[str, Any] | None, rows: int, until: str) -> dict[str, Any]:
    """Return a tool's counts after so many new rows at which it rested, until when it does."""
    counts = _unscored(before, rows, RESTED)
    return {**counts, "rests": counts.get("rests", 0) + 1, "rests_until": until}


def _begun(before: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"rows": 0, "scored": 0, "fired": 0, "missing": {}, "faults": {}, **(before or {})}


def _unscored(before: Mapping[str, Any] | None, rows: int, why: str) -> dict[str, Any]:
    counts = _begun(before)
    missing = {**counts["missing"], why: counts["missing"].get(why, 0) + rows}
    return {**counts, "rows": counts["rows"] + rows, "missing": missing}


def _reasons(evaluation: Evaluation, which: slice) -> dict[str, int]:
    codes, counts = np.unique(evaluation.missing[which], return_counts=True)
    return {
        Missing(code).text: count
        for code, count in zip(codes.tolist(), counts.tolist(), strict=True)
        if code != Missing.OK
    }


def finite(value: float) -> float | None:
    """Return a finite float, or None."""
    return float(value) if math.isfinite(value) else None
