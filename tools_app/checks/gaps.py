"""A missing input gives no score and its reason, and never a guess."""

from __future__ import annotations

import numpy as np

from market.features.registry import registry
from market.frames import Frame, Kind, Missing
from tools_app.checks.findings import SYMBOL, Finding, frame_of
from tools_app.checks.market import random_market
from tools_app.contract import Evaluation, Tool

ROWS = 330
_KEEP_NAN = (
    "let a missing input make the degree NaN: a comparison with NaN is False, so use the "
    "functions of `tools_app.degrees` and fill no gap"
)


def a_hole_gives_no_score(tool: Tool, seed: int = 11) -> list[Finding]:
    """Take one value of each needed input away: that row has no score, and says why."""
    times, now = random_market(tool.kind, ROWS, seed)
    whole = frame_of(tool, times, now)
    scored = np.flatnonzero(np.isfinite(tool.evaluate(whole).score))
    if scored.size <= 20:
        problem = f"only {scored.size} of {ROWS} random rows have a score"
        return [Finding("missing inputs", problem, "let every row with all its inputs have one")]
    at = int(scored[-7])
    for name in tool.inputs:
        columns = {n: np.array(c) for n, c in whole.columns.items()}
        columns[name][at] = np.nan
        codes = {n: np.array(c) for n, c in whole.reasons.items()}
        codes[name][at] = Missing.STALE_QUOTE
        answer = tool.evaluate(Frame(tool.kind, SYMBOL, times, columns, codes))
        if not _silent(answer, at, Missing.STALE_QUOTE):
            return [Finding("missing inputs", f"it answers a row without {name!r}", _KEEP_NAN)]
    return []


def a_hole_makes_its_degrees_unknown(tool: Tool, seed: int = 13) -> list[Finding]:
    """Without all needed inputs, no row has all of its degrees: the function itself guesses none.

    `Tool.evaluate` blanks such a row whatever the function says, which would hide a guess that
    reaches the rows after it.
    """
    times, now = random_market(tool.kind, ROWS, seed)
    frame = frame_of(tool, times, now)
    gone = {name: np.full(ROWS, np.nan) for name in tool.inputs}
    kept = {name: frame.columns[name] for name in tool.columns if name not in gone}
    with np.errstate(all="ignore"):
        verdict = tool.compute(gone | kept, tool.settings())
    degrees = [c.degree for c in verdict.conditions if c.degree is not None]
    if degrees and not np.isnan(np.stack(np.broadcast_arrays(*degrees))).any(axis=0).all():
        problem = "it grades rows of which every needed input is missing"
        return [Finding("missing inputs", problem, _KEEP_NAN)]
    return []


def a_missing_observation_is_told(tool: Tool, seed: int = 12) -> list[Finding]:
    """Take each stored column away that its inputs come from: no score, and the reason is told."""
    times, now = random_market(tool.kind, ROWS, seed)
    observed, _ = registry().plan(tool.kind, tool.inputs)
    for name in observed:
        columns = {n: c for n, c in now.items() if n != name}
        columns[name] = np.full(ROWS, np.nan)
        codes = {name: np.full(ROWS, np.uint8(Missing.NO_CHAIN))}
        answer = tool.evaluate(frame_of(tool, times, columns, codes))
        if not np.isnan(answer.score).all() or answer.missing[-1] != Missing.NO_CHAIN:
            return [Finding("missing inputs", f"it answers without {name!r}", _KEEP_NAN)]
    return []


def no_columns_no_score(tool: Tool) -> list[Finding]:
    """A frame without its columns says so on every row."""
    times, _ = random_market(tool.kind, 20)
    answer = tool.evaluate(Frame(tool.kind, SYMBOL, times, {}, {}))
    if answer.fires.any() or answer.missing_counts() != {Missing.NO_COLUMN.text: 20}:
        remedy = "name every column that it reads in `inputs`, `by_side` or `optional`"
        return [Finding("missing inputs", "it answers a frame without its columns", remedy)]
    return []


def another_kind_is_refused(tool: Tool) -> list[Finding]:
    """Minutes are not judged by a tool of sessions, nor the other way round."""
    other = Kind.DAILY if tool.kind == Kind.INTRADAY else Kind.INTRADAY
    times, _ = random_market(other, 10)
    try:
        tool.evaluate(Frame(other, SYMBOL, times, {}, {}))
    except ValueError:
        return []
    return [Finding("kind", f"it takes {other} rows", f"evaluate {tool.kind} frames alone")]


def _silent(answer: Evaluation, row: int, reason: Missing) -> bool:
    """Return whether a row has no score, does not fire, reads nothing and tells the reason."""
    return (
        bool(np.isnan(answer.score[row]))
        and not answer.fires[row]
        and answer.side[row] == 0
        and answer.missing[row] == reason
    )
