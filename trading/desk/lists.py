"""Pages of orders, positions, trade history and the ledger, and their CSV files."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts.visitors import person
from market.reach import reach_of
from pulse.sheets import Echo, cell
from record.access import entitled
from trading.desk import payloads, reading
from trading.desk.marks import Marks
from trading.desk.pages import DAYS, SHOWN, filter_of, query, show, text, whole
from trading.desk.rest import PAPER
from trading.models import Account, JournalEntry

STATES: Final = (("open", "Open"), ("filled", "Filled"), ("ended", "Ended"),
                 ("rejected", "Rejected"))  # fmt: skip
SIDES: Final = (("buy", "Bought"), ("sell", "Sold"))
ORDER_FILTERS: Final = ("account", "state", "symbol", "days")
FILL_FILTERS: Final = ("account", "side", "symbol", "days")
LEDGER_FILTERS: Final = ("account", "kind")
_CHUNK: Final = 500


def _filters(request: HttpRequest, *names: str) -> dict[str, Any]:
    """Return what a filter form shows, and the address of the same filter."""
    chosen = {name: text(request, name) for name in names}
    return {
        "accounts": list(reading.accounts_of(person(request).pk)),
        "chosen": chosen,
        "filtered": any(chosen.values()),
        "query": query(request, *names),
        "days": DAYS,
    }


def _page(rows: Any, before: int | None) -> tuple[list[Any], dict[str, Any]]:
    """Return a page of rows that are ordered by falling ids, and where the older ones are."""
    count = rows.count()
    found = list((rows if before is None else rows.filter(pk__lt=before))[: SHOWN + 1])
    shown = found[:SHOWN]
    older = shown[-1].pk if len(found) > SHOWN else None
    return shown, {"count": count, "older": older, "newer": before is not None}


@require_GET
@entitled(PAPER)
def orders(request: HttpRequest) -> HttpResponse:
    """Show orders by filter, newest first."""
    rows = reading.orders(person(request).pk, filter_of(request, timezone.now()))
    shown, place = _page(rows, whole(request, "before"))
    reach = reach_of(request.user)
    bodies = [payloads.order_payload(one, reach) for one in shown]
    context = {"orders": bodies, "states": STATES, **place}
    return show(request, "orders", {**_filters(request, *ORDER_FILTERS), **context})


@require_GET
@entitled(PAPER)
def history(request: HttpRequest) -> HttpResponse:
    """Show fills by filter, newest first, each with why it had its price."""
    rows = reading.fills(person(request).pk, filter_of(request, timezone.now()))
    shown, place = _page(rows, whole(request, "before"))
    context = {"fills": payloads.fill_payloads(shown), "sides": SIDES, **place}
    return show(request, "history", {**_filters(request, *FILL_FILTERS), **context})


@require_GET
@entitled(PAPER)
def positions(request: HttpRequest) -> HttpResponse:
    """Show what the accounts hold."""
    user = person(request)
    everything = list(reading.accounts_of(user.pk))
    named = whole(request, "account")
    rows = [one for one in everything if named is None or one.pk == named]
    marks = Marks(reach_of(user))
    held: dict[int, list[payloads.Payload]] = {one.pk: [] for one in rows}
    for line in payloads.position_payloads(rows, marks):
        held[line["account"]].append(line)
    books = [
        {"account": one, "rows": held[one.pk], "body": body}
        for one, body in zip(rows, payloads.account_payloads(rows, marks), strict=True)
    ]
    context = {"books": [book for book in books if book["rows"]], **_filters(request, "account")}
    return show(request, "positions", context)


@require_GET
@entitled(PAPER)
def ledger(request: HttpRequest) -> HttpResponse:
    """Show the journal of an account: what happened, its postings, and the cash after it."""
    given = _filters(request, *LEDGER_FILTERS)
    account = _ledger_account(request, given["accounts"])
    context: dict[str, Any] = {"account": None, "lines": [], "kinds": JournalEntry.Kind.choices}
    if account is not None:
        rows = _entries(request, account)
        shown, place = _page(rows, whole(request, "before"))
        lines = reading.with_cash(account, shown)
        body = payloads.account_payload(account, Marks(reach_of(person(request))))
        context |= {
            "account": body,
            "lines": [payloads.line_payload(one) for one in lines],
            **place,
        }
        given["chosen"]["account"] = str(account.pk)
    given["filtered"] = bool(given["chosen"]["kind"])
    return show(request, "ledger", {**given, **context})


def _ledger_account(request: HttpRequest, accounts: Sequence[Account]) -> Account | None:
    named = whole(request, "account")
    chosen = [one for one in accounts if one.pk == named]
    return next(iter(chosen or accounts), None)


def _entries(request: HttpRequest, account: Account) -> Any:
    """Return the entries that are asked for; without a wish those that are more than holds."""
    kind = text(request, "kind")
    known = kind in JournalEntry.Kind.values
    return reading.entries(account, kind if known else "", holds=kind == "all")


# --- files --------------------------------------------------------------------------------------
def lines_of(head: Sequence[str], rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of a CSV file: the named values of each row."""
    writer = csv.writer(Echo())
    yield writer.writerow(head)
    for row in rows:
        yield writer.writerow([cell(row[name]) for name in head])


