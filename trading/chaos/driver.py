"""Somebody who trades through REST at a steady pace and, whatever happens, asks with the same key.

A position is opened, and closed some orders later. Where it stands is read from the database; all
that is wanted goes through REST.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

import httpx
import structlog
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from market import occ
from trading.chaos.coins import COIN
from trading.chaos.people import Person
from trading.execution.market import seen
from trading.ledger.book import ZERO, plain
from trading.models import Order
from trading.orders.machine import FINAL
from trading.risk import markets

log = structlog.get_logger(__name__)
Legs = tuple[tuple[str, int], ...]
CENT: Final = Decimal("0.01")
SLACK: Final = Decimal("0.03")
"""How far beyond the other side of the quote a price is given, so that it fills."""
COIN_SLACK: Final = Decimal("0.4")
"""The same of a coin, whose orders fill bit by bit while its price walks."""
FRESH_S: Final = 4.0
"""Seconds that a quote may be old to trade on it; the gate refuses older ones."""
COLLAR: Final = Decimal("0.09")
TICKS: Final = Decimal("0.02")
"""How far from the middle a price is at most: a little less than the gate lets pass."""
AWAY: Final = Decimal("0.97")
RESTS: Final = 0.08
"""Share of the orders that rest until they are cancelled."""
PATIENCE_S: Final = 25.0
"""After which an open order is cancelled."""
MOST_OPEN: Final = 8
MOST_COINS: Final = 60
"""Coins that one order is for at most: several times what is offered at once."""
TRIES: Final = 6
"""How often a position is tried to be closed; an option may have ended meanwhile."""
AGAIN_S: Final = 0.3
ANSWER_S: Final = 15.0
LONGEST_S: Final = 120.0
"""After which a key without an answer is a fault of the server's."""
_LATER: Final = frozenset({408, 409, 425, 429})


@dataclass(slots=True)
class Stake:
    """An order of this driver's, and what is to be done about it."""

    order: int
    legs: Legs
    since: float
    closes: Decimal = ZERO
    """How much it is to close; 0 for one that opens."""
    tries: int = 0
    cancelled: bool = False


