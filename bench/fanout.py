"""Fan-out to 1,000 sockets: Pulse's hub beside the usual Channels way, in one interleaved run.

The usual way: one AsyncJsonWebsocketConsumer per socket, each in one group of the Redis pub/sub
channel layer. Pulse: a state channel through the hub, served by the same Daphne (pulse.server).
Both stand behind the same origin check and session middleware, hear the same client process and
Redis, and send the same 190 bytes. A burst is 20 messages back to back: the hub reads and writes
what has gathered in one go, which is part of its gain and absent from the paced latencies.

    python bench/fanout.py [--sockets 1000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]
GROUP = "bench"
CHANNEL = "bench:all"
BURST, PACED, PAUSE = 20, 10, 0.5
SERVERS = ("usual", "hub", "hub on stock Daphne")
PADDING = "x" * 72
GOAL = 8.0


# --- servers ------------------------------------------------------------------------------------
def usual_application() -> Any:
    from channels.auth import AuthMiddlewareStack
    from channels.generic.websocket import AsyncJsonWebsocketConsumer
    from channels.security.websocket import AllowedHostsOriginValidator

    class Consumer(AsyncJsonWebsocketConsumer):
        async def connect(self) -> None:
            await self.channel_layer.group_add(GROUP, self.channel_name)
            await self.accept(subprotocol="pulse.v1")

        async def bench_event(self, message: dict[str, Any]) -> None:
            await self.send_json(message["content"])

    return AllowedHostsOriginValidator(AuthMiddlewareStack(Consumer.as_asgi()))


def configure() -> None:
    """Set up what a socket needs, the same for every server: no page, no database."""
    import django
    import django_stubs_ext
    from django.conf import settings

    django_stubs_ext.monkeypatch()
    settings.configure(
        REDIS_URL=os.environ["REDIS_URL"],
        ALLOWED_HOSTS=["localhost"],
        CHANNEL_LAYERS=layer_settings(os.environ["REDIS_URL"]),
        DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "unused"}},
        INSTALLED_APPS=[
            "record",
            "django.contrib.contenttypes",
            "django.contrib.auth",
            "django.contrib.sessions",
        ],
        USE_TZ=True,
        KEYRING="bench:" + base64.b64encode(bytes(32)).decode(),
    )
    django.setup()


def layer_settings(redis_url: str) -> dict[str, Any]:
    backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
    return {"default": {"BACKEND": backend, "CONFIG": {"hosts": [redis_url]}}}


def serve(which: str, port: int) -> None:
    """Run one server until it is killed."""
    configure()
    if which == "usual":
        stock_server(usual_application(), port)
        return
    from record.live import topics
    from record.live.socket import live_application

    topics.register(GROUP, kind="state", entitlement="public")
    topics.set_gate(lambda user, entitlement, channel: Allowed())
    if which == "hub":
        from pulse.server import make_server

        make_server(live_application(), host="127.0.0.1", port=port).run()
    else:
        stock_server(live_application(), port)


class Allowed:
    """What an open gate answers."""

    allowed, reason, opens_with = True, "", None


def stock_server(application: Any, port: int) -> None:
    from daphne.endpoints import build_endpoint_description_strings
    from daphne.server import Server

    where = build_endpoint_description_strings(host="127.0.0.1", port=port)
    Server(application=application, endpoints=where).run()


# --- clients ------------------------------------------------------------------------------------
class Socket(asyncio.Protocol):
    """A WebSocket client that only counts frames and notes when they came."""

    def __init__(self, port: int, tally: Tally) -> None:
        self.port = port
        self.tally = tally
        self.data = b""
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.upgraded = False

    def connection_made(self, transport: Any) -> None:
        """Ask for the upgrade."""
        self.transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET /ws HTTP/1.1\r\nHost: localhost:{self.port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: pulse.v1\r\nOrigin: http://localhost:{self.port}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """Take what has come."""
        self.data += data
        if not self.upgraded:
            head, found, rest = self.data.partition(b"\r\n\r\n")
            if not found:
                return
            assert head.startswith(b"HTTP/1.1 101"), head
            self.upgraded, self.data = True, rest
            self.opened.set_result(None)
        self.take_frames()

    def take_frames(self) -> None:
        """Read the whole frames."""
        data, at = self.data, 0
        while len(data) - at >= 2:
            opcode, size, start = data[at] & 15, data[at + 1], at + 2
            if size == 126:
                size, start = int.from_bytes(data[start : start + 2], "big"), start + 2
            if len(data) < start + size:
                break
            at = start + size
            if opcode == 1:
                self.tally.take(data[start:at])
            elif opcode == 9:
                self.say(data[start:at], 10)
        self.data = data[at:]

    def say(self, payload: bytes, opcode: int = 1) -> None:
        """Send a masked frame."""
        assert len(payload) < 126
        # A mask of zeros is a mask.
        self.transport.write(bytes((0x80 | opcode, 0x80 | len(payload))) + b"\0\0\0\0" + payload)


class Tally:
    """What all sockets of one server have received."""

    def __init__(self) -> None:
        self.latencies: list[float] = []
        self.last = 0.0
        self.wanted = 0
        self.done = asyncio.Event()
        self.ready = 0

    def expect(self, count: int) -> None:
        """Begin to count anew."""
        self.latencies, self.wanted = [], count
        self.done.clear()

    def take(self, payload: bytes) -> None:
        """Note one message."""
        if b'"snap"' in payload:
            self.ready += 1
            return
        place = payload.find(b'"t0":')
        if place < 0:
            return
        self.last = time.monotonic()
        end = payload.find(b",", place)
        self.latencies.append(self.last - float(payload[place + 5 : end]))
        if len(self.latencies) == self.wanted:
            self.done.set()


class Client:
    """The sockets of one server."""

    def __init__(self, which: str, port: int, count: int) -> None:
        self.which, self.port, self.count = which, port, count
        self.tally = Tally()
        self.sockets: list[Socket] = []

    async def connect(self) -> None:
        """Open all sockets and wait until each hears the channel."""
        loop = asyncio.get_running_loop()
        for _ in range(self.count):
            _, socket = await loop.create_connection(
                lambda: Socket(self.port, self.tally), "127.0.0.1", self.port
            )
            await asyncio.wait_for(socket.opened, 20)
            self.sockets.append(socket)
            if self.which != "usual":
                socket.say(b'{"t":"sub","id":1,"ch":[{"n":"%s"}]}' % CHANNEL.encode())
        while self.which != "usual" and self.tally.ready < self.count:
            await asyncio.sleep(0.05)
        await asyncio.sleep(1)


# --- measuring ----------------------------------------------------------------------------------
def content(number: int) -> dict[str, Any]:
    return {"t0": round(time.monotonic(), 6), "n": number, "price": 512.34, "pad": PADDING}


async def publish_usual(number: int) -> None:
    from channels.layers import get_channel_layer

    event = {"t": "ev", "ch": CHANNEL, "seq": number, "k": "SPY", "d": content(number)}
    await get_channel_layer().group_send(GROUP, {"type": "bench.event", "content": event})


async def publish_state(number: int) -> None:
    from record import state

    state.publish_state(CHANNEL, "SPY", content(number))


PUBLISH: dict[str, Callable[[int], Any]] = {
    "usual": publish_usual,
    "hub": publish_state,
    "hub on stock Daphne": publish_state,
}


async def burst(clients: list[Client], which: str) -> float:
    """Return deliveries a second of messages published back to back."""
    (client,) = [c for c in clients if c.which == which]
    client.tally.expect(BURST * client.count)
    start = time.monotonic()
    for number in range(BURST):
        await PUBLISH[which](number)
    await asyncio.wait_for(client.tally.done.wait(), 120)
    return client.tally.wanted / (client.tally.last - start)


async def paced(clients: list[Client], which: str) -> list[float]:
    """Return the latencies in ms of messages with a pause between them."""
    (client,) = [c for c in clients if c.which == which]
    client.tally.expect(PACED * client.count)
    for number in range(PACED):
        await PUBLISH[which](number)
        await asyncio.sleep(PAUSE)
    await asyncio.wait_for(client.tally.done.wait(), 120)
    return [1000 * latency for latency in client.tally.latencies]


async def measure(ports: dict[str, int], count: int, rounds: int) -> dict[str, dict[str, Any]]:
    """Measure one server after the other, round by round."""
    results: dict[str, dict[str, Any]] = {w: {"rates": [], "latencies": []} for w in ports}
    await publish_state(0)  # a channel's first event begins its history, with a snapshot
    for round_number in range(rounds):
        for which, port in ports.items():
            client = Client(which, port, count)
            await client.connect()
            if round_number == 0:
                await burst([client], which)
            results[which]["rates"].append(await burst([client], which))
            results[which]["latencies"] += await paced([client], which)
            for socket in client.sockets:
                socket.transport.abort()
            await asyncio.sleep(2)
    return results


# --- the run ------------------------------------------------------------------------------------
@contextmanager
def private_redis() -> Iterator[str]:
    from urllib.parse import quote

    from pulse import embedded

    with tempfile.TemporaryDirectory(prefix="pulse-fanout-") as folder:
        server = embedded.Redis(Path(folder), durable=False)
        server.prepare()
        process = subprocess.Popen(server.command().argv, stdout=subprocess.DEVNULL)
        try:
            while not server.ready():
                time.sleep(0.05)
            yield f"unix://{quote(str(server.socket))}"
        finally:
            process.terminate()
            process.wait()


@contextmanager
def running(which: str, port: int) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, __file__, "--serve", which, "--port", str(port)])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def wait_for(port: int) -> None:
    import socket

    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit(f"no server came up on port {port}")


def report(results: dict[str, dict[str, Any]], count: int) -> float:
    print(f"{count} sockets, burst of {BURST}, paced every {PAUSE} s, {os.cpu_count()} cores")
    print(f"{'server':<22}{'deliveries/s':>14}{'min..max':>20}{'p50 ms':>9}{'p99 ms':>9}")
    medians = {}
    for which, result in results.items():
        rates, late = result["rates"], sorted(result["latencies"])
        medians[which] = statistics.median(rates)
        spread = f"{min(rates):,.0f}..{max(rates):,.0f}"
        p50, p99 = late[len(late) // 2], late[int(len(late) * 0.99)]
        print(f"{which:<22}{medians[which]:>14,.0f}{spread:>20}{p50:>9.1f}{p99:>9.1f}")
    ratio = medians["hub"] / medians["usual"]
    print(f"ratio of deliveries, hub to usual: {ratio:.1f} (goal {GOAL:.0f})")
    return ratio


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sockets", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--serve", choices=SERVERS, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.port)
        return
    from pulse.supervisor import free_port

    with private_redis() as url:
        os.environ["REDIS_URL"] = url
        ports: dict[str, int] = {}
        for which in SERVERS:
            ports[which] = free_port(max(ports.values(), default=18_400) + 1)
        configure()
        with ExitStack() as servers:
            for which, port in ports.items():
                servers.enter_context(running(which, port))
            for port in ports.values():
                wait_for(port)
            results = asyncio.run(measure(ports, options.sockets, options.rounds))
    ratio = report(results, options.sockets)
    if options.json:
        figures = {w: {"rates": r["rates"]} for w, r in results.items()}
        options.json.write_text(json.dumps({"ratio": ratio, "servers": figures}, indent=2))


if __name__ == "__main__":
    main()
