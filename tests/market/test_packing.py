"""Packed snapshots give back every double bit for bit."""

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from market import packing
from market.snapshot import Layout, make_layout

prices = st.one_of(
    st.integers(0, 10**9).map(lambda n: n / 10_000),
    st.integers(0, 10**6).map(float),
    st.just(float("nan")),
)
anything = st.floats(allow_nan=True, allow_infinity=True, width=64)


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    """Equal doubles, signs of zero included; any NaN equals any NaN."""
    nan = np.isnan(a) & np.isnan(b)
    return bool(np.all(nan | (a.view(np.int64) == b.view(np.int64))))


@given(st.data(), st.integers(0, 40), st.sampled_from(["prices", "anything"]))
def test_columns_round_trip(data: st.DataObject, n: int, kind: str) -> None:
    elements = prices if kind == "prices" else anything
    columns = {
        name: data.draw(hnp.arrays(np.float64, n, elements=elements)) for name in ("bids", "asks")
    }
    is_call = data.draw(hnp.arrays(np.bool_, n))
    scalars = {"r": data.draw(anything)}
    packed = packing.pack_columns(columns, scalars, is_call)
    got, got_scalars = packing.unpack_columns(packed, is_call)
    assert got.keys() == columns.keys()
    assert all(same_bits(got[name], columns[name]) for name in columns)
    assert same_bits(np.array([got_scalars["r"]]), np.array([scalars["r"]]))


@pytest.mark.parametrize("value", [-0.0, 1e300, 4.9705563909774425e-05, 2.0**52 + 1, np.inf])
def test_values_that_no_integer_holds_are_kept_as_doubles(value: float) -> None:
    column = np.array([1.0, value, np.nan])
    mask = np.array([True, False, True])
    got, _ = packing.unpack_columns(packing.pack_columns({"x": column}, {}, mask), mask)
    assert same_bits(got["x"], column)


def a_layout() -> Layout:
    day = dt.date(2018, 1, 19)
    layout, _ = make_layout(
        "SPX",
        roots=["SPXW", "SPX", "SPXW", "SPX"],
        expiries=[day] * 4,
        is_call=[False, True, True, False],
        strikes=[2700.0, 2700.0, 2700.0, 2650.0],
    )
    return layout


def test_layout_round_trips_under_one_address() -> None:
    layout = a_layout()
    again = packing.unpack_layout(packing.pack_layout(layout))
    assert again.symbols() == layout.symbols()
    assert again.keys() == layout.keys()
    np.testing.assert_array_equal(again.settles, layout.settles)
    assert packing.layout_digest(again) == packing.layout_digest(layout)


def test_contracts_of_two_roots_on_one_date_stay_apart() -> None:
    layout = a_layout()
    assert layout.symbols() == [
        "SPX180119P02650000", "SPX180119C02700000", "SPXW180119C02700000", "SPXW180119P02700000",
    ]  # fmt: skip
    opened, closed = np.unique(layout.settles)
    assert closed - opened == 6.5 * 3600 * 10**9


def test_order_puts_the_callers_columns_in_place() -> None:
    strikes = [105.0, 95.0, 100.0]
    layout, order = make_layout(
        "X",
        roots=["X"] * 3,
        expiries=[dt.date(2018, 1, 5)] * 3,
        is_call=[True] * 3,
        strikes=strikes,
    )
    np.testing.assert_array_equal(np.array(strikes)[order], layout.strikes)


@pytest.mark.parametrize(
    ("strikes", "reason"),
    [([100.0, 100.0], "twice"), ([100.0, 0.0], "strikes"), ([1.0], "one value")],
)
def test_layouts_that_name_no_chain_are_refused(strikes: list[float], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        make_layout(
            "X",
            roots=["X", "X"],
            expiries=[dt.date(2018, 1, 5)] * 2,
            is_call=[True, True],
            strikes=strikes,
        )


@pytest.mark.parametrize("damage", [b"", b"\x02abc", b"\x01not zstd"])
def test_damaged_bytes_are_refused(damage: bytes) -> None:
    with pytest.raises(packing.PackingError):
        packing.unpack_columns(damage, np.array([True]))


def test_bytes_cut_short_are_refused() -> None:
    column = {"x": np.arange(5.0)}
    mask = np.ones(5, np.bool_)
    packed = packing.pack_columns(column, {}, mask)
    with pytest.raises(packing.PackingError):
        packing.unpack_columns(packed, np.ones(9, np.bool_))
