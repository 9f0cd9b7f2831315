"""Pages of one's own account and of the plans."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts import preferences, pricing, selectors, services
from accounts.billing import config, views
from accounts.billing import selectors as billing
from accounts.plans import PLANS
from accounts.visitors import person, visitor
from record.access import PUBLIC, SIGNED_IN, entitled

DEMO_REASON = "switched by the user in the demo"


@require_GET
@entitled(SIGNED_IN)
@never_cache
def account(request: HttpRequest) -> HttpResponse:
    """Show the plan, how the account is protected, and how the pages look."""
    user = person(request)
    context = {
        "page": "account",
        "plan": PLANS[user.plan],
        "billing_on": config.is_on(),
        "security": selectors.security_of(user),
        "mail_folder": selectors.mail_folder(),
        "preferences": [
            {"of": preference, "chosen": preference.chosen(request.COOKIES)}
            for preference in preferences.PREFERENCES
        ],
    }
    return render(request, "accounts/account.html", context)


@require_POST
@entitled(SIGNED_IN)
def keep_preferences(request: HttpRequest) -> HttpResponse:
    """Keep how the pages look in this browser's cookies."""
    response = redirect("accounts:account")
    for name, value in preferences.asked(request.POST.dict()).items():
        response.set_cookie(
            name,
            value,
            max_age=preferences.KEEP_S,
            secure=settings.SESSION_COOKIE_SECURE,
            samesite="Lax",
        )
    messages.success(request, "Kept in this browser.")
    return response


@require_GET
@entitled(PUBLIC)
def plans(request: HttpRequest) -> HttpResponse:
    """Show what each plan costs and opens."""
    yearly = request.GET.get("billing") == "yearly"
    user = visitor(request)
    held = billing.current(user) if user else None
    own = user.plan if user else None
    context = {
        "page": "plans",
        "yearly": yearly,
        "columns": [
            {
                "plan": plan,
                "price": pricing.price(plan, yearly=yearly),
                "own": plan.name == own,
                "adds_to": before,
                "button": billing.button(user, plan, held),
            }
            for plan, before in zip(PLANS.values(), (None, *PLANS.values()), strict=False)
        ],
        "opened_rows": pricing.opened_rows(),
        "limit_rows": pricing.limit_rows(),
        "billing_on": config.is_on(),
        "stand_in": config.is_stand_in(),
        "left": "left" in request.GET,
        "can_switch": user is not None and billing.can_switch(user, held),
    }
    return views.allow_hosted(render(request, "accounts/pricing.html", context))


@require_POST
@entitled(SIGNED_IN)
def switch_plan(request: HttpRequest) -> HttpResponse:
    """Move one's own account to another plan: in the demo only, and beside no subscription."""
    user = person(request)
    if not billing.can_switch(user, billing.current(user)):
        raise Http404
    try:
        changed = services.plan_change(
            user, plan=request.POST.get("plan", ""), actor=user, reason=DEMO_REASON
        )
    except services.AccountError as error:
        messages.error(request, f"Nothing was changed: {error}.")
    else:
        title = PLANS[user.plan].title
        now = f"Your account is on {title} now." if changed else f"Your account is on {title}."
        messages.success(request, now)
    return redirect("accounts:pricing")
