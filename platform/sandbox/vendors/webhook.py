"""A receiver of Standard Webhooks: it checks the signature and takes each id once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time

from sandbox.server import Received, Reply, StandIn

_TOLERANCE_S = 300


class Webhook(StandIn):
    """Refuses what `key` did not sign; without a key it takes everything."""

    hosts = ("hooks.example.com", "alerts.example.net")
    key = ""

    def __init__(self, *args: object) -> None:
        self.ids: list[str] = []
        super().__init__(*args)  # type: ignore[arg-type]

    def answer(self, request: Received) -> Reply:
        """Answer 204 to what is signed, 401 to what is not."""
        if self.key and not signed(request, self.key):
            return Reply(401)
        message = request.headers.get("webhook-id", "")
        if message not in self.ids:
            self.ids.append(message)
        return Reply(204)


def signed(request: Received, key: str) -> bool:
    """Return whether a request carries a fresh signature under the key, `whsec_` and base64."""
    try:
        message, at = request.headers["webhook-id"], request.headers["webhook-timestamp"]
        given = request.headers["webhook-signature"].split()
        fresh = abs(time.time() - int(at)) <= _TOLERANCE_S
        raw = base64.b64decode(key.removeprefix("whsec_"), validate=True)
    except (KeyError, ValueError):
        return False
    made = hmac.new(raw, f"{message}.{at}.".encode() + request.body, hashlib.sha256).digest()
    return fresh and f"v1,{base64.b64encode(made).decode()}" in given
