"""Bugs that a run must find. They are planted in processes of the harness alone, by its command."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final
from zlib import crc32

from trading.brokers.protocol import BrokerError, OutcomeUnknownError, Request, VenueOrder
from trading.execution import hearing, sending
from trading.execution.hearing import Heard
from trading.execution.outlet import Outlet
from trading.orders.venue import Event
from trading.scopes import Scope

_SHARE: Final = 5
"""One execution of so many is treated wrongly, always the same ones."""


def _chosen(event: Event) -> bool:
    one = event.execution
    return one is not None and crc32(one.execution_id.encode()) % _SHARE == 0


def doubled() -> None:
    """Book some executions a second time, under an id of their own."""
    real = hearing.hear

    def hear(account_id: int, event: Event) -> Heard:
        heard = real(account_id, event)
        if _chosen(event) and event.execution is not None and heard.fresh:
            again = replace(event.execution, execution_id=f"{event.execution.execution_id}+")
            real(account_id, replace(event, event_id=f"{event.event_id}+", execution=again))
        return heard

    _hear_by(hear)


def lost() -> None:
    """Never hear of some executions."""
    real = hearing.hear

    def hear(account_id: int, event: Event) -> Heard:
        return Heard() if _chosen(event) else real(account_id, event)

    _hear_by(hear)


def resent() -> None:
    """Send again what had no answer."""
    real = Outlet.submit

    def submit(self: Outlet, request: Request, scopes: tuple[Scope, ...]) -> VenueOrder:
        try:
            return real(self, request, scopes)
        except OutcomeUnknownError:
            with suppress(BrokerError):
                self.broker.submit(
                    replace(request, client_order_id=f"again-{request.client_order_id}"[:48])
                )
            raise

    Outlet.submit = submit  # type: ignore[method-assign, assignment]


def _hear_by(hear: Callable[[int, Event], Heard]) -> None:
    for module in (hearing, sending):
        setattr(module, "hear", hear)  # noqa: B010 - it is another's, and typed


PLANTS: Final[dict[str, Callable[[], None]]] = {
    "doubled": doubled, "lost": lost, "resent": resent,
}  # fmt: skip
"""Each class of bug by its name."""
