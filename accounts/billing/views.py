"""Pages of one's billing, the ways to Stripe and back, and the address of its webhooks."""

from __future__ import annotations

import time
from typing import Final

import structlog
from django.contrib import messages
from django.core.exceptions import RequestDataTooBig
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    UnreadablePostError,
)
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from accounts.billing import buying, config, events, selectors, services, webhook
from accounts.billing.buying import BuyingError, SubscribedError
from accounts.billing.catalogue import NotOfferedError
from accounts.billing.client import AwayError, NotConfiguredError
from accounts.billing.models import BillingCustomer
from accounts.visitors import address, person
from record.access import PUBLIC, SIGNED_IN, entitled

AWAY: Final = "Stripe does not answer now. Nothing was charged. Try again in a minute."
FAULTS: Final = (BuyingError, NotOfferedError, AwayError, NotConfiguredError)

log = structlog.get_logger("pulse.billing")


@require_GET
@entitled(SIGNED_IN)
@never_cache
def overview(request: HttpRequest) -> HttpResponse:
    """Show the plan, its renewal, what is due, and the invoices."""
    context = {"page": "billing", **selectors.overview(person(request))}
    return allow_hosted(render(request, "accounts/billing/overview.html", context))


@require_POST
@entitled(SIGNED_IN)
def checkout(request: HttpRequest) -> HttpResponse:
    """Lead to Stripe's page where a plan is paid."""
    user = person(request)
    try:
        page = buying.checkout(
            user,
            plan=request.POST.get("plan", ""),
            interval=request.POST.get("billing", ""),
            done=address(request, "accounts:billing_return"),
            left=f"{address(request, 'accounts:pricing')}?left=1",
        )
    except SubscribedError as error:
        messages.info(request, str(error))
        return redirect("accounts:billing")
    except FAULTS as error:
        return _failed(request, error)
    return HttpResponseRedirect(page)


@require_POST
@entitled(SIGNED_IN)
def portal(request: HttpRequest) -> HttpResponse:
    """Lead to Stripe's page where the subscription is changed."""
    try:
        back = address(request, "accounts:billing_back")
        page = buying.portal(person(request), back=back)
    except FAULTS as error:
        return _failed(request, error)
    return HttpResponseRedirect(page)


@require_GET
@entitled(SIGNED_IN)
@never_cache
def returned(request: HttpRequest) -> HttpResponse:
    """Wait for the payment to arrive: the page asks by itself until it has."""
    user = person(request)
    row = BillingCustomer.objects.filter(user=user).first()
    if row is None or not config.is_on():
        return redirect("accounts:pricing")
    if not request.htmx:  # type: ignore[attr-defined]
        # The webhook may be late or lost; whoever comes back has Stripe asked in any case.
        services.sync_soon(row, key=f"stripe:return:{row.checkout_id}")
    found = selectors.overview(user)
    effect = found["effect"]
    arrived = effect is not None and effect.going_on
    context = {"page": "billing", "arrived": arrived, **found}
    part = "accounts/billing/waiting.html"
    name = part if request.htmx else "accounts/billing/return.html"  # type: ignore[attr-defined]
    return render(request, name, context)


@require_GET
@entitled(SIGNED_IN)
@never_cache
def back(request: HttpRequest) -> HttpResponse:
    """Have Stripe asked after a visit to the portal, and show the billing page."""
    row = BillingCustomer.objects.filter(user=person(request)).first()
    if row is not None and config.is_on():
        services.sync_soon(row, key=f"stripe:back:{row.pk}:{int(time.time()) // 10}")
        messages.info(request, "What you changed appears here within seconds.")
    return redirect("accounts:billing")


@csrf_exempt
@require_POST
@entitled(PUBLIC)
def stripe_webhook(request: HttpRequest) -> HttpResponse:
    """Check and keep an event, and answer at once; the work is a task."""
    if not config.is_on():
        raise Http404
    try:
        body = _body(request)
        header = request.META.get("HTTP_STRIPE_SIGNATURE", "")
        webhook.verify(body, header, config.webhook_secrets())
        told = webhook.read(body, live=config.is_live())
    except webhook.RefusedError as error:
        log.warning("stripe_webhook_refused", why=str(error))
        return HttpResponse(status=400)
    events.keep(told)
    return HttpResponse(status=200)


def _body(request: HttpRequest) -> bytes:
    """Return the raw body; RefusedError for one that is too large or breaks off."""
    length = str(request.META.get("CONTENT_LENGTH") or "0")
    if not length.isdecimal() or int(length) > webhook.MAX_BYTES:
        raise webhook.RefusedError("the body is too large")
    try:
        body = request.body
    except (RequestDataTooBig, UnreadablePostError):
        raise webhook.RefusedError("the body cannot be read") from None
    if len(body) > webhook.MAX_BYTES:
        raise webhook.RefusedError("the body is too large")
    return body


def allow_hosted(response: HttpResponse) -> HttpResponse:
    """Let the forms of a page lead to Stripe's pages, where Stripe is configured."""
    if config.is_on():
        response._csp_update = {"form-action": config.hosted_pages()}  # type: ignore[attr-defined]
    return response


def _failed(request: HttpRequest, error: Exception) -> HttpResponse:
    """Say what went wrong on the way to Stripe."""
    if isinstance(error, NotConfiguredError):
        raise Http404 from error
    if isinstance(error, BuyingError):
        messages.error(request, str(error))
    else:
        log.error("stripe_page_failed", error=str(error))
        messages.error(request, AWAY)
    return redirect("accounts:pricing")
