"""A tool's answer, or why there is none: one that fails never stops the others.

Ours run in this process. A third party's runs in its own (`tools_app.isolation`), and rests after
several faults in a row.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import structlog

from market.frames import Frame
from tools_app import isolation
from tools_app.contract import Evaluation, Tool
from tools_app.isolation import HostError, RemoteFaultError, plain
from tools_app.live import LiveFrame
from tools_app.nonsense import nonsense, nonsense_of_newest

AT_ONCE = 16
"""Third parties' tools that are asked together, so that one which hangs delays no other."""
log = structlog.get_logger("pulse.tools")


class ToolFaultError(Exception):
    """A tool raised or answered what no tool may answer; the text says which."""


class ToolRestsError(ToolFaultError):
    """A tool failed several times in a row and is not asked before `until`."""

    def __init__(self, faults: int, seconds: float) -> None:
        self.until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)
        self.seconds = seconds
        super().__init__(f"it rests after {faults} faults in a row")


Answer = Evaluation | ToolFaultError


def judged(tool: Tool, frame: Frame, params: Mapping[str, float] | None = None) -> Evaluation:
    """Return a tool's answer on a frame.

    Raises
    ------
    ToolFaultError
        When the tool raises, or its answer has another shape, a degree outside [0, 1] or an
        unknown side; of a third party's also when it hangs, ends its process, or rests.
    """
    if tool.origin is None:
        return _answer(tool, frame, params)
    breaker = isolation.breaker_of(tool.slug)
    seconds = breaker.rests()
    if seconds > 0.0:
        raise ToolRestsError(breaker.in_a_row, seconds)
    try:
        evaluation = _answer(tool, frame, params)
    except ToolFaultError as fault:
        rests = breaker.failed()
        log.warning("tool_fault", tool=tool.slug, fault=str(fault), rests_s=rests)
        raise
    breaker.passed()
    return evaluation


def judged_all(tools: Sequence[Tool], frame: Frame) -> Iterator[tuple[Tool, Answer]]:
    """Yield each tool with its answer or its fault: ours in order, then third parties'.

    Those are asked while ours compute, at the same time, so that all of them together cost one
    time-out at most for every `AT_ONCE` of them.
    """
    theirs = [tool for tool in tools if tool.origin is not None]
    ours = (tool for tool in tools if tool.origin is None)
    if not theirs:
        yield from ((tool, _either(tool, frame)) for tool in ours)
        return
    with ThreadPoolExecutor(min(AT_ONCE, len(theirs)), "third-party") as pool:
        waiting: list[tuple[Tool, Future[Answer]]] = [
            (tool, pool.submit(_either, tool, frame)) for tool in theirs
        ]
        yield from ((tool, _either(tool, frame)) for tool in ours)
        yield from ((tool, answer.result()) for tool, answer in waiting)


def judged_newest(frame: LiveFrame) -> Iterator[tuple[Tool, Answer]]:
    """Yield each of our tools with its answer on the newest row, or its fault."""
    with np.errstate(all="ignore"):
        for tool in frame.tools:
            try:
                evaluation = frame.answer(tool)
                fault = nonsense_of_newest(evaluation)
            except Exception as error:  # noqa: BLE001 - whatever a tool does, the others go on
                fault = f"{type(error).__name__}: {error}"
            yield tool, evaluation if fault is None else ToolFaultError(plain(fault))


def _either(tool: Tool, frame: Frame) -> Answer:
    try:
        return judged(tool, frame)
    except ToolFaultError as fault:
        return fault


def _answer(tool: Tool, frame: Frame, params: Mapping[str, float] | None) -> Evaluation:
    try:
        with np.errstate(all="ignore"):
            evaluation = tool.evaluate(frame, params)
        fault = nonsense(evaluation, frame)
    except (HostError, RemoteFaultError) as error:
        raise ToolFaultError(str(error)) from error
    except Exception as error:
        raise ToolFaultError(plain(f"{type(error).__name__}: {error}")) from error
    if fault is not None:
        raise ToolFaultError(plain(fault))
    return evaluation
