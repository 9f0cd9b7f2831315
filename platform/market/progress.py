"""A progress bar for people at a terminal; silent everywhere else."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TextIO

_WIDTH = 28
_EVERY = 0.1


class ProgressBar:
    """Bytes read out of all bytes, redrawn in place at most ten times a second."""

    def __init__(self, stream: TextIO, total: int) -> None:
        self._stream, self._total = stream, max(total, 1)
        self._shown = stream.isatty()
        self._done: dict[Path, int] = {}
        self._drawn = 0.0

    def update(self, path: Path, done: int) -> None:
        """Say that `done` bytes of a file have been read."""
        self._done[path] = max(done, self._done.get(path, 0))
        now = time.monotonic()
        if self._shown and now - self._drawn >= _EVERY:
            self._drawn = now
            self._stream.write(self.line(path.name))
            self._stream.flush()

    def line(self, name: str) -> str:
        """Return the bar as text that overwrites the line."""
        share = min(1.0, sum(self._done.values()) / self._total)
        filled = round(share * _WIDTH)
        return f"\r\x1b[K{'█' * filled}{'·' * (_WIDTH - filled)} {share:4.0%} {name[:40]}"

    def clear(self) -> None:
        """Take the bar away, so that a line can be printed."""
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
