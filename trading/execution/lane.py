"""One account, served: what was heard is booked, what is in doubt asked for, what waits is sent.

A turn does what is due and returns. Everything that a turn knows can be lost between any two of
its steps: the next holder begins with the same turn and finds the rest in the database.
"""

from __future__ import annotations

import datetime as dt
import threading
from typing import Final

import structlog
from django.utils import timezone

from trading.brokers.protocol import Activity, BrokerError, Stream
from trading.execution import (
    cancelling,
    exits,
    hearing,
    homing,
    reconcile,
    resolving,
    sending,
    services,
)
from trading.execution.lease import LostLeaseError, fenced
from trading.execution.session import Session
from trading.execution.states import EXECUTION, Standing
from trading.models import AccountState, ClientOrderId, Order
from trading.orders import services as orders
from trading.orders.machine import OPEN, State

log = structlog.get_logger(__name__)
RECONCILE_S: Final = 60.0
AGAIN_S: Final = 5.5
"""After a pass that skipped what was touched, or that failed."""
POLL_S: Final = 1.0
REST_S: Final = sending.LOOK_AGAIN.total_seconds()
"""Between two looks at orders that wait for something; a new one is looked at at once."""
POLL_OVERLAP: Final = dt.timedelta(seconds=30)
SENDS: Final = 20
"""Orders that one turn sends at most, so that news are heard in between."""
ENTERED_A_SECOND: Final = 10
"""Orders that come in within a second from which somebody runs away."""
BACKLOG: Final = 60
"""Orders that wait to be sent, without exits that wait for their entry; more are nobody's wish."""
ENTERED_LATELY: Final = dt.timedelta(seconds=5)
_SERVED: Final = frozenset({Standing.LIVE, Standing.REDUCING})


class Glances:
    """When what waits is looked at: at once when it is other than before, else after a rest."""

    def __init__(self) -> None:
        self.told: object = None
        self._seen: object = None
        self._rests_until = 0.0

    def due(self, told: object, now: float) -> bool:
        """Take what waits now; return whether it is to be looked at."""
        self.told = told
        return told != self._seen or now >= self._rests_until

    def done(self, told: object, until: float) -> None:
        """Note what was looked at, and until when the same may rest."""
        self._seen, self._rests_until = told, until


