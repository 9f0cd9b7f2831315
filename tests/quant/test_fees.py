"""Fees: arrays and exact amounts from one table, dated, with sources."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal as D  # noqa: N817

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant import fees
from quant.fee_rates import ALPACA, REGULATORY, Asset, commission, crypto

DAYS = st.dates(dt.date(2018, 1, 1), dt.date(2028, 1, 1))


@given(
    day=DAYS,
    asset=st.sampled_from(list(Asset)),
    trades=st.lists(
        st.tuples(
            st.sampled_from([1, -1]),
            st.integers(1, 10_000),
            st.decimals("-5", "500", places=2),
            st.booleans(),
        ),
        min_size=1,
        max_size=5,
    ),
)
def test_arrays_say_what_exact_amounts_say(day, asset, trades):
    side, quantity, price, maker = (list(column) for column in zip(*trades, strict=True))
    found = fees.charges(
        ALPACA, day, asset, side=side, quantity=quantity, price=[float(p) for p in price],
        multiplier=100, maker=maker,
    )  # fmt: skip
    for i in range(len(trades)):
        due = fees.exact(
            ALPACA, day, asset, side=side[i], quantity=D(quantity[i]), price=price[i],
            multiplier=D(100), maker=maker[i],
        )  # fmt: skip
        by_name = dict(zip(found.names, found.amounts[:, i], strict=True))
        assert {name for name, amount in due.items() if amount} == {
            name for name, amount in by_name.items() if amount
        }
        for name, amount in due.items():
            assert by_name[name] == pytest.approx(float(amount), rel=1e-12)
        assert found.total[i] == pytest.approx(float(sum(due.values())))
        assert found.total[i] >= 0


@given(day=DAYS)
def test_one_rate_of_a_name_holds_on_a_day(day):
    held = fees.in_force(REGULATORY, day)
    assert len({rate.name for rate in held}) == len(held)
    for rate in held:
        later = [r.since for r in REGULATORY if r.name == rate.name and r.since > rate.since]
        assert all(since > day for since in later) or rate.since > day


def test_every_rate_has_a_source_and_what_is_not_confirmed_says_why():
    for rate in ALPACA:
        assert rate.source
        assert rate.confirmed or rate.note, rate
        assert rate.amount >= 0


def test_what_is_not_confirmed_is_told():
    given_ = {"side": -1, "quantity": 1, "price": 1.0, "multiplier": 100}
    day = dt.date(2025, 8, 1)
    assert fees.charges(crypto(), day, Asset.CRYPTO, **given_).confirmed
    assert not fees.charges(REGULATORY, day, Asset.EQUITY_OPTION, **given_).confirmed
    early = dt.date(2020, 1, 1)  # before the first day that is known
    assert not fees.charges(crypto(), early, Asset.CRYPTO, **given_).confirmed


def test_crypto_tiers():
    assert [rate.amount for rate in crypto()] == [D("0.0015"), D("0.0025")]
    assert [rate.amount for rate in crypto(D(100_000))] == [D("0.0012"), D("0.0022")]
    assert [rate.amount for rate in crypto(D(2 * 10**8))] == [D(0), D("0.0010")]


def test_a_commission_of_ones_own():
    rates = commission(D("0.65"), D("0.005"))
    day = dt.date(2026, 1, 5)
    options = fees.charges(
        rates, day, Asset.INDEX_OPTION, side=[1, -1], quantity=[10, 3], price=2.0
    )
    assert options.total == pytest.approx([6.5, 1.95])
    shares = fees.charges(rates, day, Asset.EQUITY, side=1, quantity=200, price=np.array([9.0]))
    assert shares.total == pytest.approx([1.0])


def test_a_days_fees_are_rounded_up_once():
    """Alpaca's own example: 0.00083 in a day is a cent."""
    assert fees.posted([D("0.00083")]) == D("0.01")
    assert fees.posted([D("0.004"), D("0.004")]) == D("0.01")
    assert fees.posted([D("0.01"), D("0.01")]) == D("0.02")
    assert fees.posted([]) == 0
