"""Fixtures of the accounts' tests: people on every plan, and rate limits of their own."""

import uuid
from collections.abc import Callable, Iterator

import pytest
from django.core.cache import cache
from django.test import Client

from accounts.models import User
from accounts.services import verified_user_create

PASSWORD = "correct horse 42 battery"


@pytest.fixture(autouse=True)
def _own_cache(settings) -> Iterator[None]:
    """Rate limits live in the cache: no test may use up another's."""
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "LOCATION": uuid.uuid4().hex,
        }
    }
    yield
    cache.clear()


@pytest.fixture
def person(db) -> Callable[..., User]:
    """Return a function that makes somebody with a confirmed address."""

    def make(name: str, plan: str = "free", *, is_staff: bool = False) -> User:
        user, _ = verified_user_create(
            f"{name}@example.com", password=PASSWORD, plan=plan, is_staff=is_staff
        )
        return user

    return make


@pytest.fixture
def signed_in(person) -> Callable[..., Client]:
    """Return a function that signs a new person in through the login page."""

    def make(name: str, plan: str = "free", *, is_staff: bool = False) -> Client:
        user = person(name, plan, is_staff=is_staff)
        client = Client()
        answer = client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
        assert answer.status_code == 302, answer.content
        return client

    return make


@pytest.fixture
def confirmed() -> Callable[[Client], Client]:
    """Return a function that gives the password again, as sensitive pages ask."""

    def confirm(client: Client) -> Client:
        answer = client.post("/accounts/reauthenticate/", {"password": PASSWORD})
        assert answer.status_code == 302, answer.content
        return client

    return confirm
