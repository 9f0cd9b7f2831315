"""The kill switch as people press it: what each may stop, what is stopped, and the act."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from django.db.models import Q
from django.http import HttpRequest

from accounts import second_factor
from accounts.entitlements import allows
from accounts.keys.verifying import Grant
from accounts.models import User
from record.access import OPERATOR
from trading.actors import operator
from trading.desk import reading
from trading.desk.payloads import Payload, iso
from trading.ledger.book import LedgerError
from trading.models import Account, Switch
from trading.risk import services as risk
from trading.scopes import EVERYTHING, KINDS, Scope, named
from trading.switches import press
from trading.switches.models import SwitchState
from trading.switches.press import Report

OWN: str = "own"
"""What stands for all accounts of whoever asks."""
NO_SCOPE = "You have nothing of the kind: give own, or account and the number of one of yours."


class Choice(NamedTuple):
    """Something that may be stopped: its name in a form, in words, and its open orders."""

    name: str
    text: str
    scope: Scope
    orders: int


def is_operator(request: HttpRequest) -> bool:
    """Return whether a request may stop what is another's: never by a key.

    In production an operator has proved a second factor in this session.
    """
    if isinstance(getattr(request, "auth", None), Grant):
        return False
    return allows(request.user, OPERATOR).allowed and not second_factor.is_due(request)


def choices(user: User, *, operator: bool) -> list[Choice]:
    """Return what somebody may stop, from the widest; operators may stop everything."""
    found = [(OWN, "All accounts of yours", Scope("user", str(user.pk)))]
    found += [
        (f"account:{one.pk}", f"The account {one.name}", Scope("account", str(one.pk)))
        for one in reading.accounts_of(user.pk)
    ]
    if operator:
        found.insert(0, ("global", "Everything, of everybody", EVERYTHING))
    return [
        Choice(name, text, scope, press.open_orders(scope).count()) for name, text, scope in found
    ]


def scope_of(user: User, kind: str, target: str, *, operator: bool) -> Scope:
    """Return the scope that somebody names; LedgerError when it is not theirs to stop."""
    own = _own_scope(user, kind, target)
    if own is not None:
        return own
    if operator and kind in KINDS and (kind == "global") == (not target):
        return named(kind, target[:64])
    raise LedgerError("scope", NO_SCOPE)


def _own_scope(user: User, kind: str, target: str) -> Scope | None:
    if kind in (OWN, "user") and target in ("", str(user.pk)):
        return Scope("user", str(user.pk))
    if kind == "account" and target.isascii() and target.isdecimal() and len(target) < 19:
        account = reading.own_account(user.pk, int(target))
        if account is not None:
            return Scope("account", str(account.pk))
    return None


def actor_of(user: User, scope: Scope, actor: str) -> str:
    """Return who turns a switch, as its history names them: what is another's, as an operator."""
    own = _own_scope(user, scope.kind, scope.id)
    return actor if own is not None else operator(user.pk)


def set_switches(user: User, *, operator: bool) -> list[Payload]:
    """Return the switches that are set and stop somebody: their own, and everybody's."""
    mine = Q(kind="global") | Q(kind="symbol") | Q(kind="user", target=str(user.pk))
    accounts = [str(one.pk) for one in reading.accounts_of(user.pk)]
    mine |= Q(kind="account", target__in=accounts)
    rows = Switch.objects.exclude(state=SwitchState.OFF)
    found = rows if operator else rows.filter(mine)
    return [
        {
            "scope": one.kind,
            "id": one.target,
            "state": one.state,
            "actor": one.actor,
            "reason": one.reason,
            "since": iso(one.since),
            "yours": _may(user, one.scope, operator=operator),
        }
        for one in found.order_by("pk")
    ]


def _may(user: User, scope: Scope, *, operator: bool) -> bool:
    try:
        scope_of(user, scope.kind, scope.id, operator=operator)
    except LedgerError:
        return False
    return True


def stop(scope: Scope, *, actor: str, reason: str) -> Report:
    """Stop a scope; what could not be done is in the report."""
    return press.press(scope, actor=actor, reason=reason)


def go_on(scope: Scope, *, actor: str, reason: str, proved_at: dt.datetime | None = None) -> Report:
    """Let a scope pass again; its accounts reconcile first.

    Raises
    ------
    LimitError
        When it holds an account with real money and no second factor was proved just now.
    """
    if press.accounts_in(scope).filter(mode=Account.Mode.LIVE).exists():
        risk.may_raise("go", actor, proved_at)
    return press.release(scope, actor=actor, reason=reason)
