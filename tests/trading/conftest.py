"""Accounts with money, and facts to post."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest

from accounts.models import User
from tests.record.conftest import child
from trading.ledger import services
from trading.ledger.services import Source
from trading.models import Account
from trading.orders import gate
from trading.orders.gate import ALONE, Among, Verdict
from trading.orders.intents import Intent, Leg
from trading.orders.machine import News
from trading.orders.venue import Event, Execution

__all__ = ["child"]

NOON = dt.datetime(2026, 11, 20, 17, 0, tzinfo=dt.UTC)


def by(external_id: str, name: str = "test") -> Source:
    return Source(name, external_id, NOON)


@pytest.fixture
def ana(db) -> User:
    return User.objects.create_user("ana@trading.example", plan="pro")


@pytest.fixture
def open_account(ana) -> Callable[..., Account]:
    """Return a function that opens an account with a deposit."""

    def make(name: str = "main", cash: str = "100000", **more) -> Account:
        account = services.open_account(ana, name=name, **more)
        if Decimal(cash):
            services.deposit(account.pk, Decimal(cash), by(f"first deposit of {name}"))
        return account

    return make


@pytest.fixture
def account(open_account) -> Account:
    return open_account()


@pytest.fixture
def open_gate() -> Iterator[None]:
    """A gate that lets everything pass and holds what buying costs at the limit."""
    before = gate.register(passing)
    yield
    gate.register(before)


def passing(account: Account, intent: Intent, among: Among = ALONE) -> Verdict:
    price = intent.limit_price or intent.stop_price or Decimal(0)
    buys = [leg for leg in intent.legs if leg.ratio > 0]
    hold = intent.quantity * price * buys[0].multiplier if buys else Decimal(0)
    return Verdict(True, "passing", "It may.", hold=max(hold, Decimal(0)))


def buy(intent_id: str, quantity: str = "10", price: str = "100", *, sold: bool = False) -> Intent:
    leg = Leg("SPY", -1 if sold else 1)
    return Intent(intent_id, (leg,), Decimal(quantity), limit_price=Decimal(price))


def says(news: News, event_id: str, client_id: str, *, second: int = 0, **more) -> Event:
    at = NOON + dt.timedelta(seconds=second)
    return Event("venue", event_id, news, at, client_order_id=client_id, **more)


def filled(
    execution_id: str, client_id: str, quantity: str, price: str = "99", *,
    symbol: str = "SPY", **more,
) -> Event:  # fmt: skip
    many = Decimal(1 if len(symbol) < 15 else 100)
    one = Execution(execution_id, symbol, Decimal(quantity), Decimal(price), many, Decimal("0.35"))
    return says(News.FILL, f"event of {execution_id}", client_id, execution=one, **more)
