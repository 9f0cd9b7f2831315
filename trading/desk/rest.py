"""What the REST views of trading share: gates by method, what is one's own, refusals."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.http import Http404
from rest_framework.exceptions import APIException, PermissionDenied, ValidationError
from rest_framework.request import Request

from accounts.keys.verifying import Grant
from record.access import TRADE
from record.rest import HEADER
from trading.brokers.paper.refusals import PaperLimitError
from trading.desk import asking, reading
from trading.desk.reading import Filter
from trading.ledger.book import LedgerError
from trading.models import Account, Order
from trading.orders.machine import State

PAPER: Final = "trading.paper"
LIVE: Final = "trading.live"
NO_ACCOUNT: Final = "You have no such account."
STATES: Final = (*reading.GROUPS, *(one.value for one in State))
_MOST_DIGITS: Final = 18


class TradingMixin:
    """Lets the gates see what a view needs. Stands before APIView in the bases.

    Accounts, paper or live, are read and stopped by whoever owns them, whatever the plan is now;
    what needs live trading is refused by the risk gate. Writing needs a key with `trade`.
    """

    entitlement = PAPER
    key_scope = TRADE


class BeyondPlan(APIException):
    """A larger plan carries more: 403."""

    status_code = 403
    default_code = "plan_required"


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what the core refuses into problems that name the field."""
    try:
        yield
    except PaperLimitError as error:
        raise BeyondPlan(str(error)) from error
    except LedgerError as error:
        raise ValidationError(nested(error.field, str(error))) from error


def nested(path: str, text: str) -> dict[str, Any]:
    """Return a fault by `a/0/b` as REST framework nests it, so that a problem names its path."""
    found: Any = [text]
    for part in reversed(path.split("/")):
        found = {part: found}
    return dict(found)


def own_account_or_404(request: Request, account_id: int) -> Account:
    """Return an account of the caller; another's is as if it did not exist."""
    found = reading.own_account(request.user.pk, account_id)
    if found is None:
        raise Http404
    return found


def own_order_or_404(request: Request, order_id: int) -> Order:
    """Return an order of the caller; another's is as if it did not exist."""
    found = reading.own_order(request.user.pk, order_id)
    if found is None:
        raise Http404
    return found


def order_to_change_or_404(request: Request, order_id: int) -> Order:
    """Return an order of the caller to be changed: a key of one bot touches that bot's alone."""
    found = own_order_or_404(request, order_id)
    grant = request.auth
    if isinstance(grant, Grant) and grant.bot is not None and found.origin != origin(request):
        raise PermissionDenied(f"This key acts for bot {grant.bot} alone; the order is another's.")
    return found


def named_account(request: Request, account_id: int) -> Account:
    """Return the account that a body names; another's is as if it did not exist."""
    found = reading.own_account(request.user.pk, account_id)
    if found is None:
        raise ValidationError({"account": [NO_ACCOUNT]})
    return found


def actor(request: Request) -> str:
    """Return who acts, as the books name them: a key is no person."""
    grant = request.auth
    return f"key {grant.key_id}" if isinstance(grant, Grant) else f"user {request.user.pk}"


def origin(request: Request) -> str:
    """Return where an order comes from: a key of one bot acts for that bot."""
    grant = request.auth
    if not isinstance(grant, Grant):
        return "user"
    return f"bot:{grant.bot}" if grant.bot is not None else f"key:{grant.key_id}"


def intent_id(request: Request, given: str) -> str:
    """Return the id of what is wanted: as given, else of the Idempotency-Key, else a new one."""
    key = request.headers.get(HEADER)
    if given:
        return given
    return asking.new_intent_id() if key is None else asking.intent_id_of(key)


def asked(request: Request) -> Filter:
    """Return the filter of a list's query."""
    return Filter(
        account=whole(request, "account"),
        symbol=_text(request, "symbol").upper(),
        state=_one_of(request, "state", STATES),
        side=_one_of(request, "side", ("buy", "sell")),
        since=_instant(request, "since"),
        until=_instant(request, "until"),
    )


def whole(request: Request, name: str) -> int | None:
    """Return a query parameter as a whole number, None when it is left out."""
    text = request.query_params.get(name)
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
        raise ValidationError({name: ["Give a whole number."]})
    return int(text)


def _text(request: Request, name: str) -> str:
    value = request.query_params.get(name, "")
    if "\0" in value:
        raise ValidationError({name: ["Give text without null characters."]})
    return value


def _one_of(request: Request, name: str, known: tuple[str, ...]) -> str:
    value = request.query_params.get(name, "")
    if value and value not in known:
        raise ValidationError({name: [f"Give one of {', '.join(known)}."]})
    return value


def _instant(request: Request, name: str) -> dt.datetime | None:
    from market.api import instant

    return instant(request, name)
