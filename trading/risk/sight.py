"""Whether the market of what an account holds and wants is seen; its owner hears when it is not.

Execution lets nothing open by what is not seen. Here a person is told of it within ten seconds,
and once more when it is seen again: of each underlying once, whatever dies on the way.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Final

import structlog
from django.db import transaction
from django.utils import timezone

from market import calendars
from trading.execution import market, quotes
from trading.ledger.services import lock
from trading.models import Account, OrderEvent, OrderLeg, Position
from trading.orders.machine import OPEN
from trading.risk import markets, warning
from trading.risk.expiries import Notice
from trading.risk.markets import Seen
from trading.scopes import underlying

log = structlog.get_logger(__name__)
OLDEST_S: Final = quotes.OPENING_S + 3.0
"""Age from which somebody is told: recorded markets are written every five seconds."""
MESSAGE_AGAIN: Final = dt.timedelta(minutes=15)
"""A feed that comes and goes writes no more messages than this; the pages tell each time."""


@transaction.atomic
def watch(account_id: int, now: dt.datetime | None = None) -> dict[str, str]:
    """Tell an account's owner of markets that are not seen, and of those that are again.

    Returns the underlyings that are not seen now, each with the reason.
    """
    account = lock(account_id)
    found = _looked_at(account, now)
    for name, why in sorted(found.items()):
        rows = OrderEvent.objects.filter(
            account=account, source=warning.SOURCE, event_id__startswith=f"sight {name} "
        )
        told = rows.count()
        if bool(why) == bool(told % 2):  # every other one says that it is seen again
            continue
        log.warning("market_sight", account=account.pk, symbol=name, lost=why or None)
        newest = rows.order_by("-pk").first()
        lately = newest is not None and timezone.now() - newest.heard_at < MESSAGE_AGAIN
        text = f"Nothing opens: {why}." if why else "Its quotes are fresh and sound."
        title = f"{name} is not seen" if why else f"{name} is seen again"
        warning.give(
            account, Notice(f"sight {name} {told + 1}", title, text),
            by_message=bool(why) and not lately,
        )  # fmt: skip
    return {name: why for name, why in found.items() if why}


def _looked_at(account: Account, now: dt.datetime | None) -> dict[str, str]:
    """Return of each underlying whose market is open why it is not seen, empty when it is."""
    legs = OrderLeg.objects.filter(order__account=account, order__state__in=sorted(OPEN))
    held = Position.objects.filter(account=account).exclude(quantity=0)
    symbols = {*legs.values_list("symbol", flat=True), *held.values_list("symbol", flat=True)}
    seen: dict[str, Seen] = {}
    found: dict[str, str] = {}
    for symbol in sorted(symbols):
        name = underlying(symbol)
        if name not in seen:
            seen[name] = markets.look(account, name, now)
        if _open(account, seen[name], symbol):
            found[name] = found.get(name) or _why(seen[name], symbol)
    return found


def _open(account: Account, found: Seen, symbol: str) -> bool:
    """Return whether a market should speak now; a paper market that nobody plays should not."""
    ground = found.ground
    if account.broker == "paper" and ground.state != "on":
        return False
    return "/" in symbol or calendars.is_open(ground.now)


def _why(found: Seen, symbol: str) -> str:
    quote = market.quote_of(found, symbol)
    if quote is not None and quote.age_s <= OLDEST_S:
        quote = replace(quote, age_s=min(quote.age_s, quote.good_for_s))
    if quote is not None and not quote.bid:  # what nobody bids for is seen: it is worth nothing
        quote = replace(quote, bid=quote.ask)
    return quotes.blindness(symbol, quote, closing=False)
