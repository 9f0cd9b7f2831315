"""Discord: an embed with a picture, through a webhook of a channel."""

from __future__ import annotations

import re
from typing import Any, Final

import orjson

from accounts.alerts.kinds.base import Config, Entry, FieldError, asked_in_body, cut, judged
from accounts.alerts.message import Message
from accounts.alerts.outbound import Transport

_URL: Final = re.compile(
    r"https://(?:(?:ptb|canary)\.)?discord(?:app)?\.com"
    r"/api/(?:v\d{1,2}/)?webhooks/(\d{15,22})/[A-Za-z0-9_-]{40,100}",
    re.ASCII,
)
_COLORS: Final = {1: 0x2F7FD0, -1: 0xC2622A, 0: 0x6A3FD0}
_PICTURE: Final = "chart.png"


class Discord:
    """A channel of a Discord server."""

    name = "discord"
    title = "Discord"
    entries: tuple[Entry, ...] = (
        Entry("url", "Webhook URL", "https://discord.com/api/webhooks/..."),
    )
    steps: tuple[str, ...] = (
        "In Discord open the settings of the channel, then Integrations, then Webhooks.",
        "Make a webhook and press Copy Webhook URL.",
        "Paste it here. Whoever has this address can write to the channel, so keep it secret.",
    )

    def clean(self, given: Config) -> dict[str, str]:
        """Return the address when it is one of Discord's."""
        url = given.get("url", "").strip()
        if not _URL.fullmatch(url):
            raise FieldError(
                "url", "Give the address that Discord shows: https://discord.com/api/webhooks/..."
            )
        return {"url": url}

    def shown(self, config: Config) -> str:
        """Return the webhook's number."""
        found = _URL.fullmatch(config["url"])
        return f"discord.com, webhook {found[1]}" if found else "discord.com"

    def send(self, config: Config, message: Message, transport: Transport) -> str:
        """Post the embed; `wait` makes Discord answer with the message that it made."""
        body: dict[str, Any] = {
            "embeds": [_embed(message)],
            "allowed_mentions": {"parse": []},
        }
        picture = message.chart()
        url = f"{config['url']}?wait=true"
        if picture is None:
            answer = transport.post(url, json=body)
        else:
            body["embeds"][0]["image"] = {"url": f"attachment://{_PICTURE}"}
            answer = transport.post(
                url,
                data={"payload_json": orjson.dumps(body).decode()},
                files={"files[0]": (_PICTURE, picture, "image/png")},
            )
        judged(answer, "Discord", wait=asked_in_body(answer, "retry_after"))
        return f"Discord answered {answer.status}"


def _embed(message: Message) -> dict[str, Any]:
    embed: dict[str, Any] = {
        "title": cut(message.title, 256),
        "description": cut("\n".join(message.lines), 4000),
        "color": _COLORS[message.side],
        "fields": [
            {"name": cut(name, 256), "value": cut(value, 1024), "inline": True}
            for name, value in message.facts[:25]
        ],
        "footer": {"text": cut(message.foot, 2048)},
    }
    return embed | ({"url": message.link} if message.link else {})
