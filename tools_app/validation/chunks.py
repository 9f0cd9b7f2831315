"""Simulated paths that are in memory at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from market.clock import MINUTE
from market.features.assembly import assemble
from market.frames import Frame, Kind
from market.simulator.config import SimulatorConfig
from market.simulator.path_rows import path_columns, path_reasons
from market.simulator.paths import iterate_paths
from tools_app.contract import Tool

CHUNK = 256
"""Paths of one-minute sessions that are in memory at once: about 150 MB."""


class Chunk(NamedTuple):
    """Paths with the span of rows in which tools may signal."""

    frame: Frame
    since: int
    until: int


def intraday_chunks(
    config: SimulatorConfig, tools: Sequence[Tool], first: int, count: int
) -> Iterator[Chunk]:
    """Yield simulated one-minute sessions in chunks."""
    wanted = ("close", "expected_move")
    names = list(dict.fromkeys([*wanted, *(name for tool in tools for name in tool.columns)]))
    for walked in iterate_paths(config, first=first, count=count, chunk=CHUNK):
        columns = path_columns(config, walked)
        times = MINUTE * np.arange(1, walked.minutes + 1)
        frame = assemble(Kind.INTRADAY, config.symbol, times, columns, path_reasons(columns), names)
        yield Chunk(frame, 0, walked.minutes)
