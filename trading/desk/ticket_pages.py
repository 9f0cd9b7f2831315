"""The page of the order ticket: what is wanted, what the gate will say, and sending it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from accounts.visitors import person
from market.clock import NEW_YORK
from market.reach import reach_of
from record.access import entitled
from trading.brokers.paper.models import PaperAccount
from trading.desk import asking, payloads, preview, reading, ticket
from trading.desk.bracket import orders_of
from trading.desk.marks import Marks
from trading.desk.order_pages import tell
from trading.desk.pages import actor_of, show
from trading.desk.rest import NO_ACCOUNT, PAPER
from trading.desk.ticket import Ticket
from trading.ledger.book import LedgerError
from trading.models import Account
from trading.orders import ticks
from trading.orders.intents import KINDS, TIMES, Intent, Leg

_NEAR: Final = 40
"""Strikes that are offered around the spot."""


@require_GET
@entitled(PAPER)
def form(request: HttpRequest) -> HttpResponse:
    """Show the ticket; htmx gets the preview alone."""
    asked = ticket.read(request.GET)
    account = _account(request, asked)
    marks = Marks(reach_of(request.user)).seen_by(account)
    typed = asked.fields["underlying"]
    if account is not None and not asked.fields["underlying"]:
        asked.fields["underlying"] = _underlying(account)
    name = asked.fields["underlying"]
    drawn = request.GET.get("drawn", name)
    moved = drawn != name and bool(typed)
    if moved:
        asked = ticket.moved(asked, drawn, marks, _today(name, marks))
    shape = request.GET.get("shape", "")
    if shape in ticket.shapes_of(name) and account is not None:
        asked = ticket.shaped(shape, asked, marks, _today(name, marks))
        _price(asked, marks)
    return _form(request, asked, account, marks, {}, moved=moved)


def _account(request: HttpRequest, asked: Ticket) -> Account | None:
    rows = reading.accounts_of(person(request).pk)
    named = asked.fields["account"]
    found = rows.filter(pk=int(named)).first() if named.isdecimal() and len(named) < 19 else None
    account = found or rows.first()
    asked.fields["account"] = "" if account is None else str(account.pk)
    return account


def _underlying(account: Account) -> str:
    """Return what an account on paper trades; a live one's owner says it."""
    symbol = PaperAccount.objects.filter(pk=account.pk).values_list("symbol", flat=True).first()
    return symbol or ""


def _today(name: str, marks: Marks) -> dt.date:
    """Return the day of an underlying's market, which may be one that is played."""
    return (marks.of(name).at or timezone.now()).astimezone(NEW_YORK).date()


def _price(asked: Ticket, marks: Marks) -> None:
    """Propose the middle as the limit."""
    try:
        legs = asking.legs_of(ticket.wanted(asked, marks)["legs"], marks)
    except LedgerError:
        return
    asked.fields["limit_price"] = _middle(legs, preview.net(legs, marks)[0])


def _middle(legs: tuple[Leg, ...], middle: Decimal | None) -> str:
    """Return the middle as a limit that may be sent, "" without one."""
    return "" if middle is None else f"{ticks.nearest(legs, middle):f}"


def _form(
    request: HttpRequest,
    asked: Ticket,
    account: Account | None,
    marks: Marks,
    faults: Mapping[str, str],
    *,
    moved: bool = False,
) -> HttpResponse:
    user = person(request)
    name = asked.fields["underlying"]
    asked.fields["intent_id"] = asked.fields["intent_id"] or asking.new_intent_id()
    ladder = ticket.strikes_of(marks.listed(name)) if name else {}
    spot = marks.spot(name) if name else None
    looked = {} if account is None or not asked.filled else _look(asked, account, marks)
    found = looked.pop("faults", {})
    shown = {**found, **faults} if faults or _sent(request) else {}
    context = {
        "accounts": payloads.account_payloads(reading.accounts_of(user.pk), marks),
        "account": account,
        "ticket": asked.fields,
        "legs": [
            {**leg, "place": place, "fault": _fault_of(place, shown)}
            for place, leg in enumerate(asked.legs)
        ],
        "expiries": list(ladder),
        "strikes": _near(sorted({one for row in ladder.values() for one in row}), spot),
        "spot": payloads.amount(spot),
        "shapes": ticket.shapes_of(name),
        "moved": moved,
        "kinds": KINDS,
        "times": TIMES,
        "faults": shown,
        "other_fault": next(
            (text for field, text in shown.items() if field not in _SHOWN_AT_A_FIELD
             and not field.startswith("legs/")), "",
        ),
        "prices": [
            {"name": one, "label": label, "value": asked.fields[one], "fault": shown.get(one, "")}
            for one, label in (("limit_price", "Limit"), ("stop_price", "Stop"), ("trail", "Trail"))
        ],
        "exits": ticket.EXITS,
        "exit_prices": [
            {"name": one, "label": label, "kinds": kinds, "value": asked.fields[one],
             "fault": shown.get(one, "")}
            for one, label, kinds in _EXIT_PRICES
        ],
        **looked,
    }  # fmt: skip
    code = HTTPStatus.BAD_REQUEST if faults else HTTPStatus.OK
    return show(request, "ticket", context, status=code)