class Driver:
    """Trades one account until it is told to end.

    Attributes
    ----------
    answered : dict of str to int
        The order that was answered for each key.
    problems : list of str
        Answers that no correct server gives.
    """

    def __init__(
        self, person: Person, address: str, *, seed: int, every_s: float, symbol: str
    ) -> None:
        self.person, self.every_s, self.symbol = person, every_s, symbol
        self.answered: dict[str, int] = {}
        self.problems: list[str] = []
        self.retries, self.refused = 0, Counter[str]()
        self.ended = threading.Event()
        self._dice = random.Random(f"driver {seed} {person.account.pk}")
        self._seed, self._count = seed, 0
        self._stakes: deque[Stake] = deque()
        self._address = address
        self._thread = threading.Thread(target=self._run, name=f"driver-{person.account.pk}")

    def start(self) -> None:
        """Begin to trade."""
        self._thread.start()

    def join(self, seconds: float) -> bool:
        """Wait until what was asked last is answered; return whether it was."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def cancel(self, order: int) -> bool:
        """Ask for the end of an order, once the driver itself has ended; return what came of it."""
        with self._client() as client, suppress(httpx.HTTPError):
            path = f"/api/v1/orders/{order}/cancel"
            return client.post(path, timeout=ANSWER_S).status_code < 300
        return False

    def _run(self) -> None:
        with self._client() as client:
            while not self.ended.wait(self.every_s * self._dice.uniform(0.7, 1.3)):
                try:
                    self._step(client)
                except (DatabaseError, InterfaceError):
                    connection.close()
                except Exception as error:
                    log.exception("driver_failed", account=self.person.account.pk)
                    self.problems.append(f"the driver failed: {error!r}")
        connection.close()

    def _client(self) -> httpx.Client:
        headers = {"X-CSRFToken": self.person.token}
        return httpx.Client(
            base_url=self._address, cookies=dict(self.person.cookies), headers=headers, timeout=10
        )

    # --- what is wanted -------------------------------------------------------------------------
    def _step(self, client: httpx.Client) -> None:
        if len(self._stakes) >= MOST_OPEN or (self._stakes and self._dice.random() < 0.5):
            self._look_after(client, self._stakes.popleft())
            return
        legs = self._package()
        if legs:
            many = Decimal(self._dice.randint(1, MOST_COINS if self.symbol == COIN else 2))
            self._place(client, legs, many, rests=self._dice.random() < RESTS)

    def _look_after(self, client: httpx.Client, stake: Stake) -> None:
        """Close what an order opened; cancel one that takes too long."""
        order = Order.objects.get(pk=stake.order)
        if order.state not in FINAL:
            if time.monotonic() - stake.since > PATIENCE_S and not stake.cancelled:
                self._asked(client, f"/api/v1/orders/{stake.order}/cancel", None)
                stake.cancelled = True
            self._stakes.append(stake)
            return
        filled = order.filled_quantity
        left = stake.closes - filled if stake.closes else filled
        if left > 0 and stake.tries < TRIES:
            legs = stake.legs if stake.closes else tuple((name, -many) for name, many in stake.legs)
            if not self._place(client, legs, left, closes=left, tries=stake.tries + 1):
                self._stakes.append(stake)

    def _package(self) -> Legs:
        """Return what to open now: a coin, a share, a vertical or a condor."""
        if self.symbol == COIN:
            return ((COIN, 1),)
        now = timezone.now()
        kept = markets.look(self.person.account, self.symbol, now).kept
        if kept is None or self._dice.random() < 0.2:
            return ((self.symbol, 1),)
        names = kept.data.layout.symbols()
        today = markets.look(self.person.account, self.symbol, now).ground.now.date()
        found = [one for one in map(occ.parse, names) if (one.expiry - today).days > 3]
        if not found:
            return ((self.symbol, 1),)
        day = min(one.expiry for one in found)
        spot = Decimal(repr(kept.data.spot))
        calls = sorted((one.strike, one.symbol) for one in found
                       if one.expiry == day and one.right == "C" and one.strike > spot)  # fmt: skip
        puts = sorted(((one.strike, one.symbol) for one in found
                       if one.expiry == day and one.right == "P" and one.strike < spot),
                      reverse=True)  # fmt: skip
        if len(calls) < 6 or len(puts) < 4:
            return ((self.symbol, 1),)
        # Contracts of one package are not of another: what cancels out cannot be closed alone.
        if self._dice.random() < 0.2:
            return ((calls[4][1], 1), (calls[5][1], -1))
        at = self._dice.choice((0, 2))
        return ((puts[at + 1][1], 1), (puts[at][1], -1), (calls[at][1], -1), (calls[at + 1][1], 1))

    def _price(self, legs: Sequence[tuple[str, int]], rests: bool) -> Decimal | None:
        """Return a price at which it fills at once, or rests; None without a market."""
        net = mid = ZERO
        for name, many in legs:
            quote = seen(self.person.account, name)
            if quote is None or quote.bid <= 0 or quote.age_s > FRESH_S:
                return None
            net += many * (quote.ask if many > 0 else quote.bid)
            mid += many * (quote.ask + quote.bid) / 2
        single = len(legs) == 1
        if rests:
            price = mid - (1 - AWAY) * abs(mid) - SLACK
        else:
            slack = COIN_SLACK if self.symbol == COIN else SLACK
            price = min(net + slack, mid + max(COLLAR * abs(mid), TICKS * len(legs)))
        price = -price if single and legs[0][1] < 0 else price
        return price.quantize(CENT, ROUND_HALF_UP)

    def _place(
        self, client: httpx.Client, legs: Legs, many: Decimal, *, rests: bool = False,
        closes: Decimal = ZERO, tries: int = 0,
    ) -> bool:  # fmt: skip
        price = self._price(legs, rests)
        if price is None:
            return False
        body = {
            "account": self.person.account.pk, "quantity": plain(many), "kind": "limit",
            "limit_price": plain(price),
            "time_in_force": "gtc" if self.symbol == COIN else "day",
            "legs": [{"symbol": name, "ratio": ratio} for name, ratio in legs],
        }  # fmt: skip
        told = self._asked(client, "/api/v1/orders", body)
        if told is None:
            return False
        if told["state"] == "rejected":
            self.refused[str(told.get("reason") or "")[:60]] += 1
        self._stakes.append(Stake(told["id"], legs, time.monotonic(), closes, tries))
        return True

    # --- asking ---------------------------------------------------------------------------------
    def _asked(self, client: httpx.Client, path: str, body: Any) -> dict[str, Any] | None:
        """Ask, with one key, until there is an answer; None when there was none, or a refusal."""
        self._count += 1
        key = f"chaos-{self._seed}-{self.person.account.pk}-{self._count}"
        until = time.monotonic() + LONGEST_S
        while time.monotonic() < until:
            try:
                answer = client.post(
                    path, json=body, headers={"Idempotency-Key": key}, timeout=ANSWER_S
                )
            except httpx.HTTPError:
                answer = None
            if answer is not None and answer.status_code < 300:
                told: dict[str, Any] = answer.json()
                if body is not None:
                    self.answered[key] = told["id"]
                return told
            if answer is not None and answer.status_code < 500 and answer.status_code not in _LATER:
                self.problems.append(f"{path}: {answer.status_code} {answer.text[:200]}")
                return None
            self.retries += 1
            time.sleep(AGAIN_S)
        self.problems.append(f"{path}: no answer within {LONGEST_S:.0f} s with {key}")
        return None
