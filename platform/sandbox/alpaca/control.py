"""What a test or a person does to the stand-in over HTTP: `/_sim/...`. No vendor has these."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from sandbox.alpaca.errors import missing
from sandbox.alpaca.faults import Rule
from sandbox.alpaca.matching import Match

if TYPE_CHECKING:
    from sandbox.alpaca.base import BrokerStandIn

Given = dict[str, Any]


def control(stand_in: BrokerStandIn, what: str, given: Given) -> Any:
    """Do what is asked and return what there is to say."""
    act = _ACTS.get(what)
    if act is None:
        raise missing("there is no such control")
    said = act(stand_in, given)
    return {"done": what} if said is None else said


def _truth(stand_in: BrokerStandIn, given: Given) -> Any:
    return stand_in.venue.truth() | {"orders_asked": stand_in.orders_asked}


def _quote(stand_in: BrokerStandIn, given: Given) -> None:
    bid, ask, size = (Decimal(str(given.get(name, 1000))) for name in ("bid", "ask", "size"))
    stand_in.venue.prices.set(given["symbol"], bid, ask, size)


def _fill(stand_in: BrokerStandIn, given: Given) -> None:
    order = stand_in.venue.find(given["order_id"])
    prices = {name: Decimal(str(one)) for name, one in given["prices"].items()}
    stand_in.venue.fill(order, Match(Decimal(str(given["qty"])), prices))


def _faults(stand_in: BrokerStandIn, given: Given) -> None:
    stand_in.script.rules = [Rule.of_json(one) for one in given["rules"]]


def _stream_faults(stand_in: BrokerStandIn, given: Given) -> None:
    for name, value in given.items():
        setattr(stand_in.stream_faults, name, value)


def _account(stand_in: BrokerStandIn, given: Given) -> None:
    account = stand_in.venue.account
    for name in ("level", "margin", "status", "shorting", "blocked"):
        if name in given:
            setattr(account, name, given[name])
    if "cash" in given:
        account.cash = Decimal(str(given["cash"]))


_ACTS: Final[dict[str, Callable[[BrokerStandIn, Given], Any]]] = {
    "truth": _truth,
    "quote": _quote,
    "fill": _fill,
    "faults": _faults,
    "stream_faults": _stream_faults,
    "account": _account,
    "advance": lambda stand_in, given: stand_in.advance(float(given["seconds"])),
    "tick": lambda stand_in, given: stand_in.tick(),
    "bust": lambda stand_in, given: stand_in.venue.bust(given["execution_id"]),
    "cut": lambda stand_in, given: stand_in.cut(),
}
