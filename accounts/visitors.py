"""Who asks for a page, and the whole addresses of ours that are told to them."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpRequest
from django.urls import reverse

from accounts.models import User


def visitor(request: HttpRequest) -> User | None:
    """Return the person who has signed in, if anybody has."""
    return request.user if isinstance(request.user, User) else None


def person(request: HttpRequest) -> User:
    """Return the person; the gate has refused everybody else."""
    found = visitor(request)
    if found is None:
        raise Http404
    return found


def address(request: HttpRequest, name: str) -> str:
    """Return the whole address of a page of ours, as it is known outside."""
    path = reverse(name)
    if settings.SITE_ADDRESS:
        return f"{settings.SITE_ADDRESS}{path}"
    return request.build_absolute_uri(path)
