"""The whole way: PostgreSQL and Redis, the server in its own process, real sockets."""

from __future__ import annotations

import json
import signal
import socket as sockets
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from record import state, streams
from record.live import protocol, tickets

from .processes import LiveServer, PrivateRedis, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


class Line:
    """A client that holds each channel to its promise: the next number, once."""

    def __init__(self, link: ClientConnection) -> None:
        self.link = link
        self.positions: dict[str, tuple[str, int]] = {}
        self.data: dict[str, list[Any]] = {}
        self.snaps: dict[str, Any] = {}
        self.errors: list[dict[str, Any]] = []
        self.hello = self.read()

    def sub(self, *channels: str) -> None:
        wishes = []
        for name in channels:
            epoch, since = self.positions.get(name, (None, None))
            wishes.append({"n": name, "epoch": epoch, "since": since})
        self.link.send(json.dumps({"t": "sub", "id": 1, "ch": wishes}))

    def read(self, seconds: float = 10) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.link.recv(timeout=seconds))
        channel = message.get("ch")
        if message["t"] == "snap":
            self.positions[channel] = (message["epoch"], message["seq"])
            self.snaps[channel] = message["d"]
        elif message["t"] == "ev":
            epoch, seq = self.positions[channel]
            assert (message["epoch"], message["seq"]) == (epoch, seq + 1)
            self.positions[channel] = (epoch, seq + 1)
            self.data.setdefault(channel, []).append(message["d"])
        elif message["t"] == "err":
            self.errors.append(message)
        return message

    def until(self, kind: str, seconds: float = 10) -> dict[str, Any]:
        end = time.monotonic() + seconds
        while True:
            message = self.read(max(end - time.monotonic(), 0.01))
            if message["t"] == kind:
                return message

    def pong(self, id: int) -> dict[str, Any]:
        """The answer to a ping: heartbeats of the server's own come between and name nobody."""
        while (beat := self.until("hb")).get("id") != id:
            pass
        return beat

    def reach(self, channel: str, seq: int, seconds: float = 15) -> None:
        end = time.monotonic() + seconds
        while self.positions.get(channel, ("", -1))[1] < seq:
            self.read(max(end - time.monotonic(), 0.01))


@contextmanager
def line(
    server: LiveServer, *, cookie: str = "", query: str = "", **options: Any
) -> Iterator[Line]:
    headers = {"Cookie": cookie} if cookie else {}
    options.setdefault("origin", "http://localhost")
    with connect(
        server.url + query,
        subprotocols=["pulse.v1"],
        additional_headers=headers,
        max_size=None,
        max_queue=None,
        **options,
    ) as link:
        yield Line(link)


def write(channel: str, count: int = 1, start: int = 0) -> None:
    with transaction.atomic():
        streams.append_many(
            [streams.NewEvent(channel, f"k{i}", i) for i in range(start, start + count)]
        )


def signed_in(email: str = "ann@pulse.example", **fields: Any) -> tuple[Any, str]:
    user = get_user_model().objects.create_user(email, "secret", **fields)
    client = Client()
    client.force_login(user)
    return user, "; ".join(f"{k}={v.value}" for k, v in client.cookies.items())


# --- who gets in ------------------------------------------------------------------------------
def test_the_greeting(server: LiveServer) -> None:
    with line(server) as anyone:
        assert anyone.link.subprotocol == "pulse.v1"
        assert (anyone.hello["t"], anyone.hello["v"], anyone.hello["hb"]) == ("hello", 1, 5)
        anyone.link.send('{"t":"ping","id":9}')
        assert anyone.pong(9)["heads"] == {}


@pytest.mark.parametrize("origin", ["https://evil.example", "null", None, "http://localhost.evil"])
def test_another_origin_is_refused(server: LiveServer, origin: str | None) -> None:
    with pytest.raises(InvalidStatus) as caught, line(server, origin=origin):
        pass
    assert caught.value.response.status_code == 403


def test_another_path_or_protocol_is_refused(server: LiveServer) -> None:
    for url, offered in ((server.url + "/x", ["pulse.v1"]), (server.url, ["pulse.v2"])):
        with (
            pytest.raises(InvalidStatus) as caught,
            connect(url, subprotocols=offered, origin="http://localhost"),
        ):
            pass
        assert caught.value.response.status_code == 403


def test_a_ticket_opens_one_socket_once(server: LiveServer) -> None:
    user, _ = signed_in()
    query = f"?ticket={tickets.issue(user.pk)}"
    with line(server, query=query, origin=None) as bot:
        bot.sub(f"t_own:{user.pk}")
        bot.until("snap")
    with pytest.raises(InvalidStatus) as caught, line(server, query=query, origin=None):
        pass
    assert caught.value.response.status_code == 403


