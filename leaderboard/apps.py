"""App configuration."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.apps import AppConfig

if TYPE_CHECKING:
    from trading.models import Strategy


class LeaderboardConfig(AppConfig):
    """The bots."""

    name = "leaderboard"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the channel of people's own bots, who confirms, and what strategies do here."""
        from leaderboard import confirming
        from record.live import topics
        from trading.orders import subscribers
        from trading.strategies import hooks

        hooks.subscribe_versions("leaderboard.host_strategy")
        hooks.register_records(_pages_of)
        subscribers.subscribe("leaderboard.report_order", origin="strategy")

        confirming.register()

        topics.register(
            "bots",
            kind="log",
            entitlement="bots.own",
            snapshot=_own_bots,
            owner_scoped=True,
        )


def _own_bots(channel: str) -> Mapping[str, Any]:
    from leaderboard.selectors import own_state

    return own_state(channel)


def _pages_of(strategies: Sequence["Strategy"]) -> dict[int, str]:
    from leaderboard.hosted import pages_of

    return pages_of(strategies)
