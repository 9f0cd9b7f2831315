"""The page of one order: what was wanted, what the gate said, what happened, and its end."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from market.reach import reach_of
from record.access import entitled
from trading.desk import asking, payloads
from trading.desk.grouped import group_payload
from trading.desk.pages import actor_of, own_order, show
from trading.desk.rest import PAPER
from trading.desk.views import number
from trading.ledger.book import LedgerError
from trading.models import Order
from trading.orders.intents import KINDS, TIMES
from trading.orders.machine import FINAL, State
from trading.orders.services import Placed

PRICES: Final = {"limit_price": "Limit", "stop_price": "Stop", "trail": "Trail"}


@require_GET
@entitled(PAPER)
def order(request: HttpRequest, order_id: int) -> HttpResponse:
    """Show one order."""
    return _order(request, own_order(request, order_id), {}, {})


def _order(
    request: HttpRequest, found: Order, given: Mapping[str, str], faults: Mapping[str, str]
) -> HttpResponse:
    reach = reach_of(request.user)
    body = payloads.whole_order(found, reach)
    fields = [
        {"name": name, "label": PRICES[name], "value": given.get(name, body[name]),
         "fault": faults.get(name, "")}
        for name in PRICES if name in KINDS[found.kind]
    ]  # fmt: skip
    context: dict[str, Any] = {
        "order": body,
        "group": group_payload(found, reach),
        "fields": fields,
        "given": {"quantity": body["quantity"], "time_in_force": found.time_in_force, **given},
        "new_intent": given.get("intent_id") or asking.new_intent_id(),
        "times": TIMES,
        "faults": faults,
        "fault": next((text for name, text in faults.items() if name not in _KNOWN), ""),
        "ended": found.state in FINAL,
        "cancellable": found.state not in FINAL and found.state != State.CANCEL_PENDING,
    }
    code = HTTPStatus.BAD_REQUEST if faults else HTTPStatus.OK
    return show(request, "order", context, status=code, args=[found.pk])


_KNOWN: Final = (*PRICES, "quantity", "time_in_force")


@require_POST
@entitled(PAPER)
def cancel(request: HttpRequest, order_id: int) -> HttpResponse:
    """Ask for an order's end and lead back to it."""
    after = asking.cancel(own_order(request, order_id), actor=actor_of(request))
    if after.state == State.CANCEL_PENDING:
        messages.info(request, "The cancel is asked for. The order ends when the broker says so.")
    elif after.state == State.CANCELED:
        messages.success(request, "The order is cancelled; it was never sent.")
    else:
        messages.info(request, f"Nothing was changed: it is {after.state}.")
    return _to(order_id)


@require_POST
@entitled(PAPER)
def replace(request: HttpRequest, order_id: int) -> HttpResponse:
    """Place an order with another quantity, price or time in the place of this one."""
    found = own_order(request, order_id)
    names = ("intent_id", "quantity", "time_in_force", *PRICES)
    given = {name: request.POST.get(name, "")[:80].replace("\x00", "") for name in names}
    try:
        changes: dict[str, Any] = {
            name: number(name, given[name]) for name in ("quantity", *PRICES) if given[name].strip()
        }
        if given["time_in_force"]:
            changes["time_in_force"] = given["time_in_force"]
        intent = asking.changed(
            found, changes, intent_id=given["intent_id"] or asking.new_intent_id(), origin="user"
        )
        placed = asking.replace(found, intent, actor=actor_of(request))
    except LedgerError as error:
        return _order(request, found, given, {error.field: str(error)})
    tell(request, placed)
    return _to(placed.order.pk)


def tell(request: HttpRequest, placed: Placed) -> None:
    """Say what became of an order that was placed."""
    if placed.order.state == State.REJECTED:
        said = payloads.decision_payload(placed.decision, reach_of(request.user))
        messages.error(request, f"Refused: {said['text']}")
    else:
        messages.success(request, "The order is placed. It is sent as soon as its broker is ready.")


def _to(order_id: int) -> HttpResponse:
    return HttpResponseRedirect(reverse("trading:order", args=[order_id]))
