"""From a tool's answer to the signals it makes: plain functions, no database."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tools_app.contract import Evaluation, Tool


@dataclass(frozen=True, slots=True)
class Firing:
    """One moment at which a tool begins to fire: the row and what it says there."""

    row: int
    score: float
    side: int
    threshold: float


def firings(evaluation: Evaluation) -> list[Firing]:
    """Return where a tool begins to fire, or fires with another side than the row before.

    A tool that stays above its threshold makes one signal, not one a row.
    """
    fires, side = evaluation.fires, evaluation.side
    before = np.concatenate([[False], fires[:-1]])
    turned = np.concatenate([[False], side[1:] != side[:-1]])
    rows: npt.NDArray[np.int64] = np.flatnonzero(fires & (~before | turned))
    return [
        Firing(row, float(evaluation.score[row]), int(evaluation.side[row]), evaluation.threshold)
        for row in rows.tolist()
    ]


def params_digest(tool: Tool, params: Mapping[str, float] | None = None) -> str:
    """Return the SHA-256 of a tool's version and all its parameters."""
    said = {"version": tool.version, "params": tool.settings(params)}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def tally(before: Mapping[str, Any] | None, evaluation: Evaluation, since: int) -> dict[str, Any]:
    """Return a tool's counts after the rows from `since` on: rows, scored, fired, missing."""
    counts = dict(before or {"rows": 0, "scored": 0, "fired": 0, "missing": {}})
    fresh = slice(since, None)
    missing = dict(counts["missing"])
    scored = int(np.count_nonzero(~np.isnan(evaluation.score[fresh])))
    for text, rows in _reasons(evaluation, fresh).items():
        missing[text] = missing.get(text, 0) + rows
    return {
        "rows": counts["rows"] + evaluation.score[fresh].size,
        "scored": counts["scored"] + scored,
        "fired": counts["fired"] + sum(firing.row >= since for firing in firings(evaluation)),
        "missing": missing,
    }


def _reasons(evaluation: Evaluation, which: slice) -> dict[str, int]:
    from market.frames import Missing

    codes, counts = np.unique(evaluation.missing[which], return_counts=True)
    return {
        Missing(code).text: count
        for code, count in zip(codes.tolist(), counts.tolist(), strict=True)
        if code != Missing.OK
    }


def finite(value: float) -> float | None:
    """Return a finite float, or None."""
    return float(value) if math.isfinite(value) else None
