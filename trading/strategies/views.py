"""Pages of strategies: one's own, the form that makes one, and one with all that it decided."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_GET, require_POST

from accounts.entitlements import limits_of
from accounts.models import User
from accounts.visitors import person
from market.reach import Reach, reach_of
from record.access import entitled
from tools_app.registry import catalogue
from trading.brokers.paper.services import open_paper_account
from trading.desk.opening import lasting_markets
from trading.ledger.book import LedgerError
from trading.models import PaperAccount, Strategy
from trading.strategies import forms, selectors, services
from trading.strategies.api import PAPER, STEPS
from trading.strategies.config import STRUCTURES, ConfigError

CASH: Final = Decimal(100_000)
"""Of an account that the form opens."""
SHOWN: Final = 40
SHOWN_TRADES: Final = 10


@require_GET
@entitled(PAPER)
def overview(request: HttpRequest) -> HttpResponse:
    """Show one's strategies, and the form that makes one."""
    return _overview(request, forms.INITIAL, [], {})


def _overview(
    request: HttpRequest, given: Mapping[str, str], tools: list[str], faults: Mapping[str, str]
) -> HttpResponse:
    user = person(request)
    reach = reach_of(user)
    rows = list(selectors.own(user))
    told = zip(rows, selectors.all_json(rows, reach), strict=True)
    used = sum(one.state != Strategy.State.ENDED for one in rows)
    opened = services.tools_of(user)
    context = {
        "page": "strategies",
        "rows": [{"strategy": one, **body} for one, body in told],
        "used": used,
        "most": limits_of(user).bots,
        "given": given,
        "fields": [{"field": one, "value": given[one.name], "fault": faults.get(one.name, "")}
                   for one in forms.FIELDS],
        "faults": faults,
        "structures": [(one.value, one.value.replace("_", " ")) for one in STRUCTURES],
        "tools": [tool for tool in catalogue() if tool.id in opened],
        "chosen": tools or [str(one) for one in sorted(opened)[:5]],
        "accounts": _accounts(user),
        "markets": lasting_markets(),
        "new": forms.NEW,
        "cash": CASH,
    }  # fmt: skip
    code = HTTPStatus.BAD_REQUEST if faults else HTTPStatus.OK
    return render(request, "strategies/home.html", context, status=code)


def _accounts(user: User) -> list[PaperAccount]:
    rows = PaperAccount.objects.filter(account__owner=user).select_related("account")
    return list(rows.order_by("account"))


@require_POST
@entitled(PAPER)
def create(request: HttpRequest) -> HttpResponse:
    """Make a paused strategy and lead to its page."""
    given = {name: request.POST.get(name, "")[:60] for name in forms.INITIAL}
    tools = request.POST.getlist("tools")[:60]
    user = person(request)
    try:
        with transaction.atomic():  # a strategy that cannot be leaves no account behind
            paper = _account(user, given)
            made, fresh = services.create(
                user, paper.pk, name=given["name"],
                given=forms.config_of(given, tools, paper.symbol),
            )  # fmt: skip
    except ConfigError as error:
        return _overview(request, given, tools, forms.faults_by_name(error.faults))
    except LedgerError as error:
        name = error.field if error.field in given else "whole"
        return _overview(request, given, tools, {name: str(error)})
    if not fresh:
        messages.info(request, "You have this strategy already, with this configuration.")
    return _to(made.pk)


def _account(user: User, given: Mapping[str, str]) -> PaperAccount:
    """Return the account that a form names, opened if it asks for a new one."""
    kind, _, key = given["account"].partition(":")
    if kind == forms.NEW:
        account = open_paper_account(user, name=given["name"], cash=CASH, market=key)
        return PaperAccount.objects.get(pk=account.pk)
    number = int(kind) if kind.isascii() and kind.isdecimal() and len(kind) < 19 else 0
    found = PaperAccount.objects.filter(pk=number, account__owner=user).first()
    if found is None:
        raise LedgerError("account", "Choose one of your paper accounts.")
    return found


def _own(request: HttpRequest, strategy_id: int) -> Strategy:
    """Return a strategy of the visitor; another's is as if it did not exist."""
    found = selectors.own(person(request)).filter(pk=strategy_id).first()
    if found is None:
        raise Http404
    return found


def _to(strategy_id: int) -> HttpResponse:
    return HttpResponseRedirect(reverse("strategies:strategy", args=[strategy_id]))


@require_GET
@entitled(PAPER)
def strategy(request: HttpRequest, strategy_id: int) -> HttpResponse:
    """Show one strategy; htmx gets the parts that change by themselves."""
    return _page(request, _own(request, strategy_id), None, "")


def _page(request: HttpRequest, found: Strategy, given: str | None, fault: str) -> HttpResponse:
    wanted = request.GET.get("taken", "")
    taken = {"yes": True, "no": False}.get(wanted)
    reach = reach_of(request.user)
    body = selectors.as_json(found, reach)
    rows = selectors.decisions(found, taken=taken)
    context = {
        "page": "strategies",
        "strategy": found,
        "body": body,
        "trades": selectors.trades_json(list(selectors.ended(found)[:SHOWN_TRADES]), reach),
        "decisions": [_decision(one, reach) for one in rows[:SHOWN]],
        "taken": wanted if taken is not None else "",
        "record_page": body["page"],
        "config": given or json.dumps(body["config"], indent=2),
        "fault": fault,
        "here": reverse("strategies:strategy", args=[found.pk]),
    }
    parts = bool(getattr(request, "htmx", False))
    template = "strategies/now.html" if parts else "strategies/strategy.html"
    code = HTTPStatus.BAD_REQUEST if fault else HTTPStatus.OK
    response = render(request, template, context, status=code)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _decision(one: Any, reach: Reach) -> dict[str, Any]:
    return {**selectors.decision_json(one, reach), "time": one.at, "says": one.get_kind_display()}


@require_POST
@entitled(PAPER)
def turn(request: HttpRequest, strategy_id: int) -> HttpResponse:
    """Start, pause or end a strategy."""
    found, user = _own(request, strategy_id), person(request)
    step = STEPS.get(request.POST.get("do", ""))
    if step is None:
        messages.error(request, "Choose what the strategy is to do.")
        return _to(found.pk)
    try:
        step(found.pk, actor=f"user {user.pk}")
    except LedgerError as error:
        messages.error(request, str(error))
    return _to(found.pk)


@require_POST
@entitled(PAPER)
def configure(request: HttpRequest, strategy_id: int) -> HttpResponse:
    """Give a strategy a configuration; a change opens a new record."""
    found, user = _own(request, strategy_id), person(request)
    text = request.POST.get("config", "")[:70_000]
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        return _page(request, found, text, f"This is not JSON: {str(error)[:120]}.")
    try:
        version, fresh = services.configure(found.pk, given=given, actor=f"user {user.pk}")
    except ConfigError as error:
        return _page(request, found, text, f"{error}.")
    except LedgerError as error:
        return _page(request, found, text, str(error))
    if fresh:
        messages.success(request, f"Version {version.number} begins now, with an empty record.")
    else:
        messages.info(request, "This is the configuration that it has; nothing was changed.")
    return _to(found.pk)
