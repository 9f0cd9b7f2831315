"""Groups at the broker are looked after: what it ends and should not have comes home.

A broker wakes the exits of an entry that filled whole, and ends all of a group with any order of
it. So when an entry ends in part, or one exit is cancelled, something is held that nothing
protects there. This house keeps the group then: each exit that nobody here gave up goes on as a
new order, under the rules of `exits`, for what there is to leave. A stop that works there is left
alone: that its target was ended says that it was reached.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import structlog

from trading.execution import sending
from trading.execution import services as standing
from trading.execution.lease import fenced
from trading.execution.session import Session
from trading.execution.states import Standing
from trading.ledger.book import LedgerError
from trading.models import Account, AccountState, Order, OrderGroup
from trading.orders import groups, services
from trading.orders.intents import Intent, of_json
from trading.orders.machine import FINAL, State
from trading.scopes import Scope
from trading.switches.models import SwitchState
from trading.switches.selectors import stops

log = structlog.get_logger(__name__)
BROKER_S: Final = 2.0
"""How long the broker has to end, or to fill, the rest of a group by itself."""
BETWEEN_S: Final = 0.5
"""Between two groups that come home, so that they are not taken for somebody who runs away."""
_ENDED: Final = frozenset({State.CANCELED.value, State.EXPIRED.value, State.REJECTED.value})
_SERVED: Final = frozenset({Standing.LIVE, Standing.REDUCING})


@dataclass(frozen=True, slots=True)
class _Group:
    """A group at the broker whose entry, where it has one, is over."""

    row: OrderGroup
    entries: list[Order]
    exits: list[Order]

    @property
    def done(self) -> bool:
        """Whether there is nothing to leave."""
        return groups.left(self.row) <= 0

    @property
    def open(self) -> list[Order]:
        return [one for one in self.exits if one.state not in FINAL]

    @property
    def absent(self) -> bool:
        """Whether the broker never had an exit that was sent to it."""
        return any(one.state == State.PENDING and one.replaces_id is None for one in self.exits)

    @property
    def cut(self) -> bool:
        """Whether the entry filled in part, so that the broker never wakes the exits."""
        came = any(one.filled_quantity for one in self.entries)
        return came and not any(one.state == State.FILLED for one in self.entries)

    @property
    def lost(self) -> list[Order]:
        """Exits that the broker ended; none when their day was over."""
        there = [one for one in self.exits if one.state in _ENDED and one.venue_order_id]
        expired = any(one.state == State.EXPIRED for one in there)
        return [] if expired and not self.cut else there

    @property
    def naked(self) -> bool:
        """Whether exits are missing that should be there."""
        stopping = any(one.kind != "limit" for one in self.open)
        return self.cut or self.absent or (bool(self.lost) and not stopping)


def tend(session: Session) -> None:
    """Look after the groups at the broker, one after the other."""
    rows = OrderGroup.objects.filter(account_id=session.account_id, keeper=OrderGroup.Keeper.BROKER)
    for row in rows.order_by("pk"):
        orders = list(row.orders.select_related("account").order_by("pk"))
        entries = [one for one in orders if one.role == Order.Role.ENTRY]
        if all(one.state in FINAL for one in entries):
            exits = [one for one in orders if one.role == Order.Role.EXIT]
            _look_after(session, _Group(row, entries, exits))


def _look_after(session: Session, group: _Group) -> None:
    if not group.open and (group.done or _stopped(session, group)):
        _over(session, group)  # what a stop ended stays ended
    elif group.done or group.naked:
        if not _waits(session, group):
            (_end if group.done else _bring_home)(session, group)
    elif not group.open:
        log.warning("exits_expired", account=session.account_id, group=group.row.pk)
        _over(session, group)  # exits of a day have had their day
    else:
        session.restless.pop(group.row.pk, None)


def _stopped(session: Session, group: _Group) -> bool:
    state = AccountState.objects.get(pk=session.account_id).state
    found = stops(_scopes(group))
    return state == Standing.HALTED or any(one.state == SwitchState.HALTED for one in found)


def _scopes(group: _Group) -> tuple[Scope, ...]:
    order = group.exits[0]
    return sending.scopes_of(order.account, order, of_json(order.intent_id, order.intent))


def _waits(session: Session, group: _Group) -> bool:
    """Return whether it is too soon, or nothing may be done now."""
    state = AccountState.objects.get(pk=session.account_id).state
    if state not in _SERVED or session.outlet.stopped(_scopes(group)):
        return True
    now = session.clock.monotonic()
    began = session.restless.setdefault(group.row.pk, now)
    patient = bool(group.open) and not group.cut
    return now < session.home_at or (patient and now - began < BROKER_S)


def _over(session: Session, group: _Group) -> None:
    """Note that the broker keeps nothing of a group any more."""
    with fenced(session.lease):
        OrderGroup.objects.filter(pk=group.row.pk).update(keeper=OrderGroup.Keeper.HOUSE)
    session.restless.pop(group.row.pk, None)


def _end(session: Session, group: _Group) -> None:
    """Ask for the end of exits that the broker left open though nothing is left to leave."""
    for one in group.open:
        services.cancel(
            one.account_id, one.pk, actor=services.HOUSE, reason="Nothing is left to leave."
        )


def _bring_home(session: Session, group: _Group) -> None:
    """Keep a group here from now on, with a new order for each exit that nobody gave up."""
    session.home_at = session.clock.monotonic() + BETWEEN_S
    with fenced(session.lease) as account:
        _over(session, group)
        for one in group.exits:
            missing = one in group.lost or (one in group.open and one.state != State.PENDING)
            if missing and not one.cancels:
                _go_on(account, group.row, one)
    log.warning("group_came_home", account=session.account_id, group=group.row.pk)


def _go_on(account: Account, row: OrderGroup, old: Order) -> None:
    """Place the order that goes on for an exit, where it leaves what is held; end the old one."""
    name = f"{services.AGAIN}{old.pk}"
    intent = replace(of_json(name, old.intent), quantity=groups.left(row))
    why = "The broker does not protect what is held with it."
    if all(sending.closing(account, intent)):
        why = f"{why} {_placed(account, row, intent)}"
    if old.state in FINAL:
        Order.objects.filter(pk=old.pk).update(reason=why[:300])
    else:
        services.cancel(account.pk, old.pk, actor=services.HOUSE, reason=why)


def _placed(account: Account, row: OrderGroup, intent: Intent) -> str:
    """Place an exit, and say so; is it refused, the account may only reduce."""
    try:
        placed = services.place(
            account.pk, intent, actor=services.HOUSE, group=row, role=Order.Role.EXIT
        )
        text = "" if placed.decision.allowed else placed.decision.text
    except LedgerError as error:
        text = str(error)
    if not text:
        return f"Order {placed.order.pk} goes on for it here."
    if AccountState.objects.get(pk=account.pk).state == Standing.LIVE:
        reason = f"An exit that the broker ended was refused anew: {text}"
        standing.step(account.pk, Standing.REDUCING, actor="exits", reason=reason)
    return text
