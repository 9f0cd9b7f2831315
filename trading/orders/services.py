"""What changes orders: placed, sent, heard of, cancelled, replaced. Each act happens once.

Every act takes the account's lock first, so the acts on an account have one order. What an order
holds and what its fills move is posted in the transaction that changes the order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import transaction
from django.utils import timezone

from record import audit
from trading.ledger import selectors
from trading.ledger.book import ZERO, Fact, plain, total
from trading.ledger.services import Kind, Source, chain_of, lock, post
from trading.models import (
    Account,
    ClientOrderId,
    GateDecision,
    JournalEntry,
    Order,
    OrderEvent,
    OrderGroup,
    OrderLeg,
)
from trading.orders import gate, groups, machine, subscribers, telling
from trading.orders.gate import Among, Verdict
from trading.orders.groups import NotSendableError
from trading.orders.intents import Intent, OrderError, check
from trading.orders.machine import FINAL, Known, News, State

HOUSE = "house"
"""Source of what this house does."""
AGAIN = "again for order "
"""How the intent of an exit begins that goes on for one that the broker ended."""


class Placed(NamedTuple):
    """An order with what the gate said, and whether it is new."""

    order: Order
    decision: GateDecision
    fresh: bool


@dataclass(slots=True)
class Row:
    """An order that is locked, with its legs."""

    account: Account
    order: Order
    legs: list[OrderLeg]

    @property
    def known(self) -> Known:
        """What is known of it."""
        return self.order.known(self.legs)


@transaction.atomic
def place(
    account_id: int,
    intent: Intent,
    *,
    actor: str,
    replaces: Order | None = None,
    group: OrderGroup | None = None,
    role: str = "",
) -> Placed:
    """Make an order, when the gate lets it pass and there is money for what it holds.

    A refused one is stored as well: rejected, with the rule that refused it. The same intent
    again is the order that is there; with other content it is refused.

    Raises
    ------
    LedgerError
        When it is no order at all; nothing is stored.
    """
    check(intent)
    account = lock(account_id)
    known = Order.objects.filter(account=account, intent_id=intent.intent_id).first()
    if known is not None:
        if known.intent != intent.as_json() or known.group_id != getattr(group, "pk", None):
            raise OrderError("intent_id", f"Order {known.pk} has this intent, otherwise.")
        return Placed(known, known.decision, False)
    among = Among(
        None if replaces is None else replaces.pk, None if group is None else group.pk, role
    )
    verdict = _with_money(account, gate.ask(account, intent, among))
    order = _store(account, intent, verdict, replaces, group, role)
    decision = GateDecision.objects.create(
        order=order, allowed=verdict.allowed, rule=verdict.rule[:60], text=verdict.text[:300],
        value=verdict.value[:60], limit=verdict.limit[:60], hold=order.hold,
        facts=verdict.facts,
    )  # fmt: skip
    source = Source(HOUSE, f"order {order.pk} placed", timezone.now())
    entry = None
    if order.held:
        fact = Fact(Kind.HOLD, hold=order.held)
        entry = post(account, fact, source, audited=True).entry
    note(
        account, order, source, "place", actor=actor, entry=entry,
        body={"allowed": verdict.allowed, "rule": verdict.rule},
    )  # fmt: skip
    return Placed(order, decision, True)


def _with_money(account: Account, verdict: Verdict) -> Verdict:
    """Refuse what would hold more than is free."""
    free = selectors.free(account)
    if not verdict.allowed or verdict.hold <= max(free, ZERO):
        return verdict
    return Verdict(
        False, "buying power", "The order would hold more than is free in the account.",
        plain(verdict.hold), plain(free), facts=verdict.facts,
    )  # fmt: skip


def _store(
    account: Account,
    intent: Intent,
    verdict: Verdict,
    replaces: Order | None,
    group: OrderGroup | None,
    role: str,
) -> Order:
    hold = verdict.hold if verdict.allowed else ZERO
    order = Order(
        account=account, intent_id=intent.intent_id, intent=intent.as_json(),
        origin=intent.origin, replaces=replaces, group=group, role=role, kind=intent.kind,
        time_in_force=intent.time_in_force, quantity=intent.quantity,
        limit_price=intent.limit_price, stop_price=intent.stop_price, trail=intent.trail,
        state=State.PENDING, hold=hold, held=hold,
    )  # fmt: skip
    if not verdict.allowed:
        order.state, order.reason = State.REJECTED, verdict.text[:300]
        order.ended_at, order.ended_as = timezone.now(), News.REJECTED
    order.save(force_insert=True)
    OrderLeg.objects.bulk_create(
        OrderLeg(order=order, number=number, symbol=leg.symbol, ratio=leg.ratio,
                 multiplier=leg.multiplier)
        for number, leg in enumerate(intent.legs)
    )  # fmt: skip
    return order


@transaction.atomic
def begin_send(account_id: int, order_id: int, token: int = 0, exits: Sequence[int] = ()) -> str:
    """Begin an attempt and return the id to send it under; send only after this is committed.

    Parameters
    ----------
    token : int
        The fencing token of whoever holds the account; the database refuses an older one.
    exits : sequence of int
        Orders of its group that are sent with it in one request: their attempts begin too, under
        ids that follow from its own, and the broker keeps the group from then on.

    Raises
    ------
    NotSendableError
        Unless the order is pending: what was sent is asked for, never sent again.
    """
    row = locked(account_id, order_id)
    if row.order.state != State.PENDING:
        raise NotSendableError("order", f"It is {row.order.state}; only a pending one is sent.")
    groups.check_turn(row.order)
    text = machine.client_order_id(account_id, row.order.intent_id, 0, row.known.sent + 1)
    if exits:
        keep(row.order, OrderGroup.Keeper.BROKER)
    _begin(row, text, token)
    for one in exits:
        other = locked(account_id, one, row.account)
        if other.order.state != State.PENDING or other.order.group_id != row.order.group_id:
            raise NotSendableError("order", f"Order {one} cannot be sent with {order_id}.")
        _begin(other, machine.exit_id(text, other.order.kind), token)
    return text


def _begin(row: Row, text: str, token: int) -> None:
    attempt = row.known.sent + 1
    ClientOrderId.objects.create(text=text, order=row.order, attempt=attempt, token=token)
    row.order.absent_since = None
    settle(row, replace(row.known, sent=attempt), of_house(row, f"sent {attempt}"), "submit")


def keep(order: Order, keeper: str) -> None:
    """Note who keeps an order's group from now on."""
    assert order.group is not None  # noqa: S101 - told the type checker
    order.group.keeper = keeper
    order.group.save(update_fields=["keeper"])


