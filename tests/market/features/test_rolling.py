"""Moving windows: right, causal, and the same to the bit however the frame is cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.features import rolling

FUNCTIONS = {
    "total": (lambda w: w.sum(), rolling.total),
    "mean": (lambda w: w.mean(), rolling.mean),
    "highest": (lambda w: w.max(), rolling.highest),
    "lowest": (lambda w: w.min(), rolling.lowest),
    "deviation": (lambda w: w.std(ddof=1), rolling.deviation),
    "rank": (lambda w: np.mean(w[:-1] < w[-1]) + 0.5 * np.mean(w[:-1] == w[-1]), rolling.rank),
}
each = pytest.mark.parametrize("name", list(FUNCTIONS))


@each
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 40), rows=st.integers(1, 70))
def test_it_is_the_function_of_each_full_window(name, seed, n, rows):
    plain, moving = FUNCTIONS[name]
    x = np.random.default_rng(seed).normal(100.0, 1.0, rows)
    got = moving(x, n)
    assert np.isnan(got[: n - 1]).all()
    want = [plain(x[t - n + 1 : t + 1]) for t in range(n - 1, rows)]
    np.testing.assert_allclose(got[n - 1 :], want, rtol=1e-12, atol=1e-12)


@each
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 40), cut=st.integers(0, 60))
def test_no_bit_depends_on_rows_outside_the_window(name, seed, n, cut):
    _, moving = FUNCTIONS[name]
    x = np.random.default_rng(seed).lognormal(size=(2, 3, 100))
    whole = moving(x, n)[1, 2, 99]
    alone = moving(np.ascontiguousarray(x[1, 2, min(cut, 100 - n) :]), n)[-1]
    exact = moving(np.ascontiguousarray(x[1, 2, 100 - n :]), n)[-1]
    assert whole.tobytes() == alone.tobytes() == exact.tobytes()


@each
def test_a_hole_makes_every_window_around_it_unknown(name):
    _, moving = FUNCTIONS[name]
    x = np.arange(30.0)
    x[12] = np.nan
    got = moving(x, 5)
    assert np.isnan(got[12:17]).all()
    assert np.isfinite(got[17:]).all()
    assert np.isfinite(got[4:12]).all()


def test_a_rank_can_do_with_part_of_its_window():
    x = np.array([3.0, np.nan, 1.0, 2.0, 2.0, 5.0])
    got = rolling.rank(x, 6, least=2)
    np.testing.assert_allclose(got, [np.nan, np.nan, np.nan, 0.5, 0.5, 1.0])


@each
def test_no_rows_have_no_values(name):
    _, moving = FUNCTIONS[name]
    assert moving(np.empty(0), 5).shape == (0,)
    assert moving(np.empty((3, 0)), 5).shape == (3, 0)


def test_shifting_keeps_the_shape_and_fills_the_start():
    x = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(rolling.shift(x, 1, 0.0), [[0, 0, 1], [0, 3, 4]])
    assert np.isnan(rolling.shift(x, 5)).all()
    assert rolling.shift(x, 0) is x


def test_rows_before_the_first_can_count_as_nothing():
    np.testing.assert_array_equal(rolling.total(np.ones(4), 3, 0.0), [1, 2, 3, 3])


def test_the_earliest_known_value_is_kept_while_it_is_in_the_window():
    x = np.array([np.nan, 1.0, 2.0, np.nan, np.nan, np.nan, 3.0])
    np.testing.assert_array_equal(rolling.earliest(x, 3), [np.nan, 1, 1, 1, 2, np.nan, 3])


def test_the_latest_known_value_is_carried_for_a_while_only():
    x = np.array([1.0, np.nan, np.nan, np.nan, 2.0])
    np.testing.assert_array_equal(rolling.latest(x, 3), [1, 1, 1, np.nan, 2])


def test_a_window_has_at_least_one_row():
    with pytest.raises(ValueError, match="at least one row"):
        rolling.total(np.ones(3), 0)


def test_logarithms_and_ratios_know_no_infinity():
    x = np.array([-1.0, 0.0, np.e])
    np.testing.assert_array_equal(rolling.log(x), [np.nan, np.nan, np.log(np.e)])
    np.testing.assert_array_equal(rolling.ratio(np.ones(3), x), [np.nan, np.nan, 1.0 / np.e])


def test_inputs_are_never_modified():
    x = np.arange(40.0)
    kept = x.copy()
    for _, moving in FUNCTIONS.values():
        moving(x, 7)
    np.testing.assert_array_equal(x, kept)
