"""What changes the tools' tables: evaluating the rows of a run, once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
from django.db import transaction
from django.db.models import QuerySet

from market.clock import from_ns, to_ns
from market.features.assembly import assemble
from market.frames import Frame, Kind
from market.framestore import Rows, read_rows
from market.models import FeedRun, FrameRow
from record import streams
from tools_app.contract import Evaluation, Tool
from tools_app.evaluation import Firing, finite, firings, params_digest, tally
from tools_app.models import Cursor, Signal
from tools_app.payloads import signal_payload
from tools_app.registry import catalogue
from tools_app.wording import explain


def evaluate_run(run_id: int, *, arrived: float | None = None) -> int:
    """Evaluate every row of a run that was not evaluated yet; return the signals made.

    Safe to repeat and to run twice at once: the cursor is locked, and a signal has its place
    once. `arrived` is when the newest snapshot reached the feed, seconds since the epoch.
    """
    return sum(_evaluate_kind(run_id, kind, arrived) for kind in Kind)


@transaction.atomic
def _evaluate_kind(run_id: int, kind: Kind, arrived: float | None) -> int:
    run = FeedRun.objects.get(pk=run_id)
    Cursor.objects.bulk_create([Cursor(run=run, kind=kind.value)], ignore_conflicts=True)
    cursor = Cursor.objects.select_for_update().get(run=run, kind=kind.value)
    tools = [tool for tool in catalogue() if tool.kind is kind]
    signals: list[Signal] = []
    for session_date in _sessions_to_do(run, kind, cursor.through):
        signals += _evaluate_session(run, kind, cursor, tools, session_date)
    cursor.save(update_fields=["through", "rows", "tallies"])
    return _publish(_stored(signals), arrived)


def _new_rows(run: FeedRun, kind: Kind, through: dt.datetime | None) -> QuerySet[FrameRow]:
    rows = FrameRow.objects.filter(run=run, kind=kind.value)
    return rows if through is None else rows.filter(time__gt=through)


def _sessions_to_do(
    run: FeedRun, kind: Kind, through: dt.datetime | None
) -> Sequence[dt.date | None]:
    """Return the sessions with rows to do; None stands for all daily rows, which are one frame."""
    rows = _new_rows(run, kind, through)
    if kind is Kind.DAILY:
        return [None] if rows.exists() else []
    return list(rows.order_by("session_date").values_list("session_date", flat=True).distinct())


def _evaluate_session(
    run: FeedRun, kind: Kind, cursor: Cursor, tools: list[Tool], session_date: dt.date | None
) -> list[Signal]:
    new = _new_rows(run, kind, cursor.through)
    if session_date is not None:
        new = new.filter(session_date=session_date)
    # The feed stores on while this reads: one row is the last, for the count and for the rows.
    last = new.order_by("-time").values_list("time", flat=True).first()
    behind = max((tool.lookback for tool in tools), default=1)
    newest = new.filter(time__lte=last).count() + behind
    rows = read_rows(run.pk, kind, session_date=session_date, through=last, newest=newest)
    since = _first_to_judge(run, kind, rows, cursor.through)
    frame = frame_of(run.symbol, kind, rows, tools)
    signals = []
    for tool in tools:
        evaluation = tool.evaluate(frame)
        key = str(tool.id)
        cursor.tallies[key] = tally(cursor.tallies.get(key), evaluation, since)
        signals += [
            _signal(run, tool, evaluation, firing, rows)
            for firing in firings(evaluation)
            if firing.row >= since
        ]
    cursor.through = from_ns(int(rows.time[-1]))
    cursor.rows += len(rows) - since
    return signals


def _first_to_judge(run: FeedRun, kind: Kind, rows: Rows, through: dt.datetime | None) -> int:
    """Return the position of the first row that is new and not history from before the run."""
    since = 0 if through is None else int(np.searchsorted(rows.time, to_ns(through), "right"))
    if kind is Kind.INTRADAY:
        return since
    played = FrameRow.objects.filter(run=run, kind=Kind.INTRADAY.value).order_by("time").first()
    if played is None:
        return len(rows)
    return max(since, int(np.searchsorted(rows.time, to_ns(played.time), "left")))


def frame_of(symbol: str, kind: Kind, rows: Rows, tools: Sequence[Tool]) -> Frame:
    """Return the frame of the columns that the tools read."""
    names = list(dict.fromkeys(name for tool in tools for name in tool.columns))
    return assemble(kind, symbol, rows.time, rows.columns, rows.reasons, names)


def _signal(run: FeedRun, tool: Tool, evaluation: Evaluation, firing: Firing, rows: Rows) -> Signal:
    closes = rows.columns.get("close")
    return Signal(
        run=run,
        row_id=rows.ids[firing.row],
        tool_id=tool.id,
        tool_slug=tool.slug,
        tool_tier=tool.tier.value,
        tool_version=tool.version,
        params_digest=params_digest(tool),
        symbol=run.symbol,
        time=from_ns(int(rows.time[firing.row])),
        score=firing.score,
        threshold=firing.threshold,
        side=firing.side,
        price=None if closes is None else finite(float(closes[firing.row])),
        reasons=explain(evaluation, firing.row),
    )


def _stored(signals: list[Signal]) -> list[Signal]:
    """Store the signals that are not there yet and return them."""
    fresh = []
    for signal in signals:
        place = {"run": signal.run, "tool_id": signal.tool_id, "time": signal.time}
        if not Signal.objects.filter(**place).exists():
            signal.save(force_insert=True)
            fresh.append(signal)
    return fresh


def _publish(signals: list[Signal], arrived: float | None) -> int:
    streams.append_many(
        [
            streams.NewEvent(
                f"signals:{signal.tool_tier}",
                str(signal.pk),
                {**signal_payload(signal), "arrived": arrived},
            )
            for signal in signals
        ]
    )
    return len(signals)
