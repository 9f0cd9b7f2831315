"""The chain holds what it was given, refuses what cannot be, and never changes an input."""

import numpy as np
import pytest

from quant.chain import Chain

FIELDS = ("bids", "asks", "expiries", "is_call", "open_interest", "multiplier")


def parts_of(chain):
    return {name: getattr(chain, name) for name in chain.__slots__}


def test_years_are_exact_to_the_second_and_never_negative(chain_of):
    chain = chain_of([100.0] * 3, [True] * 3, minutes=[525600.0, 1 / 60, -5.0], spot=100.0)
    assert chain.years().tolist() == [1.0, 1 / 31_536_000, 0.0]


def test_mids_need_a_two_sided_uncrossed_quote(chain_of):
    chain = chain_of([100.0] * 6, [True] * 6, spot=100.0)
    bids = np.array([1.0, 0.0, 0.0, 2.0, np.nan, -1.0])
    asks = np.array([1.5, 0.1, 0.0, 1.0, 1.0, 1.0])
    mids = Chain(**(parts_of(chain) | {"bids": bids, "asks": asks})).mids()
    np.testing.assert_array_equal(mids, [1.25, 0.05, np.nan, np.nan, np.nan, np.nan])


def test_order_is_expiry_then_strike_then_call_before_put(chain_of):
    chain = chain_of(
        [110.0, 100.0, 100.0, 100.0], [True, False, True, True], minutes=[5, 5, 5, 1], spot=100.0
    )
    assert chain.order().tolist() == [3, 2, 1, 0]
    assert chain.select(chain.order()).strikes.tolist() == [100.0, 100.0, 100.0, 110.0]


def test_select_keeps_scalars_and_takes_a_mask(chain_of):
    chain = chain_of([90.0, 100.0, 110.0], [True, False, True], spot=101.0, american=True)
    part = chain.select(chain.is_call)
    assert (part.spot, part.r, part.american, len(part)) == (101.0, chain.r, True, 2)
    assert part.strikes.tolist() == [90.0, 110.0]


def test_expiry_values_are_distinct_and_ascending(chain_of):
    chain = chain_of([100.0] * 3, [True] * 3, minutes=[9, 3, 9], spot=100.0)
    assert np.diff(chain.expiry_values()).tolist() == [6 * 60 * 10**9]


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_of_another_length_is_named(chain_of, name):
    parts = parts_of(chain_of([90.0, 100.0], [True, True], spot=100.0))
    with pytest.raises(ValueError, match=name):
        Chain(**(parts | {name: parts[name][:1]}))


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, -5.0])
@pytest.mark.parametrize("name", ["strikes", "multiplier", "spot"])
def test_a_required_number_that_is_not_one_is_named(chain_of, name, value):
    parts = parts_of(chain_of([90.0, 100.0], [True, True], spot=100.0))
    bad = value if name == "spot" else np.array([100.0, value])
    with pytest.raises(ValueError, match=name):
        Chain(**(parts | {name: bad}))


@pytest.mark.parametrize("name", ["r", "q"])
def test_a_rate_that_is_not_finite_is_named(chain_of, name):
    parts = parts_of(chain_of([90.0], [True], spot=100.0))
    with pytest.raises(ValueError, match=f"^{name} is not finite"):
        Chain(**(parts | {name: np.nan}))


def test_arrays_are_read_only_views_and_the_callers_stay_writable(chain_of):
    strikes = np.array([90.0, 100.0])
    parts = parts_of(chain_of(strikes, [True, True], spot=100.0))
    chain = Chain(**(parts | {"strikes": strikes}))
    with pytest.raises(ValueError, match="read-only"):
        chain.strikes[0] = 1.0
    assert strikes.flags.writeable
    assert np.shares_memory(strikes, chain.strikes)
