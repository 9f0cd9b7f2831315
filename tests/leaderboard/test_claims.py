"""Reports as they are read: every field that is wrong is named with its remedy."""

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderboard.claims import FIELDS, ClaimError, differing, facts, leg_of, plain, read

from .conftest import CALL, PUT, trade

LEGS = [
    {"action": "BUY_CALL", "symbol": CALL, "quantity": 1, "price": "4.95"},
    {"action": "SELL_PUT", "symbol": PUT, "quantity": 1, "price": "5.20"},
]


def spread(**more):
    body = {"client_trade_id": "s", "action": "SPREAD", "legs": LEGS, "fee": 1.3}
    return body | more


def test_every_action_is_read():
    call = read(trade(pnl=-3, fee="0.65", executed_at="2026-11-20T12:00:00-05:00"))
    assert (call.symbol, call.fee, call.pnl) == (CALL, Decimal("0.65"), -3)
    assert call.executed_at.isoformat() == "2026-11-20T17:00:00+00:00"
    signs = {"BUY": 1, "SELL": -1, "SHORT": -1, "COVER": 1}
    for action, sign in signs.items():
        assert read(trade(action=action, symbol="spy")).legs[0].signed == 2 * sign
    coin = read(trade(action="SELL", symbol="BTC/USD", quantity="0.00000001", price=61000.5))
    assert (coin.legs[0].kind, coin.legs[0].signed) == ("crypto", Decimal("-0.00000001"))
    assert read(trade(action="sell_put", symbol=PUT)).legs[0].signed == -2
    padded = read(trade(symbol="SPY   261218C00500000"))
    assert padded.symbol == CALL


@pytest.mark.parametrize("zero", ["0e-999999999999", "-0e-99999999", "0e999999999999", "-0.0"])
def test_a_zero_is_written_with_one_digit(zero):
    """With as many as it asks for it would fill the memory."""
    found = read(trade(price=zero, fee=zero, pnl=zero))
    assert [str(one) for one in (found.legs[0].price, found.fee, found.pnl)] == ["0"] * 3


def test_a_spread_is_its_legs():
    found = read(spread())
    assert found.symbol == "SPY"
    assert [leg.signed for leg in found.legs] == [1, -1]
    assert [leg_of(leg.stored()) for leg in found.legs] == list(found.legs)


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ([], "", "give an object"),
        (trade(client_trade_id=None), "client_trade_id", "is missing"),
        (trade(client_trade_id="with space"), "client_trade_id", "visible ASCII"),
        (trade(client_trade_id=5), "client_trade_id", "give a text"),
        (trade(action="HOLD"), "action", "'HOLD' is unknown; give one of BUY_CALL"),
        (trade(quantity="0"), "quantity", "above 0"),
        (trade(quantity="1.5"), "quantity", "whole contracts"),
        (trade(quantity="many"), "quantity", "give a number"),
        (trade(quantity=True), "quantity", "give a number"),
        (trade(quantity="1e999999"), "quantity", "at most 18 digits before"),
        (trade(price="-1"), "price", "0 or more"),
        (trade(price="1e-999999"), "price", "8 behind"),
        (trade(price="NaN"), "price", "give a number"),
        (trade(price=None), "price", "is missing"),
        (trade(symbol="SPY"), "symbol", "OCC symbol"),
        (trade(symbol=PUT), "symbol", "is no call"),
        (trade(action="BUY", symbol="B!D"), "symbol", "a symbol such as SPY"),
        (trade(action="BUY", symbol="BTC/"), "symbol", "a pair such as BTC/USD"),
        (trade(executed_at="2026-11-20T12:00:00"), "executed_at", "with its zone"),
        (trade(executed_at="2026-13-20T12:00:00Z"), "executed_at", "with its zone"),
        (trade(executed_at="0001-01-01T00:00:00Z"), "executed_at", "a year from 2000"),
        (trade(execution={"source": "x"}), "execution", "source and reference"),
        (trade(legs=LEGS), "legs", "only SPREAD"),
        (trade(note="hi"), "note", "no such field"),
        (spread(legs=LEGS[:1]), "legs", "2 to 8"),
        (spread(legs=[LEGS[0], 3]), "legs/1", "give an object"),
        (spread(legs=[LEGS[0], LEGS[0]]), "legs", "stands twice"),
        (spread(legs=[LEGS[0], LEGS[1] | {"price": "x"}]), "legs/1/price", "give a number"),
        (spread(legs=[LEGS[0], LEGS[1] | {"action": "SPREAD"}]), "legs/1/action", "is unknown"),
        (
            spread(legs=[LEGS[0], {**LEGS[1], "action": "BUY", "symbol": "QQQ"}]),
            "legs",
            "one underlying, not QQQ, SPY",
        ),
        (spread(price="1"), "price", "in each of its legs"),
    ],
)
def test_a_wrong_field_is_named(body, field, says):
    with pytest.raises(ClaimError) as caught:
        read(body)
    assert says in caught.value.faults[field]


def test_all_wrong_fields_are_named_at_once():
    with pytest.raises(ClaimError) as caught:
        read({"action": "BUY", "symbol": "SPY", "quantity": -1, "price": "x"})
    assert set(caught.value.faults) == {"client_trade_id", "quantity", "price"}


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=5), inner, max_size=6)
    ),
    max_leaves=10,
)


@given(junk | st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, junk)))
def test_whatever_comes_is_read_or_refused(body):
    with suppress(ClaimError):
        assert read(body).legs


@given(st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-1e9, max_value=1e9))
def test_plain_numbers_keep_their_value_and_have_one_form(value):
    assert Decimal(plain(value)) == value
    assert plain(value) == plain(value + Decimal("0.000000000000"))
    assert "E" not in plain(value).upper()


def test_the_same_number_written_otherwise_is_the_same_claim():
    stored = facts(read(trade(quantity="2", price="4.950", fee=0)))
    assert differing(stored, read(trade(quantity=2, price=4.95))) == {}
    assert differing(stored, read(trade(price="4.96", pnl="1"))) == {
        "legs": (stored["legs"], facts(read(trade(price="4.96")))["legs"]),
        "pnl": (None, "1"),
    }