def test_a_ticket_of_nobody_opens_nothing(server: LiveServer) -> None:
    for ticket in ("", "x" * 5000, "nonsense", tickets.issue(999_999)):
        with pytest.raises(InvalidStatus), line(server, query=f"?ticket={ticket}", origin=None):
            pass


def test_a_ticket_lives_thirty_seconds(server: LiveServer) -> None:
    ticket = tickets.issue(1)
    from record.hints import client

    (key,) = client().keys("live:ticket:*")
    assert 0 < client().ttl(key) <= 30
    assert ticket.encode() not in key
    client().delete(key)


# --- what one may hear ----------------------------------------------------------------------------
def test_anothers_channel_cannot_be_told_from_one_that_is_not(server: LiveServer) -> None:
    ann, cookie = signed_in()
    bob, _ = signed_in("bob@pulse.example")
    with line(server, cookie=cookie) as tab:
        tab.sub(f"t_own:{bob.pk}", "t_own:99999999", "t_nothing:1", f"t_own:{ann.pk}")
        tab.until("snap")
        answers = [{**error, "ch": ""} for error in tab.errors]
        assert len(answers) == 3
        assert answers[0] == answers[1] == answers[2]
        assert answers[0]["code"] == "unknown"
        write(f"t_own:{bob.pk}")
        write(f"t_own:{ann.pk}")
        tab.reach(f"t_own:{ann.pk}", 1)
        assert set(tab.data) == {f"t_own:{ann.pk}"}


def test_a_plan_that_ends_closes_what_it_opened(server: LiveServer) -> None:
    user, cookie = signed_in(plan="pro")
    with line(server, cookie=cookie) as tab:
        tab.sub("t_pro:a")
        tab.until("snap")
        user.plan = "free"
        user.save(update_fields=["plan"])
        from record.hints import client

        client().publish("pulse:plan", json.dumps({"user": user.pk}))
        error = tab.until("err", 5)
        assert (error["ch"], error["code"], error["plan"]) == ("t_pro:a", "tier", "pro")
        write("t_pro:a")
        tab.link.send('{"t":"ping","id":1}')
        assert tab.until("hb")["heads"] == {}
        assert tab.data == {}


def test_a_sign_out_closes_what_the_session_opened(server: LiveServer) -> None:
    user, cookie = signed_in()
    with line(server, cookie=cookie) as tab:
        tab.sub(f"t_own:{user.pk}")
        tab.until("snap")
        from django.contrib.sessions.models import Session

        from record.hints import client

        Session.objects.all().delete()
        client().publish("pulse:plan", json.dumps({"user": user.pk}))
        assert tab.until("err", 5)["code"] == "unknown"


def test_a_socket_of_a_key_goes_silent_with_the_key(server: LiveServer) -> None:
    from accounts.keys import services

    user, _ = signed_in()
    made = services.key_create(user, name="bot", scopes=["read"])
    query = f"?ticket={tickets.issue(user.pk, key=made.row.pk)}"
    unused = f"?ticket={tickets.issue(user.pk, key=made.row.pk)}"
    with line(server, query=query, origin=None) as bot:
        bot.sub(f"t_own:{user.pk}")
        bot.until("snap")
        services.key_revoke(user, made.row.pk, actor=user)
        assert bot.until("err", 5)["code"] == "unknown"
        write(f"t_own:{user.pk}")
        bot.link.send('{"t":"ping","id":1}')
        assert bot.until("hb")["heads"] == {}
    with pytest.raises(InvalidStatus), line(server, query=unused, origin=None):
        pass


# --- nothing missed -----------------------------------------------------------------------------
def test_events_arrive_in_order_with_their_words(server: LiveServer) -> None:
    write("t_log:order", 3)
    with line(server) as tab:
        tab.sub("t_log:order")
        tab.reach("t_log:order", 3)
        assert tab.snaps["t_log:order"] == {"k0": 0, "k1": 1, "k2": 2}
        for start in range(3, 203, 5):
            write("t_log:order", 5, start)
        tab.reach("t_log:order", 203)
        assert tab.data["t_log:order"] == list(range(3, 203))


def test_events_come_within_moments(server: LiveServer) -> None:
    with line(server) as tab:
        tab.sub("t_log:quick")
        tab.until("hb")
        start = time.monotonic()
        write("t_log:quick")
        tab.reach("t_log:quick", 1)
        assert time.monotonic() - start < 1.5  # far below the poll that heals lost hints


def test_a_killed_server_loses_nothing(server: LiveServer) -> None:
    with line(server) as tab:
        tab.sub("t_log:crash")
        tab.until("hb")
        write("t_log:crash", 10)
        tab.reach("t_log:crash", 10)
        server.stop(signal.SIGKILL)
        write("t_log:crash", 700, 10)
        positions, data = tab.positions, tab.data
    server.start()
    with line(server) as again:
        again.positions, again.data = positions, data
        again.sub("t_log:crash")
        again.reach("t_log:crash", 710)
        assert again.snaps == {}
        assert again.data["t_log:crash"] == list(range(710))


