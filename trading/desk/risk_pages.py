"""The page of risk: how much can be lost, what stops trading, and the kill switch."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts import second_factor
from accounts.visitors import person
from market.reach import reach_of
from record import remote
from record.access import entitled
from trading.desk import reading, risking, stopping
from trading.desk.marks import Marks
from trading.desk.pages import actor_of, own_account, show
from trading.desk.rest import PAPER
from trading.desk.views import number
from trading.ledger.book import LedgerError
from trading.orders.telling import channel_of as orders_of
from trading.risk import services as limits
from trading.risk.telling import EVERYONE, channel_of

STOP: Final = "STOP"
GO: Final = "GO ON"
"""What has to be typed."""


@require_GET
@entitled(PAPER)
def risk(request: HttpRequest) -> HttpResponse:
    """Show the risk of every account and the kill switch."""
    return _risk(request, {}, {})


def _risk(
    request: HttpRequest, given: Mapping[str, str], faults: Mapping[str, str]
) -> HttpResponse:
    user = person(request)
    operator = stopping.is_operator(request)
    switches = stopping.set_switches(user, operator=operator)
    marks = Marks(reach_of(user))
    context = {
        "choices": stopping.choices(user, operator=operator),
        "switches": switches,
        "channel": f"{orders_of(user.pk)} {channel_of(user.pk)} {EVERYONE}",
        "halted": any(one["state"] == "halted" for one in switches),
        "books": [risking.book_payload(one, marks) for one in reading.accounts_of(user.pk)],
        "stop": STOP,
        "go": GO,
        "given": given,
        "faults": faults,
    }
    code = HTTPStatus.BAD_REQUEST if faults else HTTPStatus.OK
    return show(request, "risk", context, status=code)


@require_GET
@entitled(PAPER)
def portfolio(request: HttpRequest, account_id: int) -> HttpResponse:
    """Show what an account's positions may lose together, as a worker computes it."""
    found = own_account(request, account_id)
    context: dict[str, Any] = {"account": found, "body": None, "away": False}
    try:
        context["body"] = risking.portfolio_of(found, person(request).pk, reach_of(request.user))
    except (remote.Unavailable, remote.RemoteError):
        context["away"] = True
    return show(request, "portfolio", {**context, "channel": ""}, args=[found.pk])


@require_POST
@entitled(PAPER)
def kill(request: HttpRequest) -> HttpResponse:
    """Press the kill switch, when STOP was typed; say exactly what could not be done."""
    given = _given(request, "scope", "reason", "confirm")
    try:
        if given["confirm"] != STOP:
            raise LedgerError("confirm", f"Nothing was stopped: type {STOP}.")
        scope = _scope(request, given["scope"])
    except LedgerError as error:
        return _risk(request, given, {error.field: str(error)})
    reason = given["reason"] or "pressed on the risk page"
    report = stopping.stop(scope, actor=_who(request, scope), reason=reason)
    _tell(request, "Stopped", report)
    return _back()


@require_POST
@entitled(PAPER)
def go_on(request: HttpRequest) -> HttpResponse:
    """Let a scope go on, for a reason; its accounts reconcile first."""
    given = _given(request, "scope", "reason", "confirm")
    try:
        if given["confirm"] != GO:
            raise LedgerError("go", f"Nothing was changed: type {GO}.")
        if not given["reason"]:
            raise LedgerError("go", "Nothing was changed: say why it may go on.")
        scope = _scope(request, given["scope"])
        report = stopping.go_on(
            scope, actor=_who(request, scope), reason=given["reason"],
            proved_at=second_factor.proved_at(request),
        )  # fmt: skip
    except LedgerError as error:
        return _risk(request, {}, {error.field: str(error)})
    _tell(request, "It goes on; accounts reconcile first", report)
    return _back()


@require_POST
@entitled(PAPER)
def limit(request: HttpRequest, account_id: int) -> HttpResponse:
    """Set a limit of an account. Lowering is free; raising asks for a second factor just now."""
    found = own_account(request, account_id)
    given = _given(request, "name", "value")
    try:
        limits.set_limit(
            found.pk, given["name"], number("value", given["value"]), actor=actor_of(request),
            proved_at=second_factor.proved_at(request),
        )  # fmt: skip
    except LedgerError as error:
        return _risk(request, given, {f"limit-{found.pk}": str(error)})
    messages.success(request, f"The limit of {found.name} is set.")
    return _back()


def _given(request: HttpRequest, *names: str) -> dict[str, str]:
    return {name: request.POST.get(name, "")[:200].replace("\x00", "").strip() for name in names}


def _scope(request: HttpRequest, text: str) -> Any:
    kind, _, target = text.partition(":")
    operator = stopping.is_operator(request)
    return stopping.scope_of(person(request), kind, target, operator=operator)


def _who(request: HttpRequest, scope: Any) -> str:
    return stopping.actor_of(person(request), scope, actor_of(request))


def _tell(request: HttpRequest, text: str, report: Any) -> None:
    if report.failed:
        messages.error(request, f"{text}, but not all of it. NOT done: {'; '.join(report.failed)}.")
    else:
        messages.success(request, f"{text}. Done: {'; '.join(report.done)}.")


def _back() -> HttpResponse:
    return HttpResponseRedirect(reverse("trading:risk"))
