"""The official client of Stripe, with time-outs and without tries that could do a thing twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings

from accounts.billing import config

if TYPE_CHECKING:
    from stripe import StripeClient, StripeObject

CONNECT_S: Final = 3.0
ANSWER_S: Final = 8.0


class NotConfiguredError(RuntimeError):
    """There is no key of Stripe here."""


class AwayError(RuntimeError):
    """Stripe did not do what a person asked for; the message names the kind of the fault."""


@contextmanager
def asking() -> Iterator[StripeClient]:
    """Give the client to what a person waits for: each fault of Stripe becomes an AwayError."""
    import stripe

    try:
        yield client()
    except stripe.StripeError as error:
        raise AwayError(f"{type(error).__name__} {error.code or ''}".strip()) from error


def client() -> StripeClient:
    """Return the client for the key of the settings."""
    if not config.is_on():
        raise NotConfiguredError("Stripe is not configured on this installation")
    return _client(settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE)


def metadata_of(thing: StripeObject) -> dict[str, Any]:
    """Return what we noted on one of Stripe's objects."""
    return dict(thing.to_dict().get("metadata") or {})


@lru_cache(maxsize=4)
def _client(key: str, base: str) -> StripeClient:
    import stripe

    # A repeat by the library could hide that the first try was done; our tasks repeat instead.
    return stripe.StripeClient(
        key,
        max_network_retries=0,
        base_addresses={"api": base} if base else {},
        http_client=stripe.RequestsClient(timeout=(CONNECT_S, ANSWER_S)),
    )
