"""Frames hold no guess: NaN and a reason go together."""

import numpy as np
import pytest

from market.frames import Column, Frame, Kind, Missing

TIME = np.arange(1, 4) * 60


def frame(columns, reasons=None):
    return Frame(Kind.INTRADAY, "TEST", TIME, columns, reasons or {})


def test_what_is_not_finite_becomes_missing_with_a_reason():
    made = frame({"x": [1.0, np.inf, np.nan]})
    np.testing.assert_array_equal(made.columns["x"], [1.0, np.nan, np.nan])
    assert made.reasons["x"].tolist() == [Missing.OK, Missing.BAD_VALUE, Missing.BAD_VALUE]


def test_a_value_with_a_reason_against_it_is_not_used():
    made = frame({"x": [1.0, 2.0, 3.0]}, {"x": [0, Missing.STALE_QUOTE, 0]})
    np.testing.assert_array_equal(made.columns["x"], [1.0, np.nan, 3.0])
    assert made.reasons["x"][1] == Missing.STALE_QUOTE


def test_what_is_given_is_neither_modified_nor_modifiable_through_the_frame():
    given = np.array([1.0, np.nan, 3.0])
    codes = np.zeros(3, dtype=np.uint8)
    made = frame({"x": given, "y": np.ones(3)}, {"x": codes})
    assert codes.tolist() == [0, 0, 0]
    for name in ("x", "y"):
        with pytest.raises(ValueError, match="read-only"):
            made.columns[name][0] = 9.0
    given[0] = 5.0


@pytest.mark.parametrize(
    ("columns", "reasons", "says"),
    [
        ({"x": np.ones(4)}, {}, "x has shape"),
        ({"x": np.ones(3), "y": np.ones((2, 3))}, {}, "y has shape"),
        ({"x": np.ones(3)}, {"x": np.zeros(2)}, "reasons have shape"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(columns, reasons, says):
    with pytest.raises(ValueError, match=says):
        frame(columns, reasons)


@pytest.mark.parametrize("time", [[1, 1, 2], [3, 2, 1], [[1, 2, 3]]])
def test_time_has_to_increase(time):
    with pytest.raises(ValueError, match="time"):
        Frame(Kind.DAILY, "TEST", np.array(time), {}, {})


def test_paths_and_rows_can_be_taken_out():
    many = frame({"x": np.arange(6.0).reshape(2, 3)})
    assert many.shape == (2, 3)
    np.testing.assert_array_equal(many.path(1).columns["x"], [3, 4, 5])
    tail = many.rows(slice(1, None))
    assert (len(tail), tail.shape) == (2, (2, 2))


def test_every_code_has_words():
    assert len({code.text for code in Missing}) == len(Missing)


def test_a_column_needs_a_name_and_a_look_back():
    with pytest.raises(ValueError, match="not a column name"):
        Column("net gamma", "", "", 1, "", Kind.DAILY)
    with pytest.raises(ValueError, match="below one row"):
        Column("gamma", "", "", 0, "", Kind.DAILY)
