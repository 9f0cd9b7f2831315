"""Pages of one's alert rules."""

from __future__ import annotations

from zoneinfo import available_timezones

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.alerts import selectors, services, tools
from accounts.alerts.forms import RuleForm, initial_new, initial_of
from accounts.alerts.kinds.base import FieldError
from accounts.alerts.models import AlertRule
from accounts.alerts.views import OWN, done
from accounts.entitlements import allows
from accounts.models import User
from accounts.visitors import person
from record.access import entitled


@require_http_methods(["GET", "HEAD", "POST"])
@entitled(OWN)
@never_cache
def rule_add(request: HttpRequest) -> HttpResponse:
    """Ask for a new rule, and add it."""
    user = person(request)
    if not user.alert_channels.exists():
        messages.info(request, "Add a channel first: a rule needs a place to send to.")
        return redirect("accounts:alerts")
    return _form(request, user, None)


@require_http_methods(["GET", "HEAD", "POST"])
@entitled(OWN)
@never_cache
def rule(request: HttpRequest, rule_id: int) -> HttpResponse:
    """Show a rule, and change it."""
    user = person(request)
    row = selectors.rule(user, rule_id)
    if row is None:
        raise Http404
    return _form(request, user, row)


@require_POST
@entitled(OWN)
def rule_act(request: HttpRequest, rule_id: int, act: str) -> HttpResponse:
    """Turn a rule on or off, or remove it."""
    user = person(request)

    def on() -> str:
        return f"{services.rule_switch(user, rule_id, active=True).name} is on."

    def off() -> str:
        return f"{services.rule_switch(user, rule_id, active=False).name} is off."

    def remove() -> str:
        return f"{services.rule_remove(user, rule_id)} is removed."

    done(request, {"on": on, "off": off, "remove": remove}.get(act))
    return redirect("accounts:alerts")


def _form(request: HttpRequest, user: User, row: AlertRule | None) -> HttpResponse:
    own = list(user.alert_channels.order_by("pk"))
    listed = [tool for tool in tools.listed() if allows(user, f"tools.{tool.tier}").allowed]
    asked = next((t for t in listed if str(t.id) == request.GET.get("tool")), None)
    initial = initial_new(own, asked) if row is None else initial_of(row)
    form = RuleForm(request.POST or None, initial=initial, own=own, listed=listed)
    if request.method == "POST" and form.is_valid():
        try:
            saved = services.rule_save(
                user, form.values(), form.channel_ids(), rule_id=row.pk if row else None
            )
        except FieldError as error:
            form.add_error(error.name, str(error))
        else:
            messages.success(request, f"{saved.name} is {'changed' if row else 'added'}.")
            return redirect("accounts:alerts")
    context = {
        "page": "alerts",
        "rule": row,
        "form": form,
        "zones": sorted(available_timezones()),
        "locked": len(tools.listed()) - len(listed),
    }
    status = 400 if form.errors else 200
    return render(request, "accounts/alerts/rule.html", context, status=status)