@transaction.atomic
def resize(account_id: int, order_id: int, quantity: Decimal, *, reason: str) -> Order:
    """Want less of an exit that waits: what there is to leave. What it wanted first stays told.

    Raises
    ------
    OrderError
        For another order, one that was sent and is not pending, and a quantity that is no less.
    """
    row = locked(account_id, order_id)
    order = row.order
    if order.role != Order.Role.EXIT or order.state != State.PENDING:
        raise OrderError("order", "Only an exit that waits is resized.")
    if not order.filled_quantity < quantity < order.quantity:
        raise OrderError("quantity", f"Give less than {plain(order.quantity)}, above 0.")
    act = of_house(row, f"resized to {plain(quantity)}")
    order.quantity = quantity
    settle(row, replace(row.known, quantity=quantity), act, "resize", reason=reason)
    return order


@transaction.atomic
def trigger(account_id: int, order_id: int, *, reason: str) -> Order:
    """Note that the price for which an order waits here was reached; it stays so."""
    row = locked(account_id, order_id)
    if row.order.triggered_at is None:
        row.order.triggered_at = timezone.now()
        settle(row, row.known, of_house(row, "triggered"), "trigger", reason=reason)
    return row.order


@transaction.atomic
def cancel(account_id: int, order_id: int, *, actor: str, reason: str = "") -> Order:
    """Ask for an order's end. One that was never sent ends here; an ended one stays as it is."""
    row = locked(account_id, order_id)
    known = row.known
    if known.state in FINAL or known.state == State.CANCEL_PENDING:
        return row.order
    after = replace(known, cancels=known.cancels + 1)
    if known.state == State.PENDING:
        after = replace(after, end=(timezone.now(), News.CANCELED))
    if reason:
        row.order.reason = reason[:300]
    act = of_house(row, f"cancel {after.cancels}")
    settle(row, after, act, "cancel", actor=actor, reason=reason)
    return row.order


