"""What people want of feeds: asking for a replay, pausing, changing speed, stopping."""

from __future__ import annotations

import datetime as dt
from typing import Final, NamedTuple

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from market import calendars, occ
from market.feed.pacer import valid_speed
from market.models import FeedRun, Instrument, Snapshot

ACTIVE = (
    FeedRun.State.REQUESTED,
    FeedRun.State.STARTING,
    FeedRun.State.RUNNING,
    FeedRun.State.PAUSED,
)
LATE_S: Final = 30.0
"""So long after the close a live day's last minute is waited for."""


class FeedError(ValueError):
    """A request that cannot be met; `field` names the part and the text the remedy."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def stored_underlying(symbol: str) -> Instrument | None:
    """Return the underlying of a symbol or option root that has recorded snapshots."""
    wanted = symbol.strip().upper()
    if "\x00" in wanted:
        return None
    names = Q(symbol=wanted) | Q(symbol=occ.rule(wanted).underlying if wanted else "")
    recorded = Snapshot.objects.filter(run=None).values("underlying")
    return Instrument.objects.filter(names, pk__in=recorded).order_by("symbol").first()


class StoredDay(NamedTuple):
    """A recorded day of one symbol as one source tells it."""

    symbol: str
    date: dt.date
    source: str
    snapshots: int


def stored_days(symbol: str | None = None) -> list[StoredDay]:
    """Return the recorded days that can be replayed: newest first, of each the fullest first."""
    from django.db.models import Count
    from django.db.models.functions import TruncDate

    rows = Snapshot.objects.filter(run=None)
    if symbol is not None:
        rows = rows.filter(underlying__symbol=symbol)
    counted = (
        rows.annotate(day=TruncDate("time"))
        .values_list("underlying__symbol", "day", "source")
        .annotate(count=Count("time"))
        .filter(count__gt=1)
        .order_by("-day", "underlying__symbol", "-count", "source")
    )
    return [StoredDay(*row) for row in counted]


def request_replay(
    *,
    symbol: str,
    date: dt.date,
    speed: float,
    source: str | None = None,
    user_id: int | None = None,
    claimed: bool = False,
) -> FeedRun:
    """Record the wish to replay a stored day; the replay service takes it up within a second.

    Of a day that several sources tell, the fullest is taken unless one is named. `claimed` makes
    the run one that the caller plays itself.

    Raises
    ------
    FeedError
        Naming the field: an unknown symbol, a day without a session or without stored snapshots,
        a source that did not record it, a speed out of bounds, or a replay of the symbol that is
        still on.
    """
    try:
        speed = valid_speed(speed)
    except ValueError as error:
        raise FeedError("speed", str(error)) from error
    underlying = stored_underlying(symbol)
    if underlying is None:
        raise FeedError(
            "symbol", f"nothing recorded of {symbol!r}; import a day with manage.py import_market"
        )
    try:
        session = calendars.session(date, calendars.exchange_of(underlying.symbol))
    except calendars.CalendarError as error:
        raise FeedError("date", f"{error}; choose a stored day") from error
    if session is None:
        raise FeedError("date", f"{date} has no session; choose a trading day")
    told = [day for day in stored_days(underlying.symbol) if day.date == date]
    if not told:
        raise FeedError(
            "date", f"nothing recorded of {underlying.symbol} on {date}; choose a stored day"
        )
    chosen = next((day.source for day in told if source in (None, day.source)), None)
    if chosen is None:
        names = ", ".join(day.source for day in told)
        raise FeedError("source", f"{source!r} did not record that day; choose of {names}")
    end_days_over()
    with transaction.atomic():
        Instrument.objects.select_for_update().get(pk=underlying.pk)
        on = FeedRun.objects.filter(symbol=underlying.symbol, state__in=ACTIVE).first()
        if on is not None:
            raise FeedError(
                "symbol", f"run {on.pk} of {underlying.symbol} is still on; stop it first"
            )
        return FeedRun.objects.create(
            symbol=underlying.symbol,
            underlying=underlying,
            source=FeedRun.Source.REPLAY,
            params={"date": date.isoformat(), "source": chosen},
            state=FeedRun.State.STARTING if claimed else FeedRun.State.REQUESTED,
            speed=speed,
            session_date=date,
            requested_by=user_id,
            simulated=False,
        )


def end_days_over() -> None:
    """End the live runs whose day is over and whose process did not get to say so."""
    for run in FeedRun.objects.filter(source=FeedRun.Source.LIVE, state__in=ACTIVE):
        assert run.session_date is not None  # noqa: S101 - a live run is made for its day
        session = calendars.session(run.session_date, calendars.exchange_of(run.symbol))
        late = dt.timedelta(seconds=2 * LATE_S)  # it does so itself before
        if session is None or timezone.now() > session.close + late:
            FeedRun.objects.filter(pk=run.pk, state__in=ACTIVE).update(
                state=FeedRun.State.FINISHED, finished_at=timezone.now()
            )


def command_run(
    run_id: int,
    *,
    desired: str | None = None,
    speed: float | None = None,
    owner: int | None = None,
) -> FeedRun:
    """Set what is wanted of a run; the process that runs it follows within half a second.

    `owner` is who asks: only runs that this user asked for are found. None asks for the platform.

    A live run follows the market: it can be stopped, and taken up again while its day lasts.

    Raises
    ------
    FeedError
        For a wish that is unknown or cannot be met, or a run that has ended or is not the owner's.
    """
    changes: dict[str, object] = {}
    if desired is not None:
        if desired not in FeedRun.Desired.values:
            raise FeedError("desired", f"{desired!r} is none of {', '.join(FeedRun.Desired)}")
        changes["desired"] = desired
    if speed is not None:
        try:
            changes["speed"] = valid_speed(speed)
        except ValueError as error:
            raise FeedError("speed", str(error)) from error
    found = FeedRun.objects.filter(pk=run_id)
    if owner is not None:
        found = found.filter(requested_by=owner)
    run = found.first()
    if run is not None and run.source == FeedRun.Source.LIVE:
        return _command_live(run, changes)
    changed = found.filter(state__in=ACTIVE).update(**changes)
    run = found.first()
    if run is None:
        raise FeedError("run", f"there is no run {run_id} that you may command")
    if not changed:
        raise FeedError("run", f"run {run_id} has ended ({run.state}); start another one")
    return run


def _command_live(run: FeedRun, changes: dict[str, object]) -> FeedRun:
    desired = changes.get("desired")
    if "speed" in changes or desired == FeedRun.Desired.PAUSED:
        raise FeedError("run", f"run {run.pk} is live: it has the market's speed and no pause")
    if desired == FeedRun.Desired.RUNNING and run.state == FeedRun.State.STOPPED:
        changes["state"] = FeedRun.State.REQUESTED
    states = (*ACTIVE, FeedRun.State.STOPPED) if "state" in changes else ACTIVE
    if not FeedRun.objects.filter(pk=run.pk, state__in=states).update(**changes):
        raise FeedError("run", f"run {run.pk} has ended ({run.state}); its day can be replayed")
    run.refresh_from_db()
    return run
