"""The execution process: takes accounts over, serves them, and stops when anything says stop.

Crash-only: it keeps nothing that the next one needs, and starting is recovering. Threads: one
looks for work, one keeps the leases, one watches the kill switch without a database, one hears
each stream; a few send, and others that wait for nothing but cancels send cancels.
"""

from __future__ import annotations

import contextlib
import random
import secrets
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

import redis
import structlog
from django.db import DatabaseError, InterfaceError, connection
from django.db.models import Count, Max, Q, Sum

from trading.brokers import registry
from trading.brokers.protocol import BrokerError
from trading.execution import lease as leases
from trading.execution.clock import Clock, SystemClock
from trading.execution.lane import Lane
from trading.execution.lease import RENEW_S, LostLeaseError, this_process
from trading.execution.outlet import CALL_S, Guard, Outlet
from trading.execution.session import Session
from trading.execution.states import Standing
from trading.ledger.book import LedgerError
from trading.models import Account, AccountState, Order
from trading.orders.machine import OPEN, State
from trading.scopes import Scope
from trading.switches import flags, press
from trading.switches.latch import LatchError

log = structlog.get_logger(__name__)
LOOK_S: Final = 0.05
TAKE_S: Final = 1.0
WATCH_S: Final = 0.1
STREAM_FIRST_S: Final = 1.0
STREAM_LONGEST_S: Final = 30.0
CANCEL_ALL_AGAIN_S: Final = (0.0, 2.0, 12.0)
"""After a stop, for what was on its way to the broker meanwhile."""
_WORK: Final = Q(state__in=(State.PENDING.value, State.SUBMITTING.value, State.UNKNOWN.value))
_LEAVING: Final = Q(state=State.CANCEL_PENDING.value) & ~Q(venue_order_id="")
_THERE: Final = ~Q(state=State.PENDING.value)


class _Work(NamedTuple):
    """What there is to do for an account: its newest order to send or to ask for, 0 for none; the
    cancels to send, of which a change tells a new one; whether an order is at the broker."""

    newest: int = 0
    leaving: tuple[int, int, int] = (0, 0, 0)
    there: bool = False


def guards() -> tuple[Guard, ...]:
    """Return what is asked right before every sending: the latch, then the flags."""
    return (press.latch().hindrance, flags.hindrance)


