"""Pages of one's alerts: the overview, and a channel with its forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.alerts import selectors, services, tools
from accounts.alerts.channels import unconfig
from accounts.alerts.kinds import KINDS
from accounts.alerts.kinds.base import FieldError
from accounts.alerts.services import AlertError
from accounts.alerts.wording import delivery_words, rule_words, when_words
from accounts.entitlements import limits_of
from accounts.plans import PLANS
from accounts.visitors import person
from record.access import entitled

OWN: Final = "alerts.own"
PUSH_FIELDS: Final = ("endpoint", "p256dh", "auth")


@require_GET
@entitled(OWN)
@never_cache
def overview(request: HttpRequest) -> HttpResponse:
    """Show channels, rules and what became of the newest messages."""
    user = person(request)
    names = {tool.id: tool.name for tool in tools.listed()}
    context = {
        "page": "alerts",
        "channels": selectors.channels_of(user),
        "rules": [
            {**item, "wants": rule_words(item["row"], names), "when": when_words(item["row"])}
            for item in selectors.rules_of(user)
        ],
        "deliveries": [
            {"row": row, "about": delivery_words(row)}
            for row in selectors.deliveries_of(user)[: selectors.SHOWN]
        ],
        "kinds": selectors.kinds_for(user),
        "plan": PLANS[user.plan],
        "limits": limits_of(user),
        "used": selectors.used_today(user),
        "waiting": selectors.waiting(user),
        "live": selectors.channel_of(user.pk),
    }
    parts = bool(getattr(request, "htmx", False))
    template = "accounts/alerts/parts.html" if parts else "accounts/alerts/overview.html"
    response = render(request, template, context)
    patch_vary_headers(response, ["HX-Request"])
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@entitled(OWN)
@never_cache
def channel_add(request: HttpRequest, kind: str) -> HttpResponse:
    """Ask for what a kind of channel needs, and add it."""
    user = person(request)
    if kind not in KINDS:
        raise Http404
    given = _given(request, kind)
    error: FieldError | None = None
    if request.method == "POST":
        try:
            made = services.channel_add(
                user, kind=kind, name=request.POST.get("name", ""), given=given
            )
        except FieldError as fault:
            error = fault
        else:
            messages.success(request, f"{made.name} is added. Send a test to turn it on.")
            return redirect("accounts:alert_channel", channel_id=made.pk)
    context = {
        "page": "alerts",
        "item": next(i for i in selectors.kinds_for(user) if i["kind"].name == kind),
        "fields": _fields(kind, given, error),
        "name": request.POST.get("name", KINDS[kind].title),
        "error": error,
        "push_key": _push_key(kind),
    }
    status = 400 if error else 200
    return render(request, "accounts/alerts/channel_add.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@entitled(OWN)
@never_cache
def channel(request: HttpRequest, channel_id: int) -> HttpResponse:
    """Show a channel; rename it or give it a new address."""
    user = person(request)
    row = selectors.channel(user, channel_id)
    if row is None:
        raise Http404
    given = _given(request, row.kind)
    error: FieldError | None = None
    if request.method == "POST":
        try:
            services.channel_change(user, row.pk, name=request.POST.get("name", ""), given=given)
        except FieldError as fault:
            error = fault
        else:
            messages.success(request, "The channel is changed.")
            return redirect("accounts:alert_channel", channel_id=row.pk)
    context = {
        "page": "alerts",
        "channel": row,
        "kind": KINDS[row.kind],
        "fields": _fields(row.kind, given, error),
        "name": request.POST.get("name", row.name),
        "error": error,
        "key": unconfig(row).get("key"),
        "deliveries": [
            {"row": sent, "about": delivery_words(sent)}
            for sent in selectors.deliveries_of(user).filter(channel=row)[:10]
        ],
        "live": selectors.channel_of(user.pk),
    }
    if getattr(request, "htmx", False):
        return render(request, "accounts/alerts/channel_parts.html", context)
    status = 400 if error else 200
    return render(request, "accounts/alerts/channel.html", context, status=status)


@require_POST
@entitled(OWN)
def channel_act(request: HttpRequest, channel_id: int, act: str) -> HttpResponse:
    """Test, pause, resume or remove a channel."""
    user = person(request)

    def test() -> str:
        services.channel_test(user, channel_id)
        return "The test is on its way. What came of it appears under Messages."

    def pause() -> str:
        return f"{services.channel_pause(user, channel_id, paused=True).name} is paused."

    def resume() -> str:
        return f"{services.channel_pause(user, channel_id, paused=False).name} goes on."

    def remove() -> str:
        return f"{services.channel_remove(user, channel_id)} is removed."

    acts = {"test": test, "pause": pause, "resume": resume, "remove": remove}
    done(request, acts.get(act))
    if act != "remove" and request.POST.get("back") == "channel":
        return redirect("accounts:alert_channel", channel_id=channel_id)
    return redirect("accounts:alerts")


def done(request: HttpRequest, act: Callable[[], str] | None) -> None:
    """Do an act and say what happened; 404 when there is no such act."""
    if act is None:
        raise Http404
    try:
        messages.success(request, act())
    except (AlertError, FieldError) as error:
        messages.error(request, f"Nothing was changed: {str(error).rstrip('.')}.")


def _given(request: HttpRequest, kind: str) -> dict[str, str]:
    names = PUSH_FIELDS if kind == "push" else [entry.name for entry in KINDS[kind].entries]
    return {name: request.POST.get(name, "").strip() for name in names}


def _fields(kind: str, given: dict[str, str], error: FieldError | None) -> list[dict[str, Any]]:
    return [
        {
            "entry": entry,
            "value": given.get(entry.name, ""),
            "error": str(error) if error is not None and error.name == entry.name else "",
        }
        for entry in KINDS[kind].entries
    ]


def _push_key(kind: str) -> str:
    if kind != "push":
        return ""
    from accounts.alerts.pushkeys import public_key

    return public_key()
