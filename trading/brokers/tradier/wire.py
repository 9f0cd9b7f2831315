"""Requests to Tradier: forms out, JSON in, every wait ends, nothing is sent twice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import httpx

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

FOR_ENDS: Final = 15
"""Requests a minute that orders leave to cancels; reading has a rate of its own."""
_REFUSALS: Final = frozenset({400, 401, 403, 404, 405, 422})


class _AnswerError(Exception):
    """Tradier answered, and not with 2xx."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(response.status_code)
        self.response = response


def _trace(event: str, info: Mapping[str, Any]) -> None:
    if event.endswith("send_request_headers.started"):
        leaving()


class Wire:
    """Asks Tradier; raises the three failures of the protocol."""

    def __init__(
        self, credentials: Credentials, trading: Budget, reading: Budget,
        *, whole_s: float = WHOLE_S,
    ) -> None:  # fmt: skip
        self._trading, self._reading = trading, reading
        self._whole_s = whole_s
        self._client = httpx.Client(
            base_url=f"{credentials.address}/v1", trust_env=False, follow_redirects=False,
            timeout=httpx.Timeout(READ_S, connect=CONNECT_S),
            headers={"Authorization": f"Bearer {credentials.secret}",
                     "Accept": "application/json"},
        )  # fmt: skip

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """Read; numbers are Decimal, as they were written."""
        return asked_again(lambda: self._ask("GET", path, self._reading, params=dict(query or {})))

    def post(self, path: str, form: Mapping[str, str]) -> Any:
        """Send a form."""
        return self._ask("POST", path, self._trading, FOR_ENDS, data=dict(form))

    def delete(self, path: str) -> Any:
        """Ask for an end."""
        return self._ask("DELETE", path, self._trading, urgent=True)

    def _ask(
        self, method: str, path: str, budget: Budget, spare: int = 0, *, urgent: bool = False,
        **more: Any,
    ) -> Any:  # fmt: skip
        budget.take(spare, urgent=urgent)

        def ask() -> Any:
            response = self._client.request(method, path, extensions={"trace": _trace}, **more)
            if response.status_code == 429 or "QuotaViolation" in response.text[:500]:
                raise _AnswerError(response)
            _hear(response, budget)
            if not response.is_success:
                raise _AnswerError(response)
            return json.loads(response.text, parse_float=Decimal)

        try:
            return carried_out(ask, _AnswerError, self._whole_s)
        except _AnswerError as error:
            raise _refusal(error.response, budget) from None


def _hear(response: httpx.Response, budget: Budget) -> None:
    left = whole(response.headers.get("X-Ratelimit-Available"))
    budget.learn(left, _expiry(response))


def _expiry(response: httpx.Response) -> float | None:
    milliseconds = whole(response.headers.get("X-Ratelimit-Expiry"))
    return None if milliseconds is None else milliseconds / 1000


def _refusal(response: httpx.Response, budget: Budget) -> Exception:
    """Return what an answer other than 2xx means."""
    status = response.status_code
    if status == 429 or "QuotaViolation" in response.text[:500]:
        after = budget.refused(_expiry(response))
        return NotTakenError("The broker asks to wait.", after)
    text = _words(response.text)
    if status not in _REFUSALS or not text:
        return OutcomeUnknownError(f"The broker answered {status}.")
    return RejectedError(text[:200], str(status))


def _words(body: str) -> str:
    """Return the text of a refusal; empty when it is none of the broker's own."""
    try:
        read = json.loads(body)
    except ValueError:
        return ""
    if not isinstance(read, dict):
        return ""
    errors, fault = read.get("errors"), read.get("fault")
    if isinstance(fault, dict):
        return str(fault.get("faultstring", ""))
    if not isinstance(errors, dict):
        return ""
    said = errors.get("error")
    return "; ".join(map(str, said)) if isinstance(said, list) else str(said or "")
