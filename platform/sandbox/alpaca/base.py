"""What the stand-ins of brokers share: one account on a made-up market, time, rates, faults."""

from __future__ import annotations

import datetime as dt
import hmac
import math
import threading
import time
from typing import Final
from urllib.parse import urlsplit

import orjson

from sandbox.alpaca.clock import Clock
from sandbox.alpaca.control import control
from sandbox.alpaca.errors import Refusal
from sandbox.alpaca.expiry import Expiries
from sandbox.alpaca.faults import BEFORE, LASTING, Rule, Script, StreamFaults, instead, spoilt
from sandbox.alpaca.venue import Venue
from sandbox.faults import Fault
from sandbox.server import Received, Reply, StandIn, json_reply

_STEP_S: Final = 0.25


class BrokerStandIn(StandIn):
    """One account at a broker. Vendors override `answer`, and `upgrade` for their streams.

    Parameters
    ----------
    start : datetime, optional
        What time it is; it stands still until `advance`. Real time without one.
    seed : int
        Decides ids, prices, partial fills and faults.
    rate : int
        Requests a minute that are answered; 0 for all.
    always : bool
        Whether the market is open at every hour.
    """

    orders_path = ""
    """Where orders are sent."""

    def __init__(
        self, port: int = 0, *, start: dt.datetime | None = None, seed: int = 1,
        rate: int = 0, always: bool = True,
    ) -> None:  # fmt: skip
        self.clock = Clock(start, always=always)
        self.venue: Venue = Venue(self.clock, seed)
        self.expiries = Expiries(self.venue)
        self.script = Script(seed)
        self.stream_faults = StreamFaults()
        self.rate = rate
        self.orders_asked = 0
        """Orders that arrived, whatever became of them."""
        self.stale = self.lost = 0.0
        """Seconds, while a lasting fault of reading is in force."""
        self._window = (0, 0)
        self._stopped = threading.Event()
        super().__init__(port=port)
        self.address = f"http://127.0.0.1:{self.port}"

    # --- time -----------------------------------------------------------------------------------
    def advance(self, seconds: float) -> None:
        """Let time go by, at most a minute at once, and do what falls due on the way."""
        with self._news:
            while seconds > 0:
                step = min(seconds, 60.0)
                self.clock.advance(step)
                seconds -= step
                self.expiries.pass_time()
            self.venue.tick()

    def tick(self) -> None:
        """Let prices walk a step and orders fill."""
        with self._news:
            self.expiries.pass_time()
            self.venue.tick()

    def begin(self) -> None:
        """Let real time go by; made-up time stands still."""
        if self.clock.real:
            threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while not self._stopped.wait(_STEP_S):
            self.tick()

    def cut(self) -> None:
        """Cut the stream of whoever listens."""

    def close(self) -> None:
        """Stop serving."""
        self._stopped.set()
        self.cut()
        super().close()

    # --- requests -------------------------------------------------------------------------------
    def take(self, request: Received) -> Reply | Fault:
        """Answer a request, rightly or as the fault script says."""
        path = urlsplit(request.path).path
        with self._news:
            self.received.append(request)
            if path.startswith("/_sim/"):
                return self._control(path.removeprefix("/_sim/"), request)
            if request.method == "POST" and path == self.orders_path:
                self.orders_asked += 1
            rule = self.script.strike(request.method, path)
            if rule is not None and rule.what in BEFORE:
                return instead(rule)
            reply = self._timed(request, rule)
            if reply.status < 300:
                self.accepted.append(request)
            self._news.notify_all()
        if rule is None or rule.what in LASTING:
            return reply
        return spoilt(rule, reply)

    def _timed(self, request: Received, rule: Rule | None) -> Reply:
        """Answer while a lasting fault of reading is in force."""
        if rule is not None and rule.what in LASTING:
            setattr(self, rule.what, rule.seconds)
        try:
            return self.answer(request)
        finally:
            self.stale = self.lost = 0.0

    def count(self) -> tuple[int, int]:
        """Count a request in its minute; return how many are left until which second."""
        minute = int(time.time() // 60)
        used = self._window[1] + 1 if self._window[0] == minute else 1
        self._window = (minute, used)
        return (self.rate or used + 100) - used, math.ceil((minute + 1) * 60)

    def _control(self, what: str, request: Received) -> Reply:
        try:
            given = orjson.loads(request.body) if request.body else {}
            return json_reply(200, control(self, what, given))
        except Refusal as refusal:
            return json_reply(refusal.status, refusal.body())
        except (ValueError, KeyError) as error:
            return json_reply(400, {"message": repr(error)})


def same(given: str, expected: str) -> bool:
    """Return whether two secrets are one."""
    return hmac.compare_digest(given.encode(), expected.encode())
