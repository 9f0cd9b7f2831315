"""What no address may hold, and the policy that answers of the interface carry."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from urllib.parse import unquote

from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from csp.utils import build_policy
from django.core.signals import setting_changed
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseBase,
    JsonResponse,
)

API = "/api/"


class NulMiddleware:
    """Refuses a NUL character in a path or query: no table can look it up."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass on a request without NUL."""
        if "\x00" in request.path or "\x00" in unquote(request.META.get("QUERY_STRING", "")):
            return refused(request, 400, "The address holds a NUL character; remove it.", "nul")
        return self.get_response(request)


class PolicyMiddleware(CSPMiddleware):
    """Puts the content security policy on answers; the interface's is the same on all of them."""

    def process_request(self, request: HttpRequest) -> None:
        """Let a page ask for a nonce; the interface has no scripts."""
        if not request.path.startswith(API):
            super().process_request(request)

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Set the header, unless a view has set one."""
        if not request.path.startswith(API):
            return super().process_response(request, response)
        if HEADER not in response:
            response[HEADER] = _policy()
        return response


@lru_cache(maxsize=1)
def _policy() -> str:
    return str(build_policy())


setting_changed.connect(lambda **_: _policy.cache_clear(), weak=False)


def refused(request: HttpRequest, status: int, detail: str, code: str) -> HttpResponse:
    """Return a refusal in the words of the interface that was asked."""
    if not request.path.startswith(API):
        return HttpResponseBadRequest(detail, content_type="text/plain", status=status)
    from pulse.api.errors import CONTENT_TYPE, problem

    body = problem(status, detail, code=code)
    return JsonResponse(body, status=status, content_type=CONTENT_TYPE)
