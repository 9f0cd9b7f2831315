"""Paths of many sessions, as frames of daily rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from market.features.assembly import assemble
from market.frames import Kind
from market.simulator.config import SimulatorConfig
from market.simulator.daily_rows import daily_columns, daily_reasons
from tools_app.contract import Tool
from tools_app.validation.chunks import Chunk

WARM_UP, SESSIONS, AFTER = 140, 60, 20
"""Sessions before the first that may signal, those that may, and those in which they end."""
CHUNK = 256
_DAY = 86_400_000_000_000


def daily_chunks(
    config: SimulatorConfig, tools: Sequence[Tool], first: int, count: int
) -> Iterator[Chunk]:
    """Yield paths of `SESSIONS` sessions in chunks, with what goes before and comes after."""
    names = list(dict.fromkeys(["close", *(name for tool in tools for name in tool.columns)]))
    whole = replace(config, history_sessions=WARM_UP + SESSIONS + AFTER)
    for start in range(first, first + count, CHUNK):
        paths = np.arange(start, min(start + CHUNK, first + count), dtype=np.int64)
        columns = daily_columns(whole, paths)
        times = _DAY * np.arange(1, whole.history_sessions + 1)
        frame = assemble(Kind.DAILY, config.symbol, times, columns, daily_reasons(columns), names)
        yield Chunk(frame, WARM_UP, WARM_UP + SESSIONS)
