"""The one way out to addresses that users gave: resolved once, checked, and then called there.

Each call resolves the host once, refuses it unless every address is public, and connects to one
of those very addresses with the host's name in TLS and in the request. No redirect is followed,
no proxy or variable of the environment is read, and time and size are bounded over all.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as LateError
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import httpcore
import httpx

from accounts.alerts.addresses import HTTPS, RefusedAddressError, check_url, is_public

WITHIN_S: Final = 5.0
"""From the first look-up to the last byte that is read."""
MOST_BYTES: Final = 64 * 1024
MOST_ADDRESSES: Final = 4
AGENT: Final = "Pulse-Alerts/1"

Resolve = Callable[[str], list[str]]
Dial = Callable[[str, int, float], httpcore.NetworkStream]


class UnreachableError(Exception):
    """Nobody answered in time; whether the other side acted is not known."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, the headers in small letters, and the body as far as read."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


_lookups = ThreadPoolExecutor(max_workers=8, thread_name_prefix="lookup")


def look_up(host: str) -> list[str]:
    """Return a host's addresses as the system's resolver knows them."""
    found = socket.getaddrinfo(host, HTTPS, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def dial(address: str, port: int, timeout: float) -> httpcore.NetworkStream:
    """Connect to an IP address."""
    return httpcore.SyncBackend().connect_tcp(address, port, timeout=timeout)


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    import certifi

    context = ssl.create_default_context(cafile=certifi.where())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class Transport:
    """Posts to addresses of users. Tests give other ways to resolve, to dial and to trust."""

    def __init__(
        self,
        *,
        resolve: Resolve = look_up,
        dial: Dial = dial,
        trusted: ssl.SSLContext | None = None,
        within_s: float = WITHIN_S,
    ) -> None:
        self._resolve = resolve
        self._dial = dial
        self._trusted = trusted
        self._within_s = within_s

    def post(self, url: str, *, headers: Mapping[str, str] | None = None, **body: Any) -> Answer:
        """Post a body (`content`, `json`, or `data` with `files`, as httpx takes it).

        Raises
        ------
        RefusedAddressError
            For an address that is never called; nothing was connected to.
        UnreachableError
            When no status came back in time.
        """
        check_url(url)
        request = httpx.Request(
            "POST", url, headers={"User-Agent": AGENT, **(headers or {})}, **body
        )
        guard = _Guard(self._resolve, self._dial, time.monotonic() + self._within_s)
        try:
            with httpcore.ConnectionPool(
                ssl_context=self._trusted or _trusted(), network_backend=guard
            ) as pool, pool.stream(
                request.method, url, headers=request.headers.raw, content=request.read()
            ) as response:  # fmt: skip
                heads = {
                    name.decode("ascii").lower(): value.decode("latin-1")
                    for name, value in response.headers
                }
                return Answer(response.status, heads, _read(response.iter_stream()))
        except RefusedAddressError:
            raise
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
            # The texts of these name hosts at most, never the address with its secret.
            raise UnreachableError(_words(error)) from None
        except (OSError, ssl.SSLError) as error:
            raise UnreachableError(f"the connection failed: {type(error).__name__}") from None


def _read(chunks: Iterable[bytes]) -> bytes:
    """Read a body as far as time and size allow: the status is known and counts."""
    body = b""
    try:
        for chunk in chunks:
            body += chunk
            if len(body) >= MOST_BYTES:
                break
    except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError):
        pass
    return body[:MOST_BYTES]


def _words(error: Exception) -> str:
    if isinstance(error, httpcore.TimeoutException):
        return "no answer in time"
    if isinstance(error, httpcore.ConnectError):
        return f"no connection: {error}"[:200] if str(error) else "no connection"
    if isinstance(error, httpcore.ProtocolError):
        return "the answer is not HTTP"
    return "the connection broke"


class _Guard(httpcore.NetworkBackend):
    """Connects to the checked address of a host, within the time that the call has."""

    def __init__(self, resolve: Resolve, dial: Dial, until: float) -> None:
        self._resolve = resolve
        self._dial = dial
        self._until = until

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        """Resolve once, check every address, connect to the first that takes it."""
        if port != HTTPS:
            raise RefusedAddressError("only port 443 is called")
        found = self._addresses(host)
        failed: Exception = httpcore.ConnectError("the name has no address")
        for number, address in enumerate(found):
            try:
                share = _left(self._until) / (len(found) - number)
                return _Stream(self._dial(address, port, share), self._until)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed

    def _addresses(self, host: str) -> list[str]:
        try:
            found = _lookups.submit(self._resolve, host).result(_left(self._until))
        except LateError:
            raise httpcore.ConnectTimeout("the name was not resolved in time") from None
        except (OSError, UnicodeError):
            raise httpcore.ConnectError("the name is not known") from None
        if not all(map(is_public, found)):
            raise RefusedAddressError(
                "the host leads to an address that is not on the public Internet"
            )
        return found[:MOST_ADDRESSES]


class _Stream(httpcore.NetworkStream):
    """A connection whose every wait ends when the call's time does."""

    def __init__(self, inner: httpcore.NetworkStream, until: float) -> None:
        self._inner = inner
        self._until = until

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what comes."""
        return self._inner.read(max_bytes, _left(self._until))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all."""
        self._inner.write(buffer, _left(self._until))

    def close(self) -> None:
        """Close the connection."""
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """Prove the host's name by its certificate."""
        inner = self._inner.start_tls(ssl_context, server_hostname, _left(self._until))
        return _Stream(inner, self._until)

    def get_extra_info(self, info: str) -> Any:
        """Pass on what is known of the connection."""
        return self._inner.get_extra_info(info)


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the time of the call is over")
    return left


def transport() -> Transport:
    """Return the transport of the platform."""
    return Transport()
