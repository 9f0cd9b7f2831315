"""The page of broker connections: accounts at brokers, keys given once, tested, never shown."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_GET, require_POST

from accounts import second_factor
from accounts.keys import rates
from accounts.visitors import person
from record.access import entitled
from trading.brokers import connections
from trading.brokers.catalogue import OFFERS
from trading.brokers.models import BrokerConnection
from trading.desk import reading
from trading.desk.pages import actor_of, own_account, show
from trading.desk.rest import LIVE, PAPER
from trading.ledger.book import LedgerError
from trading.models import Account
from trading.risk import services as risk

TOO_MANY: Final = "You tried often. Wait a minute, then try again."
_TRIES: Final = rates.Policy("broker", "Trying a broker's keys", a_minute=6, burst=10)
_SIMULATED: Final = "paper"
"""The broker of accounts that are filled here."""


@require_GET
@entitled(LIVE)
def overview(request: HttpRequest) -> HttpResponse:
    """Show the visitor's accounts at brokers with what connects them."""
    return _overview(request, {}, {})


def _overview(
    request: HttpRequest, given: Mapping[str, str], faults: Mapping[str, str]
) -> HttpResponse:
    rows = reading.accounts_of(person(request).pk).exclude(broker=_SIMULATED)
    kept = {one.account_id: one for one in BrokerConnection.objects.filter(account__in=rows)}
    context = {
        "rows": [
            {"account": one, "offer": OFFERS.get(one.broker), "connection": kept.get(one.pk),
             "faults": _of(one, faults)}
            for one in rows
        ],
        "offers": OFFERS.values(),
        "given": given,
        "faults": faults,
    }  # fmt: skip
    code = HTTPStatus.BAD_REQUEST if faults else HTTPStatus.OK
    return show(request, "connections", context, status=code)


def _of(account: Account, faults: Mapping[str, str]) -> dict[str, str]:
    mark = f"{account.pk}/"
    return {name.removeprefix(mark): text for name, text in faults.items() if name.startswith(mark)}


@require_POST
@entitled(LIVE)
def create(request: HttpRequest) -> HttpResponse:
    """Make an account at a broker. It has no keys yet and trades nothing."""
    user = person(request)
    given = {name: request.POST.get(name, "")[:80].replace("\x00", "").strip()
             for name in ("name", "broker", "mode")}  # fmt: skip
    try:
        connections.open_account(user, **given)
    except LedgerError as error:
        return _overview(request, given, {error.field: str(error)})
    messages.success(request, "The account is made. Give its keys to connect it.")
    return _back()


@sensitive_variables("key", "secret")
@sensitive_post_parameters("key", "secret")
@require_POST
@entitled(LIVE)
def save(request: HttpRequest, account_id: int) -> HttpResponse:
    """Try keys at the broker and keep them, encrypted; nothing of them is shown again."""
    found = own_account(request, account_id)
    if not _may_try(request):
        return _overview(request, {}, {f"{found.pk}/secret": TOO_MANY})
    key, secret = request.POST.get("key", ""), request.POST.get("secret", "")
    try:
        if found.mode == Account.Mode.LIVE:  # orders of this account would go to these keys' owner
            risk.may_raise("secret", actor_of(request), second_factor.proved_at(request))
        connections.save(found, key=key, secret=secret, actor=actor_of(request))
    except LedgerError as error:
        return _overview(request, {}, {f"{found.pk}/{error.field}": str(error)})
    messages.success(request, f"{found.name} is connected: the broker took the keys.")
    return _back()


@require_POST
@entitled(LIVE)
def test(request: HttpRequest, account_id: int) -> HttpResponse:
    """Ask the broker again with the keys that are kept."""
    found = own_account(request, account_id)
    if not BrokerConnection.objects.filter(account=found).exists():
        return _overview(request, {}, {f"{found.pk}/key": "It is not connected; give its keys."})
    if not _may_try(request):
        return _overview(request, {}, {f"{found.pk}/key": TOO_MANY})
    one = connections.check(found)
    if one.state == BrokerConnection.State.WORKING:
        messages.success(
            request, f"{found.name}: the broker answers.{f' {one.why}' * bool(one.why)}"
        )
    else:
        messages.error(request, f"{found.name}: {one.why}")
    return _back()


@require_POST
@entitled(PAPER)
def remove(request: HttpRequest, account_id: int) -> HttpResponse:
    """Forget the keys of an account, whatever its owner's plan is by now."""
    found = own_account(request, account_id)
    try:
        connections.remove(found, actor=actor_of(request))
    except LedgerError as error:
        messages.error(request, f"The keys of {found.name} are kept: {error}")
    else:
        messages.success(request, f"The keys of {found.name} are gone.")
    return HttpResponseRedirect(reverse("trading:account", args=[found.pk]))


def _may_try(request: HttpRequest) -> bool:
    """Return whether somebody may have a broker asked once more.

    Each try keeps a request for seconds, and a broker that is made to guess shuts this house out.
    """
    return rates.take(f"broker:{person(request).pk}", _TRIES).allowed


def _back() -> HttpResponse:
    return HttpResponseRedirect(reverse("trading:connections"))
