"""What goes wrong, by rules: which requests and events, how often, and how. All from one seed."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sandbox.alpaca.sockets import Socket
from sandbox.faults import Fault
from sandbox.server import Reply

HTML: Final = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
BEFORE: Final = frozenset({"hang", "reset_before", "busy", "500", "502", "503", "504_before"})
"""Kinds that answer without doing what was asked."""
AFTER: Final = frozenset({
    "delay", "hang_after", "reset_after", "504_after", "502_after", "duplicate", "truncated",
    "wrong_type", "unknown_enum",
})  # fmt: skip
"""Kinds that do it and answer wrongly, or late."""
LASTING: Final = frozenset({"stale", "lost"})
"""Kinds of reading: as things were `seconds` ago; not found until so old."""
_STATUS: Final = {"500": 500, "503": 503, "504_before": 504, "504_after": 504}


@dataclass(slots=True)
class Rule:
    """Requests whose "METHOD /path" matches `route` go wrong.

    Attributes
    ----------
    what : str
        One of `BEFORE`, `AFTER`, `LASTING`.
    chance : float
        How often, from 0 to 1.
    nth : set of int
        Which of the matching requests, from 1; empty for all.
    times : int
        At most so often; 0 for no end.
    seconds : float
        Of a delay, a hang, a stale or lost reading, and the `Retry-After` of `busy`.
    """

    route: str
    what: str
    chance: float = 1.0
    nth: frozenset[int] = frozenset()
    times: int = 0
    seconds: float = 3.0
    seen: int = 0
    done: int = 0

    def __post_init__(self) -> None:
        if self.what not in BEFORE | AFTER | LASTING:
            raise ValueError(f"there is no fault {self.what}")

    @classmethod
    def of_json(cls, given: Mapping[str, Any]) -> Rule:
        """Return the rule that a control request gives."""
        more = {name: given[name] for name in ("chance", "times", "seconds") if name in given}
        return cls(given["route"], given["what"], nth=frozenset(given.get("nth", ())), **more)


class Script:
    """Rules, asked in their order; the first that strikes wins."""

    def __init__(self, seed: int = 1) -> None:
        self._dice = random.Random(f"faults {seed}")
        self.rules: list[Rule] = []

    def add(self, route: str, what: str, **more: Any) -> Rule:
        """Add a rule and return it."""
        rule = Rule(route, what, **more)
        self.rules.append(rule)
        return rule

    def strike(self, method: str, path: str) -> Rule | None:
        """Return the rule that a request falls under."""
        for rule in self.rules:
            if not re.search(rule.route, f"{method} {path}"):
                continue
            rule.seen += 1
            due = not rule.nth or rule.seen in rule.nth
            if (rule.times and rule.done >= rule.times) or not due:
                continue
            if rule.chance < 1 and self._dice.random() >= rule.chance:
                continue
            rule.done += 1
            return rule
        return None


def instead(rule: Rule) -> Fault:
    """Return the wrong answer to a request that is not carried out."""
    if rule.what == "hang":
        return Fault(504, hang_s=rule.seconds, cut=True)
    if rule.what == "reset_before":
        return Fault(cut=True)
    if rule.what == "busy":
        body = b'{"code":42910000,"message":"rate limit exceeded"}'
        return Fault(429, {"Retry-After": f"{rule.seconds:g}"}, body)
    return Fault(502, body=HTML) if rule.what == "502" else Fault(_STATUS[rule.what])


def spoilt(rule: Rule, reply: Reply) -> Reply | Fault:
    """Return the wrong answer to a request that was carried out."""
    what = rule.what
    if what == "delay":
        return Fault(reply.status, reply.headers, reply.body, hang_s=rule.seconds)
    if what == "hang_after":
        return Fault(504, hang_s=rule.seconds, cut=True)
    if what == "reset_after":
        return Fault(cut=True)
    if what == "duplicate":
        body = b'{"code":40010001,"message":"client_order_id must be unique"}'
        return Fault(422, {"Content-Type": "application/json"}, body)
    if what in ("504_after", "502_after"):
        return Fault(502, body=HTML) if what == "502_after" else Fault(504)
    return Reply(reply.status, _garbled(what, reply.body), reply.headers)


def _garbled(what: str, body: bytes) -> bytes:
    if what == "truncated":
        return body[: len(body) // 2]
    if what == "wrong_type":
        return b'[{"message":"not what was asked for"}]' if body.startswith(b"{") else b'"text"'
    return re.sub(rb'"status":"\w+"', b'"status":"moonstruck"', body)


@dataclass(slots=True)
class StreamFaults:
    """Shares, from 0 to 1, of events that a stream spoils."""

    lost: float = 0.0
    twice: float = 0.0
    shuffled: float = 0.0
    """Sent after the one that follows."""
    late: float = 0.0
    """Most seconds that an event waits."""
    cut: float = 0.0
    half: float = 0.0
    """Cut in the middle of the event's frame."""
    replayed: float = 0.0
    """Followed by an old event."""
    mute: bool = False
    """Nothing but pongs."""
    dice: random.Random = field(default_factory=lambda: random.Random("stream"))
    waiting: bytes | None = None
    """An event that is sent after the next one."""

    def happens(self, name: str) -> bool:
        """Return whether a share strikes."""
        share: float = getattr(self, name)
        return share > 0 and self.dice.random() < share

    def send(self, socket: Socket, body: bytes, before: Sequence[bytes]) -> None:
        """Send an event, or spoil it; `before` are all that came before it."""
        if self.mute or self.happens("lost"):
            return
        if self.happens("half"):
            socket.break_off(body)
            return
        late = self.dice.uniform(0, self.late) if self.late else 0.0
        if self.happens("shuffled") and self.waiting is None:
            self.waiting = body
            return
        socket.send(body, after=late)
        if self.happens("twice"):
            socket.send(body, after=late)
        if self.waiting is not None:
            socket.send(self.waiting, after=late)
            self.waiting = None
        if before and self.happens("replayed"):
            socket.send(self.dice.choice(before), after=late)
        if self.happens("cut"):
            socket.break_off(after=late)
