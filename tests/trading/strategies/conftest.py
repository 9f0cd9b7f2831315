"""A market whose options are priced by formula, a strategy on it, and who serves its orders."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import numpy as np
import pytest

from accounts.models import User
from market import calendars
from market.clock import to_ns
from quant import bsm
from tests.trading.paper.conftest import DAY, Tape, broker, hear, option, paper, tape
from trading.brokers.protocol import RejectedError, Request
from trading.execution import services as execution
from trading.execution.states import EXECUTION, Standing
from trading.models import Account, ClientOrderId, Order, Strategy, StrategyDecision, StrategyTrade
from trading.orders import services as orders
from trading.orders.intents import of_json
from trading.strategies import asking, deciding, services

__all__ = ["paper", "tape"]

TOOL = 10
"""Fires on a move of five minutes against short gamma, to the side of the move."""
EXPIRY = calendars.next_session(DAY).date
STRIKES = np.arange(480.0, 521.0)
CONFIG = {
    "symbol": "SIM",
    "entry": {"tools": [TOOL]},
    "structure": {"days": 1.0, "least_days": 0.2, "most_days": 3.0},
    "exit": {"trail": None, "minutes": 30.0},
    "pace": {"rest": 5.0},
}


class Market(Tape):
    """Rows with a whole chain around the spot, and what the tool reads."""

    def __init__(self, **more) -> None:
        names = [option(right, strike, EXPIRY) for strike in STRIKES.tolist() for right in "CP"]
        super().__init__(names, day=DAY, **more)
        self.minute = 0

    def quotes(self, at: dt.datetime, spot: float, half: float = 0.01, shown: float = 50.0):
        years = (self.layout.settles - to_ns(at)) / (365 * 86_400 * 10**9)
        calls = self.layout.is_call
        price = bsm.price(spot, self.layout.strikes, years, self.rate, 0.0, 0.2, calls)
        return {
            symbol: (round(float(mid) - half, 2), round(float(mid) + half, 2), shown, shown)
            for symbol, mid in zip(self.layout.symbols(), price, strict=True)
            if mid > 2 * half
        }

    def goes(self, spot: float, *, quoted: bool = True, half: float = 0.01) -> None:
        """Store the next minute, let paper orders fill, let strategies decide and be served."""
        self.minute += 1
        quotes = self.quotes(self.at(self.minute), spot, half) if quoted else {}
        self.row(self.minute, quotes, spot=spot, steps=False)
        self.steps()

    def observed(self, spot: float, opened: float | None) -> dict[str, float]:
        return {"open": spot, "close": spot, "gamma": -1e9, "gamma_balance": -0.9,
                "expected_move_day": 4.0}  # fmt: skip


@pytest.fixture
def no_rest(monkeypatch) -> None:
    """The minutes of a test take none by the world's clock, by which a strategy rests."""
    monkeypatch.setattr(asking, "REST_S", 0.0)
    monkeypatch.setattr(asking, "REFUSED_REST_S", 0.0)


@pytest.fixture
def market(tape, no_rest) -> Market:
    made = Market()
    for _ in range(6):
        made.goes(500.0)
    return made


@pytest.fixture
def account(market, paper) -> Account:
    """An account that the execution has taken over."""
    made = paper()
    for to in (Standing.RECONCILING, Standing.LIVE):
        execution.step(made.pk, to, actor=EXECUTION, reason="test")
    return made


@pytest.fixture
def make(ana, account) -> Callable[..., Strategy]:
    def one(name: str = "heron", *, user: User = ana, start: bool = True, **parts) -> Strategy:
        config = {**CONFIG, **{part: CONFIG.get(part, {}) | more for part, more in parts.items()}}
        made, _ = services.create(user, account.pk, name=name, given=config)
        return services.start(made.pk, actor=f"user {user.pk}") if start else made

    return one


def serve(account: Account) -> None:
    """Send what is pending and cancel what is to be cancelled, as the execution does."""
    for order in Order.objects.filter(account=account, state="pending").order_by("pk"):
        name = orders.begin_send(account.pk, order.pk)
        wanted = of_json(order.intent_id, order.intent)
        hear(account, broker(account).submit(Request(name, wanted, (False,) * len(wanted.legs))))
    for order in Order.objects.filter(account=account, state="cancel_pending").order_by("pk"):
        name = ClientOrderId.objects.filter(order=order).latest("attempt").text
        try:
            broker(account).cancel(name, order.venue_order_id)
        except RejectedError:
            continue


def decide(strategy: Strategy) -> StrategyDecision | None:
    """Decide on the newest row and serve what comes of it."""
    made = deciding.decide(strategy.pk)
    serve(strategy.account)
    return made


def trade_of(strategy: Strategy) -> StrategyTrade:
    return StrategyTrade.objects.filter(strategy=strategy).latest("pk")


def kinds(strategy: Strategy) -> list[str]:
    return list(strategy.decisions.order_by("pk").values_list("kind", flat=True))
