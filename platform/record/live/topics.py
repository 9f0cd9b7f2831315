"""Which channels there are and who may hear them. Apps register topics; `accounts` sets the gate.

A topic is a prefix ("quote" for quote:SPY and all its sisters) or one whole channel
("signals:pro"); the whole name wins over the prefix.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Snapshot = Callable[[str], Mapping[str, Any]]
Kind = Literal["log", "state"]


class Person(Protocol):
    """What the live layer needs to know of a user."""

    @property
    def pk(self) -> Any:
        """The primary key, None for somebody who is not signed in."""

    @property
    def is_authenticated(self) -> Any:
        """Whether somebody is signed in."""


class Decision(Protocol):
    """What the gate answers."""

    @property
    def allowed(self) -> bool:
        """Whether the channel may be heard."""

    @property
    def reason(self) -> str:
        """Why not, for the person who asks."""

    @property
    def opens_with(self) -> str | None:
        """The plan that opens the channel, or None."""


Gate = Callable[[Any, str, str], Decision]


@dataclass(frozen=True, slots=True)
class Topic:
    """A family of channels of one kind under one entitlement."""

    prefix: str
    kind: Kind
    entitlement: str
    snapshot: Snapshot | None = None
    owner_scoped: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a channel is not given."""

    code: str
    message: str
    plan: str | None = None


UNKNOWN = Refusal("unknown", "There is no such channel.")
_CLOSED = Refusal("forbidden", "This channel is closed.")

_topics: dict[str, Topic] = {}
_gates: list[Gate] = []


def register(
    prefix: str,
    *,
    kind: Kind,
    entitlement: str,
    snapshot: Snapshot | None = None,
    owner_scoped: bool = False,
) -> None:
    """Add a topic; raise ValueError when another one has its name."""
    topic = Topic(prefix, kind, entitlement, snapshot, owner_scoped)
    if _topics.setdefault(prefix, topic) != topic:
        raise ValueError(f"the topic {prefix!r} is registered already")


def unregister(prefix: str) -> None:
    """Remove a topic (tests)."""
    _topics.pop(prefix, None)


def registered() -> Mapping[str, Topic]:
    """Return all topics by their prefix."""
    return dict(_topics)


def set_gate(gate: Gate | None) -> Gate | None:
    """Set who decides, and return who did; without a gate everything is refused."""
    before = _gates.pop() if _gates else None
    if gate is not None:
        _gates.append(gate)
    return before


def resolve(channel: str) -> Topic | None:
    """Return the topic of a channel, or None when there is none."""
    return _topics.get(channel) or _topics.get(channel.partition(":")[0])


def refusal(user: Person, channel: str) -> Refusal | None:
    """Return why `user` may not hear `channel`, or None when it may.

    Another person's channel gives the very answer that a channel gives which does not exist.
    """
    topic = resolve(channel)
    if topic is None:
        return UNKNOWN
    if topic.owner_scoped and not _owns(user, channel):
        return UNKNOWN
    if not _gates:
        return _CLOSED
    decision = _gates[0](user, topic.entitlement, channel)
    if decision.allowed:
        return None
    if decision.opens_with:
        return Refusal("tier", decision.reason, decision.opens_with)
    return Refusal("forbidden" if user.is_authenticated else "sign_in", decision.reason)


def _owns(user: Person, channel: str) -> bool:
    return bool(user.is_authenticated) and channel.partition(":")[2] == str(user.pk)
