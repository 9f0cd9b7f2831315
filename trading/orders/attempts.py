"""What became of an attempt that was begun: no answer, not there, certainly not taken.

An order that leads a group takes what was sent with it along, back to where all were.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from django.db import transaction
from django.utils import timezone

from trading.models import ClientOrderId, Order
from trading.orders import machine
from trading.orders.machine import News
from trading.orders.services import Row, keep, locked, of_house, settle


@transaction.atomic
def mark_unknown(account_id: int, order_id: int) -> Order:
    """Note that the answer to the newest attempt is not known. Heard of since, nothing changes."""
    row = locked(account_id, order_id)
    if row.known.in_doubt and row.known.unanswered < row.known.sent:
        attempt = row.known.sent
        known = replace(row.known, unanswered=attempt)
        settle(row, known, of_house(row, f"unanswered {attempt}"), "unknown")
    return row.order


@transaction.atomic
def mark_absent(account_id: int, order_id: int, at: dt.datetime) -> Order:
    """Note that the venue, asked for the order, did not know it.

    The second such answer, at least 5 s after the first and with nothing heard in between, shows
    that the attempt never arrived: the order is pending again, under a new id. One that was to be
    cancelled is canceled.
    """
    row = locked(account_id, order_id)
    known = row.known
    if not known.in_doubt or known.unanswered < known.sent:
        return row.order
    if row.order.absent_since is None:
        row.order.absent_since = at
        row.order.save(update_fields=["absent_since"])
    elif at - row.order.absent_since >= machine.ABSENT_AFTER:
        text = row.order.client_ids.get(attempt=known.sent).text
        others = _sent_with(row, text)
        if not any(one.known.heard for one in others):  # then it is there, with them
            _take_back([*others, row], at, "absent")
    return row.order


def _take_back(rows: list[Row], at: dt.datetime, what: str, keeper: str = "",
               reason: str = "") -> None:  # fmt: skip
    """Undo the newest attempt of orders that were sent as one, the last of which led them.

    One that was to be cancelled is canceled.
    """
    if len(rows) > 1:
        keep(rows[-1].order, keeper)
    for row in rows:
        known = row.known
        after = replace(known, retracted=known.sent)
        if known.cancels > known.refusals:
            after = replace(after, end=(at, News.CANCELED))
        row.order.group = rows[-1].order.group
        settle(row, after, of_house(row, f"{what} {known.sent}"), what, reason=reason)


@transaction.atomic
def retract(
    account_id: int, order_id: int, client_order_id: str, *, reason: str, keeper: str = ""
) -> Order:
    """Note that an attempt certainly was not taken: the order is pending again, under a new id.

    One that was to be cancelled is canceled. Heard of meanwhile, nothing changes. What was sent
    with it is pending again too, in a group that `keeper` keeps.
    """
    row = locked(account_id, order_id)
    attempt = ClientOrderId.objects.get(text=client_order_id, order=row.order).attempt
    known = row.known
    if not known.in_doubt or known.sent != attempt:
        return row.order
    rows = [*_sent_with(row, client_order_id), row]
    _take_back(rows, timezone.now(), "retract", keeper, reason)
    return row.order


def _sent_with(row: Row, text: str) -> list[Row]:
    """Return the exits that were sent with an order, under that id of its."""
    names = [machine.exit_id(text, kind) for kind in ("limit", "stop")]
    found = ClientOrderId.objects.filter(text__in=names).order_by("order_id")
    return [locked(row.account.pk, one.order_id, row.account) for one in found]
