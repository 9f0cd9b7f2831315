"""What a broker takes from nobody is known before an order is made."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.trading.brokers.benches import ADJUSTED, CALL
from tests.trading.brokers.desk import want
from trading.brokers.catalogue import OFFERS
from trading.orders.intents import Leg

OTHER = "SPY261118C00510000"
SPREAD = (Leg(CALL, 1, Decimal(100)), Leg(OTHER, -1, Decimal(100)))


@pytest.mark.parametrize(
    ("broker", "intent", "says"),
    [
        (
            "alpaca",
            want("x", "1", "60000", symbol="BTC/USD"),
            "no day orders on crypto: gtc or ioc",
        ),
        ("alpaca", want("x", "0.01", "60000", symbol="BTC/USD", time_in_force="gtc"), ""),
        ("alpaca", want("x", "1", "2", symbol=CALL, time_in_force="ioc"), "no ioc orders"),
        ("alpaca", want("x", "0.5", "500", time_in_force="gtc"), "day orders"),
        ("alpaca", want("x", "0.5", "500"), ""),
        ("alpaca", want("x", "0.5", "2", symbol=CALL), "whole contracts"),
        ("alpaca", want("x", "1", "500", legs=(Leg("SPY", 1), Leg("QQQ", -1))), "options alone"),
        ("alpaca", want("x", "1", "1", legs=SPREAD), ""),
        ("alpaca", want("x", "1", "2", symbol=ADJUSTED), "can only be closed"),
        ("tradier", want("x", "1", "60000", symbol="BTC/USD"), "shares and options"),
        ("tradier", want("x", "0.5", "500"), "whole shares"),
        ("tradier", want("x", "1", "500", time_in_force="fok"), "no fok orders"),
        ("tradier", want("x", "1", "500"), ""),
    ],
)
def test_the_objection_names_what_is_not_taken(broker, intent, says):
    said = OFFERS[broker].objection(intent, (False,) * len(intent.legs))
    assert says in said
    assert bool(said) is bool(says)


@pytest.mark.parametrize("broker", sorted(OFFERS))
@pytest.mark.parametrize("kind", ["market", "stop", "trailing_stop", "stop_limit"])
@pytest.mark.parametrize("legs", [SPREAD[:1], SPREAD])
def test_a_kind_that_waits_here_is_no_objection(broker, kind, legs):
    """It is sent as a limit order once its price is there."""
    prices = {"stop_price": Decimal(1)} if kind.startswith("stop") else {}
    intent = want("x", "1", None, legs=legs, kind=kind, **prices)
    assert OFFERS[broker].objection(intent, (False,) * len(legs)) == ""


def test_an_exit_waits_here_whatever_its_kind():
    """Alpaca trails whole shares alone."""
    intent = want("x", "0.5", None, kind="trailing_stop", trail=Decimal(1), sell=True)
    assert "without a trail" in OFFERS["alpaca"].objection(intent, (True,))
    assert OFFERS["alpaca"].objection(intent, (True,), waits=True) == ""


def test_an_adjusted_contract_may_be_closed():
    intent = want("x", "1", "2", symbol=ADJUSTED)
    assert OFFERS["alpaca"].objection(intent, (True,)) == ""
