"""Every error of the REST interface as an RFC 9457 problem with the path of each fault."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import DataError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

CONTENT_TYPE = "application/problem+json"
log = structlog.get_logger("pulse.api")


class ServiceAwayError(exceptions.APIException):
    """A worker that computes for requests did not answer in time."""

    status_code = 503
    default_detail = "The numerics worker did not answer in time; try again in a few seconds."
    default_code = "service_away"
    wait = 5


class TooLargeError(exceptions.APIException):
    """The body is larger than the platform reads."""

    status_code = 413
    default_detail = "The body is too large; send it in parts."
    default_code = "too_large"


def _paths(detail: Any, path: str = "") -> list[dict[str, str]]:
    """Flatten DRF's nested details to `[{path, detail}]` with JSON pointers."""
    if isinstance(detail, dict):
        return [
            fault
            for key, value in detail.items()
            for fault in _paths(value, path if key == "non_field_errors" else f"{path}/{key}")
        ]
    if isinstance(detail, list):
        faults: list[dict[str, str]] = []
        for index, value in enumerate(detail):
            nested = isinstance(value, dict | list)
            faults += _paths(value, f"{path}/{index}" if nested else path)
        return faults
    return [{"path": path or "/", "detail": str(detail)}]


def problem(
    status: int, detail: str, *, code: str, errors: list[dict[str, str]] | None = None, **more: Any
) -> dict[str, Any]:
    """Return the body of a problem document."""
    body = {
        "type": f"urn:pulse:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        **more,
    }
    if errors:
        body["errors"] = errors
    return body


def problem_response(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Turn what DRF knows into a problem; what it does not know stays a 500 of Django's."""
    if isinstance(exc, DataError):
        # NUL in a text, a number beyond its column: the caller's value, found by the database.
        said = str(exc).splitlines()[0]
        exc = exceptions.ParseError(f"A value cannot be looked up or stored: {said}.")
    if isinstance(exc, RequestDataTooBig):
        exc = TooLargeError()
    response = exception_handler(exc, context)
    if response is None:
        return None
    if isinstance(exc, Http404):
        exc = exceptions.NotFound()
    if isinstance(exc, PermissionDenied):
        exc = exceptions.PermissionDenied()
    if not isinstance(exc, exceptions.APIException):
        return response
    codes = exc.get_codes()
    code = codes if isinstance(codes, str) else "invalid"
    faults = _paths(exc.detail) if isinstance(exc.detail, dict | list) else None
    detail = (
        str(exc.detail)
        if faults is None
        else "; ".join(f"{fault['path']}: {fault['detail']}" for fault in faults[:3])
    )
    more = getattr(exc, "problem", {})
    response.data = problem(response.status_code, detail, code=code, errors=faults, **more)
    response.content_type = CONTENT_TYPE
    if isinstance(exc, ServiceAwayError):
        response["Retry-After"] = str(exc.wait)
    return response
