"""What the tools say of a run's new rows: of a whole frame at first, then row by row as they come.

A process keeps the minutes of the sessions that it follows, so that a new one costs its own query
and the windows that it moves. What is kept is used only where it ends at the row that the database
says was evaluated last; whoever finds something else reads the whole session.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from django.db.models import QuerySet

from market.clock import from_ns, to_ns
from market.features.assembly import assemble
from market.features.registry import registry
from market.frames import Frame, Kind
from market.framestore import Rows, read_rows
from market.models import FeedRun, FrameRow
from tools_app.contract import Evaluation, Tool
from tools_app.evaluation import Firing, begins, firing_at
from tools_app.live import LiveFrame
from tools_app.models import ParameterSet
from tools_app.optimize.deployed import (
    Answer,
    InUse,
    Setting,
    judged_in_use,
    sets_for,
    settings_on,
)
from tools_app.outcomes import USUAL_ROWS
from tools_app.safety import ToolFaultError, judged_newest

FEW: Final = 8
"""New rows up to which they are judged one by one; more are cheaper as a frame."""
KEPT: Final = 32
"""Sessions that a process keeps, half a megabyte each."""


class Said(NamedTuple):
    """What a tool says of new rows.

    Attributes
    ----------
    firings : list of Firing
        Those at new rows, by their place among the rows seen.
    in_use : InUse
        Its answers; their last row is the last one seen.
    since : int
        Row of the answers from which on they are new.
    """

    firings: list[Firing]
    in_use: InUse
    since: int


class Seen(NamedTuple):
    """Rows of a run, new from `since` on, and what each tool says of those."""

    rows: Rows
    since: int
    said: list[tuple[Tool, Said | ToolFaultError]]


def sessions_to_do(
    run: FeedRun, kind: Kind, through: dt.datetime | None
) -> Sequence[dt.date | None]:
    """Return the sessions with rows to do; None stands for all daily rows, which are one frame."""
    rows = _new_rows(run, kind, through)
    if kind is Kind.DAILY:
        return [None] if rows.exists() else []
    return list(rows.order_by("session_date").values_list("session_date", flat=True).distinct())


def judge_new(
    run: FeedRun,
    kind: Kind,
    session: dt.date | None,
    through: dt.datetime | None,
    tools: list[Tool],
) -> Iterator[Seen]:
    """Yield what the tools say of the rows of a session after `through`, in order of time."""
    followed = _kept.take(run.pk, session, through, tools)
    sets = sets_for(tools, run)
    if followed is not None:
        fresh = read_rows(run.pk, kind, session_date=session, after=through)
        if len(fresh) <= FEW:
            for place in range(len(fresh)):
                yield _with_sets(run, kind, followed.step(fresh.row(place)), sets)
            _kept.keep(run.pk, followed)
            return
    rows = _rows_to_judge(run, kind, session, through, tools)
    since = _first_to_judge(run, kind, rows, through)
    frame = frame_of(run.symbol, kind, rows, tools)
    seen = _whole(tools, frame, settings_on(frame, run, sets), rows, since)
    yield seen
    if session is not None and _can_follow(kind, seen):
        _kept.keep(run.pk, Followed(session, tools, seen, frame))


def frame_of(symbol: str, kind: Kind, rows: Rows, tools: Sequence[Tool]) -> Frame:
    """Return the frame of the columns that the tools read."""
    names = list(dict.fromkeys(name for tool in tools for name in tool.columns))
    return assemble(kind, symbol, rows.time, rows.columns, rows.reasons, names)


def _new_rows(run: FeedRun, kind: Kind, through: dt.datetime | None) -> QuerySet[FrameRow]:
    rows = FrameRow.objects.filter(run=run, kind=kind.value)
    return rows if through is None else rows.filter(time__gt=through)


def _rows_to_judge(
    run: FeedRun,
    kind: Kind,
    session: dt.date | None,
    through: dt.datetime | None,
    tools: list[Tool],
) -> Rows:
    """Return the new rows of a session and those before them that a tool depends on."""
    new = _new_rows(run, kind, through)
    if session is not None:
        new = new.filter(session_date=session)
    # The feed stores on while this reads: one row is the last, for the count and for the rows.
    last = new.order_by("-time").values_list("time", flat=True).first()
    behind = max([USUAL_ROWS + 1, *(tool.lookback for tool in tools)])
    newest = new.filter(time__lte=last).count() + behind
    return read_rows(run.pk, kind, session_date=session, through=last, newest=newest)


def _whole(
    tools: list[Tool],
    frame: Frame,
    settings: Mapping[int, Sequence[Setting]],
    rows: Rows,
    since: int,
) -> Seen:
    said = [
        (tool, given if isinstance(given, ToolFaultError) else _said(given, since))
        for tool, given in judged_in_use(tools, frame, settings)
    ]
    return Seen(rows, since, said)


def _with_sets(run: FeedRun, kind: Kind, seen: Seen, sets: Sequence[ParameterSet]) -> Seen:
    """Return what is seen with the tools that have sets in use judged by those, on all the rows."""
    places = {one.tool_id for one in sets}
    tools = [tool for tool, said in seen.said if tool.id in places and isinstance(said, Said)]
    if not tools:
        return seen
    frame = frame_of(run.symbol, kind, seen.rows, tools)
    by_sets = dict(_whole(tools, frame, settings_on(frame, run, sets), seen.rows, seen.since).said)
    return seen._replace(said=[(tool, by_sets.get(tool, said)) for tool, said in seen.said])


def _said(given: InUse, since: int) -> Said:
    return Said([firing for firing in given.firings() if firing.row >= since], given, since)


def _first_to_judge(run: FeedRun, kind: Kind, rows: Rows, through: dt.datetime | None) -> int:
    """Return the position of the first row that is new and not history from before the run."""
    since = 0 if through is None else int(np.searchsorted(rows.time, to_ns(through), "right"))
    if kind is Kind.INTRADAY:
        return since
    played = FrameRow.objects.filter(run=run, kind=Kind.INTRADAY.value).order_by("time").first()
    if played is None:
        return len(rows)
    return max(since, int(np.searchsorted(rows.time, to_ns(played.time), "left")))


def _can_follow(kind: Kind, seen: Seen) -> bool:
    """Return whether the next row can be judged alone.

    A third party's tool is asked for whole frames, one that failed may fail again by rows before,
    and a derived column that came with the rows cannot be computed on.
    """
    whole = all(tool.origin is None and isinstance(said, Said) for tool, said in seen.said)
    derived = registry().derivations
    return whole and not any((kind, name) in derived for name in seen.rows.columns)


class Followed:
    """A session of minutes as a process follows it: its rows, and the tools at the newest one.

    Parameters
    ----------
    session : date
    tools : list of Tool
    seen : Seen
        Its rows so far and what was said of them.
    frame : Frame
        Of the same rows.
    """

    def __init__(self, session: dt.date, tools: list[Tool], seen: Seen, frame: Frame) -> None:
        self.session, self.tools, self.rows = session, tools, seen.rows
        self.failed = False
        self._live = LiveFrame.of(frame, tools)
        self._before = {
            tool.id: said.in_use.default for tool, said in seen.said if isinstance(said, Said)
        }

    @property
    def through(self) -> dt.datetime:
        """Time of the newest row."""
        return from_ns(int(self.rows.time[-1]))

    def step(self, row: Rows) -> Seen:
        """Take in the next row and return what the tools say of it."""
        self.rows = self.rows.joined(row)
        self._live.extend(row.time, row.columns, row.reasons)
        said: list[tuple[Tool, Said | ToolFaultError]] = []
        for tool, given in judged_newest(self._live):
            if isinstance(given, ToolFaultError):
                self.failed = True
                said.append((tool, given))
            else:
                said.append((tool, self._of_row(tool, given)))
                self._before[tool.id] = given
        return Seen(self.rows, len(self.rows) - 1, said)

    def _of_row(self, tool: Tool, given: Evaluation) -> Said:
        begun = begins(given, self._before[tool.id])
        found = [firing_at(given, -1, len(self.rows) - 1)] if begun else []
        answer = Answer(given, tool.settings(), np.ones(1, dtype=np.bool_))
        return Said(found, InUse((answer,)), 0)


class _Kept:
    """What this process follows, the longest unused forgotten first. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: OrderedDict[tuple[int, dt.date], Followed] = OrderedDict()

    def take(
        self, run: int, session: dt.date | None, through: dt.datetime | None, tools: list[Tool]
    ) -> Followed | None:
        """Take out what ends at a row and was judged by the same tools, if it is there."""
        if session is None:
            return None
        with self._lock:
            found = self._all.pop((run, session), None)
        fits = found is not None and found.through == through and found.tools == tools
        return found if fits else None

    def keep(self, run: int, followed: Followed) -> None:
        """Keep a session; one in which a tool failed is read whole next time."""
        if followed.failed:
            return
        with self._lock:
            self._all[run, followed.session] = followed
            if len(self._all) > KEPT:
                self._all.popitem(last=False)


_kept = _Kept()