def test_ten_thousand_are_replayed_and_one_more_is_not(server: LiveServer) -> None:
    write("t_log:many", 10_001)
    epoch = streams.epoch()
    with line(server) as near, line(server) as far:
        near.positions["t_log:many"] = (epoch, 1)
        far.positions["t_log:many"] = (epoch, 0)
        near.sub("t_log:many")
        far.sub("t_log:many")
        start = time.monotonic()
        near.reach("t_log:many", 10_001)
        assert time.monotonic() - start < 10
        far.reach("t_log:many", 10_001)
        assert (len(near.data["t_log:many"]), near.snaps) == (10_000, {})
        assert (far.data, list(far.snaps)) == ({}, ["t_log:many"])


def test_a_restored_history_gives_a_snapshot(server: LiveServer) -> None:
    write("t_log:restored", 5)
    with line(server) as tab:
        tab.sub("t_log:restored")
        tab.reach("t_log:restored", 5)
        before = tab.positions["t_log:restored"][0]
        streams.new_epoch()
        while tab.positions["t_log:restored"][0] == before:
            tab.read()
        write("t_log:restored", 2, 5)
        tab.reach("t_log:restored", 7)


def test_state_is_whole_then_moves(server: LiveServer) -> None:
    state.publish_state("t_state:spy", "SPY", {"bid": 1})
    with line(server) as tab:
        tab.sub("t_state:spy")
        assert tab.until("snap")["d"] == {"SPY": {"bid": 1}}
        for bid in range(2, 60):
            state.publish_state("t_state:spy", "SPY", {"bid": bid})
        tab.reach("t_state:spy", 59)
        assert tab.data["t_state:spy"][-1] == {"bid": 59}
        position = tab.positions["t_state:spy"]
    state.publish_state("t_state:spy", "SPY", {"bid": 60})
    with line(server) as again:
        again.positions["t_state:spy"] = position
        again.sub("t_state:spy")
        again.reach("t_state:spy", 60)
        assert again.snaps == {}


def test_redis_restarts_under_connected_sockets(
    server: LiveServer, private_redis: PrivateRedis
) -> None:
    state.publish_state("t_state:restart", "SPY", 1)
    with line(server) as tab:
        tab.sub("t_log:restart", "t_state:restart")
        tab.until("hb")
        private_redis.kill()
        write("t_log:restart", 5)  # committed; its hint has nowhere to go
        tab.reach("t_log:restart", 5)  # read all the same
        private_redis.start()
        wait_until(lambda: published("t_state:restart", "SPY", 2))
        while tab.snaps["t_state:restart"] != {"SPY": 2}:
            tab.read()
        write("t_log:restart", 1, 5)
        tab.reach("t_log:restart", 6)
        time.sleep(1.1)  # hints rest for a second after a failure
        start = time.monotonic()
        write("t_log:restart", 1, 6)
        tab.reach("t_log:restart", 7)
        assert time.monotonic() - start < 1.5  # hints are heard again


def test_a_database_that_drops_its_connections_is_read_on(server: LiveServer) -> None:
    with line(server) as tab:
        tab.sub("t_log:dropped")
        tab.until("hb")
        write("t_log:dropped", 3)
        tab.reach("t_log:dropped", 3)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            assert cursor.fetchone()[0] >= 1
        write("t_log:dropped", 3, 3)
        tab.reach("t_log:dropped", 6)
        assert tab.data["t_log:dropped"] == list(range(6))


def published(channel: str, key: str, data: Any) -> bool:
    import redis

    try:
        state.publish_state(channel, key, data)
    except redis.RedisError:
        return False
    return True


# --- sockets that misbehave ---------------------------------------------------------------------
def handshake(server: LiveServer, receive_buffer: int) -> sockets.socket:
    raw = sockets.socket()
    raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, receive_buffer)
    raw.connect(("127.0.0.1", server.port))
    raw.sendall(
        b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Protocol: pulse.v1\r\nOrigin: http://localhost\r\n\r\n"
    )
    assert raw.recv(12) == b"HTTP/1.1 101"
    return raw


def masked(payload: bytes, opcode: int = 1) -> bytes:
    assert len(payload) < 126
    return bytes((0x80 | opcode, 0x80 | len(payload))) + b"\0\0\0\0" + payload