class Executor:
    """Serves all accounts that are armed and that nobody else serves."""

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        only: Iterable[int] | None = None,
        workers: int = 8,
        holder: str = "",
    ) -> None:
        self.ended = threading.Event()
        self.clock = clock or SystemClock(self.ended)
        self.holder = holder or f"{this_process()}/{secrets.token_hex(3)}"
        self.lanes: dict[int, Lane] = {}
        self._only = None if only is None else frozenset(only)
        self._workers = workers
        self._pool = ThreadPoolExecutor(workers, "send")
        self._cancels = ThreadPoolExecutor(workers, "cancel")
        self._stopped: dict[tuple[int, str], tuple[float, int]] = {}
        self._taken_at = -TAKE_S
        self._unread: set[str] = set()

    def run(self) -> None:
        """Serve until `ended` is set; then let the accounts go."""
        press.latch().prepare()
        threads = [
            self._thread("keep", self._keep, RENEW_S / 2),
            self._thread("watch", self.watch, WATCH_S),
        ]
        while not self.ended.is_set():
            self._guarded(self.look)
            self.ended.wait(LOOK_S)
        for one in threads:
            one.join(RENEW_S)
        self.close()

    def close(self) -> None:
        """End the streams and let the accounts go, so that another takes them at once."""
        self.ended.set()
        for lane in self.lanes.values():
            lane.stop_listening()
        for pool in (self._pool, self._cancels):
            _close_connections(pool, self._workers)
            pool.shutdown(wait=True)
        for lane in self.lanes.values():
            self._guarded(lambda one=lane: leases.give(one.session.lease))  # type: ignore[misc]
        self.lanes.clear()
        connection.close()

    def look(self) -> None:
        """Take over what is free, and have the accounts served that have something to do."""
        if self.clock.monotonic() - self._taken_at >= TAKE_S:
            self._taken_at = self.clock.monotonic()
            self.take()
        found, now = _work(self.lanes), self.clock.monotonic()
        for account_id, lane in list(self.lanes.items()):
            work = found.get(account_id, _Work())
            if any(work.leaving) and lane.cancels.due(work.leaving, now):
                self._submit(self._cancels, account_id, Lane.turn_cancels)
            waits = work.newest and lane.orders.due(work.newest, now)
            if waits or lane.due or (work.there and lane.poll_due):
                self._submit(self._pool, account_id, Lane.turn)

    def take(self) -> None:
        """Take over the armed accounts that nobody serves, and let go of disabled ones."""
        rows = AccountState.objects.exclude(state=Standing.DISABLED)
        if self._only is not None:
            rows = rows.filter(pk__in=self._only)
        armed = dict(rows.values_list("pk", "state"))
        for account_id in set(self.lanes) - set(armed):
            self._drop(account_id, give=True)
        for account_id, state in sorted(armed.items()):
            if account_id not in self.lanes:
                self._take(account_id)
            elif state == Standing.RECONCILING and self.lanes[account_id].session.reconciled:
                self.lanes[account_id].reconcile_soon()

    def _take(self, account_id: int) -> None:
        account = Account.objects.get(pk=account_id)
        try:
            broker = registry.of(account)
        except (LedgerError, BrokerError) as error:
            log.error("no_broker", account=account_id, why=str(error))
            return
        lease = leases.take(account_id, self.holder, self.clock)
        if lease is None:
            return
        outlet = Outlet(broker, lease, self.clock, guards())
        session = Session(account_id, account.owner_id, lease, outlet, self.clock)
        lane = Lane(session)
        self.lanes[account_id] = lane
        log.info("account_taken", account=account_id, token=lease.token)
        if broker.abilities.streams:
            threading.Thread(
                target=self._listen, args=(lane,), name=f"stream-{account_id}", daemon=True
            ).start()

    def _drop(self, account_id: int, *, give: bool = False) -> None:
        lane = self.lanes.pop(account_id, None)
        if lane is None:
            return
        lane.stop_listening()
        if give:
            leases.give(lane.session.lease)
        log.info("account_let_go", account=account_id)

    def _submit(
        self, pool: ThreadPoolExecutor, account_id: int, turn: Callable[[Lane], object]
    ) -> None:
        lane = self.lanes[account_id]
        if not lane.queue(turn):
            return

        def work() -> None:
            try:
                self._guarded(lambda: turn(lane), account_id)
            finally:
                lane.unqueue(turn)

        pool.submit(work)

    def _guarded(self, work: Callable[[], object], account_id: int | None = None) -> None:
        """Run some work; a fault of it ends it alone, and the next look does it again."""
        try:
            work()
        except LostLeaseError as error:
            log.warning("lease_lost", account=account_id, why=str(error))
            if account_id is not None:
                self._drop(account_id)
        except (DatabaseError, InterfaceError) as error:
            log.error("database_away", account=account_id, why=str(error))
            connection.close()
            self.ended.wait(0.5)
        except Exception:
            log.exception("turn_failed", account=account_id)
            self.ended.wait(0.5)

    def _thread(self, name: str, work: Callable[[], object], every: float) -> threading.Thread:
        def loop() -> None:
            while not self.ended.is_set():
                self._guarded(work)
                self.ended.wait(every)
            connection.close()

        thread = threading.Thread(target=loop, name=name, daemon=True)
        thread.start()
        return thread

    def _keep(self) -> None:
        """Renew the leases, and bring the latch of this host and the switches together."""
        for account_id, lane in list(self.lanes.items()):
            try:
                leases.renew(lane.session.lease, self.clock)
            except LostLeaseError as error:
                log.warning("lease_lost", account=account_id, why=str(error))
                self._drop(account_id)
        # What cannot be read is told by the watch.
        with contextlib.suppress(LatchError, redis.RedisError):
            press.adopt()

    def watch(self) -> None:
        """Cancel at the brokers what a stop holds whole; it needs no database.

        What cannot be read stops the sending, but it cancels nothing.
        """
        stopped: set[str] = set()
        try:
            stopped |= {str(scope) for scope in press.latch().read()}
            self._read("latch")
        except LatchError as error:
            self._read("latch", str(error))
        try:
            stopped |= set(flags.flagged())
            self._read("flags")
        except redis.RedisError as error:
            self._read("flags", str(error))
        now = self.clock.monotonic()
        current = set()
        for account_id, lane in list(self.lanes.items()):
            for name in stopped & {str(one) for one in whole(lane.session)}:
                current.add((account_id, name))
                self._cancel_all(account_id, name, lane, now)
        self._stopped = {key: one for key, one in self._stopped.items() if key in current}

    def _read(self, what: str, why: str = "") -> None:
        """Say once when a part of the kill switch cannot be read, and once when it can again."""
        if why and what not in self._unread:
            self._unread.add(what)
            log.error("kill_switch_unreadable", part=what, why=why)
        elif not why and what in self._unread:
            self._unread.discard(what)
            log.warning("kill_switch_readable", part=what)

    def _cancel_all(self, account_id: int, name: str, lane: Lane, now: float) -> None:
        began, done = self._stopped.setdefault((account_id, name), (now, 0))
        if done == len(CANCEL_ALL_AGAIN_S) or now < began + CANCEL_ALL_AGAIN_S[done]:
            return
        self._stopped[account_id, name] = (began, done + 1)

        def work() -> None:
            try:
                count = lane.session.outlet.cancel_all()
            except BrokerError as error:
                log.error("cancel_all_not_sent", account=account_id, why=str(error))
                self._stopped[account_id, name] = (began, done)
            else:
                log.warning("cancelled_all", account=account_id, scope=name, orders=count)

        self._cancels.submit(work)

    def _listen(self, lane: Lane) -> None:
        """Hear an account's stream, and open it anew when it is lost; wait longer each time."""
        wait = STREAM_FIRST_S
        while not (self.ended.is_set() or lane.ended.is_set()):
            began = self.clock.monotonic()
            try:
                lane.listen()
            except Exception as error:  # noqa: BLE001 - whatever ended it, it is opened anew
                log.warning("stream_lost", account=lane.session.account_id, why=repr(error))
            if self.clock.monotonic() - began > STREAM_LONGEST_S:
                wait = STREAM_FIRST_S
            lane.ended.wait(wait * random.uniform(0.5, 1.0))
            wait = min(wait * 2, STREAM_LONGEST_S)