def _file(name: str, head: Sequence[str], rows: Iterable[dict[str, Any]]) -> HttpResponseBase:
    response = StreamingHttpResponse(lines_of(head, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def _chunks(rows: Any) -> Iterator[list[Any]]:
    """Yield rows that are ordered by falling ids, some hundred at a time."""
    before: int | None = None
    while chunk := list((rows if before is None else rows.filter(pk__lt=before))[:_CHUNK]):
        yield chunk
        before = chunk[-1].pk


ORDER_HEAD: Final = ("id", "account", "created", "state", "kind", "time_in_force", "quantity",
                     "filled_quantity", "limit_price", "stop_price", "trail", "average_price",
                     "instruments", "reason", "origin")  # fmt: skip
FILL_HEAD: Final = ("id", "account", "order", "at", "clock", "symbol", "quantity", "price",
                    "multiplier", "fee", "cash", "source", "execution_id", "entry", "late",
                    "reason")  # fmt: skip
LEDGER_HEAD: Final = ("seq", "at", "clock", "kind", "source", "external_id", "reason", "change",
                      "cash", "lines")  # fmt: skip


@require_GET
@entitled(PAPER)
def orders_csv(request: HttpRequest) -> HttpResponseBase:
    """Return the orders of the current filter as CSV."""
    rows = reading.orders(person(request).pk, filter_of(request, timezone.now()))
    reach = reach_of(request.user)
    bodies = (payloads.order_payload(one, reach) for chunk in _chunks(rows) for one in chunk)
    told = (
        {**body, "instruments": " ".join(f"{leg['ratio']}x{leg['symbol']}" for leg in body["legs"])}
        for body in bodies
    )
    return _file("orders", ORDER_HEAD, told)


@require_GET
@entitled(PAPER)
def history_csv(request: HttpRequest) -> HttpResponseBase:
    """Return the fills of the current filter as CSV."""
    rows = reading.fills(person(request).pk, filter_of(request, timezone.now()))
    told = (body for chunk in _chunks(rows) for body in payloads.fill_payloads(chunk))
    return _file("trades", FILL_HEAD, told)


@require_GET
@entitled(PAPER)
def ledger_csv(request: HttpRequest) -> HttpResponseBase:
    """Return the journal of an account by the current filter as CSV."""
    account = _ledger_account(request, list(reading.accounts_of(person(request).pk)))
    if account is None:
        return _file("ledger", LEDGER_HEAD, ())
    told = (
        {**body, "lines": _postings(body)}
        for chunk in _chunks(_entries(request, account))
        for body in map(payloads.line_payload, reading.with_cash(account, chunk))
    )
    return _file(f"ledger-{account.pk}", LEDGER_HEAD, told)


def _postings(body: dict[str, Any]) -> str:
    return "; ".join(f"{row['side']} {row['amount']} {row['unit']}" for row in body["postings"])
