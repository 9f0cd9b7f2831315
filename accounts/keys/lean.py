"""The short way to a REST view: a key, a JSON body, a plain answer.

Bots report thousands of times an hour, always in the same form. For that form the views of REST
framework negotiate, wrap and look up what is known beforehand, which costs more than the work. A
view with a short way keeps its long one: whatever is not plain (a session, another content type,
a fault, a refusal) is asked again there and answered by it, so every problem has one origin. The
gate, the scopes and the rate are the same on both.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, NamedTuple

from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError, connection
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from rest_framework.exceptions import APIException

from accounts.keys.callers import caller_of
from accounts.keys.verifying import Grant
from accounts.permissions import Entitled
from pulse.api.parsers import NotPlainError, plain_json
from pulse.api.renderers import FiniteJSONRenderer

JSON: Final = "application/json"
_ACCEPTED: Final = frozenset({"", "*/*", JSON})
_LONG_WAY: Final = (APIException, DatabaseError, Http404, NotPlainError, RequestDataTooBig)


class Asked(NamedTuple):
    """Who asks by a key; reads as a request of REST framework where gates and views look."""

    method: str
    user: Any
    auth: Grant
    data: Any = None


class LeanMixin:
    """Gives a view's POST a short way. Stands before APIView in the bases."""

    def lean_post(self, asked: Asked, **kwargs: Any) -> tuple[int, Any]:
        """Return status and body; what REST framework turns into problems goes the long way."""
        raise NotImplementedError

    @classmethod
    def lean_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        """Return the view that tries the short way first; routes take it in place of `as_view`."""
        whole = cls.as_view(**initkwargs)  # type: ignore[attr-defined]

        @wraps(whole)
        def view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if _is_plain(request):
                try:
                    return _answered(cls(**initkwargs), request, kwargs)
                except _LONG_WAY:
                    _checked(False)
            return whole(request, *args, **kwargs)  # type: ignore[no-any-return]

        return view


def _checked(done: bool) -> None:
    """Say whether this request's connection counts as looked at (Django's CONN_HEALTH_CHECKS)."""
    link: Any = connection
    link.health_check_done = done


def _is_plain(request: HttpRequest) -> bool:
    meta = request.META
    return (
        request.method == "POST"
        and request.content_type == JSON
        and meta.get("HTTP_ACCEPT", "") in _ACCEPTED
        and not meta.get("QUERY_STRING")
    )


def _answered(view: Any, request: HttpRequest, kwargs: dict[str, Any]) -> HttpResponse:
    caller = caller_of(request)
    if caller.grant is None:
        raise NotPlainError
    view.setup(request, **kwargs)
    asked = Asked("POST", caller.user, caller.grant)
    Entitled().has_permission(asked, view)  # type: ignore[arg-type]
    asked = asked._replace(data=plain_json(request.body))
    # A connection that broke while it was idle fails here before anything is done, and the long
    # way opens another: asking first whether it works would be one more round trip of each call.
    _checked(True)
    status, body = view.lean_post(asked, **kwargs)
    answer = HttpResponse(FiniteJSONRenderer().render(body), content_type=JSON, status=status)
    answer["Allow"] = ", ".join(view.allowed_methods)
    return answer
