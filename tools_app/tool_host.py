"""The process in which a third party's tools run: `python -m tools_app.tool_host FD ENTRY MB`.

It imports what an entry point names, tells what is declared there, and then answers one question
after another over a socket that it got from its parent, until that is closed. It never sees the
platform's settings, its database or its secrets: only columns of numbers and parameters.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import resource
import signal
import socket
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from market.frames import FloatArray
from tools_app import wire
from tools_app.contract import Condition, Tool, Verdict

MOST_BODY = 1 << 31
LATE_S = 2
"""So long after its time-out the kernel ends a process that nobody ended."""


def limit_memory(megabytes: int) -> None:
    """Hold this process to an address space, and let it leave no core file."""
    size = megabytes << 20
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def brought(entry: str) -> list[Any]:
    """Return the tools that an entry point `module[:attribute]` names: one, several, a module's."""
    module_name, _, attributes = entry.partition(":")
    found: Any = import_module(module_name.strip())
    for name in filter(None, attributes.split("[")[0].strip().split(".")):
        found = getattr(found, name)
    if isinstance(found, ModuleType):
        return [value for value in vars(found).values() if isinstance(value, Tool)]
    return [found] if not isinstance(found, list | tuple) else list(found)


def declaration(tool: Any) -> dict[str, Any]:
    """Return what a tool declares, as JSON can carry it, or `{"refused": why}`."""
    if not isinstance(tool, Tool):
        return {"refused": f"it is a {type(tool).__name__}, not a tools_app.contract.Tool"}
    told = {
        field.name: getattr(tool, field.name)
        for field in dataclasses.fields(tool)
        if field.name not in ("compute", "origin", "params")
    }
    try:
        told["params"] = [dataclasses.asdict(param) for param in tool.params]
        return dict(json.loads(json.dumps(told)))
    except (TypeError, ValueError) as error:
        return {"refused": f"its declaration is not of plain values: {error}"}


def told(verdict: Any, shape: tuple[int, ...]) -> tuple[wire.Head, list[FloatArray]]:
    """Return a verdict as a message: what each condition is called, and all numbers.

    Raises
    ------
    ValueError
        Naming what has not one number for every row, or is no verdict.
    """
    if not isinstance(verdict, Verdict):
        raise ValueError(f"it answered a {type(verdict).__name__}, not a Verdict")
    arrays: list[FloatArray] = []

    def take(name: str, given: Any) -> None:
        values = np.asarray(given, dtype=np.float64)
        if values.shape != shape:
            raise ValueError(f"{name} has shape {values.shape} for rows of shape {shape}")
        arrays.append(values)

    heads = [_head(condition) for condition in verdict.conditions]
    for condition in verdict.conditions:
        take(f"the value of {condition.label!r}", condition.value)
        if condition.degree is not None:
            take(f"the degree of {condition.label!r}", condition.degree)
    take("the side", verdict.side)
    if verdict.volatility is not None:
        take("the volatility", verdict.volatility)
    return {"conditions": heads, "volatility": verdict.volatility is not None}, arrays


def _head(condition: Any) -> dict[str, Any]:
    if not isinstance(condition, Condition):
        raise ValueError(f"a condition is a {type(condition).__name__}, not a Condition")
    limit = condition.limit
    return {
        "label": str(condition.label),
        "unit": str(condition.unit),
        "relation": str(condition.relation),
        "limit": None if limit is None or not math.isfinite(limit) else float(limit),
        "degree": condition.degree is not None,
    }


def answer(
    tools: Sequence[Any], head: wire.Head, body: bytes
) -> tuple[wire.Head, list[FloatArray]]:
    """Return the answer to a question, or `{"fault": why}`."""
    shape, names = tuple(head["shape"]), head["names"]
    inputs = dict(zip(names, wire.split(body, shape, len(names)), strict=True))
    try:
        with np.errstate(all="ignore"):
            return told(tools[head["place"]].compute(inputs, dict(head["settings"])), shape)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a tool may raise what it likes
        return {"fault": _fault(error)}, []


def _fault(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:1000]


def serve(link: socket.socket, tools: Sequence[Any]) -> None:
    """Answer until the parent is gone."""
    never = math.inf
    while True:
        try:
            head, body = wire.receive(link, MOST_BODY, never)
        except EOFError:
            return
        # The default action needs no Python, so it ends a loop that never comes back to it.
        signal.alarm(math.ceil(head["seconds"]) + LATE_S)
        made = answer(tools, head, body)
        signal.alarm(0)
        wire.send(link, *made, never)


def main() -> None:
    """Import the entry point, tell what it declares, and answer."""
    link = socket.socket(fileno=int(sys.argv[1]))
    entry, memory, seconds = sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    signal.alarm(math.ceil(seconds) + LATE_S)
    limit_memory(memory)
    try:
        tools = brought(entry)
        first: wire.Head = {"declared": [declaration(tool) for tool in tools]}
    except (Exception, SystemExit) as error:  # noqa: BLE001 - an import may raise what it likes
        tools, first = [], {"fault": _fault(error)}
    signal.alarm(0)
    try:
        wire.send(link, first, [], math.inf)
        serve(link, tools)
    finally:
        os._exit(0)  # threads that a tool left running keep no process alive


if __name__ == "__main__":
    main()
