"""The table of limits as it was agreed, and what an owner may set within it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from quant.account_classes import account_class
from tests.trading.risk.built import OWN
from trading.risk import limits
from trading.risk.limits import LimitError
from trading.scopes import EVERYTHING, Scope

D = Decimal
AGREED = """
orders_a_second  1      1     1     2     5
orders_a_minute  20     20    20    60    120
orders_a_day     200    200   200   500   2000
contracts        1      10    10    25    100
order_loss       0.01   0.01  0.02  0.05  0.10
open_loss        0.10   0.10  0.15  0.25  0.50
underlying_loss  0.05   0.05  0.10  0.15  0.30
today_loss       0.02   0.02  0.05  0.10  0.20
reduce_loss      0.02   0.02  0.03  0.05  0.10
halt_loss        0.03   0.03  0.05  0.08  0.10
drawdown         0.10   0.10  0.15  0.25  0.50
repeats          3      3     3     5     10
refusals         5      5     5     5     10
held             5      50    50    125   500
delta            1      2     2     3     5
gamma            1      2     3     5     10
vega             0.005  0.01  0.01  0.02  0.05
theta            0.01   0.02  0.02  0.04  0.10
notional         5      5     5     5     10
interest         0.05   0.05  0.05  0.05  0.10
displayed        3      3     3     3     5
"""
"""Where a live account begins; the most on Free, Pro and Pro+; the most of all."""


def test_the_table_is_the_one_that_was_agreed():
    told = [line.split() for line in AGREED.strip().splitlines()]
    assert {name: tuple(map(D, row)) for name, *row in told} == {
        name: tuple(row) for name, row in limits.TABLE.items()
    }


COUNTED = ("orders_a_second", "orders_a_minute", "orders_a_day", "contracts", "repeats",
           "refusals", "held")  # fmt: skip


@pytest.mark.parametrize("name", list(limits.TABLE))
def test_what_is_counted_is_whole(name):
    half = limits.TABLE[name].free / 2 + D("0.0001")
    if name in COUNTED:
        with pytest.raises(LimitError, match="whole"):
            limits.check(name, half, "free")
    else:
        limits.check(name, half, "free")
    limits.check(name, D(0), "free")


@pytest.mark.parametrize("value", [D("-0.001"), D("NaN"), D("Infinity"), 1, None])
def test_a_limit_is_a_number_of_nought_or_more(value):
    with pytest.raises(LimitError) as error:
        limits.check("order_loss", value, "pro")
    assert error.value.field == "order_loss"


def test_a_plan_that_is_not_known_counts_as_free():
    assert limits.most("contracts", "gold") == limits.most("contracts", "free") == 10
    assert limits.effective("gold", live=False, own=OWN).held == 50
    with pytest.raises(LimitError) as error:
        limits.most("speed", "pro")
    assert error.value.field == "limit"


def test_the_most_of_a_plan_is_never_beyond_the_most_of_all(monkeypatch):
    row = limits.TABLE["contracts"]._replace(cap=D(7))
    monkeypatch.setitem(limits.TABLE, "contracts", row)
    assert limits.most("contracts", "pro_plus") == 7


def test_only_more_than_before_needs_more_than_lowering():
    assert limits.raises("contracts", D(3), D(2))
    assert not limits.raises("contracts", D(2), D(2))
    assert not limits.raises("contracts", D(1), D(2))
    assert not limits.raises("speed", D(3), D(2))


@pytest.mark.parametrize(
    ("plan", "live", "contracts", "loss"),
    [("free", False, 10, "0.01"), ("pro", False, 10, "0.02"), ("pro_plus", False, 25, "0.05"),
     ("pro_plus", True, 1, "0.01"), ("free", True, 1, "0.01")],
)  # fmt: skip
def test_where_an_account_begins(plan, live, contracts, loss):
    kept = limits.effective(plan, live=live, own=OWN)
    assert (kept.contracts, kept.order_loss) == (contracts, D(loss))


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ([(OWN, "9")], 9),
        ([(OWN, "11")], 10),
        ([(OWN, "0")], 0),
        ([(OWN, "8"), (EVERYTHING, "9")], 8),
        ([(EVERYTHING, "9"), (OWN, "10")], 9),
        ([(Scope("symbol", "SPY"), "2"), (OWN, "5"), (EVERYTHING, "3")], 2),
        # Of the account alone a setting lifts what a live account begins with.
        ([(EVERYTHING, "9")], 1),
    ],
)
def test_of_several_settings_the_least_holds(told, kept):
    settings = [(scope, "contracts", value) for scope, value in told]
    assert limits.effective("pro", live=True, settings=settings, own=OWN).contracts == kept


@pytest.mark.parametrize("text", ["-0.01", "NaN", "Infinity", "many", ""])
def test_a_setting_that_is_no_limit_lets_nothing_pass(text):
    with pytest.raises(LimitError) as error:
        limits.effective("pro", live=True, settings=[(OWN, "delta", text)], own=OWN)
    assert error.value.field == "delta"


def test_a_class_lowers_the_loss_of_an_order_and_of_a_day():
    widest = limits.Limits(**{name: row.cap for name, row in limits.TABLE.items()})
    size = account_class(100_000.0)
    kept = limits.within_class(widest, size)
    assert kept.order_loss == min(D("0.10"), D(repr(size.risk)))
    assert kept.reduce_loss == min(D("0.10"), D(repr(size.daily_loss)))
    assert kept.order_loss < D("0.10")
    assert kept.reduce_loss < D("0.10")
    assert (kept.halt_loss, kept.contracts) == (widest.halt_loss, widest.contracts)
