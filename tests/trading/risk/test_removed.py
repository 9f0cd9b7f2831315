"""Each rule taken out lets an order out that no other rule would have stopped."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest

from quant.account_classes import account_class
from tests.trading.risk.built import (
    CLOSE,
    NAMES,
    SHARE,
    given,
    ground,
    held,
    leg,
    option,
    quote,
)
from tests.trading.risk.test_boundaries import CASES
from trading.risk.facts import Facts, Stop
from trading.risk.rules import RULES, evaluate

D = Decimal
CAUTION = {"wash sale"}
"""What never refuses."""


def foreign() -> Facts:
    """A share of another name in a very small account, for little money."""
    instrument = replace(option(600), underlying="TSLA")
    facts = given(
        (leg(instrument, quote=quote("0.50")),), price=D("0.50"), equity=D(2_000),
        size=account_class(2_000.0),
    )  # fmt: skip
    known = {name: value for name, value in facts.__dict__.items() if name != "picture"}
    return Facts(**known | {"grounds": {"TSLA": ground(symbol="TSLA")}})


def early_last_trade() -> Facts:
    terms = replace(option(600).option, last_trade=CLOSE - dt.timedelta(hours=6))
    return given((leg(replace(option(600), option=terms)),))


def one_leg(price: str, *, strike: int = 600, call: bool = True, ratio: int = 1, **sides: str):
    market = quote(**{name: D(side) for name, side in sides.items()})
    return given((leg(option(strike, call=call), ratio, quote=market),), price=D(price))


def long_leg_left() -> Facts:
    """Leaving the long put of a spread, in an account that is too small for puts over cash."""
    market = quote("0.03", bid=D("0.02"), ask=D("0.04"))
    return given(
        (leg(option(45, call=False), -1, closing=True, quote=market),), price=D("0.03"),
        positions=(held(option(50, call=False), -1, "0.05"), held(option(45, call=False), 1,
                   "0.03")), size=account_class(20_000.0),
    )  # fmt: skip


OTHERS = {
    "plan": lambda: given(account={"plan": "pro"}),
    "opt in": lambda: given(account={"opted_in": False}),
    "account state": lambda: given(account={"state": "halted"}),
    "switches": lambda: given(stops=(Stop("global", "halted", "A test."),)),
    "breakers": lambda: given(breakers=(Stop("loss of SPY", "open", "A test."),)),
    "order kind": lambda: given(intent={"kind": "market", "limit_price": None}),
    "broker": lambda: given(objection="It takes no such order."),
    "symbol": foreign,
    "structure": lambda: given(
        tuple(leg(option(strike)) for strike in (600, 605, 610)), price=D(15)
    ),
    "contract": lambda: given((leg(option(600), listed=D(10)),)),
    "last trade": early_last_trade,
    "quote": lambda: one_leg("0.03", bid="0", ask="0.05"),
    "width": lambda: one_leg("4.00", bid="3.50", ask="4.51"),
    "sanity": lambda: one_leg("98.90", strike=500, bid="98.85", ask="98.95"),
    "collar": lambda: one_leg("5.57", bid="4.50", ask="5.60"),
    "uncovered": long_leg_left,
    "short sale": lambda: given((leg(SHARE, -1),), price=D(600)),
    "cash secured": lambda: given(
        (leg(option(50, call=False), -1, quote=quote("0.05")),), price=D("0.05"), cash=D(4_000),
        credit=D(100_000), positions=(held(SHARE, 200),)),
    "buying power": lambda: given((leg(SHARE, units=10),), price=D(600), cash=D(5_000)),
    "halting loss": lambda: given(
        day=replace(given().day, profit=D(-3_000)),
        limits={"reduce_loss": D("0.1"), "halt_loss": D("0.03")}),
}  # fmt: skip


def candidates(name: str) -> list[Facts]:
    found = [make(value) for rule, make, values in CASES if rule == name
             for value, right in values if right == "refuse"]  # fmt: skip
    return [*found, OTHERS[name]()] if name in OTHERS else found


@pytest.mark.parametrize("name", [one for one in NAMES if one not in CAUTION])
def test_without_a_rule_an_order_gets_out(name):
    without = tuple(rule for rule in RULES if rule.name != name)
    out = [
        facts for facts in candidates(name)
        if all(one.answer.outcome != "refuse" for one in evaluate(facts, without))
    ]  # fmt: skip
    assert out, "no order shows what this rule alone holds back"
    refused = [one.rule for one in evaluate(out[0]) if one.answer.outcome == "refuse"]
    assert refused == [name]
