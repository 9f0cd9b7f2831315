"""What REST views of all floors share: the `Idempotency-Key` header."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from rest_framework import status
from rest_framework.exceptions import APIException, ParseError
from rest_framework.request import Request
from rest_framework.response import Response

from record.canonical import NotCanonicalError, digest
from record.idempotency import Answer, InProgressError, KeyReusedError, run_once

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotency-Replayed"
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_WRITES: Final = ("POST", "PUT", "PATCH", "DELETE")
_KEPT_HEADERS: Final = ("Location",)


class KeyReused(APIException):
    """Another request was sent with the same key."""

    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_detail = "This Idempotency-Key was used for another request; take a new one."
    default_code = "idempotency_key_reused"


class InProgress(APIException):
    """The first request with the key is still at work."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = "The first request with this Idempotency-Key is still at work."
    default_code = "idempotency_in_progress"
    wait = 2


class IdempotentMixin:
    """Makes a view's writes happen once per `Idempotency-Key` and signed-in caller.

    Stands before APIView in the bases. The handler runs inside a transaction; when it raises,
    nothing is kept, and the request may be sent again with the same key.
    """

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check access first, then put the key's guard around the handler."""
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        key = request.headers.get(HEADER)
        if key is None or request.method not in _WRITES or not request.user.is_authenticated:
            return
        if not _KEY.fullmatch(key):
            raise ParseError(f"{HEADER} has 1 to 255 visible ASCII characters.")
        name = request.method.lower()
        handler = getattr(self, name, None)
        if handler is not None:
            # A view object serves one request: DRF looks its handler up after this.
            setattr(self, name, _guarded(handler, key))


def _guarded(handler: Callable[..., Response], key: str) -> Callable[..., Response]:
    def once(request: Request, *args: Any, **kwargs: Any) -> Response:
        def answer() -> Answer:
            made = handler(request, *args, **kwargs)
            kept = {name: made[name] for name in _KEPT_HEADERS if name in made}
            return Answer(made.status_code, made.data, kept)

        try:
            done = run_once(
                owner=f"user:{request.user.pk}",
                key=key,
                request_hash=_hash(request),
                fn=answer,
            )
        except KeyReusedError:
            raise KeyReused from None
        except InProgressError:
            raise InProgress from None
        headers = {**done.headers, **({REPLAYED: "true"} if done.replayed else {})}
        return Response(done.body, status=done.status, headers=headers)

    return once


def _hash(request: Request) -> str:
    try:
        return digest([request.method, request.get_full_path(), request.data])
    except NotCanonicalError as error:
        raise ParseError(f"The body cannot be compared with a repetition: {error}.") from None
