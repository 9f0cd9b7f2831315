"""What the legs of an order are called, one change away from each structure."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from trading.risk.structures import Piece, structure

D = Decimal
NEAR, FAR = dt.date(2026, 11, 20), dt.date(2026, 12, 18)


def call(ratio: int, strike: int = 100, expiry: dt.date = FAR) -> Piece:
    return Piece(ratio, True, D(strike), expiry)


def put(ratio: int, strike: int = 100, expiry: dt.date = FAR) -> Piece:
    return Piece(ratio, False, D(strike), expiry)


STOCK = Piece(100)
SOLD = Piece(-100)


@pytest.mark.parametrize(
    ("pieces", "name"),
    [
        ([STOCK], "stock"), ([SOLD], "short_stock"), ([STOCK, SOLD], None), ([Piece(1)], "stock"),
        ([STOCK, call(-1)], "covered"), ([STOCK, put(1)], "covered"), ([SOLD, put(-1)], None),
        ([SOLD, call(1)], None), ([STOCK, call(-1), put(1)], None),
        ([call(1)], "long_option"), ([put(1)], "long_option"), ([call(2)], "long_option"),
        ([call(-1)], "credit_vertical"), ([put(-1)], "credit_vertical"),
        # Two that are bought.
        ([call(1), put(1)], "long_straddle"), ([put(1, 90), call(1, 110)], "long_straddle"),
        ([call(1), call(1, 110)], None), ([call(1, 100, NEAR), put(1)], None),
        ([call(1), put(2)], "long_straddle"),
        # One that is sold against one that is bought.
        ([call(-1), call(1, 110)], "credit_vertical"), ([call(1, 90), call(-1)], "debit_vertical"),
        ([put(-1), put(1, 90)], "credit_vertical"), ([put(1, 110), put(-1)], "debit_vertical"),
        ([call(-2), call(2, 110)], "credit_vertical"), ([call(-1), call(2, 110)], None),
        ([call(-2), call(1, 110)], None), ([call(-1), put(1)], None),
        ([call(-1), call(1)], "credit_vertical"), ([put(-1), put(1)], "credit_vertical"),
        ([call(-1, 100, NEAR), call(1)], "calendar"), ([call(-1), call(1, 100, NEAR)], None),
        ([put(-1, 100, NEAR), put(1, 90)], "calendar"),
        ([call(-1), put(-1)], None), ([call(-1), call(-1, 110)], None),
        # Three and four.
        ([call(1, 90), call(-2), call(1, 110)], "butterfly"),
        ([put(-1, 90), put(2), put(-1, 110)], "butterfly"),
        ([call(1, 110), call(-2), call(1, 90)], "butterfly"),
        ([call(1, 90), call(-1), call(-1, 110), call(1, 120)], "butterfly"),
        ([call(-1, 90), call(1), call(1, 110), call(-1, 120)], "butterfly"),
        ([call(1, 90), call(-1), call(1, 110), call(-1, 120)], None),
        ([call(-1, 90), call(-1), call(2, 110)], None),
        ([call(1, 90), call(-3), call(1, 110)], None),
        ([call(1, 90), call(-2), call(1, 110, NEAR)], None),
        ([put(1, 80), put(-1, 90), call(-1, 110), call(1, 120)], "iron_condor"),
        ([put(1, 90), put(-1), call(-1), call(1, 110)], "iron_condor"),
        ([put(1, 80), put(-2, 90), call(-1, 110), call(1, 120)], None),
        ([put(1, 80), put(-1, 90), call(-1, 110), call(2, 120)], None),
        ([put(1, 80), put(-1, 90), call(-1, 110), call(1, 120, NEAR)], None),
        ([call(1, 90), call(-2), call(1, 110), put(1), put(-1, 90)], None),
        ([call(1, 90), call(-2), call(1, 110), put(0)], None),
    ],
)  # fmt: skip
def test_what_legs_are_called(pieces, name):
    assert structure(pieces) == name


@pytest.mark.parametrize(
    ("piece", "shares", "bare", "name"),
    [
        (call(-1), 100, False, "covered"), (call(-1), -100, False, "credit_vertical"),
        (put(-1), -100, False, "covered"), (put(-1), 100, False, "credit_vertical"),
        (put(-1), 0, False, "credit_vertical"), (call(-1), 0, False, "credit_vertical"),
        (put(-1), 0, True, "cash_secured_put"), (put(-1), 100, True, "cash_secured_put"),
        (call(-1), 0, True, "credit_vertical"), (put(1), 0, True, "long_option"),
        (put(-1), 1, False, "credit_vertical"), (put(-1), -1, False, "covered"),
        (call(-1), 1, False, "covered"),
    ],
)  # fmt: skip
def test_what_stands_behind_a_short_option_alone(piece, shares, bare, name):
    assert structure([piece], shares=D(shares), bare=bare) == name
