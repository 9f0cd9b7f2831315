"""One session of a run: from snapshots to rows, keeping what must be carried between minutes."""

from __future__ import annotations

from dataclasses import dataclass

from market.calendars import Session
from market.clock import local_date
from market.features.analysis import Analysis, analyze
from market.features.context import DailyContext, Positions, SessionContext
from market.features.daily import observe_daily
from market.features.observe import observe
from market.feed.source import minute_view
from market.frames import Kind
from market.framestore import Observed
from market.snapshot import SnapshotData


@dataclass(frozen=True, slots=True)
class Minute:
    """A snapshot with its row, the analysis that both share, and what dealers hold after it."""

    data: SnapshotData
    row: Observed
    analysis: Analysis | None
    positions: Positions


class SessionRecorder:
    """Makes the rows of one session. The same snapshots give the same rows, bit for bit."""

    def __init__(self, session: Session, context: SessionContext) -> None:
        self.session = session
        self._context = context
        self._positions = Positions()

    def record(self, data: SnapshotData) -> Minute:
        """Return the row of a snapshot; snapshots must come in order."""
        view = minute_view(data)
        analysis = None if view.chain is None else analyze(view.chain)
        seen, self._positions = observe(view, self._context, self._positions, analysis)
        row = Observed(
            kind=Kind.INTRADAY,
            session_date=self.session.date,
            time=view.time,
            values=seen.values,
            reasons=seen.reasons,
        )
        return Minute(data=data, row=row, analysis=analysis, positions=self._positions)


def daily_row(context: DailyContext) -> Observed:
    """Return the row of a session's close."""
    seen = observe_daily(context)
    at = int(context.bars.time[-1])
    return Observed(
        kind=Kind.DAILY,
        session_date=local_date(at),
        time=at,
        values=seen.values,
        reasons=seen.reasons,
    )
