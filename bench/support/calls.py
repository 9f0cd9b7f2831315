"""HTTP calls over connections that stay open, a fixed number at once, each timed."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any, NamedTuple

Make = Callable[[int], bytes]
"""Given the number of a connection: its next request as it goes over the wire."""


class Tally(NamedTuple):
    """What a round of calls took."""

    a_second: float
    seconds: list[float]
    """Of each call."""


def post(port: int, path: str, key: str, body: Any) -> bytes:
    """Return a POST of JSON as it goes over the wire."""
    text = json.dumps(body, separators=(",", ":")).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-API-Key: {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
    )
    return head.encode() + text


class _Link(asyncio.Protocol):
    """One connection: sends the next request when an answer is whole."""

    def __init__(self, number: int, make: Make, expected: tuple[int, ...], ends: float) -> None:
        self.number, self.make, self.expected, self.ends = number, make, expected, ends
        self.took: list[float] = []
        self.data = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self.transport = transport
        self.send()

    def send(self) -> None:
        """Send the next request."""
        request = self.make(self.number)
        self.began = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Take what came; go on when the answer is whole."""
        self.data += data
        head, found, rest = self.data.partition(b"\r\n\r\n")
        if not found or len(rest) < length_of(head):
            return
        now = time.perf_counter()
        self.took.append(now - self.began)
        status = int(head[9:12])
        if status not in self.expected:
            self.fail(AssertionError(f"{status}: {rest[:300]!r}"))
        elif now >= self.ends:
            self.transport.close()
            self.done.set_result(None)
        else:
            self.data = b""
            self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail when the server closed first."""
        self.fail(exc or ConnectionError("the server closed the connection"))

    def fail(self, error: Exception) -> None:
        """End the round with an error."""
        if not self.done.done():
            self.done.set_exception(error)
            self.transport.close()


def length_of(head: bytes) -> int:
    """Return the length that an answer's head tells."""
    lower = head.lower()
    place = lower.index(b"content-length:") + 15
    return int(lower[place:].partition(b"\r")[0])


async def _round(port: int, make: Make, at_once: int, seconds: float, good: tuple[int, ...]) -> Any:
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    links = []
    for number in range(at_once):
        link = _Link(number, make, good, began + seconds)
        await loop.create_connection(lambda link=link: link, "127.0.0.1", port)
        links.append(link)
    await asyncio.gather(*(link.done for link in links))
    took = [one for link in links for one in link.took]
    return Tally(len(took) / (time.perf_counter() - began), took)


def calls(port: int, make: Make, *, at_once: int, seconds: float, good: tuple[int, ...]) -> Tally:
    """Make calls for some seconds, `at_once` at a time, and return their rate and times."""
    tally: Tally = asyncio.run(_round(port, make, at_once, seconds, good))
    return tally
