"""Pages of the feeds: those that run, and the controls of replays."""

from __future__ import annotations

import datetime as dt

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from market import selectors
from market.feed import control
from market.views import page_or_parts
from record.access import entitled


@require_GET
@entitled("market.view")
def feed(request: HttpRequest) -> HttpResponse:
    """Show the feeds that run, the last that ended, and the days that can be replayed."""
    return page_or_parts(request, "feed", {"feed": selectors.feed_payload()})


@require_POST
@entitled("market.replay")
def feed_start(request: HttpRequest) -> HttpResponse:
    """Ask for the replay of a stored day."""
    symbol, day, source = [*request.POST.get("day", "").split(" "), "", "", ""][:3]
    try:
        run = control.request_replay(
            symbol=symbol,
            date=_date(day),
            speed=_speed(request.POST.get("speed", "")),
            source=source or None,
            user_id=request.user.pk,
        )
    except control.FeedError as error:
        return _refused(request, error)
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
