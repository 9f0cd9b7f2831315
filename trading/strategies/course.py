"""How a trade goes: its result as a share of what it can lose, from quotes. Plain functions."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from decimal import Decimal

from tools_app.decisions import Course
from trading.strategies.structures import TICK, limit_at, sides

Marked = tuple[int, float, float]
"""Ratio, bid and ask of a leg that is held."""


def result(paid: float, risk: float, legs: Sequence[Marked]) -> float | None:
    """Return the result at the middles, as a share of what a unit can lose; None if not known.

    Parameters
    ----------
    paid : float
        For a unit, $ a unit of the underlying; below 0 when received.
    risk : float
        That a unit can lose, in the same measure, above 0.
    """
    mid, _ = sides(legs)
    return None if math.isnan(mid) else (mid - paid) / risk


def course(
    now: float | None,
    best: float,
    *,
    entered: dt.datetime,
    at: dt.datetime,
    closes: dt.datetime,
) -> Course:
    """Return the course of a trade that was entered at an instant, as seen at another."""
    return Course(
        now, max(best, 0.0 if now is None else now),
        (at - entered).total_seconds() / 60.0, (closes - at).total_seconds() / 60.0,
    )  # fmt: skip


def exit_limit(legs: Sequence[Marked]) -> Decimal | None:
    """Return the limit at which to leave, legs with the signs of the exit; None if not known.

    Of a package it is the net price. A single contract that is sold has a price above 0.
    """
    mid, natural = sides(legs)
    if math.isnan(natural):
        return None
    net = limit_at(mid, natural, len(legs))
    sold = len(legs) == 1 and legs[0][0] < 0
    return max(-net, TICK) if sold else net
