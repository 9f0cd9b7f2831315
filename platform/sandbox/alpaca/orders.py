"""An order at the stand-in, and how Alpaca shows it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from sandbox.alpaca.clock import stamp
from sandbox.alpaca.symbols import asset_id, kind, text

ZERO: Final = Decimal(0)
ENDED: Final = frozenset({"filled", "canceled", "expired", "rejected", "replaced", "done_for_day"})
_TIMES: Final = {
    "filled": "filled_at",
    "canceled": "canceled_at",
    "expired": "expired_at",
    "rejected": "failed_at",
    "replaced": "replaced_at",
}


@dataclass(slots=True)
class Order:
    """An order. A package (`mleg`) has no symbol; its legs are orders with a ratio."""

    id: str
    client_order_id: str
    created: dt.datetime
    symbol: str
    side: str
    quantity: Decimal
    type: str
    time_in_force: str
    order_class: str = "simple"
    limit: Decimal | None = None
    stop: Decimal | None = None
    trail_price: Decimal | None = None
    trail_percent: Decimal | None = None
    intent: str = ""
    extended: bool = False
    ratio: int = 1
    legs: list[Order] = field(default_factory=list)
    parent: Order | None = None
    status: str = "new"
    filled: Decimal = ZERO
    paid: Decimal = ZERO
    """Sum of quantity x price of the fills."""
    reserve: Decimal = ZERO
    """Money that the whole order keeps from others."""
    triggered: bool = False
    """Whether its stop was reached, so that it is in the market."""
    best: Decimal | None = None
    """Best price since a trailing stop began."""
    updated: dt.datetime | None = None
    times: dict[str, str] = field(default_factory=dict)
    replaces: str | None = None
    replaced_by: str | None = None
    history: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    """What it looked like, from when on (monotonic)."""

    @property
    def sign(self) -> int:
        """1 for a purchase, -1 for a sale."""
        return 1 if self.side == "buy" else -1

    @property
    def left(self) -> Decimal:
        """What is not filled."""
        return self.quantity - self.filled

    @property
    def open(self) -> bool:
        """Whether it may still fill."""
        return self.status not in ENDED

    @property
    def package(self) -> bool:
        """Whether its legs fill together."""
        return self.order_class == "mleg" and self.parent is None

    @property
    def family(self) -> list[Order]:
        """All orders of its group, itself alone when it has none: an entry or a target first."""
        top = self if self.parent is None or self.parent.package else self.parent
        return [top] if top.package else [top, *top.legs]

    @property
    def exits(self) -> list[Order]:
        """Those of its group that leave, of which one fills."""
        top, *legs = self.family
        return [top, *legs] if top.order_class == "oco" else legs

    @property
    def held(self) -> Decimal:
        """What it still keeps from others."""
        return self.reserve * self.left / self.quantity if self.open else ZERO

    def become(self, status: str, now: dt.datetime) -> None:
        """Take a status, and its legs with it when they are a package's."""
        self.status, self.updated = status, now
        if status in _TIMES:
            self.times[_TIMES[status]] = stamp(now)
        if self.package:
            for leg in self.legs:
                leg.become(status, now)

    def shape(self, *, nested: bool = True) -> dict[str, Any]:
        """Return it as Alpaca shows it."""
        average = self.paid / self.filled if self.filled else None
        leg_of_package = self.parent is not None and self.parent.package
        shown: dict[str, Any] = {
            "id": self.id, "client_order_id": self.client_order_id,
            "created_at": stamp(self.created), "updated_at": stamp(self.updated or self.created),
            "submitted_at": stamp(self.created), "filled_at": None, "expired_at": None,
            "canceled_at": None, "failed_at": None, "replaced_at": None,
            "replaced_by": self.replaced_by, "replaces": self.replaces,
            "asset_id": asset_id(self.symbol) if self.symbol else "", "symbol": self.symbol,
            "asset_class": kind(self.symbol) if self.symbol else "", "notional": None,
            "qty": text(self.quantity), "filled_qty": text(self.filled),
            "filled_avg_price": _price(average), "order_class": self.order_class,
            "order_type": "" if leg_of_package else self.type,
            "type": "" if leg_of_package else self.type, "side": self.side,
            "time_in_force": self.time_in_force, "limit_price": _price(self.limit),
            "stop_price": _price(self.stop), "status": self.status,
            "extended_hours": self.extended, "legs": None,
            "trail_percent": _price(self.trail_percent), "trail_price": _price(self.trail_price),
            "hwm": _price(self.best), "position_intent": self.intent,
            "ratio_qty": str(self.ratio) if leg_of_package else None,
        }  # fmt: skip
        shown |= self.times
        if nested and self.legs:
            shown["legs"] = [leg.shape() for leg in self.legs]
        return shown


def _price(value: Decimal | None) -> str | None:
    return None if value is None else text(value)
