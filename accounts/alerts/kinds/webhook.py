"""A webhook of the user's own, signed by the convention of Standard Webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from typing import Final

import orjson

from accounts.alerts.addresses import check_url
from accounts.alerts.kinds.base import Config, Entry, cleaned_url, judged
from accounts.alerts.message import Message
from accounts.alerts.outbound import Transport

_PREFIX: Final = "whsec_"


class Webhook:
    """An https address of the user's."""

    name = "webhook"
    title = "Webhook"
    entries: tuple[Entry, ...] = (
        Entry("url", "URL", "https://hooks.example.com/pulse", secret=False),
    )
    steps: tuple[str, ...] = (
        "Give an https address of yours on the public Internet, port 443. "
        "Redirects are not followed.",
        "Each request carries webhook-id, webhook-timestamp and webhook-signature. The signature "
        "is the base64 HMAC-SHA256, under the key that you get, of id.timestamp.body.",
        "The id stays the same when a message is tried again: take each id once. Answer with a "
        "status of 200 to 299 within 5 seconds.",
    )

    def clean(self, given: Config) -> dict[str, str]:
        """Return the address with a new key; the key given stays when there is one."""
        url = cleaned_url(given, "url")
        return {"url": url, "key": given.get("key") or new_key()}

    def shown(self, config: Config) -> str:
        """Return the host."""
        return check_url(config["url"]).host

    def send(self, config: Config, message: Message, transport: Transport) -> str:
        """Post the payload with its signature."""
        at = int(time.time())
        body = orjson.dumps({"type": message.type, "timestamp": at, "data": dict(message.data)})
        headers = {
            "content-type": "application/json",
            "webhook-id": message.id,
            "webhook-timestamp": str(at),
            "webhook-signature": signature(config["key"], message.id, at, body),
        }
        answer = judged(transport.post(config["url"], content=body, headers=headers), "The address")
        return f"the address answered {answer.status}"


def new_key() -> str:
    """Return a new signing key of 32 bytes as Standard Webhooks writes it."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signature(key: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature of a request: version and base64 HMAC-SHA256."""
    raw = base64.b64decode(key.removeprefix(_PREFIX))
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.new(raw, signed, hashlib.sha256).digest()).decode()
