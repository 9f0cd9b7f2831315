"""The kill switch as one act: the latch first, then the flag, then the database, then cancels.

Each part stands for itself. What one could not do is said, and the others are tried all the same.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import redis
import structlog
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import QuerySet

from trading.execution import services as standing
from trading.execution.states import Standing
from trading.models import Account, AccountState, Order
from trading.orders import services as orders
from trading.orders.machine import OPEN
from trading.scopes import EVERYTHING, Scope, held_by
from trading.switches import flags, services
from trading.switches.latch import Latch, LatchError
from trading.switches.models import SwitchState
from trading.switches.selectors import newest_turn

log = structlog.get_logger(__name__)
_STATEMENT_MS = 2_000


@dataclass(slots=True)
class Report:
    """What pressing or releasing a switch did, and in words what it could not do."""

    done: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def part(self, what: str) -> Iterator[None]:
        """Note whether a part was done; its failure stops no other part."""
        try:
            yield
        except (LatchError, redis.RedisError, DatabaseError, services.SwitchError) as error:
            self.failed.append(f"{what}: {_said(error)}")
            log.error("kill_switch_part_failed", part=what, error=str(error))
        else:
            self.done.append(what)


def _said(error: Exception) -> str:
    """Return what people read of a failure: drivers tell addresses and paths of this host."""
    if isinstance(error, redis.RedisError):
        return "Redis does not answer"
    return "the database does not answer" if isinstance(error, DatabaseError) else str(error)


def latch() -> Latch:
    """Return this host's latch."""
    return Latch(Path(settings.PULSE_LATCH))


def press(scope: Scope, *, actor: str, reason: str) -> Report:
    """Stop a scope: nothing is sent any more, and what works is to be cancelled.

    The latch is that of this host. Execution on other hosts sees the flag or the row.
    """
    return spread(scope, hold(scope, actor=actor, reason=reason), actor=actor, reason=reason)


def hold(scope: Scope, *, actor: str, reason: str) -> Report:
    """Set the latch of this host alone: it waits for nothing, so it comes first."""
    report = Report()
    with report.part("set the latch of this host"):
        latch().set(scope, actor=actor, reason=reason)
    return report


def spread(scope: Scope, report: Report, *, actor: str, reason: str) -> Report:
    """Do what else pressing is, after `hold`, and add it to its report."""
    latched = not report.failed
    with report.part("set the flag in Redis"):
        flags.set_flag(scope, reason)
    with report.part("set the switch in the database"):
        with _quick():
            services.turn(scope, SwitchState.HALTED, actor=actor, reason=reason)
        if latched:
            _note(scope)
        _stop(scope, actor, reason, report)
    return report


def release(scope: Scope, *, actor: str, reason: str) -> Report:
    """Let a scope pass again. Its accounts reconcile before anything is sent.

    The database comes first, for it knows whether the person may; what follows is opened only
    when it was.
    """
    report = Report()
    with report.part("clear the switch in the database"):
        services.turn(scope, SwitchState.OFF, actor=actor, reason=reason)
        _rearm(scope, actor, reason)
    if report.failed:
        return report
    with report.part("clear the flag in Redis"):
        flags.clear_flag(scope)
    with report.part("clear the latch of this host"):
        _open(latch(), scope)
    return report


def _open(here: Latch, scope: Scope) -> None:
    try:
        here.clear(scope)
    except LatchError:
        if scope != EVERYTHING:
            raise
        here.reset()  # a person lets everything pass, and what it said cannot be read


def adopt() -> int:
    """Bring latch, flags and switches together; return how many were changed.

    A stop that the database does not know yet is told to it. One that a person cleared in the
    database since then leaves the latch and the flags.

    Raises
    ------
    LatchError, redis.RedisError
        When the latch or the flags cannot be read.
    """
    return _adopt_latch() + _adopt_flags()


def _adopt_flags() -> int:
    changed = 0
    for name, flag in flags.flagged().items():
        kind, _, target = name.partition(":")
        scope = Scope(kind, target)
        newest = newest_turn(scope)
        if newest is None or (newest.state != SwitchState.HALTED and newest.at < flag.at):
            services.turn(scope, SwitchState.HALTED, actor="flag", reason=flag.reason or "flag")
            _stop(scope, "flag", flag.reason, Report())
            changed += 1
        elif newest.state != SwitchState.HALTED:
            flags.clear_flag(scope)
            changed += 1
    return changed


def _adopt_latch() -> int:
    here, changed = latch(), 0
    for scope, catch in here.read().items():
        newest = newest_turn(scope)
        if not catch.turn:
            if newest is None or newest.state != SwitchState.HALTED:
                services.turn(scope, SwitchState.HALTED, actor=catch.actor, reason=catch.reason)
                _stop(scope, catch.actor, catch.reason, Report())
                changed += 1
            _note(scope)
        elif newest is not None and newest.pk > catch.turn and newest.state != SwitchState.HALTED:
            changed += here.clear(scope)
    return changed


def accounts_in(scope: Scope) -> QuerySet[Account]:
    """Return the accounts that a scope holds whole; a bot's or a symbol's holds none whole."""
    rows = Account.objects.order_by("pk")
    if scope.kind == "global":
        return rows
    name = {"user": "owner_id", "account": "pk"}.get(scope.kind)
    if name is None or not scope.id.isdecimal():
        return rows.none()
    return rows.filter(**{name: int(scope.id)})


def open_orders(scope: Scope) -> QuerySet[Order]:
    """Return the open orders of a scope, oldest first."""
    rows = Order.objects.filter(state__in=sorted(OPEN)).order_by("account_id", "pk")
    if scope.kind == "symbol":
        held = Order.objects.filter(legs__symbol__regex=held_by(scope.id))
        return rows.filter(pk__in=held.values("pk"))
    if scope.kind in ("bot", "strategy"):
        return rows.filter(origin=str(scope))
    return rows.filter(account__in=accounts_in(scope))


@contextlib.contextmanager
def _quick() -> Iterator[None]:
    """Give up soon on a database that hangs: the other parts wait."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                f"SET LOCAL lock_timeout = {_STATEMENT_MS}; "
                f"SET LOCAL statement_timeout = {_STATEMENT_MS}"
            )
        yield


def _mark(scope: Scope) -> str:
    return f"switch {scope}: "


def _note(scope: Scope) -> None:
    newest = newest_turn(scope)
    if newest is not None:
        latch().note(scope, newest.pk)


def _stop(scope: Scope, actor: str, reason: str, report: Report) -> None:
    """Halt the accounts of a scope and ask for the cancel of its open orders, one by one."""
    rows = AccountState.objects.filter(account__in=accounts_in(scope))
    for account_id in rows.exclude(state=Standing.HALTED).values_list("pk", flat=True):
        with report.part(f"halt account {account_id}"), _quick():
            standing.step(account_id, Standing.HALTED, actor=actor, reason=_mark(scope) + reason)
    for account_id, order_id in open_orders(scope).values_list("account_id", "pk"):
        with report.part(f"ask for the cancel of order {order_id}"), _quick():
            orders.cancel(account_id, order_id, actor=actor)


def _rearm(scope: Scope, actor: str, reason: str) -> None:
    """Let reconcile what this switch halted; what something else halted stays."""
    rows = AccountState.objects.filter(
        account__in=accounts_in(scope), state=Standing.HALTED, reason__startswith=_mark(scope)
    )
    for account_id in rows.values_list("pk", flat=True):
        standing.step(account_id, Standing.RECONCILING, actor=actor, reason=reason)
