"""What changes the scorecards: sessions that ended are watched, and what they change is scored."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from market.frames import Kind
from market.models import FeedRun
from tools_app.badges import Badge, Judged, judge
from tools_app.contract import Tool
from tools_app.figures import digest_of, figures_of
from tools_app.following import ENDED, follow_run
from tools_app.models import Cursor, Scorecard
from tools_app.records import Ground, ground, record_of, source_of
from tools_app.registry import catalogue
from tools_app.scorecards import Record, measure
from tools_app.watching import watch

Source = Scorecard.Source
PER_SYMBOL = "A badge is given on all symbols together, so that there is one chance of error."


def score_due() -> int:
    """Score what sessions that ended since have changed; return how many scorecards changed.

    Asked for again and again: a run whose sessions are all scored costs one look at its state.
    """
    changed: set[tuple[Scorecard.Source, Kind]] = set()
    for run_id, kind in Cursor.objects.filter(settled=False).values_list("run_id", "kind"):
        source = settle(run_id, Kind(kind))
        if source is not None:
            changed.add((source, Kind(kind)))
    return sum(score(source, kind) for source, kind in sorted(changed))


@transaction.atomic
def settle(run_id: int, kind: Kind) -> Scorecard.Source | None:
    """Watch a run's sessions that are over; return its source where there were any."""
    cursor = Cursor.objects.select_for_update().get(run_id=run_id, kind=kind.value)
    run = FeedRun.objects.get(pk=run_id)
    rows = run.frame_rows.filter(kind=kind.value)
    newest = rows.order_by("-time").values_list("time", flat=True).first()
    whole = newest is None or (cursor.through is not None and cursor.through >= newest)
    if not whole:
        return None  # rows wait to be evaluated: their signals are not there yet
    if run.state in ENDED:
        follow_run(run, kind)
    made = watch(run, kind)
    if run.state in ENDED:
        Cursor.objects.filter(pk=cursor.pk).update(settled=True)
    return source_of(run) if made else None


def score(source: Scorecard.Source, kind: Kind) -> int:
    """Score every tool of a kind on one source; return how many scorecards changed."""
    grounds: dict[int, Ground] = {}
    changed = 0
    for tool in catalogue():
        if tool.kind is kind:
            if tool.horizon not in grounds:
                grounds[tool.horizon] = ground(source, kind, tool.horizon)
            changed += _score_tool(tool, source, grounds[tool.horizon])
    return changed


def _score_tool(tool: Tool, source: Scorecard.Source, seen: Ground) -> int:
    parts = {"": seen} | {symbol: seen.of(symbol) for symbol in seen.bases}
    changed = 0
    for symbol, part in parts.items():
        newest = max((place.date for place in part.runs), default=None)
        changed += store_record(tool.id, source, record_of(tool, part), symbol=symbol, as_of=newest)
    return changed


def store_record(
    tool_id: int,
    source: Scorecard.Source,
    record: Record,
    *,
    symbol: str = "",
    as_of: dt.date | None = None,
) -> bool:
    """Measure and judge a record and store it; return whether it differs from what is stored."""
    digest = digest_of(record)
    stored = Scorecard.objects.filter(tool_id=tool_id, source=source, symbol=symbol)
    if stored.filter(digest=digest).exists():
        return False
    store_scorecard(
        tool_id,
        source,
        figures_of(measure(record)),
        judged=Judged(Badge.UNPROVEN, PER_SYMBOL) if symbol else judge(record),
        digest=digest,
        symbol=symbol,
        as_of=as_of,
    )
    return True


def store_scorecard(
    tool_id: int,
    source: Scorecard.Source,
    figures: Mapping[str, Any],
    *,
    judged: Judged,
    digest: str,
    symbol: str = "",
    as_of: dt.date | None = None,
) -> Scorecard:
    """Store a scorecard in its place, whatever stood there before.

    Parameters
    ----------
    figures : mapping
        As `tools_app.figures.figures_of` makes them.
    judged : Judged
        Badge and criterion.
    digest : str
        SHA-256 of the inputs.
    symbol : str
        Blank for all symbols.
    as_of : date, optional
        Market date of the newest session.
    """
    card, _ = Scorecard.objects.update_or_create(
        tool_id=tool_id,
        source=source,
        symbol=symbol,
        defaults={
            "figures": dict(figures),
            "badge": judged.badge.value,
            "criterion": judged.criterion,
            "digest": digest,
            "as_of": as_of,
        },
    )
    return card
