"""Tables of contracts: read strictly, computed together, every fault named by row and field."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.contracts import Contracts, RowError, TableError, compute, known_columns, read
from quant import american, bsm
from quant.fields import FIELDS
from quant.status import Status

NOW = dt.datetime(2026, 3, 2, 15, 0, tzinfo=dt.UTC)
FINITE = {Status.OK, Status.EXPIRED, Status.ZERO_VOL, Status.SINGULAR, Status.UNDERFLOW,
          Status.EXERCISE}  # fmt: skip
NESTED: list = []
for _ in range(5_000):
    NESTED = [NESTED]
CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.text(max_size=8),
    st.sampled_from(
        ["american", "call", "put", 100.0, 0.25, -0.05, 1e300, 50.0, "SPX", "2026-09-18"]
    ),
    st.floats(),
    st.integers(-(10**400), 10**400),
    st.lists(st.integers(), max_size=2),
)


def table(**columns: list) -> dict[str, list]:
    size = max(map(len, columns.values()))
    given = {"spot": [100.0], "strike": [100.0], "right": ["call"], "years": [0.5], "iv": [0.2]}
    return {name: values * size for name, values in given.items()} | columns


def test_the_figures_are_those_of_the_formulas():
    found = read(table(strike=[90, "100", 110.0], right=["c", "PUT", True], rate=[0.03] * 3), NOW)
    assert found.errors == []
    done = compute(found, FIELDS, raw=False)
    wanted = bsm.greeks(100.0, [90, 100, 110], 0.5, 0.03, 0.0, 0.2, [True, False, True]).quoted()
    for name in FIELDS:
        np.testing.assert_array_equal(done.values[name], wanted.values[name])
    raw = compute(found, ["vega"], raw=True)
    np.testing.assert_allclose(raw.values["vega"], 100 * done.values["vega"], rtol=1e-14)


def test_a_price_is_inverted_where_no_volatility_is_given():
    price = bsm.price(100.0, 100.0, 0.5, 0.0, 0.0, 0.35, True).item()
    done = compute(read(table(iv=[None, 0.2], price=[price, None]), NOW), ["delta"], raw=True)
    np.testing.assert_allclose(done.iv, [0.35, 0.2], rtol=1e-12)
    assert done.status.tolist() == [Status.OK, Status.OK]


def test_a_price_without_time_value_says_so():
    found = read(table(strike=[80.0], iv=[None], price=[20.0]), NOW)
    done = compute(found, ["delta"], raw=True)
    assert Status(done.status[0]) is Status.BELOW_INTRINSIC
    assert np.isnan(done.values["delta"][0])


def test_early_exercise_follows_the_style_or_the_root():
    found = read(
        table(style=["american", "", "european"], root=["SPX", "AAPL", "AAPL"], right=["p"] * 3,
              rate=[0.05] * 3),
        NOW,
    )  # fmt: skip
    assert found.american.tolist() == [True, True, False]
    done = compute(found, ["price"], raw=True)
    early = american.price(100.0, 100.0, 0.5, 0.05, 0.0, 0.2, False).price.item()
    np.testing.assert_allclose(done.values["price"][:2], early, rtol=1e-12)
    assert done.values["price"][2] < early


def test_expiries_settle_as_their_root_says():
    dates = table(
        expiry=["2026-03-20", "2026-03-20", "2026-03-20T10:00:00-04:00"],
        root=["SPX", "SPXW", ""], at=["2026-03-20T09:00:00-04:00"] * 3,
    )  # fmt: skip
    del dates["years"]
    hours = read(dates, NOW).years * 365 * 24
    np.testing.assert_allclose(hours, [0.5, 7.0, 1.0])


def test_an_occ_symbol_says_strike_right_and_expiry():
    found = read(
        {"spot": [600.0, 600.0], "iv": [0.2, 0.2], "occ": ["SPY260320C00610000", "SPY26032C1"]},
        NOW,
    )
    assert (found.strike[0], found.is_call[0], found.american[0]) == (610.0, True, True)
    assert found.years[0] == pytest.approx((18 * 24 + 5) / 8760, abs=0.0002)
    assert [(error.row, error.field) for error in found.errors] == [(1, "occ")]


@pytest.mark.parametrize(
    ("columns", "field", "says"),
    [
        ({"strike": [-5.0]}, "strike", "is not above 0"),
        ({"strike": [None]}, "strike", "is missing"),
        ({"spot": ["abc"]}, "spot", "'abc' is not a finite number"),
        ({"spot": [math.inf]}, "spot", "'inf' is not a finite number"),
        ({"spot": [10**400]}, "spot", "is not a finite number"),
        ({"right": ["straddle"]}, "right", "'straddle' is neither call nor put"),
        ({"right": [None]}, "right", "is missing"),
        ({"right": [[1]]}, "right", "is a list or an object"),
        ({"iv": [-0.1]}, "iv", "is below 0"),
        ({"iv": [None]}, "iv", "is missing; give iv or price"),
        ({"years": [None], "expiry": [""]}, "expiry", "is missing; give expiry or years"),
        ({"expiry": ["2026-13-01"]}, "expiry", "is neither a date nor an instant"),
        ({"expiry": ["9999-12-31"]}, "expiry", "is outside the calendar"),
        ({"expiry": ["2026-06-19"], "at": ["noon"]}, "at", "is neither a date nor an instant"),
        ({"style": ["bermudan"]}, "style", "is neither european nor american"),
        ({"root": ["A" * 1_000_000], "expiry": ["2026-06-19"]}, "root", "is no option root"),
        ({"spot": [NESTED]}, "spot", "is a list or an object"),
        ({"iv": [{"x": 1}]}, "iv", "is a list or an object"),
    ],
)
def test_a_bad_row_is_named_and_the_others_are_computed(columns, field, says):
    good = {"expiry": "2026-06-19", "at": "2026-03-02", "style": "european", "root": ""}
    both = {
        name: [*values, good.get(name, {"right": "call", "spot": 100.0}.get(name, 100.0))]
        for name, values in columns.items()
    }
    found = read(table(**both), NOW)
    assert [(error.row, error.field) for error in found.errors] == [(0, field)]
    assert says in found.errors[0].message
    done = compute(found, ["price"], raw=True)
    assert np.isnan(done.values["price"][0])
    assert np.isfinite(done.values["price"][1])


@pytest.mark.parametrize(
    ("columns", "field"),
    [
        ({}, "contracts"),
        ({"spot": [1.0, 2.0], "strike": [1.0]}, "columns"),
        ({"strike": [1.0], "right": ["c"], "years": [1.0], "iv": [0.2]}, "spot"),
        ({"spot": [1.0], "right": ["c"], "years": [1.0], "iv": [0.2]}, "strike"),
        ({"spot": [1.0], "strike": [1.0], "right": ["c"], "iv": [0.2]}, "expiry"),
        ({"spot": [1.0], "strike": [1.0], "right": ["c"], "years": [1.0]}, "iv"),
    ],
)
def test_a_table_that_cannot_be_read_names_what_is_missing(columns, field):
    with pytest.raises(TableError) as refusal:
        read(columns, NOW)
    assert refusal.value.field == field


def test_columns_go_by_letter_or_name_and_only_once():
    assert known_columns(["S", "K", "T", "r", "sigma", "is_call", "Dividend_Yield"]) == [
        "spot", "strike", "years", "rate", "iv", "right", "yield",
    ]  # fmt: skip
    with pytest.raises(TableError, match="gives spot twice"):
        known_columns(["S", "spot"])
    with pytest.raises(TableError, match="colour: is no column"):
        known_columns(["colour"])


@given(
    st.lists(
        st.fixed_dictionaries(
            dict.fromkeys(("spot", "strike", "right", "iv", "price", "rate", "yield"), CELLS)
            | {"style": CELLS, "expiry": CELLS, "at": CELLS, "root": CELLS}
        ),
        min_size=1,
        max_size=4,
    )
)
def test_whatever_stands_in_a_table_every_row_is_computed_or_named(rows):
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    found: Contracts = read(columns, NOW)
    done = compute(found, ["price", "delta"], raw=True)
    named = {error.row for error in found.errors}
    assert all(isinstance(error, RowError) and error.message for error in found.errors)
    for row, status in enumerate(done.status.tolist()):
        computed = row not in named and Status(status) in FINITE
        assert math.isfinite(done.values["price"][row]) == computed
