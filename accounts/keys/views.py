"""Pages of one's API keys. Making, rotating and revoking one need a fresh sign-in."""

from __future__ import annotations

from typing import Any, Final

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.keys import rules, selectors, services
from accounts.keys.forms import KeyForm, RotateForm
from accounts.keys.rates import policy_of
from accounts.keys.rules import FieldError
from accounts.visitors import address, person
from record.access import SIGNED_IN, entitled

AFTER_A_CHANGE: Final = "all revoked by the owner, whose password is a new one"
ALL_AT_ONCE: Final = "all revoked by the owner"


@require_GET
@entitled(SIGNED_IN)
@never_cache
def overview(request: HttpRequest) -> HttpResponse:
    """List the keys and say how to use one."""
    user = person(request)
    keys = selectors.listed(user)
    context = {
        "page": "keys",
        "keys": keys,
        "active": sum(key["state"] == "active" for key in keys),
        "most": rules.MOST_KEYS,
        "policy": policy_of(user.plan),
    }
    return render(request, "accounts/keys/overview.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@entitled(SIGNED_IN)
@never_cache
@reauthentication_required  # type: ignore[untyped-decorator]
def add(request: HttpRequest) -> HttpResponse:
    """Ask what a new key may do, make it, and show it this once."""
    user = person(request)
    form = KeyForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            made = services.key_create(user, **form.values())
        except FieldError as error:
            form.add_error(error.name, str(error))
        else:
            return _told(request, made, rotated=False)
    context = {"page": "keys", "form": form, "scopes": form["scopes"].value() or []}
    status = 400 if form.errors else 200
    return render(request, "accounts/keys/add.html", context, status=status)


@require_GET
@entitled(SIGNED_IN)
@never_cache
def key(request: HttpRequest, key_id: int) -> HttpResponse:
    """Show a key, without its secret, and what can be done with it."""
    return _shown(request, key_id, RotateForm())


@require_POST
@entitled(SIGNED_IN)
@never_cache
@reauthentication_required  # type: ignore[untyped-decorator]
def rotate(request: HttpRequest, key_id: int) -> HttpResponse:
    """Give a key a new secret and show it this once."""
    user = person(request)
    form = RotateForm(request.POST)
    if not form.is_valid():
        return _shown(request, key_id, form, status=400)
    try:
        made = services.key_rotate(user, key_id, overlap_s=form.cleaned_data["overlap"])
    except services.KeyGoneError as error:
        messages.error(request, f"Nothing was changed: {error}.")
        return redirect("accounts:keys")
    return _told(request, made, rotated=True)


@require_http_methods(["GET", "HEAD", "POST"])
@entitled(SIGNED_IN)
@never_cache
@reauthentication_required(allow_get=True)  # type: ignore[untyped-decorator]
def revoke(request: HttpRequest, key_id: int) -> HttpResponse:
    """Ask whether a key shall end, and end it."""
    user = person(request)
    row = selectors.key(user, key_id)
    if row is None:
        raise Http404
    if request.method != "POST":
        context = {"page": "keys", "item": selectors.shown(row)}
        return render(request, "accounts/keys/revoke.html", context)
    try:
        services.key_revoke(user, row.pk, actor=user)
    except services.KeyGoneError:
        messages.info(request, f"{row.name} was revoked before.")
    else:
        messages.success(request, f"{row.name} is revoked. Nothing can use it any more.")
    return redirect("accounts:keys")


@require_http_methods(["GET", "HEAD", "POST"])
@entitled(SIGNED_IN)
@never_cache
@reauthentication_required(allow_get=True)  # type: ignore[untyped-decorator]
def revoke_all(request: HttpRequest) -> HttpResponse:
    """Ask whether all keys shall end, after a change of the password say, and end them."""
    user = person(request)
    after = request.GET.get("after") == "password"
    if request.method != "POST":
        keys = [selectors.shown(row) for row in selectors.live(user)]
        context = {"page": "keys", "keys": keys, "after": after}
        return render(request, "accounts/keys/revoke_all.html", context)
    reason = AFTER_A_CHANGE if after else ALL_AT_ONCE
    ended = services.keys_revoke(user, actor=user, reason=reason)
    if ended:
        what = "1 key is" if ended == 1 else f"{ended} keys are"
        messages.success(request, f"{what} revoked. Nothing can use them any more.")
    else:
        messages.info(request, "There was no key left that worked.")
    return redirect("accounts:keys")


def _shown(
    request: HttpRequest, key_id: int, form: RotateForm, *, status: int = 200
) -> HttpResponse:
    row = selectors.key(person(request), key_id)
    if row is None:
        raise Http404
    context = {
        "page": "keys",
        "item": selectors.shown(row),
        "form": form,
        "words": [(scope, rules.SCOPE_WORDS[scope]) for scope in row.scopes],
    }
    return render(request, "accounts/keys/key.html", context, status=status)


def _told(request: HttpRequest, made: services.Made, *, rotated: bool) -> HttpResponse:
    """Show a new key. It stands in this answer alone: no session, address or log keeps it."""
    context: dict[str, Any] = {
        "page": "keys",
        "item": selectors.shown(made.row),
        "text": made.text,
        "rotated": rotated,
        "address": address(request, "api-tools"),
        "tickets": address(request, "api-tickets"),
        "reads": "read" in made.row.scopes,
    }
    return render(request, "accounts/keys/made.html", context)
