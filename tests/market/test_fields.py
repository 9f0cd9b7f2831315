"""Fields are read strictly: a value or a reason."""

import datetime as dt
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.importers import fields
from market.importers.context import RefusedError
from market.importers.files import split


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e14, max_value=1e14))
def test_numbers_round_trip(value: float) -> None:
    assert fields.number(repr(value), "x") == value


@pytest.mark.parametrize("text", ["1,234", "12,345,678.5", "1e3", ".5", "5.", " 7 "])
def test_ways_of_writing_a_number(text: str) -> None:
    assert fields.number(text, "x") == float(text.replace(",", ""))


@pytest.mark.parametrize(
    "text",
    ["", "nan", "NaN", "inf", "-Infinity", "1,23", "12,34,567", "0x1f", "1_000", "１２", "abc"],
)
def test_what_is_no_finite_number_is_refused(text: str) -> None:
    with pytest.raises(RefusedError):
        fields.number(text, "x")


@given(st.text(max_size=12))
def test_any_text_is_a_finite_number_or_refused(text: str) -> None:
    try:
        value = fields.number(text, "x")
    except RefusedError:
        return
    assert math.isfinite(value)


@pytest.mark.parametrize("text", ["2018-01-05", "20180105", "1/5/2018", "01/05/2018"])
def test_ways_of_writing_a_date(text: str) -> None:
    assert fields.date(text, "d") == dt.date(2018, 1, 5)


@pytest.mark.parametrize("text", ["2018-02-30", "20181301", "5.1.2018", "18-01-05", "", "2018-1-5"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(RefusedError):
        fields.date(text, "d")


def test_instants_without_an_offset_are_new_york_time() -> None:
    noon = dt.datetime(2018, 1, 5, 17, tzinfo=dt.UTC)
    assert fields.instant("2018-01-05 12:00:00", "t") == int(noon.timestamp()) * 10**9
    assert fields.instant("2018-01-05T17:00:00+00:00", "t") == int(noon.timestamp()) * 10**9
    with pytest.raises(RefusedError):
        fields.instant("2018-01-05", "t")


@pytest.mark.parametrize(
    ("text", "call"), [("C", True), ("call", True), ("p", False), ("PUT", False)]
)
def test_rights(text: str, call: bool) -> None:
    assert fields.right(text) is call


@pytest.mark.parametrize("text", ["", "X", "calls", "0"])
def test_unknown_right_is_refused(text: str) -> None:
    with pytest.raises(RefusedError):
        fields.right(text)


def test_bar_must_enclose_its_prices() -> None:
    fields.bar(10, 11, 9, 10.5)
    for bad in ((10, 9.5, 9, 9.2), (10, 11, 10.5, 10.6)):
        with pytest.raises(RefusedError):
            fields.bar(*bad)


@pytest.mark.parametrize(
    ("raw", "cells"),
    [
        (b"a,b\r\n", ["a", "b"]),
        (b'a,"1,234",c\n', ["a", "1,234", "c"]),
        ("ключ,ñ\n".encode(), ["ключ", "ñ"]),
    ],
)
def test_lines_are_split(raw: bytes, cells: list[str]) -> None:
    assert split(raw) == cells


@pytest.mark.parametrize("raw", [b"a,\xff\xfe\n", b"a\0b\n", b'a,"open\n', b"x" * (1 << 20)])
def test_lines_that_are_no_text_are_refused(raw: bytes) -> None:
    with pytest.raises(RefusedError):
        split(raw)
