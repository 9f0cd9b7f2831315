"""What the pages of trading share: what is one's own, the filter in the address, whole or parts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.functional import SimpleLazyObject

from accounts import second_factor
from accounts.visitors import person
from market.clock import NEW_YORK
from trading.desk import reading
from trading.desk.reading import Filter
from trading.models import Account, Order
from trading.orders.telling import channel_of
from trading.risk.services import UNPROVED

SHOWN: Final = 50
_MOST_DIGITS: Final = 18
_LONGEST: Final = 32
DAYS: Final = (
    ("1", "Last day"),
    ("7", "Last 7 days"),
    ("30", "Last 30 days"),
    ("365", "Last year"),
)


def show(
    request: HttpRequest,
    name: str,
    context: Mapping[str, Any],
    *,
    status: int = HTTPStatus.OK,
    args: Sequence[Any] = (),
) -> HttpResponse:
    """Render a page of trading; htmx gets the parts that change by themselves.

    A page `x` is `trading/x.html`, what changes of it `trading/x_parts.html`, and its address
    `trading:x` with `args`. A form that is refused is answered from an address that takes forms
    alone, so nothing on the page leads to where it was asked for.
    """
    user = person(request)
    htmx: Any = getattr(request, "htmx", None)
    parts = bool(htmx) and not htmx.history_restore_request
    here = reverse(f"trading:{name}", args=args)
    again = request.get_full_path() if request.path == here else here
    whole = {
        "page": "trading", "tab": name, "channel": channel_of(user.pk), "here": here,
        "again": again, "parts": parts, "unproved": UNPROVED,
        "prove": SimpleLazyObject(lambda: second_factor.page_for(request, here)),
    }  # fmt: skip
    template = f"trading/{name}_parts.html" if parts else f"trading/{name}.html"
    response = render(request, template, {**whole, **context}, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def own_account(request: HttpRequest, account_id: int) -> Account:
    """Return an account of the visitor; another's is as if it did not exist."""
    found = reading.own_account(person(request).pk, account_id)
    if found is None:
        raise Http404
    return found


def own_order(request: HttpRequest, order_id: int) -> Order:
    """Return an order of the visitor; another's is as if it did not exist."""
    found = reading.own_order(person(request).pk, order_id)
    if found is None:
        raise Http404
    return found


def actor_of(request: HttpRequest) -> str:
    """Return the visitor as the books name people."""
    return f"user {person(request).pk}"


def whole(request: HttpRequest, name: str) -> int | None:
    """Return a number of the address, None when it is left out or none."""
    text = request.GET.get(name, "")
    plain = text.isascii() and text.isdecimal() and 0 < len(text) <= _MOST_DIGITS
    return int(text) if plain else None


def text(request: HttpRequest, name: str) -> str:
    """Return a short text of the address."""
    return request.GET.get(name, "")[:_LONGEST].replace("\x00", "").strip()


def filter_of(request: HttpRequest, now: dt.datetime) -> Filter:
    """Return the filter in the address; what cannot be meant asks for everything."""
    state, side, days = text(request, "state"), text(request, "side"), text(request, "days")
    lately = None
    if days in dict(DAYS):
        midnight = dt.datetime.combine(now.astimezone(NEW_YORK), dt.time(), NEW_YORK)
        lately = midnight - dt.timedelta(days=int(days) - 1)
    return Filter(
        account=whole(request, "account"),
        symbol=text(request, "symbol").upper(),
        state=state if state in reading.GROUPS else "",
        side=side if side in ("buy", "sell") else "",
        lately=lately,
    )


def query(request: HttpRequest, *names: str) -> str:
    """Return the filter of the address for another one."""
    given = {name: text(request, name) for name in names}
    return urlencode({name: value for name, value in given.items() if value})
