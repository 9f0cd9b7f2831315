"""Pages of the feeds: those that run, and the controls of replays."""

from __future__ import annotations

import datetime as dt

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET, require_POST

from market import selectors
from market.clock import new_york
from market.feed import control
from market.reach import HistoryError, reach_of
from market.views import page_or_parts
from record.access import entitled

SEE_PLANS = SafeString('<a href="/pricing/">See the plans</a>')


@require_GET
@entitled("market.view")
def feed(request: HttpRequest) -> HttpResponse:
    """Show the feeds that run, the last that ended, and the days that can be replayed."""
    return page_or_parts(request, "feed", {"feed": selectors.feed_payload(reach_of(request.user))})


@require_POST
@entitled("market.replay")
def feed_start(request: HttpRequest) -> HttpResponse:
    """Ask for the replay of a stored day."""
    symbol, day, source = [*request.POST.get("day", "").split(" "), "", "", ""][:3]
    try:
        date = _date(day)
        _check_history(request, symbol, date)
        run = control.request_replay(
            symbol=symbol,
            date=date,
            speed=_speed(request.POST.get("speed", "")),
            source=source or None,
            user_id=request.user.pk,
        )
    except control.FeedError as error:
        return _refused(request, error)
    except HistoryError as error:
        messages.error(request, format_html("{} {}.", str(error), SEE_PLANS))
        return _to_feed()
    messages.success(request, f"Replay {run.pk} of {run.symbol} starts within a second.")
    return _to_feed()


@require_POST
@entitled("market.replay")
def feed_command(request: HttpRequest, run_id: int, command: str) -> HttpResponse:
    """Pause, resume, stop a run or change its speed."""
    owner = None if request.user.is_staff else request.user.pk
    wishes = {"pause": "paused", "resume": "running", "stop": "stopped"}
    try:
        if command == "speed":
            speed = _speed(request.POST.get("speed", ""))
            control.command_run(run_id, speed=speed, owner=owner)
        elif command in wishes:
            control.command_run(run_id, desired=wishes[command], owner=owner)
        else:
            raise Http404
    except control.FeedError as error:
        return _refused(request, error)
    return _to_feed()


def _check_history(request: HttpRequest, symbol: str, date: dt.date) -> None:
    """Raise HistoryError for a day that lies further back than the person's plan reaches.

    Of what is not stored there is nothing to say here: asking for its replay is refused.
    """
    underlying = control.stored_underlying(symbol)
    if underlying is None:
        return
    within = selectors.span_of(underlying.symbol, reach_of(request.user))
    if not selectors.begins_within(within, date):
        within.shown(new_york(date, dt.time()))


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise control.FeedError("date", "choose one of the stored days") from None


def _speed(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise control.FeedError("speed", f"{text!r} is not a number") from None


def _refused(request: HttpRequest, error: control.FeedError) -> HttpResponse:
    messages.error(request, f"Nothing was changed: {error}.")
    return _to_feed()


def _to_feed() -> HttpResponse:
    return HttpResponseRedirect(reverse("market:feed"))
