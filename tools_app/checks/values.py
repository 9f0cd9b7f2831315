"""Scores, sides and parameters within their bounds; the same answer twice; inputs left alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from tools_app.checks.findings import Finding, bits, difference, frame_of
from tools_app.checks.market import random_market
from tools_app.contract import Param, Tool
from tools_app.nonsense import nonsense, sideways

ROWS = 330
PATHS = (2, 3)
DRAWS = 6


def bounds_hold(
    tool: Tool, seed: int = 3, params: Mapping[str, float] | None = None
) -> list[Finding]:
    """Scores lie in [0, 1] or are missing, sides are -1, 0 or 1, under the parameters given."""
    times, now = random_market(tool.kind, ROWS, seed)
    frame = frame_of(tool, times, now)
    answer = tool.evaluate(frame, params)
    columns = {name: frame.columns[name] for name in tool.columns}
    with np.errstate(all="ignore"):
        verdict = tool.compute(columns, tool.settings(params))
    found = nonsense(answer, frame) or sideways(verdict)
    given = _told(params or {})
    if found is not None:
        remedy = (
            "answer arrays of the inputs' shape, degrees in 0..1 or NaN (the functions of "
            "`tools_app.degrees` keep this), and -1, 0 or 1 as the side"
        )
        return [Finding("bounds", found + given, remedy)]
    if not np.isfinite(answer.score).any():
        remedy = "let a row have a score for every setting within the bounds of `params`"
        return [Finding("bounds", f"no row of {ROWS} random ones has a score{given}", remedy)]
    return []


def every_bound_can_be_chosen(tool: Tool, seed: int = 6) -> list[Finding]:
    """Try each parameter at both of its bounds, and random settings within them."""
    for params in _settings(tool, seed):
        try:
            found = bounds_hold(tool, seed, params)
        except Exception as error:  # noqa: BLE001 - whatever it raises is what is found
            found = [
                Finding(
                    "parameters",
                    f"{type(error).__name__}: {error}{_told(params)}",
                    "narrow the bounds of the parameter, or answer within all of them",
                )
            ]
        if found:
            return found
    return []


def parameters_outside_are_refused(tool: Tool) -> list[Finding]:
    """A value outside its bounds, NaN or an unknown name never reaches the tool."""
    for param in tool.params:
        for outside in (param.low - 1.0, param.high + 1.0, np.nan):
            try:
                tool.settings({param.name: outside})
            except ValueError:
                continue
            problem = f"{param.name}={outside} is taken"
            return [Finding("parameters", problem, "declare it as `tools_app.contract.Param`")]
    return []


def the_same_twice(tool: Tool, seed: int = 9) -> list[Finding]:
    """The same frame gives the same answer, to the bit, also after another frame."""
    times, now = random_market(tool.kind, ROWS, seed)
    _, other = random_market(tool.kind, ROWS, seed + 1)
    frame = frame_of(tool, times, now)
    first = tool.evaluate(frame)
    tool.evaluate(frame_of(tool, times, other))
    found = difference(tool.evaluate(frame), first)
    if found is None:
        return []
    remedy = (
        "keep nothing between calls, and use no clock and no random number without a fixed seed"
    )
    return [Finding("determinism", f"{found} differs between two calls on one frame", remedy)]


def inputs_are_left_alone(tool: Tool, seed: int = 10) -> list[Finding]:
    """The tool writes into none of the arrays that it is given."""
    times, now = random_market(tool.kind, ROWS, seed)
    frame = frame_of(tool, times, now)
    given = {name: np.array(frame.columns[name]) for name in tool.columns}
    settings = tool.settings()
    with np.errstate(all="ignore"):
        tool.compute(given, settings)
    remedy = "work on a copy: `np.array(column)`, or `np.where` in place of an assignment"
    for name, column in given.items():
        if bits(column) != bits(frame.columns[name]):
            return [Finding("inputs", f"it writes into its input {name!r}", remedy)]
    if settings != tool.settings():
        return [Finding("inputs", "it writes into its settings", "leave the mapping as it is")]
    return []


def paths_are_apart(tool: Tool, seed: int = 3) -> list[Finding]:
    """Each path of a batch of many says what it says alone."""
    times, many = random_market(tool.kind, 200, seed, paths=PATHS)
    remedy = "compute along the last axis alone (`axis=-1`, `[..., t]`) and keep the others apart"
    frame = frame_of(tool, times, many)
    batch = tool.evaluate(frame)
    wrong = nonsense(batch, frame)
    if wrong is not None:
        return [Finding("paths", f"for rows of shape {frame.shape}: {wrong}", remedy)]
    for path in np.ndindex(*PATHS):
        alone = {name: column[path] for name, column in many.items()}
        one = tool.evaluate(frame_of(tool, times, alone))
        found = difference(one, batch, (...,), path)
        if found is not None:
            problem = f"{found} of one path depends on the other paths of the batch"
            return [Finding("paths", problem, remedy)]
    return []


def _settings(tool: Tool, seed: int) -> Iterator[dict[str, float]]:
    for param in tool.params:
        yield {param.name: param.low}
        yield {param.name: param.high}
    rng = np.random.default_rng(seed)
    for _ in range(DRAWS):
        yield {param.name: _drawn(param, rng) for param in tool.params}


def _drawn(param: Param, rng: np.random.Generator) -> float:
    if param.integer:
        return float(rng.integers(int(param.low), int(param.high) + 1))
    return float(rng.uniform(param.low, param.high))


def _told(params: Mapping[str, float]) -> str:
    return f" with {', '.join(f'{k}={v:.6g}' for k, v in params.items())}" if params else ""
