"""What changes the tools' tables: evaluating the rows of a run, once."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction

from market.clock import DAY, MINUTE, from_ns, to_ns
from market.frames import Kind
from market.framestore import Rows
from market.models import FeedRun
from record import streams
from tools_app import alerting
from tools_app.contract import Tool
from tools_app.evaluation import (
    Firing,
    Last,
    cooled,
    finite,
    params_digest,
    tally,
    with_fault,
    with_rest,
)
from tools_app.following import Found, follow_run, opened
from tools_app.judging import Said, Seen, judge_new, sessions_to_do
from tools_app.models import Cursor, Outcome, Signal
from tools_app.optimize.deployed import Answer
from tools_app.payloads import signal_payload
from tools_app.registry import catalogue
from tools_app.safety import ToolFaultError, ToolRestsError
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
    begun = Cursor(run=run, kind=kind.value, through=_history_until(run, kind))
    Cursor.objects.bulk_create([begun], ignore_conflicts=True)
    cursor = Cursor.objects.select_for_update().get(run=run, kind=kind.value)
    tools = [tool for tool in catalogue() if tool.kind is kind]
    found: list[Found] = []
    recent: dict[dt.date | None, Rows] = {}
    for session in sessions_to_do(run, kind, cursor.through):
        for seen in judge_new(run, kind, session, cursor.through, tools):
            found += _taken_in(run, cursor, seen, _last_signals(run, seen, found))
            recent[session] = seen.rows
    cursor.save(update_fields=["through", "rows", "tallies"])
    fresh = _stored(found)
    made = _publish(fresh, arrived)
    alerting.announce(kind, fresh, recent)
    alerting.announce_outcomes(run, follow_run(run, kind, recent))
    return made


def _history_until(run: FeedRun, kind: Kind) -> dt.datetime | None:
    """Return until when a run's rows are history of which nobody is told; None: all are told.

    A live run is one day: the days before it are in it for what tools look back on, and were told
    by the runs of their own.
    """
    live = run.source == FeedRun.Source.LIVE and run.session_date is not None
    if kind is not Kind.DAILY or not live:
        return None
    days = run.frame_rows.filter(kind=kind.value, session_date__lt=run.session_date)
    return days.order_by("-time").values_list("time", flat=True).first()


def _taken_in(run: FeedRun, cursor: Cursor, seen: Seen, before: dict[int, Last]) -> list[Found]:
    """Count what the tools said of new rows, and return the signals that it makes."""
    rows, fresh = seen.rows, len(seen.rows) - seen.since
    step = MINUTE if cursor.kind == Kind.INTRADAY.value else DAY
    found = []
    for tool, said in seen.said:
        key = str(tool.id)
        counts = cursor.tallies.get(key)
        if isinstance(said, ToolFaultError):
            cursor.tallies[key] = _unanswered(counts, fresh, said)
            continue
        kept = cooled(said.firings, rows.time, before.get(tool.id), tool.pause * step)
        cursor.tallies[key] = tally(counts, said.in_use.default, said.since, len(kept))
        for firing in kept:
            answer = said.in_use.at(firing.row - len(rows))
            found.append(_found(run, tool, answer, firing, rows))
    cursor.through = from_ns(int(rows.time[-1]))
    cursor.rows += fresh
    return found


def _unanswered(counts: dict[str, Any] | None, rows: int, fault: ToolFaultError) -> dict[str, Any]:
    if isinstance(fault, ToolRestsError):
        return with_rest(counts, rows, fault.until.isoformat(timespec="seconds"))
    return with_fault(counts, rows, str(fault))


def _last_signals(run: FeedRun, seen: Seen, found: list[Found]) -> dict[int, Last]:
    """Return each tool's last signal in the run before the first new row.

    `found` are those of this evaluation, in order of time, which are not stored yet. Where nothing
    fires nobody asks.
    """
    if not any(isinstance(said, Said) and said.firings for _, said in seen.said):
        return {}
    earlier = Signal.objects.filter(run=run, time__lt=from_ns(int(seen.rows.time[seen.since])))
    newest = earlier.order_by("tool_id", "-time").distinct("tool_id")
    last = {
        tool_id: Last(to_ns(time), side, volatility)
        for tool_id, time, side, volatility in newest.values_list(
            "tool_id", "time", "side", "volatility"
        )
    }
    for signal, _ in found:
        last[signal.tool_id] = Last(to_ns(signal.time), signal.side, signal.volatility)
    return last


def _found(run: FeedRun, tool: Tool, answer: Answer, firing: Firing, rows: Rows) -> Found:
    closes = rows.columns.get("close")
    signal = Signal(
        run=run,
        row_id=rows.ids[firing.row],
        tool_id=tool.id,
        tool_slug=tool.slug,
        tool_tier=tool.tier.value,
        tool_version=tool.version,
        params_digest=params_digest(tool, answer.params),
        symbol=run.symbol,
        time=from_ns(int(rows.time[firing.row])),
        score=firing.score,
        threshold=firing.threshold,
        side=firing.side,
        volatility=firing.volatility,
        price=None if closes is None else finite(float(closes[firing.row])),
        reasons=explain(answer.evaluation, firing.row - len(rows)),
    )
    return Found(signal, opened(run, tool, signal, firing, rows))


def _stored(found: list[Found]) -> list[Signal]:
    """Store the signals that are not there yet, each with its open outcome, and return them."""
    fresh: list[Signal] = []
    outcomes: list[Outcome] = []
    for signal, outcome in found:
        place = {"run": signal.run, "tool_id": signal.tool_id, "time": signal.time}
        if not Signal.objects.filter(**place).exists():
            signal.save(force_insert=True)
            outcome.signal = signal
            outcomes.append(outcome)
            fresh.append(signal)
    Outcome.objects.bulk_create(outcomes)
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