def test_a_reader_that_stops_is_closed_alone(server: LiveServer) -> None:
    slow = handshake(server, 4096)
    slow.sendall(masked(b'{"t":"sub","ch":[{"n":"t_log:flood"}]}'))
    padding = "x" * 8_000
    with line(server) as tab:
        tab.sub("t_log:flood")
        tab.until("hb")
        worst = 0.0
        for start in range(0, 3_000, 100):
            with transaction.atomic():
                streams.append_many(
                    [streams.NewEvent("t_log:flood", "k", padding) for _ in range(100)]
                )
            began = time.monotonic()
            tab.reach("t_log:flood", start + 100)
            worst = max(worst, time.monotonic() - began)
        assert worst < 3.0
    slow.settimeout(15)
    read = 0
    tail = b""
    try:
        while chunk := slow.recv(1 << 20):
            read += len(chunk)
            tail = (tail + chunk)[-4:]
    except ConnectionResetError:
        pass
    else:
        # The close frame, for those who read on in time: 4008.
        assert tail in {b"", b"\x88\x02\x0f\xa8"}
    assert read < 3_000 * 8_000


def test_a_frame_of_more_than_64_kib_closes_the_socket(server: LiveServer) -> None:
    with line(server) as tab:
        tab.link.send('{"t":"ping","pad":"' + "x" * protocol.MAX_FRAME + '"}')
        with pytest.raises(ConnectionClosed):
            tab.until("nothing")
        assert tab.link.close_code == 1009


def test_whoever_talks_nonsense_is_told_then_closed(server: LiveServer) -> None:
    with line(server) as tab:
        for _ in range(protocol.MAX_FAULTS):
            tab.link.send("nonsense")
        with pytest.raises(ConnectionClosed):
            tab.until("nothing")
        assert tab.link.close_code == 4002
        assert {error["code"] for error in tab.errors} == {"malformed"}


def test_whoever_asks_too_fast_is_told(server: LiveServer) -> None:
    with line(server) as tab:
        for _ in range(201):
            tab.link.send('{"t":"sub","id":4,"ch":[{"n":"t_log:rate"}]}')
        assert tab.until("err")["code"] == "rate"


def test_a_flood_of_messages_does_not_take_the_server(server: LiveServer) -> None:
    raw = handshake(server, 65_536)
    raw.settimeout(5)
    try:
        for _ in range(200):
            raw.sendall(masked(b'{"t":"ping"}') * 100)
    except OSError:
        pass
    with line(server) as tab:
        tab.link.send('{"t":"ping","id":2}')
        assert tab.pong(2)
    raw.close()


def test_a_stop_says_goodbye(server: LiveServer) -> None:
    with line(server) as tab, line(server) as other:
        tab.sub("t_log:bye")
        tab.until("hb")
        server.stop(signal.SIGTERM)
        for one in (tab, other):
            assert one.until("bye") == {"t": "bye", "code": "deploy", "retry": 2}
            with pytest.raises(ConnectionClosed):
                one.read()
            assert one.link.close_code == 4012


garbage = st.one_of(
    st.text(max_size=200),
    st.binary(max_size=200),
    st.sampled_from(
        [
            '{"t":"sub","id":1,"ch":[{"n":"t_log:a","since":9007199254740992,"epoch":"x"}]}',
            '{"t":"sub","ch":[{"n":"t_own:1"},{"n":"t_pro:a"},{"n":"a:b"}]}',
            '{"t":"unsub","ch":["t_log:never"]}',
            '{"t":"sub","ch":' + "[" * 2_000,
            '{"t":"ping","id":NaN}',
        ]
    ),
)


@examples(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(garbage, max_size=15))
def test_whatever_is_sent_the_server_answers_the_next(
    server_process: LiveServer, messages: list[str | bytes]
) -> None:
    if server_process.process is None:
        server_process.start()
    with line(server_process) as tab:
        for message in messages:
            tab.link.send(message if isinstance(message, bytes) else clean(message))
        tab.link.send('{"t":"ping","id":77}')
        while tab.until("hb", 5).get("id") != 77:
            pass


def clean(text: str) -> str:
    return text.encode(errors="replace").decode()


def test_broken_frames_and_handshakes_do_not_hurt(server: LiveServer) -> None:
    for wreck in (
        b"\x00" * 64,
        b"\xff" * 64,
        b"\x81\xff" + b"\x7f" + b"\xff" * 11,
        b"\x88\x80\0\0\0\0",
        b"\x81\x84\0\0\0\0\xff\xfe\xfd\xfc",
        b"\x01\x81\0\0\0\0a\x81\x81\0\0\0\0b",
    ):
        began = time.monotonic()
        with closing(handshake(server, 65_536)) as raw:
            raw.sendall(wreck)
            raw.settimeout(8)
            with suppress(ConnectionResetError):
                while raw.recv(4096):
                    pass
        assert time.monotonic() - began < 7
    with line(server) as tab:
        assert tab.hello["t"] == "hello"
    text = server.log.read_text()
    assert "Traceback" not in text, text[-3000:]
