"""The paper venue under the test's control: its market is a tape, its process may die."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import transaction

from tests.trading.brokers.benches import CALL, HIGHER, MORNING, Fills
from tests.trading.paper.conftest import Sides, Tape, broker
from trading.brokers.paper import selectors
from trading.brokers.paper.models import PaperFill, PaperOrder
from trading.brokers.protocol import Broker, OutcomeUnknownError, Request, VenueOrder
from trading.models import Account

MARKET = "SPY"
OFTEN = 1_000.0
"""What is displayed while orders fill by themselves."""


@dataclass(slots=True)
class Rule:
    """How often a fault strikes: `times` at most, 0 for no end."""

    fault: str
    chance: float
    times: int
    done: int = 0


class Dying:
    """The venue, whose process may die before what it does is committed, or right after."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.rules: list[Rule] = []
        self._dice = random.Random("paper")

    def __getattr__(self, name: str):
        return getattr(self._broker, name)

    def submit(self, request: Request) -> VenueOrder:
        fault = self._strikes()
        with transaction.atomic():
            answer = self._broker.submit(request)
            transaction.set_rollback(fault == "dies_before")
        if fault:
            raise OutcomeUnknownError("the process died")
        return answer

    def _strikes(self) -> str:
        for rule in self.rules:
            if rule.times and rule.done >= rule.times:
                continue
            if self._dice.random() < rule.chance:
                rule.done += 1
                return rule.fault
        return ""


class PaperBench:
    """The paper venue on a tape of its own; each row is a minute."""

    name = "paper"
    before, after = frozenset({"dies_before"}), frozenset({"dies_after"})
    unique_ids = replaces = stops = executions = repeats = True
    late_fills = knows_money = wired = holds_adjusted = groups = False
    secret = ""
    since = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)

    def __init__(self, tape: Callable[..., Tape], open_paper: Callable[..., Account]) -> None:
        self.tape = tape([CALL, HIGHER], symbol=MARKET, day=MORNING.date())
        self._minute, self._fills, self._shown = 30, True, dict[str, tuple[str, str]]()
        self._row({MARKET: (499.99, 500.01, 0.0, 0.0)})
        self.account = open_paper("bench", market=f"simulator:{MARKET}")
        self.broker = Dying(broker(self.account))

    def _row(self, shows: Mapping[str, Sides]) -> None:
        """Let a minute pass, at whose end some quotes are as told and the others displayed as 0."""
        bid, ask, bids, asks = shows[MARKET]
        self._minute += 1
        self.tape.row(
            self._minute, {name: one for name, one in shows.items() if name != MARKET},
            spot=(bid + ask) / 2, bid_size=bids, ask_size=asks, volume=0.0,
        )  # fmt: skip

    def _quotes(self, size: float) -> dict[str, Sides]:
        return {name: (float(bid), float(ask), size, size)
                for name, (bid, ask) in self._shown.items()}  # fmt: skip

    def quote(self, symbol: str, bid: str, ask: str) -> None:
        self._shown[symbol] = (bid, ask)
        if MARKET in self._shown:
            self._row(self._quotes(OFTEN if self._fills else 0.0))

    def by_itself(self, on: bool) -> None:
        self._fills = on

    def fill(self, client_order_id: str, quantity: str, prices: Mapping[str, str]) -> None:
        order = PaperOrder.objects.get(client_order_id=client_order_id)
        if order.executions.exists():
            self._row(self._quotes(0.0))  # what it took of a display is gone with it
        shows = self._quotes(0.0)
        for symbol, ratio, _ in order.intent["legs"]:
            price, size = float(prices[symbol]), float(quantity) * abs(ratio)
            bought = ratio > 0
            shows[symbol] = (
                price - 0.02 * bought, price + 0.02 * (not bought),
                size * (not bought), size * bought,
            )  # fmt: skip
        self._row(shows)

    def spoil(self, what: str, fault: str, *, chance: float = 1.0, times: int = 0) -> None:
        self.broker.rules.append(Rule(fault, chance, times))

    def heal(self) -> int:
        done = sum(rule.done for rule in self.broker.rules)
        self.broker.rules.clear()
        return done

    def funds(self, cash: str) -> None:
        """There is nothing to do: it asks for no money."""

    def hold(self, symbol: str, quantity: str, price: str) -> None:
        raise NotImplementedError

    def spoil_stream(self, **shares: Any) -> None:
        raise NotImplementedError

    def cut(self) -> None:
        raise NotImplementedError

    def advance(self, hours: float) -> None:
        """Play the session to its end, and the first minute of the next one."""
        self._minute = self.tape.last_minute - 1
        self._row(self._quotes(0.0))
        self.tape.closes()
        self.tape.next_day()
        self._minute = 0
        self._row(self._quotes(0.0))

    def patient(self) -> None:
        """There is nothing to wait for."""

    def orders(self) -> list[str]:
        rows = PaperOrder.objects.filter(account=self.account, own=False).order_by("id")
        return list(rows.values_list("client_order_id", flat=True))

    def fills(self) -> Fills:
        found: Fills = {}
        rows = PaperFill.objects.filter(account=self.account).select_related("order")
        for one in rows.order_by("id"):
            told = found.setdefault(one.order.client_order_id, [])
            told.append((one.symbol, one.quantity, one.price))
        return found

    def positions(self) -> dict[str, Decimal]:
        return selectors.held(self.account.pk)

    def close(self) -> None:
        """Let its market stop."""
        self.tape.run.state = "stopped"
        self.tape.run.save()
