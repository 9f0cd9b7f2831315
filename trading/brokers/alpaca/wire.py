"""Alpaca's client made safe: every wait ends, nothing is sent twice, what failed is told apart.

The client itself waits without end, and repeats orders by itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from requests.adapters import HTTPAdapter
from requests.models import PreparedRequest, Response
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from trading.brokers.attempts import (
    CONNECT_S,
    READ_S,
    WHOLE_S,
    asked_again,
    carried_out,
    leaving,
    whole,
)
from trading.brokers.budget import Budget
from trading.brokers.credentials import Credentials
from trading.brokers.protocol import NotTakenError, OutcomeUnknownError, RejectedError

FOR_READING: Final = 30
FOR_ENDS: Final = 10
"""Requests a minute that orders leave to reading and cancels, and that reading leaves to them."""
DUPLICATE: Final = "40010001"
_REFUSALS: Final = frozenset({400, 401, 403, 404, 405, 410, 413, 414, 415, 422})


def _leave(connection: Any) -> None:
    if connection.sock is None:
        connection.connect()
    leaving(connection.sock)


class _Plain(HTTPConnection):
    def request(self, *args: Any, **more: Any) -> None:
        _leave(self)
        super().request(*args, **more)


class _Secure(HTTPSConnection):
    def request(self, *args: Any, **more: Any) -> None:
        _leave(self)
        super().request(*args, **more)


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure


class _Adapter(HTTPAdapter):
    """Gives each request an end, and reads what the headers say of the rate."""

    def __init__(self, hear: Callable[[Response], None]) -> None:
        self._hear = hear
        super().__init__(max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False,
                         **more: Any) -> None:  # fmt: skip
        self.poolmanager = PoolManager(num_pools=connections, maxsize=maxsize, block=block, **more)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}

    def send(self, request: PreparedRequest, *args: Any, **more: Any) -> Response:
        response = super().send(request, *args, **{**more, "timeout": (CONNECT_S, READ_S)})
        self._hear(response)
        if response.is_redirect or response.status_code // 100 == 3:
            raise ConnectionError("redirected")  # the client would take it for an empty answer
        return response


class Wire:
    """Asks Alpaca through the unmodified client; raises the three failures of the protocol."""

    def __init__(self, credentials: Credentials, budget: Budget, *, whole_s: float = WHOLE_S):
        self._budget = budget
        self._whole_s = whole_s
        self._client = TradingClient(
            credentials.key, credentials.secret, raw_data=True, url_override=credentials.address
        )
        self._client._retry = 0
        session = self._client._session
        session.trust_env = False  # no .netrc, no proxy of the environment sees the keys
        session.mount("https://", _Adapter(self._hear))
        session.mount("http://", _Adapter(self._hear))

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """Read. Numbers that the broker writes as text stay text."""
        return asked_again(
            lambda: self._ask(lambda: self._client.get(path, dict(query or {})), spare=FOR_ENDS)
        )

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send an order."""
        return self._ask(lambda: self._client.post(path, dict(body)), spare=FOR_READING)

    def patch(self, path: str, body: Mapping[str, Any], *, spare: int = FOR_READING) -> Any:
        """Change something, as long as `spare` requests are left for others."""
        return self._ask(lambda: self._client.patch(path, dict(body)), spare=spare)

    def delete(self, path: str) -> Any:
        """Ask for an end."""
        return self._ask(lambda: self._client.delete(path), urgent=True)

    def _ask(self, ask: Callable[[], Any], *, spare: int = 0, urgent: bool = False) -> Any:
        self._budget.take(spare, urgent=urgent)
        try:
            return carried_out(ask, APIError, self._whole_s)
        except APIError as error:
            raise self._refusal(error) from None

    def _hear(self, response: Response) -> None:
        headers = response.headers
        if response.status_code != 429:
            left, reset = headers.get("X-RateLimit-Remaining"), headers.get("X-RateLimit-Reset")
            self._budget.learn(whole(left), whole(reset))

    def _refusal(self, error: APIError) -> Exception:
        """Return what an answer other than 2xx means."""
        status = error.status_code or 0
        code, text = _words(str(error))
        if status == 429:
            headers = {} if error.response is None else error.response.headers
            after = self._budget.refused(whole(headers.get("X-RateLimit-Reset")))
            return NotTakenError("The broker asks to wait.", after)
        if status not in _REFUSALS or not text:
            return OutcomeUnknownError(f"The broker answered {status}.")
        if status == 422 and (code == DUPLICATE or "must be unique" in text):
            return OutcomeUnknownError("The broker has an order with this id already.")
        return RejectedError(text[:200], code or str(status))


def _words(body: str) -> tuple[str, str]:
    """Return code and text of a refusal; empty when it is none of the broker's own."""
    try:
        read = json.loads(body)
    except ValueError:
        return "", ""
    if not isinstance(read, dict):
        return "", ""
    return str(read.get("code", "")), str(read.get("message", ""))
