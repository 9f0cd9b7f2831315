"""The quick start of a bot, with the reader's own address and bot in it."""

from __future__ import annotations

import datetime as dt
import json
from typing import Final, NamedTuple

from django.http import HttpRequest
from django.utils import timezone

from accounts.visitors import address
from leaderboard import services
from leaderboard.models import Bot
from market.calendars import third_friday
from market.events import on_or_before

PYTHON = """\
from reporter import BotReporter

reporter = BotReporter(
    {config},
    "{address}", "{key}", name={name},
)
reporter.report_trade_async(
    action="BUY_CALL", symbol="{contract}",
    quantity=1, price="4.95",
)
reporter.flush()
"""
CURL = """\
curl -X POST {address}/api/v1/bots/{bot}/trade \\
  -H 'X-API-Key: {key}' \\
  -H 'Content-Type: application/json' \\
  -d '{{"client_trade_id": "first-1", "action": "BUY_CALL",
       "symbol": "{contract}", "quantity": "1", "price": "4.95"}}'
"""
JAVASCRIPT = """\
const answer = await fetch("{address}/api/v1/bots/{bot}/trade", {{
  method: "POST",
  headers: {{
    "X-API-Key": "{key}",
    "Content-Type": "application/json",
  }},
  body: JSON.stringify({{
    client_trade_id: "first-1", action: "BUY_CALL",
    symbol: "{contract}", quantity: "1", price: "4.95",
  }}),
}});
console.log(answer.status, await answer.json());
"""
MOST_CONFIG: Final = 300
LEAST_LIFE: Final = dt.timedelta(days=14)
PLACEHOLDER: Final = "YOUR_API_KEY"


def example(day: dt.date) -> str:
    """Return a call of SPY that is not about to expire."""
    months = ((day.year + (day.month + ahead - 1) // 12, (day.month + ahead - 1) % 12 + 1)
              for ahead in range(3))  # fmt: skip
    fridays = (on_or_before(third_friday(*month)).date for month in months)
    expiry = next(friday for friday in fridays if friday >= day + LEAST_LIFE)
    return f"SPY{expiry:%y%m%d}C00500000"


class Snippet(NamedTuple):
    """A piece of code to copy."""

    name: str
    text: str


def quick_start(request: HttpRequest, bot: Bot, key: str = PLACEHOLDER) -> list[Snippet]:
    """Return the quick start of a bot with the address at which the reader is."""
    return snippets(address(request, "landing"), bot.pk, bot.name, services.newest(bot).text, key)


def snippets(site: str, bot: int, name: str, config: str, key: str = PLACEHOLDER) -> list[Snippet]:
    """Return the quick start in Python, curl and JavaScript."""
    shown = (
        repr(json.loads(config))
        if len(config) <= MOST_CONFIG
        else "CONFIG  # the dictionary of yours"
    )
    values = {
        "address": site.rstrip("/"),
        "bot": bot,
        "name": repr(name),
        "config": shown,
        "key": key,
        "contract": example(timezone.now().date()),
    }
    texts = {"Python": PYTHON, "curl": CURL, "JavaScript": JAVASCRIPT}
    return [Snippet(title, text.format(**values)) for title, text in texts.items()]
