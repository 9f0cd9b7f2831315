"""Keys, and programs that call with them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.keys import rates, services
from accounts.keys.services import Made
from accounts.models import User
from record import hints

START = 1_800_000_000_000_000


@pytest.fixture
def still(monkeypatch) -> None:
    """Let the clock of the buckets stand: no call comes back, however slow the machine is."""
    real = rates.in_redis

    def asked(name: str, **numbers: int) -> rates.Taken:
        taken = real(name, now=START, **numbers)
        hints.client(rates.TIMEOUT_S).persist(name)
        return taken

    monkeypatch.setattr(rates, "in_redis", asked)
    monkeypatch.setattr(rates.local, "clock", lambda: START)


@pytest.fixture
def make(person) -> Callable[..., Made]:
    """Return a function that makes a key of somebody, of a new person when none is given."""

    def key(user: User | None = None, *, plan: str = "pro_plus", **given) -> Made:
        owner = user or person("ann", plan)
        return services.key_create(owner, **{"name": "bot", "scopes": ["read"], **given})

    return key


@pytest.fixture
def program() -> Callable[..., Client]:
    """Return a function that gives a client which sends a key with each call."""

    def client(text: str, **headers: str) -> Client:
        return Client(headers={"X-API-Key": text, **headers})

    return client
