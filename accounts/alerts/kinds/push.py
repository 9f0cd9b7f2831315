"""Browser push: a message that the browser's push service carries and cannot read."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

import orjson

from accounts.alerts import webpush
from accounts.alerts.addresses import check_url
from accounts.alerts.kinds.base import Config, Entry, FieldError, cleaned_url, cut, judged
from accounts.alerts.message import Message
from accounts.alerts.outbound import Transport

KEEP_S: Final = 3600
"""How long the push service keeps a message for a browser that is away."""


class Push:
    """A browser that has agreed to be notified."""

    name = "push"
    title = "Browser push"
    entries: tuple[Entry, ...] = ()
    steps: tuple[str, ...] = (
        "Press the button in the browser that should be notified and let it show notifications.",
        "It works while the browser runs, also when no page of Pulse is open.",
    )

    def clean(self, given: Config) -> dict[str, str]:
        """Return the subscription that a browser made."""
        url = cleaned_url(given, "endpoint")
        try:
            webpush.check_keys(given.get("p256dh", ""), given.get("auth", ""))
        except ValueError:
            raise FieldError(
                "endpoint", "This browser gave no usable keys; press the button again."
            ) from None
        return {"endpoint": url, "p256dh": given["p256dh"], "auth": given["auth"]}

    def shown(self, config: Config) -> str:
        """Return the push service's host."""
        return check_url(config["endpoint"]).host

    def send(self, config: Config, message: Message, transport: Transport) -> str:
        """Encrypt for the browser, sign for its push service, and post."""
        from accounts.alerts.pushkeys import private_key

        lines = [f"{name} {value}" for name, value in message.facts[:2]]
        note = {
            "title": cut(message.title, 120),
            "body": cut(", ".join(lines) or "\n".join(message.lines), 240),
            "tag": message.id,
            "path": urlsplit(message.link).path or "/account/alerts/",
        }
        body = webpush.encrypt(orjson.dumps(note), config["p256dh"], config["auth"])
        headers = {
            "content-encoding": "aes128gcm",
            "content-type": "application/octet-stream",
            "ttl": str(KEEP_S),
            "urgency": "high",
            "authorization": webpush.vapid(private_key(), config["endpoint"]),
        }
        answer = transport.post(config["endpoint"], content=body, headers=headers)
        judged(answer, "The push service")
        return f"the push service answered {answer.status}"
