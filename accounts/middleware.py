"""The one gate of the pages: what a view declares is held against what the user has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django_htmx.http import HttpResponseClientRedirect
from rest_framework.views import APIView

from accounts import second_factor
from accounts.entitlements import Decision, allows
from accounts.plans import ENTITLEMENTS, PLANS
from accounts.routes import entitlement_for
from record.access import OPERATOR, PUBLIC

log = structlog.get_logger("pulse.access")


class EntitlementMiddleware:
    """Refuses pages whose declared entitlement the user lacks, before the view runs."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on; the gate stands between the routes and the view."""
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Return a refusal, or None to let the view run."""
        if _is_api(view) or request.resolver_match is None:
            return None  # accounts.permissions answers these
        needs = entitlement_for(view, request.resolver_match)
        if needs == PUBLIC:
            return None
        if needs is None or needs not in ENTITLEMENTS:
            log.error("entitlement_not_declared", view=request.resolver_match.view_name)
            raise PermissionDenied
        decision = allows(request.user, needs)
        if not decision.allowed:
            return _refuse(request, needs, decision)
        if needs == OPERATOR and second_factor.is_due(request):
            messages.warning(request, "Operators prove a second factor before they go on.")
            return HttpResponseRedirect(second_factor.page_for(request))
        return None


def _is_api(view: Any) -> bool:
    kind = getattr(view, "cls", None)
    return isinstance(kind, type) and issubclass(kind, APIView)


def _refuse(request: HttpRequest, needs: str, decision: Decision) -> HttpResponse:
    if not request.user.is_authenticated:
        return _to_login(request)
    opener = PLANS.get(decision.opens_with or "")
    context = {"reason": decision.reason, "subject": ENTITLEMENTS[needs], "opener": opener}
    return render(request, "accounts/refused.html", context, status=403)


def _to_login(request: HttpRequest) -> HttpResponse:
    htmx = getattr(request, "htmx", None)
    if htmx:
        # A part of a page cannot hold the login: the whole page goes there and comes back.
        try:
            back = htmx.current_url_abs_path or "/"
        except ValueError:  # the header is not an address
            back = "/"
        return HttpResponseClientRedirect(redirect_to_login(back).url)
    if request.method in {"GET", "HEAD"}:
        return redirect_to_login(request.get_full_path())
    # What was posted is gone after signing in, and its address may take nothing but a POST.
    return HttpResponseRedirect(resolve_url(settings.LOGIN_URL))
