"""People who trade through REST and pages."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest
from django.core.cache import cache
from django.test import Client

from accounts.models import User
from trading.models import Account, Order
from trading.orders import services, venue
from trading.orders.machine import News

from ..conftest import buy, filled, says


@pytest.fixture(autouse=True)
def _own_cache(settings) -> Iterator[None]:
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "LOCATION": uuid.uuid4().hex,
        }
    }
    yield
    cache.clear()


@pytest.fixture
def as_() -> Callable[[User], Client]:
    def sign_in(user: User) -> Client:
        made = Client()
        made.force_login(user)
        return made

    return sign_in


@pytest.fixture
def web(as_, ana) -> Client:
    return as_(ana)


@pytest.fixture
def eve(as_, db) -> Client:
    return as_(User.objects.create_user("eve@trading.example", plan="pro_plus"))


@pytest.fixture
def at_venue(open_gate) -> Callable[..., tuple[Order, str]]:
    """Return a function that places a buy order and lets the venue accept it."""

    def make(account: Account, intent_id: str = "one", **more) -> tuple[Order, str]:
        order = services.place(account.pk, buy(intent_id, **more), actor="user").order
        name = services.begin_send(account.pk, order.pk)
        venue.apply(account.pk, says(News.ACCEPTED, f"accepted {intent_id}", name))
        return order, name

    return make


@pytest.fixture
def bought(at_venue) -> Callable[..., Order]:
    """Return a function that buys shares to the end, with a reason for the price."""

    def make(account: Account, intent_id: str = "one", quantity: str = "10", **more) -> Order:
        order, name = at_venue(account, intent_id, quantity=quantity)
        news = filled(f"x-{intent_id}", name, quantity, reason="the offer of 12:00", **more)
        venue.apply(account.pk, news)
        order.refresh_from_db()
        return order

    return make
