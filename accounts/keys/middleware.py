"""In front of the REST interface: the key leaves the request, and the caller's rate is taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import unquote

from django.http import HttpRequest, HttpResponse, JsonResponse

from accounts.keys import rates
from accounts.keys.callers import HEADER, Caller, caller_of
from accounts.keys.rates import Verdict
from accounts.keys.rules import holds_key
from pulse.api.errors import CONTENT_TYPE, problem
from pulse.guard import API, refused
from record.access import cost_for

LIMITED: Final = ("/api/v1/", "/api/schema/")
_NAMES: Final = frozenset({"api_key", "apikey", "api-key", "x-api-key", "x_api_key"})
_IN_ADDRESS: Final = (
    f"A key does not belong into an address: addresses are logged. Send it in the {HEADER} header. "
    "If it was a real key, revoke it under /account/keys/."
)


class CallerMiddleware:
    """Knows who calls, refuses a key in an address, and counts calls; tells what is left.

    A call is counted before its view runs, by what the view costs; what reaches no view, an
    unknown address say, is counted by the caller's network address.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer with the headers of the caller's rate."""
        if not request.path.startswith(API):
            return self.get_response(request)
        caller = request.api_caller = Caller(request)  # type: ignore[attr-defined]
        if _key_in_address(request):
            response = refused(request, 400, _IN_ADDRESS, "key_in_address")
        else:
            response = self.get_response(request)
        if not request.path.startswith(LIMITED):
            return response
        verdict: Verdict | None = getattr(request, "api_verdict", None)
        if verdict is None:
            verdict = rates.take(*caller.bucket)
            response = response if verdict.allowed else too_many(verdict)
        for name, value in verdict.headers().items():
            if name not in response:
                response[name] = value
        return response

    def process_view(
        self, request: HttpRequest, view: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Take the call out of the caller's bucket, or refuse it."""
        if not request.path.startswith(LIMITED):
            return None
        cost = cost_for(getattr(view, "cls", None), request.method or "")
        verdict = rates.take(*caller_of(request).bucket, cost)
        request.api_verdict = verdict  # type: ignore[attr-defined]
        return None if verdict.allowed else too_many(verdict)


def _key_in_address(request: HttpRequest) -> bool:
    # Once more than a server does: what is encoded twice is a key all the same.
    query = unquote(unquote(request.META.get("QUERY_STRING", "")))
    if holds_key(query) or holds_key(unquote(request.path)):
        return True
    return not _NAMES.isdisjoint(part.partition("=")[0].lower() for part in query.split("&"))


def too_many(verdict: Verdict) -> HttpResponse:
    """Return the problem of a caller who calls too often."""
    policy, wait = verdict.policy, verdict.retry_s
    told = problem(
        429,
        f"Too many calls. {policy.whose} has {policy.a_minute:,} calls a minute, "
        f"{policy.burst:,} of them at once. Try again in {wait} s.",
        code="rate_limited",
        retry_after=wait,
    )
    body = {**told, "violated-policies": [policy.name]}
    return JsonResponse(body, status=429, content_type=CONTENT_TYPE)
