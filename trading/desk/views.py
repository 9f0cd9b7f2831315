"""Pages of accounts: all of them, opening one, and one with its books and its standing."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts import second_factor
from accounts.entitlements import limits_of
from accounts.visitors import person
from market.reach import reach_of
from record.access import entitled
from trading.desk import opening, payloads, reading
from trading.desk.marks import Marks
from trading.desk.pages import actor_of, own_account, show
from trading.desk.reading import Filter
from trading.desk.rest import PAPER
from trading.execution import services as execution
from trading.execution.selectors import state_of
from trading.execution.states import Standing
from trading.ledger.book import LedgerError, fits
from trading.models import Account, BrokerConnection, RiskProfile
from trading.risk import services as risk
from trading.risk.gather import RISKS

EMPTY: Final = {"name": "", "cash": "100000", "market": "", "method": Account.Method.FIFO.value}
RECENT: Final = 10
ARMING: Final = {"arm": Standing.ARMED, "go_on": Standing.RECONCILING, "disable": Standing.DISABLED}
"""What an owner may ask of an account's standing."""


@require_GET
@entitled(PAPER)
def home(request: HttpRequest) -> HttpResponse:
    """Show all accounts of the visitor, and the form that opens one on paper."""
    return _home(request, EMPTY, {})


def _home(
    request: HttpRequest, given: Mapping[str, str], faults: Mapping[str, str]
) -> HttpResponse:
    user = person(request)
    marks = Marks(reach_of(user))
    rows = payloads.account_payloads(reading.accounts_of(user.pk), marks)
    context = {
        "accounts": rows,
        "used": sum(row["broker"] == "paper" for row in rows),
        "most": limits_of(user).paper_accounts,
        "markets": opening.markets(user),
        "methods": Account.Method.choices,
        "alerts": reading.alerts(user.pk),
        "given": given,
        "faults": faults,
    }
    code = HTTPStatus.BAD_REQUEST if faults else HTTPStatus.OK
    return show(request, "home", context, status=code)


@require_POST
@entitled(PAPER)
def open_account(request: HttpRequest) -> HttpResponse:
    """Open a paper account and lead to its page."""
    given = {name: request.POST.get(name, "")[:80].replace("\x00", "") for name in EMPTY}
    try:
        if given["method"] not in Account.Method.values:
            raise LedgerError("method", "Choose one of the two.")
        account = opening.open_armed(
            person(request), name=given["name"], cash=number("cash", given["cash"]),
            market=given["market"], method=given["method"],
        )  # fmt: skip
    except LedgerError as error:
        return _home(request, given, {error.field: str(error)})
    messages.success(request, f"{account.name} is open. It trades as soon as it is reconciled.")
    return HttpResponseRedirect(reverse("trading:account", args=[account.pk]))


def number(field: str, text: str) -> Decimal:
    """Return what was typed as a number; LedgerError when it is none."""
    try:
        found = Decimal(text.strip().replace(",", ""))
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise LedgerError(field, "Give a number, such as 1250.50.")
    fits(field, found)
    return found


@require_GET
@entitled(PAPER)
def account(request: HttpRequest, account_id: int) -> HttpResponse:
    """Show an account: its worth, what it holds, its open orders and its newest fills."""
    return _account(request, own_account(request, account_id), "")


def _account(request: HttpRequest, found: Account, fault: str) -> HttpResponse:
    user = person(request)
    marks = Marks(reach_of(user))
    working = reading.orders(user.pk, Filter(account=found.pk, state="open"))
    context = {
        "account": payloads.account_payload(found, marks),
        "positions": payloads.position_payloads([found], marks),
        "orders": [payloads.order_payload(one, marks.reach) for one in working[:RECENT]],
        "fills": payloads.fill_payloads(
            list(reading.fills(user.pk, Filter(account=found.pk))[:RECENT])
        ),
        "alerts": reading.alerts(user.pk, found.pk),
        "profile": RiskProfile.objects.filter(account=found).first(),
        "risks": RISKS,
        "connection": BrokerConnection.objects.filter(account=found).first(),
        "fault": fault,
        "seen": request.GET.get("seen", ""),
    }
    code = HTTPStatus.BAD_REQUEST if fault else HTTPStatus.OK
    return show(request, "account", context, status=code, args=[found.pk])


@require_POST
@entitled(PAPER)
def agree(request: HttpRequest, account_id: int) -> HttpResponse:
    """Allow market orders, or accept the risks of live trading, or take either back.

    What lets more pass asks for a second factor within the last minutes.
    """
    found, who = own_account(request, account_id), actor_of(request)
    what, proved = request.POST.get("what", ""), second_factor.proved_at(request)
    try:
        if what in ("market_on", "market_off"):
            risk.allow_market_orders(
                found.pk, allowed=what == "market_on", actor=who, proved_at=proved
            )
        elif what == "accept" and found.mode == Account.Mode.LIVE:
            risk.accept_risks(
                found.pk, request.POST.get("version", ""), actor=who, proved_at=proved
            )
        elif what == "withdraw":
            risk.withdraw_consent(found.pk, actor=who)
        else:
            raise LedgerError("what", "Choose what to change.")
    except LedgerError as error:
        return _account(request, found, str(error))
    messages.success(request, "It is noted, and holds from the next order on.")
    return HttpResponseRedirect(reverse("trading:account", args=[found.pk]))


@require_POST
@entitled(PAPER)
def standing(request: HttpRequest, account_id: int) -> HttpResponse:
    """Arm an account, let a halted one reconcile and go on, or disable it.

    Real money starts and goes on by a second factor within the last minutes.
    """
    found = own_account(request, account_id)
    wanted = ARMING.get(request.POST.get("to", ""))
    reason = request.POST.get("reason", "")[:200].replace("\x00", "").strip()
    if wanted is None:
        return _account(request, found, "Choose what to do with the account.")
    who, now = actor_of(request), state_of(found.pk).state
    if wanted != Standing.DISABLED and request.POST.get("seen", now.value) != now.value:
        return _account(request, found, "It stands otherwise than the page showed. Look again.")
    try:
        if found.mode == Account.Mode.LIVE and wanted != Standing.DISABLED:
            risk.may_raise("to", who, second_factor.proved_at(request))
        execution.step(found.pk, wanted, actor=who, reason=reason)
    except LedgerError as error:
        return _account(request, found, str(error))
    messages.success(request, f"{found.name} is {wanted.value} now.")
    return HttpResponseRedirect(reverse("trading:account", args=[found.pk]))
