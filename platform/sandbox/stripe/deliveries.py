"""Signed webhooks, and how they go wrong on their way: twice, late, out of order, not at all."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from sandbox.stripe.books import Thing

_WITHIN_S = 10.0
RETRIES = 3


@dataclass(frozen=True, slots=True)
class Faults:
    """How often an event is lost or sent twice, and by how many seconds it may be late."""

    lost: float = 0.0
    twice: float = 0.0
    late_s: float = 0.0


def shown(thing: Thing) -> Thing:
    """Return an object as Stripe shows it, without what the stand-in keeps for itself."""
    return {
        key: shown(value)
        if isinstance(value, dict)
        else [shown(one) if isinstance(one, dict) else one for one in value]
        if isinstance(value, list)
        else value
        for key, value in thing.items()
        if not key.startswith("_")
    }


def body_of(event: Thing) -> bytes:
    """Return the body in which an event is sent."""
    return json.dumps(shown(event), indent=2).encode()


def signature(body: bytes, secret: str, at: int) -> str:
    """Return the header that signs a body at a second: HMAC-SHA256 over `second.body`."""
    made = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={made}"


def shuffled(events: Sequence[Thing], chance: random.Random, *, copies: int = 2) -> list[Thing]:
    """Return every event so many times, in an order of chance."""
    made = [event for event in events for _ in range(copies)]
    chance.shuffle(made)
    return made


class Sender:
    """Sends events to an endpoint as they happen, with faults, from threads of its own."""

    def __init__(self, secret: str, target: str = "", faults: Faults | None = None) -> None:
        self.secret = secret
        self.target = target
        self.faults = faults or Faults()
        self.answers: list[int] = []
        self._chance = random.Random()

    def take(self, event: Thing) -> None:
        """Send an event soon, unless nobody listens or it is lost."""
        if not self.target or self._chance.random() < self.faults.lost:
            return
        for _ in range(2 if self._chance.random() < self.faults.twice else 1):
            wait = self._chance.uniform(0, self.faults.late_s)
            timer = threading.Timer(wait, self.send, (body_of(event),))
            timer.daemon = True
            timer.start()

    def send(self, body: bytes) -> int:
        """Post a body, again a little later when nobody takes it; return the last answer."""
        status = 0
        for attempt in range(RETRIES):
            time.sleep(attempt)
            status = self._post(body)
            if 200 <= status < 300:
                break
        self.answers.append(status)
        return status

    def _post(self, body: bytes) -> int:
        place = urlsplit(self.target)
        kind = (
            http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
        )
        link = kind(place.netloc, timeout=_WITHIN_S)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature(body, self.secret, int(time.time())),
        }
        try:
            link.request("POST", place.path, body, headers)
            return link.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            link.close()
