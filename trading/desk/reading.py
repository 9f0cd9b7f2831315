"""What is read for the desk. Every query begins at its owner: another's rows are not there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, NamedTuple

from django.db.models import Q, QuerySet, Sum

from trading.ledger.book import Side, total
from trading.models import Account, Fill, JournalEntry, Order, OrderEvent, Posting
from trading.orders.machine import OPEN, State

GROUPS: Final = {
    "open": tuple(sorted(OPEN)),
    "filled": (State.FILLED.value,),
    "ended": (State.CANCELED.value, State.REPLACED.value, State.EXPIRED.value),
    "rejected": (State.REJECTED.value,),
}
"""States by the words of the filter."""
ALERTS: Final = 20


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list is asked for; what is empty asks for everything.

    Attributes
    ----------
    account : int, optional
    symbol : str
        How a symbol begins: an underlying's name finds its options, too.
    state : str
        A state of an order, or one of `GROUPS`.
    side : str
        "buy" or "sell".
    since, until : datetime, optional
        From, and before; of fills by the clock of their market.
    lately : datetime, optional
        What came to be here since then, by the real clock: a replay's market is of other days.
    """

    account: int | None = None
    symbol: str = ""
    state: str = ""
    side: str = ""
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    lately: dt.datetime | None = None


class Line(NamedTuple):
    """A journal entry with the cash that it moved, and the cash after it."""

    entry: JournalEntry
    change: Decimal
    cash: Decimal


def accounts_of(owner: int | None) -> QuerySet[Account]:
    """Return somebody's accounts, in the order in which they were opened."""
    return Account.objects.filter(owner=owner or 0).order_by("pk")


def own_account(owner: int | None, account_id: int) -> Account | None:
    """Return an account of somebody's; None for another's and for one that is not there."""
    return accounts_of(owner).filter(pk=account_id).first()


def own_order(owner: int | None, order_id: int) -> Order | None:
    """Return an order of somebody's; None for another's and for one that is not there."""
    return orders(owner, Filter()).filter(pk=order_id).first()


def orders(owner: int | None, asked: Filter) -> QuerySet[Order]:
    """Return the orders that a filter asks for, newest first."""
    rows = Order.objects.filter(account__owner=owner or 0)
    if asked.state:
        rows = rows.filter(state__in=GROUPS.get(asked.state, (asked.state,)))
    if asked.symbol:
        rows = rows.filter(pk__in=rows.filter(legs__symbol__startswith=asked.symbol).values("pk"))
    rows = _when(rows, asked, "created", "created")
    rows = rows.select_related("account", "decision", "replaced_by")
    return rows.prefetch_related("legs").order_by("-pk")


def fills(owner: int | None, asked: Filter) -> QuerySet[Fill]:
    """Return the fills that a filter asks for, newest first."""
    rows = Fill.objects.filter(account__owner=owner or 0)
    if asked.symbol:
        rows = rows.filter(symbol__startswith=asked.symbol)
    if asked.side:
        rows = rows.filter(quantity__gt=0) if asked.side == "buy" else rows.filter(quantity__lt=0)
    rows = _when(rows, asked, "at", "entry__booked_at")
    return rows.select_related("account", "entry").order_by("-pk")


def _when(rows: QuerySet[Any], asked: Filter, name: str, real: str) -> QuerySet[Any]:
    if asked.account is not None:
        rows = rows.filter(account=asked.account)
    if asked.since is not None:
        rows = rows.filter(**{f"{name}__gte": asked.since})
    if asked.until is not None:
        rows = rows.filter(**{f"{name}__lt": asked.until})
    if asked.lately is not None:
        rows = rows.filter(**{f"{real}__gte": asked.lately})
    return rows


def entries(account: Account, kind: str = "", *, holds: bool = True) -> QuerySet[JournalEntry]:
    """Return the journal of an account, newest first; of one kind, or without mere holds."""
    rows = JournalEntry.objects.filter(account=account).prefetch_related("postings")
    if kind:
        rows = rows.filter(kind=kind)
    elif not holds:
        rows = rows.exclude(kind=JournalEntry.Kind.HOLD)
    return rows.order_by("-pk")


def with_cash(account: Account, page: Sequence[JournalEntry]) -> list[Line]:
    """Return entries of one account with the cash after each, whatever lies between them."""
    if not page:
        return []
    lowest, highest = min(one.seq for one in page), max(one.seq for one in page)
    cash = Posting.objects.filter(account=account, side=Side.CASH)
    before = cash.filter(entry__seq__lt=lowest).aggregate(sum=Sum("amount"))["sum"]
    moved = cash.filter(entry__seq__gte=lowest, entry__seq__lte=highest)
    changes = dict(
        moved.values_list("entry__seq").annotate(sum=Sum("amount")).order_by("entry__seq")
    )
    after: dict[int, Decimal] = {}
    now = before or Decimal(0)
    wanted = {one.seq for one in page}
    for seq in sorted({*changes, *wanted}):
        now = total((now, changes.get(seq, Decimal(0))))
        after[seq] = now
    return [Line(one, changes.get(one.seq, Decimal(0)), after[one.seq]) for one in page]


def reasons(page: Collection[Fill]) -> dict[int, str]:
    """Return what the venue said of the price of some fills, by their ids; many say nothing."""
    asked = Q(pk=None)
    for one in page:
        asked |= Q(
            account=one.account_id, order=one.order_id, source=one.source, kind="fill",
            body__execution__0=one.execution_id,
        )  # fmt: skip
    told = {
        (row.account_id, row.source, row.body["execution"][0]): str(row.body.get("reason", ""))
        for row in OrderEvent.objects.filter(asked)
    }
    found = {one.pk: told.get((one.account_id, one.source, one.execution_id), "") for one in page}
    return {pk: text for pk, text in found.items() if text}


def alerts(owner: int | None, account: int | None = None) -> list[OrderEvent]:
    """Return the newest events that a person must hear of."""
    rows = OrderEvent.objects.filter(account__owner=owner or 0).exclude(alert="")
    if account is not None:
        rows = rows.filter(account=account)
    return list(rows.select_related("account").order_by("-pk")[:ALERTS])
