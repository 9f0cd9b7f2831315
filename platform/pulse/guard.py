"""What no address may hold."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse

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


def refused(request: HttpRequest, status: int, detail: str, code: str) -> HttpResponse:
    """Return a refusal in the words of the interface that was asked."""
    if not request.path.startswith(API):
        return HttpResponseBadRequest(detail, content_type="text/plain", status=status)
    from pulse.api.errors import CONTENT_TYPE, problem

    body = problem(status, detail, code=code)
    return JsonResponse(body, status=status, content_type=CONTENT_TYPE)
