"""Twenty-odd things that break, each on the real thing where there is one, and end again."""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import resource
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
import redis
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from structlog.testing import capture_logs

from record import broker, outbox
from record.models import OutboxRow
from tests.trading.desk import Desk
from tests.trading.feeds import Feed
from trading.brokers import registry
from trading.brokers.alpaca.wire import Wire
from trading.brokers.budget import Budget
from trading.brokers.connections import credentials_of
from trading.brokers.credentials import Credentials
from trading.brokers.models import BrokerConnection
from trading.execution import market as sighted
from trading.execution import quotes
from trading.execution.executor import Executor
from trading.execution.lease import LostLeaseError
from trading.risk import markets, telling
from trading.scopes import EVERYTHING
from trading.switches import flags, press

D = Decimal


class Broken:
    """A desk while something is broken, and what the tests need to break it."""

    def __init__(self, desk: Desk, request: pytest.FixtureRequest) -> None:
        self.desk, self.fixture = desk, request.getfixturevalue
        self.patch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
        self.feed: Any = None
        self.house = Executor(desk.clock)
        self.house.ended.set()  # its waits after a failure end at once

    def serve(self, times: int = 6, step: float = 1.0) -> None:
        """Serve as the execution process does: a failure ends a turn, and the next one follows."""
        for _ in range(times):
            self.house._guarded(lambda: self._turn(step))
            self.desk.clock.sleep(step)

    def _turn(self, step: float) -> None:
        try:
            self.desk.turn(step=step)
        except LostLeaseError:
            self.desk.dies()
            raise


def admin() -> psycopg.Connection[Any]:
    """Return a connection of one's own to the database of the tests."""
    given = connection.settings_dict
    return psycopg.connect(
        host=given["HOST"], user=given["USER"], dbname=given["NAME"], autocommit=True
    )


def quietly(broken: Broken) -> None:
    broken.serve()


def briefly(broken: Broken) -> None:
    broken.serve(2)


# --- PostgreSQL -----------------------------------------------------------------------------------


@contextmanager
def database_set(name: str, value: str) -> Iterator[None]:
    with admin() as link:
        there = connection.settings_dict["NAME"]
        link.execute(f"ALTER DATABASE {there} SET {name} = {value}")
        connection.close()
        try:
            yield
        finally:
            link.execute(f"ALTER DATABASE {there} RESET {name}")
            connection.close()


@contextmanager
def no_connection_left(broken: Broken) -> Iterator[None]:
    """A role of the test's own has none left: taking the server's would starve other tests."""
    given = connection.settings_dict
    user, role = given["USER"], f"crowded_{given['NAME']}"
    with admin() as link:
        link.execute(f"DROP ROLE IF EXISTS {role}")
        link.execute(f"CREATE ROLE {role} LOGIN CONNECTION LIMIT 0")
        connection.close()
        given["USER"] = role  # each thread's next connection is this role's
        try:
            with pytest.raises(OperationalError, match="too many connections"):
                connection.ensure_connection()
            yield
        finally:
            given["USER"] = user
            link.execute(f"DROP ROLE {role}")


@contextmanager
def read_only(broken: Broken) -> Iterator[None]:
    with database_set("default_transaction_read_only", "on"):
        yield


@contextmanager
def impatient(broken: Broken) -> Iterator[None]:
    with database_set("statement_timeout", "1"):
        yield


@contextmanager
def disk_of_database_full(broken: Broken) -> Iterator[None]:
    with admin() as link:
        link.execute(
            "CREATE FUNCTION test_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " RAISE EXCEPTION 'no space left on device' USING ERRCODE = 'disk_full'; END $$;"
            "CREATE TRIGGER test_full BEFORE INSERT ON record_auditentry"
            " FOR EACH ROW EXECUTE FUNCTION test_full()"
        )
        try:
            yield
        finally:
            link.execute("DROP FUNCTION test_full CASCADE")


def table_locked(name: str) -> Callable[[Broken], Any]:
    @contextmanager
    def locked(broken: Broken) -> Iterator[None]:
        with connection.cursor() as cursor:  # a person's request gives up in the end
            cursor.execute("SET lock_timeout = '300ms'")
        with admin() as link:
            link.execute(f"BEGIN; LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE")
            yield
            link.execute("ROLLBACK")

    return locked


def in_a_thread(broken: Broken) -> None:
    """Serve while something hangs; it goes on when the lock goes."""

    def work() -> None:
        broken.serve(1)
        connection.close()

    with admin() as link:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(1.0)
        assert thread.is_alive(), "it did not wait for the table"
        link.execute(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        )
        thread.join(20)


