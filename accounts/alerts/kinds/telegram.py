"""Telegram: a picture with its caption, or a text, through a bot of the user."""

from __future__ import annotations

import re
from html import escape
from typing import Final

from accounts.alerts.kinds.base import Config, Entry, FieldError, asked_in_body, cut, judged
from accounts.alerts.message import Message
from accounts.alerts.outbound import Transport

_TOKEN: Final = re.compile(r"(\d{5,20}):[A-Za-z0-9_-]{30,64}", re.ASCII)
_CHAT: Final = re.compile(r"-?\d{1,20}|@[A-Za-z][A-Za-z0-9_]{3,31}", re.ASCII)
MOST_CAPTION: Final = 1024
MOST_TEXT: Final = 4096


class Telegram:
    """A chat that a Telegram bot may write to."""

    name = "telegram"
    title = "Telegram"
    entries: tuple[Entry, ...] = (
        Entry("token", "Bot token", "123456789:AA..."),
        Entry("chat", "Chat", "A number such as 123456789, or @name of a channel", secret=False),
    )
    steps: tuple[str, ...] = (
        "In Telegram write /newbot to @BotFather and copy the token that it gives.",
        "Write anything to your new bot, so that it may answer; or add it to a group or channel.",
        "Ask @userinfobot for your number, or take the @name of your public channel.",
    )

    def clean(self, given: Config) -> dict[str, str]:
        """Return the bot's token and the chat."""
        token, chat = given.get("token", "").strip(), given.get("chat", "").strip()
        if not _TOKEN.fullmatch(token):
            raise FieldError("token", "Give the token as BotFather shows it: digits, colon, rest.")
        if not _CHAT.fullmatch(chat):
            raise FieldError("chat", "Give the number of the chat, or @name of a public channel.")
        return {"token": token, "chat": chat}

    def shown(self, config: Config) -> str:
        """Return the bot's number and the chat."""
        return f"bot {config['token'].partition(':')[0]}, chat {config['chat']}"

    def send(self, config: Config, message: Message, transport: Transport) -> str:
        """Send the picture, or the text when there is none."""
        base = f"https://api.telegram.org/bot{config['token']}"
        picture = message.chart()
        data = {"chat_id": config["chat"], "parse_mode": "HTML"}
        if picture is None:
            answer = transport.post(
                f"{base}/sendMessage", json={**data, "text": _html(message, MOST_TEXT)}
            )
        else:
            answer = transport.post(
                f"{base}/sendPhoto",
                data={**data, "caption": _html(message, MOST_CAPTION)},
                files={"photo": ("chart.png", picture, "image/png")},
            )
        judged(answer, "Telegram", wait=asked_in_body(answer, "parameters", "retry_after"))
        return f"Telegram answered {answer.status}"


def _html(message: Message, most: int) -> str:
    """Return the message in Telegram's HTML, cut before its escapes so that none is split."""
    body = message.text.removeprefix(message.title)
    title = cut(message.title, 200)
    return f"<b>{escape(title, quote=False)}</b>{escape(cut(body, most - 300), quote=False)}"
