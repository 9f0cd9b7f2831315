"""Running tests in forked processes: one changes the code, runs what it is given, and ends."""

from __future__ import annotations

import os
import pickle
import resource
import select
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol
from django.db import connections
from hypothesis import Phase, settings

ROOM = 4 << 30
"""Bytes that a changed program may take more than it has."""
PATIENCE = 20.0
"""Seconds that it may take beside ten times what its tests take without a change."""
LONGEST = 600.0
"""Seconds after which it is known not to end, however long its tests take."""


def lighten() -> None:
    """Let generated examples be the same for every change, and be told as they are found."""
    settings.register_profile(
        "mutants", deadline=None, database=None, derandomize=True,
        phases=[Phase.explicit, Phase.generate],
    )  # fmt: skip


def prepare_database(items: list[pytest.Item]) -> None:
    """Make the test database, once, by running one test that needs it."""
    first = next(one for one in items if needs_database(one))
    if failure := _failure(first):
        raise pytest.UsageError(f"{first.nodeid} fails: {failure}")
    connections.close_all()


def reach(
    items: list[pytest.Item], watched: Mapping[str, str], change: Callable[[], None]
) -> dict[str, dict[str, Any]]:
    """Run some tests once, in a process of their own, and return which functions each calls.

    `change` is made before: one that changes nothing, so that no test may fail by it.
    """

    def work() -> dict[str, dict[str, Any]]:
        change()
        found = {}
        for item in sorted(items, key=_rank):
            lines: dict[str, set[int]] = {}
            began = time.monotonic()
            with _Watching(watched, lines):
                failure = _failure(item)
            found[item.nodeid] = {
                "seconds": time.monotonic() - began, "failure": failure, "rank": _rank(item),
                "lines": {path: sorted(mine) for path, mine in lines.items()},
            }  # fmt: skip
        return found

    told = _forked(work, limit=1800.0)
    if not isinstance(told, dict):
        raise pytest.UsageError(f"the tests did not end: {told}")
    return told


def judged(
    wanted: list[pytest.Item], items: list[pytest.Item], change: Callable[[], None]
) -> tuple[str, str]:
    """Return how a change fares with some tests, and which of them notices it."""

    def work() -> tuple[str, str]:
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + ROOM, size + ROOM))
        try:
            change()
        except Exception as error:  # noqa: BLE001 - a module that cannot be imported is noticed
            return "killed", f"import: {type(error).__name__}"
        for item in wanted:
            if _failure(item):
                return "killed", item.nodeid
        return "survived", ""

    usual = sum(_usual(one) for one in wanted)
    told = _forked(work, limit=min(PATIENCE + 10.0 * usual, LONGEST))
    if isinstance(told, tuple):
        return told
    # It ended in the middle of a test: one that empties the database afterwards puts that right.
    for one in [one for one in items if _flushes(one)][:1]:
        _forked(lambda one=one: _failure(one), limit=60.0)
    return ("timed out", "") if told == "late" else ("killed", told)


def ordered(
    names: list[str], killers: Mapping[str, int] | Counter[str], reached: Mapping[str, dict]
) -> list[str]:
    """Sort tests: those of the database last, as in a usual run, and quick ones first."""
    return sorted(
        names, key=lambda name: (reached[name]["rank"], -killers.get(name, 0),
                                 reached[name]["seconds"]),
    )  # fmt: skip


_seconds: dict[str, float] = {}


def _usual(item: pytest.Item) -> float:
    return _seconds.get(item.nodeid, 1.0)


def remember(reached: Mapping[str, dict]) -> None:
    """Know how long each test takes."""
    _seconds.update({name: one["seconds"] for name, one in reached.items()})


def needs_database(item: pytest.Item) -> bool:
    """Whether a test needs the database."""
    return "db" in getattr(item, "fixturenames", ()) or bool(item.get_closest_marker("django_db"))


def _flushes(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("django_db")
    own = "transactional_db" in getattr(item, "fixturenames", ())
    return own or bool(marker and marker.kwargs.get("transaction"))


def _rank(item: pytest.Item) -> int:
    """Return 0 without the database, 1 with it, 2 where it is emptied afterwards."""
    return needs_database(item) + _flushes(item)


def _failure(item: pytest.Item) -> str:
    """Run a test and return what it says when it fails; what serves the whole run stays set up."""
    reports = runtestprotocol(item, log=False, nextitem=item.session)
    return next((str(one.longrepr) for one in reports if one.failed), "")


def _forked(work: Callable[[], Any], *, limit: float) -> Any:
    """Return what a function returns in a process of its own; a text when it does not."""
    reads, writes = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(reads)
            told = pickle.dumps(work())
            with os.fdopen(writes, "wb") as pipe:
                pipe.write(told)
            code = 0
        finally:
            os._exit(code)
    os.close(writes)
    parts, ends = [], time.monotonic() + limit
    with os.fdopen(reads, "rb", buffering=0) as pipe:
        while True:
            ready, _, _ = select.select([pipe], [], [], max(ends - time.monotonic(), 0.0))
            if not ready:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                return "late"
            part = pipe.read(1 << 16)
            if not part:
                break
            parts.append(part)
    _, status = os.waitpid(pid, 0)
    whole = b"".join(parts)
    return pickle.loads(whole) if status == 0 else f"it ended with {status}"


class _Watching:
    """Notes which functions of some files are called, by their first lines, in every thread."""

    def __init__(self, watched: Mapping[str, str], lines: dict[str, set[int]]) -> None:
        self._watched = watched
        self._lines = lines

    def __enter__(self) -> None:
        threading.settrace(self._called)
        sys.settrace(self._called)

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)
        threading.settrace(None)

    def _called(self, frame: FrameType, event: str, arg: object) -> None:
        code = frame.f_code
        path = self._watched.get(code.co_filename)
        if path is not None:
            self._lines.setdefault(path, set()).add(code.co_firstlineno)
