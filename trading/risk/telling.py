"""News of risk for an owner's screens: breakers, switches, limits and what a strategy was refused.

A log channel for each owner, and one for what stops everybody. News that come up within an order's
transaction are promised there and told by a task of their own: that transaction locks other
streams, and two that lock the same ones the other way round would wait for each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import structlog
from django.db import DatabaseError, transaction
from django.db.models import Q

from record import streams
from record.outbox import enqueue
from trading.models import Account, Breaker, Strategy, Switch
from trading.scopes import Scope
from trading.switches.models import SwitchState

log = structlog.get_logger(__name__)
TOPIC: Final = "risk"
EVERYONE: Final = f"{TOPIC}:everyone"
TASK: Final = "trading.tell_risk"
_MOST: Final = 500


def channel_of(owner: int) -> str:
    """Return the channel on which somebody hears of their risk."""
    return f"{TOPIC}:{owner}"


def tell(account: Account, event: str, what: str, state: str, text: str) -> None:
    """Tell an account's owner now, in the transaction that makes it true and locks no stream."""
    if account.owner_id is not None:
        _append(channel_of(account.owner_id), event, what, state, text, account.pk)


def promise(account: Account, event: str, what: str, state: str, text: str) -> None:
    """Have an account's owner told once the transaction of its cause commits."""
    if account.owner_id is not None:
        enqueue(TASK, account.pk, event, what, state, text[:300])


def tell_promised(account_id: int, event: str, what: str, state: str, text: str) -> None:
    """Tell what was promised."""
    tell(Account.objects.get(pk=account_id), event, what, state, text)


def tell_switch(scope: Scope, state: str, reason: str) -> None:
    """Tell those whom a switch stops. A switch is turned whether or not it can be told."""
    channel = _channel(scope)
    if channel is None:
        return
    try:
        with transaction.atomic():
            _append(channel, "switch", str(scope), state, reason, None)
    except DatabaseError as error:
        log.warning("switch_not_told", scope=str(scope), error=repr(error))


def told_limit(scope: Scope, name: str, text: str) -> None:
    """Tell whom a limit binds that it is another now."""
    channel = _channel(scope)
    if channel is not None:
        _append(channel, "limit", name, "", text, None)


def _channel(scope: Scope) -> str | None:
    """Return on which channel those are told whom a scope holds; None when it is not known."""
    if scope.kind in ("global", "symbol"):
        return EVERYONE
    if scope.kind == "user":
        return f"{TOPIC}:{scope.id}"
    room = {"account": Account, "strategy": Strategy}.get(scope.kind)
    if room is None or not scope.id.isdecimal():
        return None
    owner = room._default_manager.filter(pk=int(scope.id)).values_list("owner", flat=True).first()
    return None if owner is None else channel_of(owner)


def _append(
    channel: str, event: str, what: str, state: str, text: str, account: int | None
) -> None:
    data = {
        "event": event, "what": what, "state": state, "text": text[:300], "account": account,
    }  # fmt: skip
    streams.append(channel, key=f"{event} {what}"[:64], data=data, op="upd")


def open_now(channel: str) -> Mapping[str, Any]:
    """Return what stops the owner of a channel, or everybody, now."""
    if channel == EVERYONE:
        return _switches(Q(kind__in=("global", "symbol")))
    target = channel.partition(":")[2]
    owner = int(target) if target.isdecimal() else 0
    accounts = [str(pk) for pk in Account.objects.filter(owner=owner).values_list("pk", flat=True)]
    own = Q(kind="user", target=str(owner)) | Q(kind="account", target__in=accounts)
    rows = Breaker.objects.filter(account__owner=owner).exclude(state=Breaker.State.CLOSED)
    breakers = {
        f"breaker {one.what}": {
            "event": "breaker", "what": one.what, "state": one.state, "text": one.reason,
            "account": one.account_id,
        }
        for one in rows[:_MOST]
    }  # fmt: skip
    return {**breakers, **_switches(own)}


def _switches(which: Q) -> dict[str, Any]:
    rows = Switch.objects.filter(which).exclude(state=SwitchState.OFF)
    return {
        f"switch {one.scope}": {
            "event": "switch", "what": str(one.scope), "state": one.state, "text": one.reason,
            "account": None,
        }
        for one in rows[:_MOST]
    }  # fmt: skip