_EXIT_PRICES: Final = (("take_profit", "Take profit", "bracket"),
                       ("stop_loss", "Stop loss", "bracket oco"),
                       ("stop_trail", "or a stop that trails by", "bracket oco"))  # fmt: skip
"""Fields of exits, with the kinds that have them."""
_SHOWN_AT_A_FIELD: Final = ("quantity", "limit_price", "stop_price", "trail", "account",
                            "underlying", "kind", "time_in_force", "exits", "take_profit",
                            "stop_loss", "stop_trail")  # fmt: skip


def _sent(request: HttpRequest) -> bool:
    """Return whether the form was filled in, rather than opened."""
    return "side0" in request.GET


def _fault_of(place: int, faults: Mapping[str, str]) -> dict[str, str]:
    mark = f"legs/{place}/"
    return {
        field.removeprefix(mark): text for field, text in faults.items() if field.startswith(mark)
    }


def _near(strikes: list[Decimal], spot: Decimal | None) -> list[str]:
    if spot is not None:
        strikes = sorted(strikes, key=lambda one: abs(one - spot))[: 2 * _NEAR]
    return [f"{one:f}" for one in sorted(strikes)]


def _intent(asked: Ticket, marks: Marks) -> Intent:
    return asking.intent_of(
        ticket.wanted(asked, marks), intent_id=asked.fields["intent_id"], origin="user",
        marks=marks,
    )  # fmt: skip


def _look(asked: Ticket, account: Account, marks: Marks) -> dict[str, Any]:
    """Return what is known of the order before it is sent; faults of what is no order yet."""
    try:
        intent = _intent(asked, marks)
        if (exits := ticket.exits(asked)) is not None:
            orders_of(intent, exits)
        told = preview.preview(account, intent, marks.reach)
        unknown = [one["rule"] for one in told["refusals"][1:] if not one["known"]]
    except LedgerError as error:
        return {"faults": {ticket.field_of(error.field): str(error)}, "unready": str(error)}
    middle, far = preview.net(intent.legs, marks)
    price = intent.limit_price if intent.limit_price is not None else middle
    spot = marks.spot(asked.fields["underlying"])
    ends = None if price is None else preview.ending(intent, price)
    return {
        "preview": told,
        # Where the market is not known most rules say so: the first one stands for them.
        "refusals": [one for one in told["refusals"] if one["rule"] not in unknown],
        "unknown": unknown,
        "middle": payloads.amount(middle),
        "limit_at_middle": "" if intent.limit_price is None else _middle(intent.legs, middle),
        "far": payloads.amount(far),
        "several": len(intent.legs) > 1,
        "delayed_s": marks.of(asked.fields["underlying"]).delayed_s,
        "ending": None if ends is None else preview.ending_payload(ends, spot),
        "bends": sorted({float(part[0]) for part in ends.points[1:-1]}) if ends else [],
        "options": any(leg["right"] != "share" for _, leg in asked.filled),
    }


@require_POST
@entitled(PAPER)
def send(request: HttpRequest) -> HttpResponse:
    """Place the order of the ticket, once however often it is sent, and lead to its page."""
    asked = ticket.read(request.POST)
    named = asked.fields["account"]
    account = _account(request, asked)
    marks = Marks(reach_of(request.user)).seen_by(account)
    try:
        if account is None or str(account.pk) != named:
            raise LedgerError("account", NO_ACCOUNT)
        placed = asking.place(
            account, _intent(asked, marks), actor=actor_of(request), exits=ticket.exits(asked)
        )
    except LedgerError as error:
        return _form(request, asked, account, marks, {ticket.field_of(error.field): str(error)})
    tell(request, placed)
    return HttpResponseRedirect(reverse("trading:order", args=[placed.order.pk]))