@contextmanager
def statements_fail(broken: Broken) -> Iterator[None]:
    chance = random.Random(1)

    def fail(execute, sql, params, many, context):
        if chance.random() < 0.02:
            raise OperationalError("could not serialize access due to concurrent update")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail):
        yield


@contextmanager
def connections_die(broken: Broken) -> Iterator[None]:
    chance = random.Random(2)
    with admin() as link:

        def kill(execute, sql, params, many, context):
            if chance.random() < 0.02:
                pid = connection.connection.info.backend_pid
                link.execute("SELECT pg_terminate_backend(%s, 1000)", [pid])
            return execute(sql, params, many, context)

        with connection.execute_wrapper(kill):
            yield


@contextmanager
def slow_database(broken: Broken) -> Iterator[None]:
    def slow(execute, sql, params, many, context):
        broken.desk.clock.sleep(2.0)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(slow):
        yield


def for_long(broken: Broken) -> None:
    broken.serve(25)


# --- Redis and Celery -----------------------------------------------------------------------------


@contextmanager
def redis_down(broken: Broken) -> Iterator[None]:
    server = broken.fixture("own_redis")
    server.stop()
    try:
        yield
    finally:
        server.start()


@contextmanager
def redis_hangs(broken: Broken) -> Iterator[None]:
    server = broken.fixture("own_redis")
    os.kill(server._process.pid, signal.SIGSTOP)
    yield
    os.kill(server._process.pid, signal.SIGCONT)


@contextmanager
def redis_full(broken: Broken) -> Iterator[None]:
    broken.fixture("own_redis")
    flags.client().config_set("maxmemory", 1)
    with pytest.raises(redis.OutOfMemoryError):
        flags.set_flag(EVERYTHING, "a test")
    yield
    flags.client().config_set("maxmemory", 0)


@contextmanager
def redis_without_connections(broken: Broken) -> Iterator[None]:
    server = broken.fixture("own_redis")
    with redis.Redis.from_url(server.url, single_connection_client=True) as link:
        link.config_set("maxclients", 1)
        link.client_kill_filter(_type="normal", skipme=True)
        yield
        link.config_set("maxclients", 1000)


@contextmanager
def flags_overwritten(broken: Broken) -> Iterator[None]:
    broken.fixture("own_redis")
    flags.client().set(flags.KEY, "nonsense")
    yield
    flags.client().delete(flags.KEY)


@contextmanager
def no_celery(broken: Broken) -> Iterator[None]:
    with broken.patch.context() as patch:
        patch.setenv("CELERY_BROKER_WRITE_URL", "redis+socket:///nowhere/at/all.sock")
        with transaction.atomic():
            telling.promise(broken.desk.account, "warning", "a test", "", "It was promised.")
        row = OutboxRow.objects.latest("pk")
        assert not outbox._send(row.pk, row.queue)
        yield
    broker.breaker.reset()
    assert outbox.run(row.pk) == outbox.Outcome.DONE


# --- the host -------------------------------------------------------------------------------------


@contextmanager
def latch_unreadable(broken: Broken) -> Iterator[None]:
    path = press.latch().path
    path.unlink()
    path.mkdir()
    yield
    path.rmdir()
    press.latch().prepare()


@contextmanager
def latch_broken(broken: Broken) -> Iterator[None]:
    press.latch().path.write_text("{")
    yield
    press.latch().reset()


