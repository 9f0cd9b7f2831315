"""Sets of parameters that are in use, at the rows for which they were found.

A set speaks for the minutes of its symbol and regime that came after the bars it was chosen on;
everywhere else the default does. So a replayed day is judged by what could have been known on it,
and a simulated market, on which nothing was searched, by the defaults.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from market.clock import from_ns, local_date, to_ns
from market.frames import FloatArray, Frame, Kind
from market.framestore import read_rows
from market.models import FeedRun
from tools_app.contract import Evaluation, Tool
from tools_app.evaluation import Firing, firings, params_digest
from tools_app.models import ParameterSet
from tools_app.optimize.regimes import WINDOW, BoolArray, Regime, rows_in
from tools_app.safety import ToolFaultError, judged, judged_all

LIVE = "1m"
"""The timeframe of a feed's rows."""


class Setting(NamedTuple):
    """Parameters, and the rows of a frame at which they are in use."""

    params: Mapping[str, float]
    rows: BoolArray


class Answer(NamedTuple):
    """What a tool says with one setting, and the rows at which that counts."""

    evaluation: Evaluation
    params: Mapping[str, float]
    rows: BoolArray


class InUse(NamedTuple):
    """What a tool says with the parameters in use at each row: one answer for each setting.

    The first is the default's, on whatever rows are left; no two speak for one row.
    """

    answers: tuple[Answer, ...]

    @property
    def default(self) -> Evaluation:
        """What it says with the default, on all rows."""
        return self.answers[0].evaluation

    def at(self, row: int) -> Answer:
        """Return the answer that counts at a row."""
        return next(answer for answer in self.answers if answer.rows[row])

    def firings(self) -> list[Firing]:
        """Return where it begins to fire by the answers that count there, in order of time."""
        found = (
            firing
            for answer in self.answers
            for firing in firings(answer.evaluation)
            if answer.rows[firing.row]
        )
        return sorted(found, key=lambda firing: firing.row)


def judged_in_use(
    tools: Sequence[Tool], frame: Frame, settings: Mapping[int, Sequence[Setting]]
) -> Iterator[tuple[Tool, InUse | ToolFaultError]]:
    """Yield each tool with what it says by the parameters in use, or its fault.

    Parameters
    ----------
    tools : sequence of Tool
        Of one kind, that of the frame.
    frame : Frame
    settings : mapping of int to sequence of Setting
        As `settings_on` gives them, by tool; the default speaks for every other row.
    """
    for tool, given in judged_all(tools, frame):
        if isinstance(given, ToolFaultError):
            yield tool, given
        else:
            yield tool, _in_use(tool, given, frame, settings.get(tool.id, ()))


def _in_use(
    tool: Tool, default: Evaluation, frame: Frame, sets: Sequence[Setting]
) -> InUse | ToolFaultError:
    left = np.ones(len(frame), dtype=np.bool_)
    found = []
    for one in sets:
        if one.rows.any():
            try:
                found.append(Answer(judged(tool, frame, one.params), *one))
            except ToolFaultError as fault:
                return fault
            left &= ~one.rows
    return InUse((Answer(default, tool.settings(), left), *found))


def settings_on(
    frame: Frame, run: FeedRun, sets: Sequence[ParameterSet]
) -> dict[int, list[Setting]]:
    """Return the rows of a frame at which each of a run's sets is in use, by tool."""
    if not sets:
        return {}
    close = _closes(run, frame)
    inside = {
        name: rows_in(Regime(name), close)[-len(frame) :] for name in {s.regime for s in sets}
    }
    found: dict[int, list[Setting]] = {}
    for one in sets:
        rows = inside[one.regime] & (frame.time > to_ns(one.until))
        found.setdefault(one.tool_id, []).append(Setting(one.params, rows))
    return found


def sets_for(tools: Sequence[Tool], run: FeedRun) -> list[ParameterSet]:
    """Return the sets in use on a run's minutes; tools of sessions have none."""
    versions = {tool.id: tool.version for tool in tools if tool.kind is Kind.INTRADAY}
    if run.simulated or not versions:
        return []
    stored = ParameterSet.objects.filter(
        tool_id__in=versions, symbol=run.symbol, timeframe=LIVE, deployed=True, superseded=None
    )
    return [one for one in stored if one.tool_version == versions[one.tool_id]]


def _closes(run: FeedRun, frame: Frame) -> FloatArray:
    """Return the closes of a frame and of the rows before it that its first regime depends on.

    As in a search, a row without a price stands before each session.
    """
    first = int(frame.time[0])
    before = read_rows(run.pk, frame.kind, through=from_ns(first - 1_000), newest=WINDOW)
    known = before.columns.get("close", np.full(len(before), np.nan))
    time = np.concatenate([before.time, frame.time])
    dates = [local_date(at) for at in time.tolist()]
    begins = [row for row in range(1, len(dates)) if dates[row] != dates[row - 1]]
    close: FloatArray = np.insert(np.concatenate([known, frame.columns["close"]]), begins, np.nan)
    return close


def digests(tool: Tool) -> set[str]:
    """Return what the signals of a tool are marked with that belong to it as it is now."""
    sets = ParameterSet.objects.filter(
        tool_id=tool.id, tool_version=tool.version, deployed=True, superseded=None
    )
    return {params_digest(tool), *(params_digest(tool, one.params) for one in sets)}
