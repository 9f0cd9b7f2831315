"""A pending order leaves: claimed, looked at a last time, committed under an id, sent once.

Between the commit and the sending stands only the outlet. What comes back is one of four: taken,
refused, certainly not taken (the attempt is taken back, another follows), or unknown.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import structlog
from django.conf import settings
from django.db import transaction

from trading import scopes
from trading.brokers.protocol import (
    NotTakenError,
    OutcomeUnknownError,
    RejectedError,
    Request,
    VenueOrder,
)
from trading.execution import exits, native, quotes
from trading.execution.hearing import hear
from trading.execution.lease import fenced
from trading.execution.pace import RunawayError
from trading.execution.session import Session
from trading.execution.states import passes
from trading.ledger.book import ZERO
from trading.models import Account, AccountState, Order, OrderGroup, Position
from trading.orders import attempts, groups, services
from trading.orders.intents import Intent
from trading.orders.machine import FINAL, News, State
from trading.orders.venue import Event
from trading.switches.models import SwitchState
from trading.switches.selectors import stops

log = structlog.get_logger(__name__)
PATIENCE: Final = dt.timedelta(seconds=60)
"""For how long an order that opens may wait to be sent; then it ends, with the reason."""
FIRST_WAIT: Final = dt.timedelta(seconds=1)
LOOK_AGAIN: Final = dt.timedelta(seconds=0.5)
_LOOKED_AT: Final = 20
_MAY_BE_IN_DOUBT: Final = (State.SUBMITTING.value, State.CANCEL_PENDING.value)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is sent: the request, what it is in, and which order of the venue it replaces."""

    order_id: int
    request: Request
    scopes: tuple[scopes.Scope, ...]
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class _Held:
    """Why an order does not leave now; with `final` it never will."""

    why: str
    final: bool = False


def send_next(session: Session) -> bool:
    """Send one pending order that may leave; return whether one was sent or ended."""
    if session.outlet.wait_s() > 0 or session.outlet.tripped:
        return False
    attempt, ended = _claim(session)
    if attempt is None:
        return ended
    _send(session, attempt)
    return True


def _claim(session: Session) -> tuple[Attempt | None, bool]:
    """Begin an attempt of the first pending order that may leave; what leaves positions first."""
    now, ended = session.clock.now(), False
    rows = Order.objects.filter(account_id=session.account_id, state=State.PENDING.value)
    rows = rows.exclude(pk__in=session.waiting())
    if not rows.exists():  # nothing is worth the account's lock
        return None, False
    with fenced(session.lease) as account:
        found = list(rows.select_for_update(skip_locked=True).order_by("pk")[:_LOOKED_AT])
        standing = AccountState.objects.get(pk=account.pk).state
        wanted = [(order, exits.wanted(order)) for order in found]
        many = [(order, intent, closing(account, intent)) for order, intent in wanted]
        for order, intent, leaving in sorted(many, key=lambda one: not all(one[2])):
            held = _look(session, account, order, intent, leaving, standing, now)
            planned = intent
            if held is None:
                plan = exits.plan(session, account, order, intent)
                planned = plan.intent
                held = _Held(plan.why, plan.final) if plan.why else None
            if held is None:
                return _begin(session, account, order, planned, leaving), ended
            if held.final:
                services.cancel(account.pk, order.pk, actor=services.HOUSE, reason=held.why)
                ended = True
            else:
                session.put_off(order.pk, now + LOOK_AGAIN, looked=True)
    return None, ended


def closing(account: Account, intent: Intent) -> tuple[bool, ...]:
    """Return of each leg whether it leaves a position and opens nothing, by the books."""
    rows = Position.objects.filter(account=account, symbol__in=[one.symbol for one in intent.legs])
    held: dict[str, Decimal] = dict(rows.values_list("symbol", "quantity"))
    moves = [(held.get(one.symbol, ZERO), intent.quantity * one.ratio) for one in intent.legs]
    return tuple(there * move < 0 and abs(move) <= abs(there) for there, move in moves)


def scopes_of(account: Account, order: Order, intent: Intent) -> tuple[scopes.Scope, ...]:
    """Return all scopes that an order is in."""
    symbols = [one.symbol for one in intent.legs]
    return scopes.of_order(account.owner_id, account.pk, order.origin, symbols)


def _look(
    session: Session,
    account: Account,
    order: Order,
    intent: Intent,
    leaving: tuple[bool, ...],
    standing: str,
    now: dt.datetime,
) -> _Held | None:
    """Return what stops an order by the database and the market, None when nothing does."""
    try:
        groups.check_turn(order)
    except groups.NotSendableError as error:
        return _Held(str(error))
    if order.replaces is not None:
        held = _replaceable(order.replaces)
        if held is not None:
            return held
    leaves = all(leaving)
    why = ""
    if not passes(standing, closing=leaves):
        why = f"the account is {standing}"
    elif not leaves and account.mode == Account.Mode.LIVE and not settings.LIVE_TRADING:
        why = "live trading is off on this server"
    elif not session.ready and not leaves:
        why = "the news of the broker are not heard now"
    why = why or _stopped(scopes_of(account, order, intent), leaves)
    why = why or quotes.hindrance(account, (one.symbol for one in intent.legs), closing=leaves)
    late = (
        not leaves
        and not exits.watches(session, order, intent)
        and (now - (order.triggered_at or order.created) > PATIENCE)
    )
    if late and not why:
        why = f"it was not sent within {PATIENCE.total_seconds():.0f} s"
    return _Held(why, final=late) if why else None


