"""The risk of an account as its page tells it: its day, its limits, what is open against them."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from django.db import transaction

from market.reach import Reach
from record import remote
from trading import late
from trading.desk.marks import Marks
from trading.desk.payloads import Payload, account_payload, amount, iso, standing_payload
from trading.execution.selectors import state_of
from trading.ledger.book import plain
from trading.ledger.services import lock
from trading.models import Account, Breaker, LimitSetting
from trading.risk import gather, limits

NAMES: Final = {
    "orders_a_second": ("Orders a second", ""),
    "orders_a_minute": ("Orders a minute", ""),
    "orders_a_day": ("Opening orders a day", ""),
    "contracts": ("Contracts of a leg", ""),
    "held": ("Contracts of one underlying", ""),
    "order_loss": ("Loss of one order", "%"),
    "underlying_loss": ("Loss on one underlying", "%"),
    "open_loss": ("Loss of all that is open", "%"),
    "today_loss": ("Loss of what ends today", "%"),
    "reduce_loss": ("Loss of the day: nothing is opened", "%"),
    "halt_loss": ("Loss of the day: the account halts", "%"),
    "drawdown": ("Fall from the highest equity", "%"),
    "delta": ("Delta", "%"),
    "gamma": ("Gamma for 1%", "%"),
    "vega": ("Vega a point", "%"),
    "theta": ("Theta a day", "%"),
    "notional": ("Size against the usual", "times"),
    "interest": ("Share of the open interest", "%"),
    "displayed": ("Size against what is shown", "times"),
    "repeats": ("Same orders in a minute", ""),
    "refusals": ("Refusals in a row until it halts", ""),
}
"""Each limit in words; shares are of equity, or of what the words name."""


def book_payload(account: Account, marks: Marks) -> Payload:
    """Return an account's day, standing, open breakers and limits."""
    with transaction.atomic():
        book = gather.book_of(lock(account.pk))
    stand = state_of(account.pk)
    day, equity = book.day, amount(book.equity)
    reach = marks.reach
    if late.held(None, reach):  # the worth at the quotes that the plan lets see, and no more
        day, equity = None, account_payload(account, marks)["equity"]
    lost = None
    if day is not None and day.first > 0:
        lost = max(-day.profit / day.first, Decimal(0))
    return {
        "id": account.pk,
        "name": account.name,
        "mode": account.mode,
        "standing": standing_payload(stand, reach),
        "equity": equity,
        "late": late.why(reach) if late.held(None, reach) else "",
        "day_profit": None if day is None else plain(day.profit.quantize(Decimal("0.01"))),
        "meters": [
            _meter("Loss of the day", lost, book.limits.halt_loss, book.limits.reduce_loss),
            _meter(
                "Fall from the highest equity", None if day is None else day.fall,
                book.limits.drawdown, book.limits.drawdown,
            ),
        ],
        "breakers": [
            {"what": one.what, "state": one.state, "lets": one.get_state_display(),
             "reason": late.words(one.reason, one.opened_at, reach), "until": iso(one.until)}
            for one in Breaker.objects.filter(account=account).exclude(state=Breaker.State.CLOSED)
        ],
        "limits": _limits(account, book.limits),
    }  # fmt: skip


def portfolio_of(account: Account, user_id: int, reach: Reach) -> Payload:
    """Return what an account may lose; it follows from quotes of now, or it is not told."""
    if late.held(None, reach):
        return {"account": account.pk, "unpriced": [], "figures": None, "late": late.why(reach)}
    return {**remote.call("trading.portfolio", account.pk, user_id=user_id), "late": ""}


def _meter(name: str, value: Decimal | None, end: Decimal, warn: Decimal) -> Payload:
    """Return a share against its limit, both in percent."""
    shown = None if value is None else round(float(value) * 100, 2)
    return {
        "name": name, "value": shown, "end": float(end) * 100, "warn": float(warn) * 100,
        "share": None if shown is None or not end else min(shown / (float(end) * 100), 1.0),
    }  # fmt: skip


def _limits(account: Account, now: limits.Limits) -> list[Payload]:
    """Return each limit that holds, what the plan allows, and whether somebody set it."""
    own = LimitSetting.objects.filter(kind="account", target=str(account.pk))
    given = dict(own.values_list("name", "value"))
    plan = "" if account.owner is None else account.owner.plan
    return [
        {
            "name": name,
            "text": text,
            "unit": unit,
            "value": plain(getattr(now, name)),
            "shown": _shown(getattr(now, name), unit),
            "most": _shown(limits.most(name, plan), unit),
            "own": None if name not in given else _shown(given[name], unit),
        }
        for name, (text, unit) in NAMES.items()
    ]


def _shown(value: Decimal, unit: str) -> str:
    if unit == "%":
        return f"{plain(value * 100)}%"
    return f"{plain(value)} times" if unit else plain(value)
