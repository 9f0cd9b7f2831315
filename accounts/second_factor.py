"""Operators prove a second factor in production before they reach what operators may do."""

from __future__ import annotations

import datetime as dt

from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode


def is_due(request: HttpRequest) -> bool:
    """Return whether this session still owes the second factor of an operator."""
    if not settings.PRODUCTION:
        return False
    records = get_authentication_records(request, request.user)
    return not any(record.get("method") == "mfa" for record in records)


def proved_at(request: HttpRequest) -> dt.datetime | None:
    """Return when this session last proved a second factor, None when it never did."""
    records = get_authentication_records(request, request.user)
    proofs = [record["at"] for record in records if record.get("method") == "mfa"]
    return dt.datetime.fromtimestamp(max(proofs), dt.UTC) if proofs else None


def page_for(request: HttpRequest, back: str = "") -> str:
    """Return the address where the user proves a second factor, or sets one up first.

    It leads back to an address: by default to a page that was asked for, or to the first one.
    """
    kinds = set(
        Authenticator.objects.filter(user_id=request.user.pk).values_list("type", flat=True)
    )
    if Authenticator.Type.TOTP in kinds:
        name = "mfa_reauthenticate"
    elif Authenticator.Type.WEBAUTHN in kinds:
        name = "mfa_reauthenticate_webauthn"
    else:
        return reverse("mfa_index")
    back = back or (request.get_full_path() if request.method == "GET" else "/")
    return f"{reverse(name)}?{urlencode({'next': back})}"