def _replaceable(old: Order) -> _Held | None:
    if old.state in FINAL:
        return _Held(f"the order that it was to replace is {old.state}", final=True)
    return None if old.venue_order_id else _Held("the order that it replaces is not there yet")


def _stopped(where: Iterable[scopes.Scope], leaves: bool) -> str:
    for stop in stops(where):
        if stop.state == SwitchState.HALTED or not leaves:
            return str(stop)
    return ""


def _begin(
    session: Session, account: Account, order: Order, intent: Intent, leaving: tuple[bool, ...]
) -> Attempt:
    others = native.followers(session, order, intent)
    name = services.begin_send(
        account.pk, order.pk, session.lease.token, [one.pk for one in others]
    )
    old = "" if order.replaces is None else order.replaces.venue_order_id
    where = scopes_of(account, order, intent)
    request = Request(
        name, intent, leaving, tuple(exits.wanted(one) for one in others),
        prices_only=bool(old) and native.kept(order),
    )  # fmt: skip
    return Attempt(order.pk, request, where, old)


def _send(session: Session, attempt: Attempt) -> None:
    """Send what is committed, and note what came of it."""
    outlet, name = session.outlet, attempt.request.client_order_id
    try:
        if attempt.replaces:
            answer = outlet.replace(attempt.replaces, attempt.request, attempt.scopes)
        else:
            answer = outlet.submit(attempt.request, attempt.scopes)
    except NotTakenError as error:
        _take_back(session, attempt, str(error), error.after)
    except RunawayError as error:
        # The id may have left before under this very name: ask, and let a person look.
        log.critical("runaway", account=session.account_id, order=attempt.order_id, why=str(error))
        _in_doubt(session, attempt)
    except RejectedError as error:
        if attempt.request.exits:
            _not_as_one(session, attempt, str(error))
        else:
            refused(session, name, str(error), error.code)
    except OutcomeUnknownError as error:
        log.warning("order_unknown", account=session.account_id, id=name, why=str(error))
        _in_doubt(session, attempt)
    except Exception:
        # Sent, and what came back was not understood: that is no answer.
        log.exception("order_unknown", account=session.account_id, id=name)
        _in_doubt(session, attempt)
    else:
        taken(session, answer)


def taken(session: Session, answer: VenueOrder) -> None:
    """Note what a broker said of an order that it has."""
    for event in answer.news:
        session.heard(hear(session.account_id, event))


def refused(session: Session, name: str, reason: str, code: str) -> None:
    """Note that the broker refused an attempt."""
    text = f"{reason} ({code})" if code else reason
    event = Event(
        session.outlet.name, f"refused {name}", News.REJECTED, session.clock.now(),
        client_order_id=name, reason=text,
    )  # fmt: skip
    session.heard(hear(session.account_id, event))


def _in_doubt(session: Session, attempt: Attempt) -> None:
    with fenced(session.lease):
        attempts.mark_unknown(session.account_id, attempt.order_id)
    session.asked[attempt.order_id] = session.clock.monotonic()


def _not_as_one(session: Session, attempt: Attempt, why: str) -> None:
    """Let this house keep a group that the broker refused to take as one: nothing of it is there.

    Its orders leave one by one then, so nothing is without the exits that were wanted.
    """
    name = attempt.request.client_order_id
    with fenced(session.lease):
        attempts.retract(
            session.account_id, attempt.order_id, name, keeper=OrderGroup.Keeper.HOUSE,
            reason=f"The broker does not take it with its exits, so they are kept here: {why}",
        )  # fmt: skip
    session.outlet.heard_refusal()
    log.warning("group_refused", account=session.account_id, id=name, why=why)


def _take_back(session: Session, attempt: Attempt, reason: str, after: dt.datetime | None) -> None:
    name = attempt.request.client_order_id
    with fenced(session.lease):
        attempts.retract(session.account_id, attempt.order_id, name, reason=reason)
    session.put_off(attempt.order_id, after or session.clock.now() + FIRST_WAIT)
    log.info("order_put_off", account=session.account_id, id=name, reason=reason)


def unfinished(session: Session) -> int:
    """Put in doubt what a process before this one, or a failure here, left half sent."""
    count = 0
    with fenced(session.lease) as account, transaction.atomic():
        rows = Order.objects.filter(account=account, state__in=_MAY_BE_IN_DOUBT, accepted=False)
        for order in rows.filter(sent__gt=0).order_by("pk"):
            known = order.known(list(order.legs.order_by("number")))
            if known.in_doubt and known.unanswered < known.sent:
                attempts.mark_unknown(account.pk, order.pk)
                count += 1
    return count
