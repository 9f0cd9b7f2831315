"""App configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.apps import AppConfig

if TYPE_CHECKING:
    from trading.brokers.protocol import Broker
    from trading.models import Account


class TradingConfig(AppConfig):
    """The ledger and the orders."""

    name = "trading"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Install the risk gate, the quotes of the last look and the brokers; hear of new rows."""
        from market.feed import subscribers
        from record.live import topics
        from trading.brokers import connections, registry
        from trading.execution import market, quotes
        from trading.orders import gate
        from trading.risk.door import risk_gate

        gate.register(risk_gate)
        quotes.register(market.seen)
        connections.install()
        registry.register("paper", _paper)
        subscribers.subscribe("trading.follow_market")
        subscribers.subscribe("trading.follow_strategies")
        topics.register(
            "orders", kind="log", entitlement="trading.paper", snapshot=_open_orders,
            owner_scoped=True,
        )  # fmt: skip
        topics.register(
            "risk", kind="log", entitlement="trading.paper", snapshot=_risk, owner_scoped=True
        )
        topics.register("risk:everyone", kind="log", entitlement="trading.paper", snapshot=_risk)


def _open_orders(channel: str) -> Mapping[str, Any]:
    from trading.orders.telling import open_orders

    return open_orders(channel)


def _risk(channel: str) -> Mapping[str, Any]:
    from trading.risk.telling import open_now

    return open_now(channel)


def _paper(account: Account) -> Broker:
    # The venue's numerics are loaded where orders are filled, which the web process never does.
    from trading.brokers.paper.broker import PaperBroker

    return PaperBroker(account.pk)
