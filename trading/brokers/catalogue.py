"""The brokers that a person may connect: what opens an account there, and who speaks to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from django.conf import settings

from trading.brokers.alpaca import asking as alpaca
from trading.brokers.credentials import Credentials
from trading.brokers.protocol import Abilities, Broker, RejectedError, Request
from trading.brokers.symbols import leaves_as_limit
from trading.brokers.tradier import asking as tradier
from trading.orders.intents import Intent


@dataclass(frozen=True, slots=True)
class Offer:
    """A broker. `key` and `secret` say what a person is asked for; settings say where it is."""

    name: str
    label: str
    key: str
    secret: str
    settings: Mapping[str, str]
    """Name of the setting with the address, for practice accounts ("paper") and for "live"."""
    make: Callable[[Credentials, int], Broker]
    """From what opens the account there and its number in this house."""
    abilities: Abilities
    check: Callable[[Request], None]
    """Raises RejectedError for what the broker would refuse whatever the account."""

    def objection(self, intent: Intent, closing: tuple[bool, ...], *, waits: bool = False) -> str:
        """Return in words why an order would be refused as it is sent from here; "" when not.

        What waits here for its price, as exits do, is sent as a limit order.
        """
        if waits or leaves_as_limit(intent, self.abilities):
            intent = replace(intent, kind="limit")
        try:
            self.check(Request("", intent, closing))
        except RejectedError as error:
            return str(error)
        return ""

    def credentials(self, key: str, secret: str, mode: str) -> Credentials:
        """Return what opens an account there; practice and real money have other addresses."""
        return Credentials(key, secret, mode, getattr(settings, self.settings[mode]).rstrip("/"))


def _alpaca(credentials: Credentials, account_id: int) -> Broker:
    from trading.brokers.alpaca.broker import Alpaca

    return Alpaca(credentials)


def _tradier(credentials: Credentials, account_id: int) -> Broker:
    from trading.brokers.tradier.books import AccountBooks
    from trading.brokers.tradier.broker import Tradier

    return Tradier(credentials, AccountBooks(account_id))


OFFERS: Final[Mapping[str, Offer]] = {
    one.name: one
    for one in (
        Offer(
            "alpaca", "Alpaca", "API key ID", "Secret key",
            {"paper": "ALPACA_PAPER_BASE", "live": "ALPACA_LIVE_BASE"}, _alpaca,
            alpaca.ABILITIES, alpaca.check,
        ),
        Offer(
            "tradier", "Tradier", "Account number", "Access token",
            {"paper": "TRADIER_PAPER_BASE", "live": "TRADIER_LIVE_BASE"}, _tradier,
            tradier.ABILITIES, tradier.check,
        ),
    )
}  # fmt: skip
