"""Placeholder of the page gate, written with the plans."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse


class EntitlementMiddleware:
    """Refuses pages whose declared entitlement the user lacks."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        return self.get_response(request)
