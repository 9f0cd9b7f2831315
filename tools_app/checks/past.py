"""No look-ahead, and one answer for a row whether it comes alone, in a prefix or in a batch."""

from __future__ import annotations

import numpy as np

from market.frames import Missing
from tools_app.checks.findings import Finding, bits, difference, frame_of
from tools_app.checks.market import random_market
from tools_app.contract import Tool
from tools_app.live import LiveFrame

ROWS = 330
SESSION = 180
_LAST = slice(-1, None)
_PAST_ONLY = (
    "let row t use rows up to t alone: no negative shift, no statistic of the whole array, no "
    "centred window; `market.features.rolling` has causal ones"
)


def no_look_ahead(tool: Tool, seed: int = 1, cut: int = 200) -> list[Finding]:
    """Change every row from `cut` on: what was said before must stay, to the bit."""
    times, now = random_market(tool.kind, ROWS, seed)
    _, other = random_market(tool.kind, ROWS, seed + 1)
    changed = {
        name: np.concatenate([column[:cut], other[name][cut:]]) for name, column in now.items()
    }
    before = tool.evaluate(frame_of(tool, times, now))
    after = tool.evaluate(frame_of(tool, times, changed))
    found = difference(after, before, (slice(cut),), (slice(cut),))
    if found is None:
        return []
    problem = f"{found} changes before row {cut} when only later rows change"
    return [Finding("no look-ahead", problem, _PAST_ONLY)]


def a_prefix_is_enough(tool: Tool, seed: int = 5, rows: int = SESSION) -> list[Finding]:
    """Give the first rows alone, each number of them: the last one says what the batch says."""
    times, now = random_market(tool.kind, rows, seed)
    batch = tool.evaluate(frame_of(tool, times, now))
    for row in range(rows):
        part = {name: column[: row + 1] for name, column in now.items()}
        alone = tool.evaluate(frame_of(tool, times[: row + 1], part))
        found = difference(alone, batch, (_LAST,), (slice(row, row + 1),))
        if found is not None:
            problem = f"{found} of row {row} depends on whether later rows are there"
            return [Finding("prefix", problem, _PAST_ONLY)]
    return []


def the_window_is_enough(tool: Tool, seed: int = 2, row: int = ROWS - 1) -> list[Finding]:
    """Give a row and its look-back alone: it says what the batch says."""
    times, now = random_market(tool.kind, ROWS, seed)
    batch = tool.evaluate(frame_of(tool, times, now))
    part = slice(max(0, row + 1 - tool.lookback), row + 1)
    tail = {name: column[part] for name, column in now.items()}
    alone = tool.evaluate(frame_of(tool, times[part], tail))
    found = difference(alone, batch, (_LAST,), (slice(row, row + 1),))
    if found is None:
        return []
    problem = f"{found} of row {row} differs when only {tool.window} rows of its inputs are given"
    remedy = (
        f"declare in `window` every row that one score depends on (now {tool.window}), "
        "and start no sum or average at the first row of the array"
    )
    return [Finding("window", problem, remedy)]


def the_window_is_no_longer(tool: Tool, seed: int = 8) -> list[Finding]:
    """A score needs no more rows than the tool declares."""
    times, now = random_market(tool.kind, ROWS, seed)
    scored = np.flatnonzero(np.isfinite(tool.evaluate(frame_of(tool, times, now)).score))
    if not scored.size:
        problem = f"no row of {ROWS} random ones has a score"
        remedy = "see that every degree is a number where the inputs are there and `window` is full"
        return [Finding("scores", problem, remedy)]
    if scored[0] < tool.lookback:
        return []
    problem = f"the first score comes at row {int(scored[0])}, after {tool.lookback} rows declared"
    return [Finding("window", problem, "declare in `window` as many rows as a score waits for")]


def the_newest_row_equals_the_batch(tool: Tool, seed: int = 4, rows: int = ROWS) -> list[Finding]:
    """Feed the rows one by one, holes included, as a live feed does: each says what the batch says.

    This is the way of `Tool.newest`, which sees one window of the columns and nothing else.
    """
    times, now = random_market(tool.kind, rows, seed)
    rng = np.random.default_rng(seed)
    held, codes = {}, {}
    for name, column in now.items():
        hole = rng.integers(0, rows, 2)
        held[name] = np.array(column)
        held[name][hole] = np.nan
        codes[name] = np.zeros(rows, dtype=np.uint8)
        codes[name][hole] = Missing.STALE_QUOTE
    batch = tool.evaluate(frame_of(tool, times, held, codes))
    live = LiveFrame(tool.kind, [tool])
    for row in range(rows):
        live.append(
            int(times[row]),
            {name: float(column[row]) for name, column in held.items()},
            {name: int(column[row]) for name, column in codes.items()},
        )
        answer = live.answer(tool)
        for part in ("score", "side", "volatility", "fires", "missing"):
            if bits(getattr(answer, part)) != bits(getattr(batch, part)[row : row + 1]):
                problem = f"the {part} of row {row} differs between the live feed and the batch"
                remedy = (
                    f"compute a row from the last {tool.window} rows alone, in the same steps "
                    "whatever the length; running sums over the whole array differ in the last bit"
                )
                return [Finding("newest row", problem, remedy)]
    return []
