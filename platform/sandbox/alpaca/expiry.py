"""What becomes of options at expiry: sold before the close, exercised after it, told next day."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, Final

from sandbox.alpaca.clock import NEW_YORK
from sandbox.alpaca.errors import forbidden, missing
from sandbox.alpaca.orders import ZERO, Order
from sandbox.alpaca.symbols import Contract, contract, text
from sandbox.alpaca.venue import Venue

SWEEP: Final = dt.time(15, 15)
EXERCISE: Final = dt.time(18)
_CENT: Final = Decimal("0.01")


class Expiries:
    """Runs the days' ends of a venue. Activities of an evening show on the next morning."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._refused: set[str] = set()
        self._waiting: list[tuple[str, dict[str, Any]]] = []
        self._done: set[tuple[dt.date, str]] = set()
        self._began = venue.clock.local()

    def refuse(self, symbol: str) -> None:
        """Take a do-not-exercise instruction."""
        if self._venue.account.quantity(symbol) <= 0:
            raise missing("position does not exist")
        self._refused.add(symbol)

    def exercise(self, symbol: str) -> None:
        """Exercise a long option now."""
        option, held = contract(symbol), self._venue.account.quantity(symbol)
        if option is None or held <= 0:
            raise missing("position does not exist")
        if not self._venue.clock.is_open():
            raise forbidden("exercise requests are only accepted during market hours")
        self._deliver(symbol, option, held)

    def pass_time(self) -> None:
        """Do what fell due since it began: once each on a day."""
        local = self._venue.clock.local()
        hours = self._venue.clock.session(local.date())
        if hours is not None:
            early = dt.datetime.combine(local.date(), SWEEP, NEW_YORK) - (
                dt.datetime.combine(local.date(), dt.time(16), NEW_YORK) - hours[1]
            )
            settled = dt.datetime.combine(local.date(), EXERCISE, NEW_YORK)
            for due, what, act in (
                (early, "sweep", self._sweep), (hours[1], "close", self._venue.expire_day),
                (settled, "settle", self._settle),
            ):  # fmt: skip
                if self._began < due <= local:
                    self._once(local.date(), what, act)
        if local.time() < SWEEP:
            self._once(local.date(), "morning", self._tell)

    def _once(self, day: dt.date, what: str, act: Any) -> None:
        if (day, what) not in self._done:
            self._done.add((day, what))
            act()

    def _expiring(self) -> list[tuple[str, Contract, Decimal]]:
        today = self._venue.clock.local().date()
        found = []
        for symbol, held in sorted(self._venue.account.positions.items()):
            option = contract(symbol)
            if option is not None and option.expiry <= today:
                found.append((symbol, option, held.quantity))
        return found

    def _sweep(self) -> None:
        """Sell what would be exercised without the money for it."""
        for symbol, option, held in self._expiring():
            cost = held * option.strike * 100
            due = held > 0 and option.right == "C" and self._worth(option) > 0
            if due and cost > self._venue.account.cash:
                self._liquidate(symbol, held)

    def _liquidate(self, symbol: str, held: Decimal) -> Order:
        return self._venue.submit({
            "symbol": symbol, "qty": text(abs(held)), "side": "sell" if held > 0 else "buy",
            "type": "market", "time_in_force": "day",
        })  # fmt: skip

    def _worth(self, option: Contract) -> Decimal:
        spot = self._venue.prices.get(option.underlying).mid
        return spot - option.strike if option.right == "C" else option.strike - spot

    def _settle(self) -> None:
        """Exercise, assign or expire everything that ends today."""
        for symbol, option, held in self._expiring():
            due = self._worth(option) >= _CENT and symbol not in self._refused
            if due:
                self._deliver(symbol, option, held)
            else:
                self._venue.account.trade(symbol, -held, ZERO)
                self._note("OPEXP", symbol=symbol, qty=text(-held), net_amount="0",
                           description="Option Expiry")  # fmt: skip

    def _deliver(self, symbol: str, option: Contract, held: Decimal) -> None:
        """Close an option at nothing and trade the shares at the strike."""
        account = self._venue.account
        shares = held * 100 * (1 if option.right == "C" else -1)
        account.trade(symbol, -held, ZERO)
        account.trade(option.underlying, shares, option.strike)
        group = self._venue.make_id()
        self._note(
            "OPEXC" if held > 0 else "OPASN", symbol=symbol, qty=text(-held), net_amount="0",
            description="Option Exercise" if held > 0 else "Option Assignment", group_id=group,
        )  # fmt: skip
        self._note(
            "OPTRD", symbol=option.underlying, qty=text(shares), price=text(option.strike),
            net_amount=text(-shares * option.strike), description="Option Trade", group_id=group,
        )  # fmt: skip

    def _note(self, kind: str, **more: str) -> None:
        day = self._venue.clock.local().date().isoformat()
        self._waiting.append((kind, {"date": day, "status": "executed", **more}))

    def _tell(self) -> None:
        waiting, self._waiting = self._waiting, []
        for kind, more in waiting:
            self._venue.account.note(kind, self._venue.clock.now(), self._venue.make_id(), **more)