class Lane:
    """Serves one account under one lease. Turns of one kind never overlap."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.ended = threading.Event()
        self._stream: Stream | None = None
        self._queued: set[object] = set()
        self._lock = threading.Lock()
        self._due, self._again = 0.0, AGAIN_S
        self._skipped: frozenset[str] = frozenset()
        self._polled: dt.datetime | None = None
        self._poll_due = 0.0
        self._halted = False
        self.orders, self.cancels = Glances(), Glances()
        # Without a stream the news are heard by asking, so they are never missed for long.
        if not session.outlet.broker.abilities.streams:
            session.listening = True

    def reconcile_soon(self) -> None:
        """Have the next turn reconcile."""
        self._due = 0.0
        self.session.reconciled = False

    @property
    def due(self) -> bool:
        """Whether news wait to be booked, the time has come to reconcile, or the stream is lost."""
        lost = not self.session.listening and self.session.reconciled
        return bool(self.session.inbox) or lost or self.session.clock.monotonic() >= self._due

    @property
    def poll_due(self) -> bool:
        """Whether it is time to ask for news."""
        return self.session.clock.monotonic() >= self._poll_due

    def queue(self, turn: object) -> bool:
        """Note that a turn is to be made; False when one of its kind waits or runs already."""
        with self._lock:
            if turn in self._queued:
                return False
            self._queued.add(turn)
            return True

    def unqueue(self, turn: object) -> None:
        """Note that a turn was made."""
        with self._lock:
            self._queued.discard(turn)

    def listen(self) -> None:
        """Hear the stream until it ends; what was missed before is reconciled."""
        stream = self.session.outlet.stream()
        self._stream = stream
        try:
            self.session.listening = True
            self.reconcile_soon()
            for item in stream:
                self.session.inbox.append(item)
                if self.ended.is_set():
                    return
        finally:
            self.session.listening = False
            stream.close()

    def stop_listening(self) -> None:
        """End the stream; the account is served no more."""
        self.ended.set()
        if self._stream is not None:
            self._stream.close()

    def turn(self) -> bool:
        """Do what is due; return whether anything was sent. LostLeaseError when it is not ours."""
        if not self.session.busy.acquire(blocking=False):
            return False
        told = self.orders.told
        try:
            sent = self._turn()
            rest = 0.0 if sent else min(self.session.outlet.wait_s() or REST_S, REST_S)
            self.orders.done(told, self.session.clock.monotonic() + rest)
            return sent
        finally:
            self.session.busy.release()

    def turn_cancels(self) -> int:
        """Send the cancels that are due, whatever else the account is at; return how many."""
        if not self.session.busy_cancelling.acquire(blocking=False):
            return 0
        told = self.cancels.told
        try:
            sent = cancelling.cancel_wanted(self.session)
            self.cancels.done(told, self.session.clock.monotonic() + REST_S)
            return sent
        finally:
            self.session.busy_cancelling.release()

    def _turn(self) -> bool:
        session = self.session
        standing = self._standing()
        self._hear()
        sending.unfinished(session)
        resolving.resolve(session)
        if session.clock.monotonic() >= self._due:
            self._reconcile()
        elif session.clock.monotonic() >= self._poll_due:
            self._poll()
        exits.tend(session)
        homing.tend(session)
        self._count()
        if session.halts:
            session.outlet.trip(session.halts)
            session.halts = ""
        if session.outlet.tripped and standing != Standing.HALTED:
            self.halt(session.outlet.tripped)
        if Standing(self._row().state) not in _SERVED:
            return False
        sent = 0
        while sent < SENDS and sending.send_next(session):
            sent += 1
        return sent > 0

    def _row(self) -> AccountState:
        row = AccountState.objects.get(pk=self.session.account_id)
        if row.token != self.session.lease.token:
            raise LostLeaseError(f"account {row.pk} is held under token {row.token}")
        return row

    def _standing(self) -> Standing:
        """Return how the account stands; begin anew when a person let a halted one go on."""
        standing = Standing(self._row().state)
        if standing == Standing.HALTED:
            self._halted = True
        elif self._halted:
            self._halted = False
            self.session.outlet = self.session.outlet.anew()
            self.reconcile_soon()
        if self.session.listening:
            return standing
        self.session.reconciled = False
        if standing == Standing.LIVE:
            with fenced(self.session.lease):
                services.step(
                    self.session.account_id, Standing.RECONCILING, actor=EXECUTION,
                    reason="The news of the broker are not heard.",
                )  # fmt: skip
        return standing

    def _hear(self) -> None:
        session = self.session
        while session.inbox:
            item = session.inbox[0]
            if isinstance(item, Activity):
                for heard in hearing.book(session.account_id, session.outlet.name, [item]):
                    session.heard(heard)
                    if heard.later:
                        self.reconcile_soon()
            else:
                session.heard(hearing.hear(session.account_id, item))
            session.inbox.popleft()

    def _reconcile(self) -> None:
        session = self.session
        due = self._due = session.clock.monotonic() + AGAIN_S  # also after a fault
        told = reconcile.reconcile(session, not_again=self._skipped)
        self._skipped = frozenset(told.skipped) - self._skipped
        # Each try that ends at the rate has used up what came back since the one before.
        self._again = min(2 * self._again, RECONCILE_S) if told.limited else AGAIN_S
        soon = told.failed or told.skipped
        if self._due == due:  # nobody has wished for another pass meanwhile, as the stream may
            self._due = session.clock.monotonic() + (self._again if soon else RECONCILE_S)
        if told.standing == Standing.HALTED:
            self.halt("; ".join(str(one) for one in told.differences))

    def _poll(self) -> None:
        """Ask for news where none come by themselves."""
        session = self.session
        outlet = session.outlet
        now = session.clock.monotonic()
        if outlet.broker.abilities.streams or not self._has_open():
            self._poll_due = now + POLL_S
            return
        self._poll_due = now + POLL_S
        start = self._polled or reconcile.since(session)
        began = session.clock.now()
        try:
            told = list(outlet.executions(start))
            told += [event for one in outlet.orders(start, told) for event in one.news]
        except BrokerError as error:
            log.info("not_polled", account=session.account_id, why=str(error))
            return
        for event in hearing.fresh_of(session.account_id, outlet.name, told):
            session.heard(hearing.hear(session.account_id, event))
        self._polled = began - POLL_OVERLAP

    def _has_open(self) -> bool:
        rows = Order.objects.filter(account_id=self.session.account_id, state__in=sorted(OPEN))
        return rows.exclude(state=State.PENDING.value).exists()

    def _count(self) -> None:
        """Compare what left with what was begun, and how fast orders come in."""
        session = self.session
        begun = ClientOrderId.objects.filter(
            order__account_id=session.account_id, token=session.lease.token
        ).count()
        if session.outlet.left > begun:
            session.outlet.trip(f"{session.outlet.left} orders left and {begun} were begun")
        entered = Order.objects.filter(account_id=session.account_id).exclude(
            state=State.REJECTED.value, sent=0
        )
        waiting = entered.filter(state=State.PENDING.value).exclude(role=Order.Role.EXIT).count()
        if waiting > BACKLOG:
            session.outlet.trip(f"{waiting} orders wait to be sent")
            return
        newest = entered.order_by("-pk").values_list("created", flat=True)
        times = list(newest[: ENTERED_A_SECOND + 1])
        if len(times) <= ENTERED_A_SECOND or timezone.now() - times[0] > ENTERED_LATELY:
            return
        if times[0] - times[-1] < dt.timedelta(seconds=1):
            session.outlet.trip(f"more than {ENTERED_A_SECOND} orders came in within a second")

    def halt(self, reason: str) -> None:
        """Halt the account and cancel all that is open, by the books and at the broker."""
        session = self.session
        session.outlet.trip(reason)
        log.critical("account_halted", account=session.account_id, reason=reason)
        with fenced(session.lease) as account:
            if self._row().state != Standing.HALTED:
                services.step(account.pk, Standing.HALTED, actor=EXECUTION, reason=reason)
        self._halted = True
        try:
            session.outlet.cancel_all()
        except BrokerError as error:
            log.error("cancel_all_not_sent", account=session.account_id, why=str(error))
        rows = Order.objects.filter(account_id=session.account_id, state__in=sorted(OPEN))
        for order_id in rows.order_by("pk").values_list("pk", flat=True):
            with fenced(session.lease):
                orders.cancel(session.account_id, order_id, actor=EXECUTION, reason=reason)
