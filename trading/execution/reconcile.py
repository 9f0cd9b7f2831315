"""The books are brought to what the broker says, before anything is sent and every minute.

Orders, fills and activities are told again since some minutes before the newest clean pass; since
a day before it where a difference stays, and once by a holder whose books were found to be the
broker's. The gate does not wait for that day: a busy one has more pages than a broker's rate. What
is booked already writes nothing, so a second pass writes no row. What differs is looked at again,
with the day told once. A rounding is booked with that reason; anything else stops the account until
a person accepts it. A question that fails means that nothing is known, never that nothing is held.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

import structlog
from django.db.models.functions import Now

from trading.brokers.protocol import (
    BrokerError,
    NotTakenError,
    OutcomeUnknownError,
    VenueAccount,
)
from trading.execution import hearing, opening, sending, services
from trading.execution.differences import (
    Difference,
    Holding,
    Side,
    Weight,
    average,
    compare,
    weigh,
)
from trading.execution.lease import fenced
from trading.execution.opening import SOURCE
from trading.execution.session import Session
from trading.execution.states import EXECUTION, Standing
from trading.ledger import selectors
from trading.ledger import services as ledger
from trading.ledger.book import ZERO, LedgerError, Move, total
from trading.ledger.services import Source
from trading.models import Account, AccountState, ClientOrderId, JournalEntry, Order, OrderEvent
from trading.orders.machine import OPEN
from trading.orders.services import HOUSE
from trading.orders.venue import Event
from trading.scopes import underlying

log = structlog.get_logger(__name__)
BEFORE: Final = dt.timedelta(days=1)
OVERLAP: Final = dt.timedelta(minutes=10)
DAY_AGAIN_S: Final = 600.0
"""After a whole day that was not told to its end."""
TOUCHED: Final = dt.timedelta(seconds=5)
LOOKS: Final = 4
BETWEEN_S: Final = 0.5


@dataclass(slots=True)
class Pass:
    """What one pass found.

    Attributes
    ----------
    failed : str
        Why the broker could not be asked; then nothing is known.
    broken : list of str
        What could not be booked or does not fit.
    differences : list
        What differs and was not booked.
    limited : bool
        Whether the broker's rate was used up: to ask again soon would use up what comes back.
    skipped : set of str
        Instruments that were touched a moment ago and are compared by the next pass.
    booked : int
        News and adjustments that were new.
    """

    failed: str = ""
    limited: bool = False
    broken: list[str] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    skipped: set[str] = field(default_factory=set)
    booked: int = 0
    standing: str = ""

    @property
    def clean(self) -> bool:
        """Whether the books are what the broker says."""
        return not (self.failed or self.broken or self.differences or self.skipped)


def reconcile(session: Session, *, not_again: frozenset[str] = frozenset()) -> Pass:
    """Bring the books to what the broker says, and the account to the standing that follows.

    Parameters
    ----------
    not_again : frozenset of str
        Instruments that the pass before skipped: they are compared now.
    """
    began = session.clock.now()
    told = Pass(broken=session.broken[:])
    session.broken.clear()
    try:
        sending.unfinished(session)
        _open_books(session, began)
        _walk(session, told, not_again)
    except BrokerError as error:
        told.failed = str(error) or type(error).__name__
        told.limited = isinstance(error, NotTakenError) and error.after is not None
        session.broken[:0] = told.broken
        log.warning("not_reconciled", account=session.account_id, why=told.failed)
        return told
    except LedgerError as error:
        told.broken.append(f"what the broker holds cannot be booked: {error}")
    _conclude(session, told, began)
    return told


def since(session: Session, before: dt.timedelta = BEFORE) -> dt.datetime:
    """Return from when on the broker tells what it knows."""
    row = AccountState.objects.get(pk=session.account_id)
    known = row.known_from or session.clock.now()
    return known if row.reconciled_at is None else max(known, row.reconciled_at - before)


def listen_again(
    session: Session, told: Pass, not_again: frozenset[str], start: dt.datetime
) -> None:
    """Have the broker tell everything since an instant, and book what is new."""
    outlet = session.outlet
    fills = list(outlet.executions(start))
    orders = outlet.orders(start, fills)
    events = [event for one in orders for event in one.news] + fills
    known = AccountState.objects.get(pk=session.account_id).known_from
    events = [one for one in events if not _in_opening(one, known)]
    for event in hearing.fresh_of(session.account_id, outlet.name, events):
        _note(session, told, hearing.hear(session.account_id, event))
    activities = opening.later(session.account_id, outlet.activities(start))
    for heard in hearing.book(session.account_id, outlet.name, activities):
        _note(session, told, heard)
    names = {name for one in orders for name in (one.client_order_id, one.venue_order_id)}
    _missing(session, told, names, not_again)


def _in_opening(event: Event, known: dt.datetime | None) -> bool:
    """Return whether a fill was before this house knew the account: its opening holds it."""
    return event.execution is not None and known is not None and event.at < known


def _note(session: Session, told: Pass, heard: hearing.Heard) -> None:
    session.heard(heard)
    told.booked += heard.fresh
    if heard.broken and heard.broken not in told.broken:
        told.broken.append(heard.broken)
    if heard.later:
        told.skipped.add("a delivery of which a part is still to come")
    session.broken.clear()  # they are in this pass


def _missing(session: Session, told: Pass, names: set[str], not_again: frozenset[str]) -> None:
    """Ask for each order that is open here and was not told of; absence alone ends none.

    One of which something was heard a moment ago may not be in every answer of the broker yet.
    """
    rows = Order.objects.filter(account_id=session.account_id, state__in=sorted(OPEN))
    for order in rows.order_by("pk"):
        known = order.known(list(order.legs.order_by("number")))
        mine = list(ClientOrderId.objects.filter(order=order).values_list("text", flat=True))
        if not known.heard or names & {*mine, order.venue_order_id}:
            continue
        found = [session.outlet.find(one) for one in mine]
        for event in (event for one in found if one is not None for event in one.news):
            _note(session, told, hearing.hear(session.account_id, event))
        if any(found):
            continue
        name = f"order {order.pk}"
        lately = order.events.exclude(source=HOUSE).filter(heard_at__gt=Now() - TOUCHED)
        if lately.exists() and name not in not_again:
            told.skipped.add(name)
        else:
            told.broken.append(f"{name} is {order.state} and the broker knows it not")


def _walk(session: Session, told: Pass, not_again: frozenset[str]) -> None:
    """Listen and compare, until the same is seen twice, the later time with the whole day told.

    The day is asked for at the third look: most differences are of a moment.
    """
    before: list[Difference] | None = None
    now = session.clock.monotonic()
    due = session.compared and now >= session.day_due
    if due:
        session.day_due = now + DAY_AGAIN_S
    whole = False
    for look in range(LOOKS):
        if look:
            session.clock.sleep(BETWEEN_S)
        if whole:  # told a moment ago; nothing from before this house knew the account
            start = max(since(session), session.clock.now() - OVERLAP)
        else:
            whole = due or look > 1
            start = since(session, BEFORE if whole else OVERLAP)
        listen_again(session, told, not_again, start)
        touched = _touched(session) - not_again
        theirs, account = _theirs(session)
        found = compare(_ours(session), theirs, touched)
        if not found or (whole and found == before):
            if whole:
                session.day_due = math.inf
            told.skipped |= touched
            _judge(session, told, found, account)
            return
        if found == before:  # it stands: nothing opens until the whole day has said why
            session.reconciled = False
        before = found
    told.failed = "the broker's figures did not stay the same between two looks"


def _ours(session: Session) -> Side:
    account = Account.objects.get(pk=session.account_id)
    held = {}
    for one in selectors.positions(account):
        price = abs(one.cost / (one.quantity * one.multiplier))
        held[one.symbol] = Holding(one.quantity, average(price, one.quantity), one.multiplier)
    return Side(selectors.balances(account).cash, held)


def _theirs(session: Session) -> tuple[Side, VenueAccount]:
    account, positions = session.outlet.account(), session.outlet.positions()
    held = {
        one.symbol: Holding(
            one.quantity, average(one.average_price, one.quantity), _usual_multiplier(one.symbol)
        )
        for one in positions
        if one.quantity
    }
    return Side(account.cash, held), account


def _usual_multiplier(symbol: str) -> Decimal:
    return hearing.OPTION_MULTIPLIER if underlying(symbol) != symbol else Decimal(1)


def _touched(session: Session) -> set[str]:
    """Return the instruments of which something was heard or booked a moment ago."""
    events = OrderEvent.objects.filter(
        account_id=session.account_id, heard_at__gt=Now() - TOUCHED
    ).exclude(source=HOUSE)
    symbols = set(events.exclude(order=None).values_list("order__legs__symbol", flat=True))
    entries = JournalEntry.objects.filter(
        account_id=session.account_id, booked_at__gt=Now() - TOUCHED
    ).exclude(source=SOURCE)
    for facts in entries.values_list("facts", flat=True):
        symbols |= {move[0] for move in facts.get("moves", [])}
    return symbols


def _judge(session: Session, told: Pass, found: list[Difference], account: VenueAccount) -> None:
    """Book what may be booked; the rest stops the account."""
    told.broken += [f"the broker says: {one}" for one in account.obstacles]
    weight = weigh(found, account.equity)
    row = AccountState.objects.get(pk=session.account_id)
    if found and row.accept_reason:
        reason = f"{row.accept_reason} (accepted by {row.accept_actor})"
        _adjust(session, told, found, reason)
    elif weight == Weight.ROUNDING:
        _adjust(session, told, found, "rounding of the broker")
    else:
        told.differences = found
        told.standing = {Weight.HALT: Standing.HALTED.value}.get(weight, "")


def _adjust(session: Session, told: Pass, found: list[Difference], reason: str) -> None:
    with fenced(session.lease) as account:
        for one in found:
            name = f"difference at {account.seq} of {one.symbol or 'cash'}"
            source = Source(SOURCE, name, session.clock.now())
            moves: tuple[Move, ...] = ()
            if one.symbol:
                moves = (Move(one.symbol, one.amount, one.price or ZERO, one.multiplier),)
            ledger.adjust(
                account.pk, source, reason=f"{reason}; {one}"[:300],
                cash=ZERO if one.symbol else one.amount, moves=moves,
            )  # fmt: skip
            account.refresh_from_db(fields=["seq"])
            told.booked += 1
        AccountState.objects.filter(pk=account.pk).update(accept_actor="", accept_reason="")
    log.warning("differences_booked", account=session.account_id, what=[str(one) for one in found])


def _open_books(session: Session, began: dt.datetime) -> None:
    """Take over what an account held before this house knew it, once."""
    row = AccountState.objects.get(pk=session.account_id)
    if row.known_from is not None:
        return
    listed = opening.listed(session, began)
    theirs, _ = _theirs(session)
    if opening.listed(session, began) != listed:
        raise OutcomeUnknownError("something happened while the account was taken over")
    found = compare(_ours(session), theirs)
    with fenced(session.lease) as account:
        moves = tuple(
            Move(one.symbol, one.amount, one.price or ZERO, one.multiplier)
            for one in found if one.symbol
        )  # fmt: skip
        worth = total(one.worth for one in moves)
        cash = total(one.amount for one in found if not one.symbol)
        brought = total((cash, worth))
        if brought:
            book = ledger.deposit if brought > 0 else ledger.withdraw
            book(account.pk, abs(brought), Source(SOURCE, "opening value", began))
        if moves:
            ledger.adjust(
                account.pk, Source(SOURCE, "opening positions", began), cash=-worth, moves=moves,
                reason="held before this house knew the account, at the broker's average price",
            )  # fmt: skip
        opening.keep(account, listed, began)
        AccountState.objects.filter(pk=account.pk).update(known_from=began)


def _conclude(session: Session, told: Pass, began: dt.datetime) -> None:
    """Bring the account to the standing that follows from a pass."""
    why = "; ".join([*told.broken, *(str(one) for one in told.differences)])
    with fenced(session.lease) as account:
        row = AccountState.objects.get(pk=account.pk)
        now, to = Standing(row.state), Standing.REDUCING if row.ceiling else Standing.LIVE
        if why:
            to = Standing(told.standing) if told.standing else Standing.REDUCING
        if why:
            if now not in (Standing.HALTED, Standing.DISABLED, to):
                services.step(
                    account.pk, to, actor=EXECUTION, reason=f"not as the broker says: {why}"
                )
            session.reconciled = False
        elif not told.skipped and session.listening:
            AccountState.objects.filter(pk=account.pk).update(reconciled_at=began)
            session.compared = True
            if now in (Standing.RECONCILING, Standing.REDUCING):
                reason = row.ceiling or "The books are as the broker's."
                services.step(account.pk, to, actor=EXECUTION, reason=reason)
            session.reconciled = True
    level = log.warning if why else log.info
    level("reconciled", account=session.account_id, booked=told.booked, why=why,
          skipped=sorted(told.skipped))  # fmt: skip
