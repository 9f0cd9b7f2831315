"""Warnings of what `expiries` finds: on the page of alerts, the channel of risk and by message.

One transaction under the account's lock keeps the event by which a warning is known as given, and
everything that tells of it: once, whatever dies on the way.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Final

import structlog
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from accounts.alerts.warning import warn as warn_by_message
from market.clock import NEW_YORK
from trading.brokers.paper.models import ShareDividend
from trading.ledger.selectors import free
from trading.ledger.services import Source, lock
from trading.models import Account, OrderEvent, Position
from trading.orders.services import note
from trading.risk import expiries, markets, telling
from trading.risk.expiries import Held, Notice
from trading.risk.facts import Instrument
from trading.risk.markets import Seen

log = structlog.get_logger(__name__)
SOURCE: Final = "risk"
KIND: Final = "warning"
_OPTION: Final = r"[0-9]{6}[CP][0-9]{8}$"


def warn_all() -> tuple[int, tuple[int, ...]]:
    """Warn the owners of every account that holds options; return how many, and which failed."""
    rows = Position.objects.exclude(quantity=0).filter(symbol__regex=_OPTION)
    accounts = list(rows.order_by("account").values_list("account", flat=True).distinct())
    failed = []
    for pk in accounts:
        try:
            warn(pk)
        except Exception:
            log.exception("warning_failed", account=pk)
            failed.append(pk)
    if failed:
        log.error("warnings_incomplete", accounts=len(accounts), failed=len(failed))
    return len(accounts), tuple(failed)


@transaction.atomic
def warn(account_id: int, now: dt.datetime | None = None) -> int:
    """Give an account's owner the warnings that are due and were not given; return how many."""
    account = lock(account_id)
    fresh = [one for one in _due(account, now) if not _given(account, one)]
    for one in fresh:
        give(account, one)
    return len(fresh)


def _due(account: Account, now: dt.datetime | None) -> list[Notice]:
    rows = list(Position.objects.filter(account=account).exclude(quantity=0))
    held = [(markets.instrument_of(one.symbol, one.multiplier), one.quantity) for one in rows]
    seen = {
        name: markets.look(account, name, now)
        for name in {one.underlying for one, _ in held if one.option is not None}
    }
    shares = {one.underlying: many for one, many in held if one.option is None}
    found: list[Notice] = []
    for name, place in sorted(seen.items()):
        parts = [_held(place, one, many) for one, many in held if one.underlying == name]
        found += expiries.notices(
            [one for one in parts if one is not None], place.ground.now, shares=shares,
            money=max(free(account), Decimal(0)),
            dividends=_dividends(name, place.ground.now),
        )  # fmt: skip
    return found


def _held(place: Seen, instrument: Instrument, quantity: Decimal) -> Held | None:
    """Return an option with its prices; None for shares, and where no price is known."""
    one = place.holding(instrument, quantity)
    option, spot = one.instrument.option, place.ground.spot
    if option is None or spot is None:
        return None
    return Held(one.instrument, option, quantity, spot, None if one.quote is None
                else one.quote.bid)  # fmt: skip


def _dividends(name: str, now: dt.datetime) -> dict[str, tuple[dt.date, Decimal]]:
    """Return the next dividend of a share that an operator entered."""
    day = now.astimezone(NEW_YORK).date()
    row = ShareDividend.objects.filter(symbol=name, ex_date__gt=day).order_by("ex_date").first()
    return {} if row is None else {name: (row.ex_date, row.amount)}


def _given(account: Account, one: Notice) -> bool:
    rows = OrderEvent.objects.filter(account=account, source=SOURCE, event_id=one.key)
    return rows.exists()


def give(account: Account, one: Notice, *, by_message: bool = True) -> None:
    """Give a warning under the account's lock, in the transaction that keeps it as given."""
    source = Source(SOURCE, one.key, timezone.now())
    note(account, None, source, KIND, actor=SOURCE, alert=one.text)
    telling.promise(account, KIND, one.title, "", one.text)
    if by_message and account.owner_id is not None:
        warn_by_message(
            account.owner_id, f"{account.pk} {one.key}", title=f"{account.name}: {one.title}",
            text=one.text, path=reverse("trading:account", args=[account.pk]),
        )  # fmt: skip
