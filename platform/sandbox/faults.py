"""What can go wrong between a sender and a vendor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Fault:
    """One wrong answer. `hang_s` waits before it, `drip_s` between the bytes of its body."""

    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    hang_s: float = 0.0
    drip_s: float = 0.0
    cut: bool = False
    """The connection is closed without an answer, after `hang_s`."""


def busy(seconds: float) -> Fault:
    """Return a 429 that asks to wait."""
    return Fault(429, {"Retry-After": f"{seconds:g}"})


def broken(status: int = 503) -> Fault:
    """Return a failure of the server."""
    return Fault(status, body=b"out of order")


def moved(location: str, status: int = 302) -> Fault:
    """Return a redirect."""
    return Fault(status, {"Location": location})


def slow(seconds: float = 30.0) -> Fault:
    """Return an answer that comes too late."""
    return Fault(200, hang_s=seconds)


def dripping(status: int = 200, seconds: float = 0.5) -> Fault:
    """Return an answer whose body comes a byte at a time."""
    return Fault(status, body=b"x" * 60, drip_s=seconds)


def cut() -> Fault:
    """Return a connection that breaks after the request was read."""
    return Fault(cut=True)
