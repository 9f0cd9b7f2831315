"""Signals followed to their end: what was reached at the stop, the target and the horizon."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from market import calendars
from market.clock import to_ns
from market.frames import FloatArray, Kind
from market.framestore import Rows, read_rows
from market.models import FeedRun, FrameRow
from tools_app.contract import Tool
from tools_app.evaluation import Firing, finite
from tools_app.models import Outcome, Signal
from tools_app.outcomes import Bracket, Followed, bracket, follow

ENDED = (FeedRun.State.FINISHED, FeedRun.State.FAILED, FeedRun.State.STOPPED)
_FOLLOWED = ["done", "result", "rows", "price", "gain", "best", "worst"]
_FOLLOWED += ["stop_row", "target_row", "quarters"]


class Found(NamedTuple):
    """A signal before it is stored, with what it will be measured against."""

    signal: Signal
    outcome: Outcome


def opened(run: FeedRun, tool: Tool, signal: Signal, firing: Firing, rows: Rows) -> Outcome:
    """Return the open outcome of a signal that fired at one of the rows given."""
    closes = rows.columns.get("close", np.full(len(rows), np.nan))
    against = bracket(closes[: firing.row + 1], tool.horizon, firing.side)
    return Outcome(
        signal=signal,
        kind=tool.kind.value,
        session_date=calendars.session_date(run.symbol, to_ns(signal.time)),
        horizon=tool.horizon,
        scale=finite(against.scale),
        stop=finite(against.stop),
        target=finite(against.target),
    )


def follow_run(
    run: FeedRun, kind: Kind, recent: Mapping[dt.date | None, Rows] = MappingProxyType({})
) -> list[Outcome]:
    """Finish the open outcomes of a run of which enough rows have come; return those.

    `recent` are rows that the caller has read already, by session; they are used where they reach
    back far enough.
    """
    waiting: dict[dt.date | None, list[Outcome]] = {}
    query = Outcome.objects.filter(done=False, kind=kind.value, signal__run=run)
    for outcome in query.select_related("signal").order_by("signal__time"):
        session = outcome.session_date if kind is Kind.INTRADAY else None
        waiting.setdefault(session, []).append(outcome)
    newest = run.frame_rows.filter(kind=kind.value).order_by("-time").first() if waiting else None
    finished: list[Outcome] = []
    for session, outcomes in waiting.items():
        over = run.state in ENDED or (
            session is not None and newest is not None and newest.session_date > session
        )
        finished += _follow_session(run, kind, session, outcomes, recent.get(session), over=over)
    Outcome.objects.bulk_update(finished, _FOLLOWED, batch_size=200)
    return finished


def _follow_session(
    run: FeedRun,
    kind: Kind,
    session: dt.date | None,
    outcomes: Sequence[Outcome],
    rows: Rows | None,
    *,
    over: bool,
) -> Iterable[Outcome]:
    since = outcomes[0].signal.time
    if rows is None or int(rows.time[0]) > to_ns(since):
        later = FrameRow.objects.filter(run=run, kind=kind.value, time__gt=since)
        rows = read_rows(run.pk, kind, session_date=session, newest=max(1, later.count()))
    left = rows.columns.get("minutes_left")
    over = over or (left is not None and bool(left[-1] <= 0.0))
    for outcome in outcomes:
        found = _followed(outcome, rows, ended=over)
        if found is not None or over:
            _finish(outcome, found)
            yield outcome


def _followed(outcome: Outcome, rows: Rows, *, ended: bool) -> Followed | None:
    signal = outcome.signal
    after = slice(int(np.searchsorted(rows.time, to_ns(signal.time), "right")), None)

    def column(name: str) -> FloatArray:
        return rows.columns.get(name, np.full(len(rows), np.nan))[after]

    close = column("close")
    return follow(
        price=np.nan if signal.price is None else signal.price,
        high=np.fmax(column("high"), close),
        low=np.fmin(column("low"), close),
        close=close,
        bracket=Bracket(*(_number(v) for v in (outcome.scale, outcome.stop, outcome.target))),
        side=signal.side,
        volatility=signal.volatility,
        horizon=outcome.horizon,
        ended=ended,
    )


def _finish(outcome: Outcome, found: Followed | None) -> None:
    outcome.done = True
    if found is None:
        outcome.result = Outcome.Result.UNKNOWN
        return
    outcome.result = found.result
    outcome.rows = found.rows
    outcome.price = finite(found.price)
    outcome.gain, outcome.best, outcome.worst = map(finite, (found.gain, found.best, found.worst))
    outcome.stop_row, outcome.target_row = found.stop_row, found.target_row
    outcome.quarters = list(found.quarters)


def _number(value: float | None) -> float:
    return np.nan if value is None else value
