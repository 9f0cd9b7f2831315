"""A whole session observed at once: what the feed does minute by minute, for tests and studies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from market.features.context import MinuteView, Observation, Positions, SessionContext
from market.features.observe import observe
from market.frames import ByteArray, FloatArray, IntArray


class ObservedRows(NamedTuple):
    """Rows in order of time: `time` (T,) ns UTC, then a value and a reason per column, (T,)."""

    time: IntArray
    columns: dict[str, FloatArray]
    reasons: dict[str, ByteArray]


def observe_session(context: SessionContext, views: Iterable[MinuteView]) -> ObservedRows:
    """Return the rows of the minutes given, in order of time."""
    positions = Positions()
    times, rows = [], []
    for view in views:
        row, positions = observe(view, context, positions)
        times.append(view.time)
        rows.append(row)
    return stacked(np.array(times, dtype=np.int64), rows)


def stacked(time: IntArray, rows: Sequence[Observation]) -> ObservedRows:
    """Return rows of one instant each as columns."""
    names = list(rows[0].values) if rows else []
    return ObservedRows(
        time=time,
        columns={name: np.array([row.values[name] for row in rows]) for name in names},
        reasons={
            name: np.array([row.reasons[name] for row in rows], dtype=np.uint8) for name in names
        },
    )