@transaction.atomic
def place_group(
    account_id: int, kind: str, intents: tuple[Intent, ...], *, intent_id: str, actor: str
) -> list[Placed]:
    """Place orders of which a fill of one exit cancels the others, all or none.

    Parameters
    ----------
    kind : str
        "oco": exits alone; "bracket": an entry first, whose fill lets the exits be sent.

    Notes
    -----
    Is one refused, the others end unsent.
    """
    if kind not in OrderGroup.Kind.values or len(intents) < 2:
        raise OrderError("kind", "Give oco or bracket, with two orders at least.")
    account = lock(account_id)
    group, fresh = OrderGroup.objects.get_or_create(
        account=account, intent_id=intent_id, defaults={"kind": kind}
    )
    first = group.orders.filter(replaces=None).exclude(intent_id__startswith=AGAIN)
    if not fresh and (group.kind != kind or first.count() != len(intents)):
        raise OrderError("intent_id", f"Group {group.pk} has this intent, otherwise.")
    roles = [Order.Role.ENTRY if kind == "bracket" and not place else Order.Role.EXIT
             for place in range(len(intents))]  # fmt: skip
    placed = [
        place(account_id, intent, actor=actor, group=group, role=role)
        for intent, role in zip(intents, roles, strict=True)
    ]
    if not fresh and any(one.fresh for one in placed):
        raise OrderError("intent_id", f"Group {group.pk} has this intent, otherwise.")
    refused = next((one for one in placed if not one.decision.allowed), None)
    if fresh and refused is not None:
        why = f"Order {refused.order.pk} of its group was refused: {refused.decision.text}"
        for one in reversed(placed):  # before their entry takes them along without a word
            cancel(account_id, one.order.pk, actor=HOUSE, reason=why)
            one.order.refresh_from_db()
    return placed


@transaction.atomic
def replace_order(account_id: int, order_id: int, intent: Intent, *, actor: str) -> Placed:
    """Place an order that takes another's place, in its group as well.

    The venue ends the old one when it takes it.

    Until then both hold money: the venue may fill either.
    """
    old = locked(account_id, order_id).order
    known = Order.objects.filter(account_id=account_id, intent_id=intent.intent_id).exists()
    if not known and old.state in FINAL:
        raise OrderError("order", f"It is {old.state}; place a new order.")
    there = Order.objects.filter(replaces=old).exclude(intent_id=intent.intent_id).first()
    if there is not None and there.state != State.REJECTED:
        raise OrderError("order", f"Order {there.pk} takes its place already; replace that one.")
    if there is not None:  # it was refused, so its place is free
        there.replaces = None
        there.save(update_fields=["replaces"])
    return place(account_id, intent, actor=actor, replaces=old, group=old.group, role=old.role)


def locked(account_id: int, order_id: int, account: Account | None = None) -> Row:
    """Lock an account, unless it is given locked, and one of its orders."""
    account = lock(account_id) if account is None else account
    order = Order.objects.select_for_update().get(pk=order_id, account=account)
    return Row(account, order, list(order.legs.order_by("number")))


def of_house(row: Row, what: str) -> Source:
    """Return what this house does with an order, under its name."""
    return Source(HOUSE, f"order {row.order.pk} {what}", timezone.now())


def settle(
    row: Row, after: Known, source: Source, kind: str, *, actor: str = HOUSE, reason: str = ""
) -> None:
    """Write what is known now, and release what is held no longer."""
    released = step(row, after)
    entry = None
    if released:
        entry = post(row.account, Fact(Kind.HOLD, hold=-released), source, audited=True).entry
    body = {"reason": reason[:300]} if reason else {}
    note(row.account, row.order, source, kind, actor=actor, entry=entry, body=body)
    ripple(row.order)


def ripple(order: Order) -> None:
    """Cancel what must go in an order's group now that the order stands where it stands."""
    for other in groups.to_cancel(order):
        cancel(order.account_id, other.pk, actor=HOUSE)


def step(row: Row, after: Known) -> Decimal:
    """Bring an order to what is known now and return the money that it no longer holds."""
    was = State(row.order.state)
    machine.check_step(was, after.state)
    before: Decimal = row.order.held
    row.order.take(after, machine.held(row.order.hold, after))
    row.order.save()
    if was not in FINAL and after.state in FINAL:
        subscribers.ended(row.order)
    return total((before, -row.order.held))


def note(
    account: Account,
    order: Order | None,
    source: Source,
    kind: str,
    *,
    actor: str,
    entry: JournalEntry | None = None,
    alert: str = "",
    body: dict[str, Any] | None = None,
) -> None:
    """Keep an event of an order, and audit it with the journal entry that it made."""
    OrderEvent.objects.create(
        account=account, order=order, source=source.name, event_id=source.external_id, kind=kind,
        at=source.at, state="" if order is None else order.state, alert=alert[:300],
        body=body or {},
    )  # fmt: skip
    posted: dict[str, Any] = {} if entry is None else {"entry": entry.seq, "facts": entry.facts}
    audit.write(
        chain_of(account.pk), actor=actor, action=f"order.{kind}",
        subject=f"order {'?' if order is None else order.pk}",
        detail={"state": None if order is None else order.state, "event": source.external_id,
                "source": source.name, "alert": alert, "body": body or {}, **posted},
    )  # fmt: skip
    telling.tell(account, order, kind, alert[:300])
