"""Pages of one's own account and of the plans."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts import demo, preferences, pricing, selectors, services
from accounts.models import User
from accounts.plans import PLANS
from record.access import PUBLIC, SIGNED_IN, entitled

DEMO_REASON = "switched by the user in the demo"


@require_GET
@entitled(SIGNED_IN)
@never_cache
def account(request: HttpRequest) -> HttpResponse:
    """Show the plan, how the account is protected, and how the pages look."""
    user = _user(request)
    context = {
        "page": "account",
        "plan": PLANS[user.plan],
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
    own = request.user.plan if isinstance(request.user, User) else None
    context = {
        "page": "plans",
        "yearly": yearly,
        "columns": [
            {
                "plan": plan,
                "price": pricing.price(plan, yearly=yearly),
                "own": plan.name == own,
                "adds_to": before,
            }
            for plan, before in zip(PLANS.values(), (None, *PLANS.values()), strict=False)
        ],
        "opened_rows": pricing.opened_rows(),
        "limit_rows": pricing.limit_rows(),
        "can_switch": demo.is_on() and request.user.is_authenticated,
    }
    return render(request, "accounts/pricing.html", context)


@require_POST
@entitled(SIGNED_IN)
def switch_plan(request: HttpRequest) -> HttpResponse:
    """Move one's own account to another plan: in the demo only, there is nothing to pay."""
    if not demo.is_on():
        raise Http404
    user = _user(request)
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


def _user(request: HttpRequest) -> User:
    """Return the person; the gate has refused everybody else."""
    if not isinstance(request.user, User):
        raise Http404
    return request.user