def _work(account_ids: Iterable[int]) -> dict[int, _Work]:
    """Return what there is to do, of the accounts for which there is anything."""
    rows = Order.objects.filter(account_id__in=list(account_ids), state__in=sorted(OPEN))
    found = rows.values("account_id").annotate(
        newest=Max("pk", filter=_WORK), there=Count("pk", filter=_THERE),
        leaving=Count("pk", filter=_LEAVING), last=Max("pk", filter=_LEAVING),
        asked=Sum("cancels", filter=_LEAVING),
    )  # fmt: skip
    return {
        one["account_id"]: _Work(
            one["newest"] or 0,
            (one["leaving"], one["last"] or 0, one["asked"] or 0),
            one["there"] > 0,
        )
        for one in found.order_by()
    }


def whole(session: Session) -> tuple[Scope, ...]:
    """Return the scopes that hold an account whole."""
    found = [Scope("global"), Scope("account", str(session.account_id))]
    if session.owner_id is not None:
        found.append(Scope("user", str(session.owner_id)))
    return tuple(found)


def _close_connections(pool: ThreadPoolExecutor, workers: int) -> None:
    """Have every thread of a pool close its connection to the database."""
    together = threading.Barrier(workers)

    def close() -> None:
        with contextlib.suppress(threading.BrokenBarrierError):
            together.wait(CALL_S)
        connection.close()

    for _ in range(workers):
        pool.submit(close)
