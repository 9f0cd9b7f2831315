"""Which broker an account has: a factory for each name, registered when the house starts."""

from __future__ import annotations

from collections.abc import Callable

from trading.brokers.protocol import Broker
from trading.ledger.book import LedgerError
from trading.models import Account

Factory = Callable[[Account], Broker]
"""Makes the broker of one account; reads its credentials where it needs any."""

_factories: dict[str, Factory] = {}


class UnknownBrokerError(LedgerError):
    """No broker has this name."""


def register(name: str, factory: Factory) -> Factory | None:
    """Make accounts whose `broker` is `name` use a factory; return the one before."""
    before = _factories.get(name)
    _factories[name] = factory
    return before


def unregister(name: str) -> None:
    """Take a broker away."""
    _factories.pop(name, None)


def of(account: Account) -> Broker:
    """Return the broker of an account; UnknownBrokerError when there is none of its name."""
    try:
        factory = _factories[account.broker]
    except KeyError:
        known = ", ".join(sorted(_factories)) or "none"
        raise UnknownBrokerError(
            "broker", f"No broker is named {account.broker!r}; registered: {known}."
        ) from None
    return factory(account)