@contextmanager
def latch_disk_full(broken: Broken) -> Iterator[None]:
    """The kernel lets nothing be written; somebody presses the switch all the same."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with capture_logs():  # which could not be written either
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        try:
            report = press.press(EVERYTHING, actor="user 1", reason="a test")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "removed, which stops everything" in report.failed[0]
    yield
    press.release(EVERYTHING, actor="user 1", reason="there is room again")


def clock_off(seconds: float) -> Callable[[Broken], Any]:
    @contextmanager
    def off(broken: Broken) -> Iterator[None]:
        desk = broken.desk
        broken.feed = feed = Feed("SPY", desk.clock)
        shift = dt.timedelta(seconds=seconds)
        moved = SimpleNamespace(now=lambda: feed.now + shift)
        before = quotes.register(sighted.seen)
        with broken.patch.context() as patch:
            patch.setattr(markets, "timezone", moved)
            for _ in range(2):
                feed.tick()
                desk.clock.sleep(1)
            desk.clock._began += shift
            try:
                yield
            finally:
                desk.clock._began -= shift
                quotes.register(before)

    return off


def while_the_feed_speaks(broken: Broken) -> None:
    for _ in range(6):
        broken.feed.tick()
        broken.serve(1)


@contextmanager
def keyring_lost(broken: Broken) -> Iterator[None]:
    """The process starts anew, and the key that opens its credentials is not there."""
    desk, ring = broken.desk, settings.KEYRING
    BrokerConnection.objects.create(
        account=desk.account, version=1, secret=json.dumps({"key": "k" * 20, "secret": "s" * 20}),
        shown="…kkkk", state=BrokerConnection.State.WORKING, checked=timezone.now(),
    )  # fmt: skip

    def opened(account):
        credentials_of(account)
        return desk.venue

    registry.register("venue", opened)
    settings.KEYRING = "other:" + "eHh4" * 16
    desk.dies()
    try:
        yield
    finally:
        settings.KEYRING = ring


def taken_over(broken: Broken) -> None:
    broken.house.take()
    assert not broken.house.lanes


# --- the broker -----------------------------------------------------------------------------------


@contextmanager
def broker_broken(broken: Broken) -> Iterator[None]:
    faults = broken.desk.venue.faults
    faults.before = faults.ask = 1.0
    yield
    faults.before = faults.ask = 0.0


def ten_minutes(broken: Broken) -> None:
    broken.serve(20, step=15.0)


def reached_at(address: str, sends: int) -> Callable[[Broken], Any]:
    """Have the broker reached over a real wire, to where nobody answers."""

    @contextmanager
    def reached(broken: Broken) -> Iterator[None]:
        venue = broken.desk.venue
        with socket.create_server(("127.0.0.1", 0), backlog=16) as silent:
            port = silent.getsockname()[1]
            keys = Credentials("key", "secret", "live", address.format(port=port))
            wire, tried = Wire(keys, Budget(200), whole_s=0.3), []

            def submit(one):
                tried.append(one.client_order_id)
                return wire.post("/orders", {"id": one.client_order_id})

            with broken.patch.context() as patch:
                patch.setattr(venue, "submit", submit)
                for name in ("find", "orders", "executions", "activities", "positions", "account"):
                    patch.setattr(venue, name, lambda *_: wire.get("/account"))
                yield
            assert 0 < len(tried) <= sends, tried

    return reached


@contextmanager
def stream_lost(broken: Broken) -> Iterator[None]:
    lane = broken.desk.lane
    assert lane is not None
    lane.session.listening = False
    yield
    lane.session.listening = True
    lane.reconcile_soon()


@dataclass(frozen=True)
class Fault:
    """What breaks, what is done meanwhile, and what may leave.

    `leaves`: whether an order leaves while it lasts (None: it may, once). `by_hand`: whether a
    person mends it, other than by ending what broke. `redis`: whether it needs one of its own.
    """

    breaks: Callable[[Broken], Any]
    leaves: bool | None = False
    meanwhile: Callable[[Broken], None] = quietly
    by_hand: bool = False
    redis: bool = False


FAULTS = {
    "no connection left in PostgreSQL": Fault(no_connection_left),
    "PostgreSQL is read-only": Fault(read_only),
    "every statement runs out of time": Fault(impatient, None),
    "the disk of PostgreSQL is full": Fault(disk_of_database_full),
    "the switches are locked": Fault(table_locked("trading_switch"), meanwhile=in_a_thread),
    "the accounts are locked": Fault(table_locked("trading_account"), meanwhile=in_a_thread),
    "statements are refused at random": Fault(statements_fail, None, for_long),
    "connections die at random": Fault(connections_die, None, for_long),
    "PostgreSQL is slow": Fault(slow_database),
    "Redis is down": Fault(redis_down, redis=True),
    "Redis hangs": Fault(redis_hangs, meanwhile=briefly, redis=True),
    "Redis is full": Fault(redis_full, True, redis=True),
    "no connection left in Redis": Fault(redis_without_connections, redis=True),
    "the flags are overwritten": Fault(flags_overwritten, by_hand=True, redis=True),
    "Celery's broker is away": Fault(no_celery, True),
    "the latch cannot be read": Fault(latch_unreadable),
    "the latch is broken": Fault(latch_broken, by_hand=True),
    "the disk of the latch is full": Fault(latch_disk_full),
    "the clock is an hour ahead": Fault(clock_off(3600.0), meanwhile=while_the_feed_speaks),
    "the clock is an hour behind": Fault(clock_off(-3600.0), meanwhile=while_the_feed_speaks),
    "the keyring is lost": Fault(keyring_lost, meanwhile=taken_over),
    "the broker answers 5xx for ten minutes": Fault(broker_broken, None, ten_minutes),
    "the broker's line is half open": Fault(reached_at("http://127.0.0.1:{port}", 1)),
    "names are not resolved": Fault(reached_at("https://broker.invalid", 9)),
    "the stream of news is lost": Fault(stream_lost),
}
