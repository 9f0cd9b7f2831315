"""Slack: blocks through an incoming webhook."""

from __future__ import annotations

import re
from typing import Any, Final

from accounts.alerts.kinds.base import Config, Entry, FieldError, cut, judged
from accounts.alerts.message import Message
from accounts.alerts.outbound import Transport

_URL: Final = re.compile(
    r"https://hooks\.slack\.com/services/(T[A-Z0-9]{6,14})/B[A-Z0-9]{6,14}/[A-Za-z0-9]{16,48}",
    re.ASCII,
)


class Slack:
    """A channel of a Slack workspace."""

    name = "slack"
    title = "Slack"
    entries: tuple[Entry, ...] = (
        Entry("url", "Webhook URL", "https://hooks.slack.com/services/..."),
    )
    steps: tuple[str, ...] = (
        "On api.slack.com/apps make an app for your workspace and turn Incoming Webhooks on.",
        "Add a webhook to the channel that should get the messages and copy its URL.",
        "Paste it here. Whoever has this address can write to the channel, so keep it secret.",
    )

    def clean(self, given: Config) -> dict[str, str]:
        """Return the address when it is one of Slack's."""
        url = given.get("url", "").strip()
        if not _URL.fullmatch(url):
            raise FieldError(
                "url",
                "Give the address that Slack shows: https://hooks.slack.com/services/T.../B.../...",
            )
        return {"url": url}

    def shown(self, config: Config) -> str:
        """Return the workspace's id."""
        found = _URL.fullmatch(config["url"])
        return f"hooks.slack.com, workspace {found[1]}" if found else "hooks.slack.com"

    def send(self, config: Config, message: Message, transport: Transport) -> str:
        """Post the blocks."""
        body = {"text": cut(message.title, 3000), "blocks": _blocks(message)}
        answer = judged(transport.post(config["url"], json=body), "Slack")
        return f"Slack answered {answer.status}"


def _blocks(message: Message) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": cut(message.title, 150)}}
    ]
    if message.facts:
        fields = [
            {"type": "mrkdwn", "text": cut(f"*{_safe(name)}*\n{_safe(value)}", 2000)}
            for name, value in message.facts[:10]
        ]
        blocks.append({"type": "section", "fields": fields})
    text = "\n".join(map(_safe, message.lines))
    if message.link:
        text += f"\n<{message.link}|Open in Pulse>"
    if text:
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": cut(text, 3000)}})
    foot = {"type": "mrkdwn", "text": cut(_safe(message.foot), 2000)}
    return [*blocks, {"type": "context", "elements": [foot]}]


def _safe(text: str) -> str:
    """Escape the three characters that Slack reads as markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
