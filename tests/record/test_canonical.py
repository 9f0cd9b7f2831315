"""RFC 8785: the vectors of the RFC, and laws that hold for all values."""

from __future__ import annotations

import json
import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from record.canonical import NotCanonicalError, _canonical, canonical, digest, loads, number

# RFC 8785, appendix B: bits of the double, its text.
APPENDIX_B = [
    ("0000000000000000", "0"),
    ("8000000000000000", "0"),
    ("0000000000000001", "5e-324"),
    ("8000000000000001", "-5e-324"),
    ("7fefffffffffffff", "1.7976931348623157e+308"),
    ("ffefffffffffffff", "-1.7976931348623157e+308"),
    ("4340000000000000", "9007199254740992"),
    ("c340000000000000", "-9007199254740992"),
    ("4430000000000000", "295147905179352830000"),
    ("44b52d02c7e14af5", "9.999999999999997e+22"),
    ("44b52d02c7e14af6", "1e+23"),
    ("44b52d02c7e14af7", "1.0000000000000001e+23"),
    ("444b1ae4d6e2ef4e", "999999999999999700000"),
    ("444b1ae4d6e2ef4f", "999999999999999900000"),
    ("444b1ae4d6e2ef50", "1e+21"),
    ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
    ("3eb0c6f7a0b5ed8d", "0.000001"),
    ("41b3de4355555553", "333333333.3333332"),
    ("41b3de4355555554", "333333333.33333325"),
    ("41b3de4355555555", "333333333.3333333"),
    ("41b3de4355555556", "333333333.3333334"),
    ("41b3de4355555557", "333333333.33333343"),
    ("becbf647612f3696", "-0.0000033333333333333333"),
    ("43143ff3c1cb0959", "1424953923781206.2"),
]

texts = st.text(st.characters(exclude_categories=["Cs"]))
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53) + 1, 2**53 - 1)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(("bits", "text"), APPENDIX_B)
def test_numbers_of_appendix_b(bits, text):
    assert number(struct.unpack(">d", bytes.fromhex(bits))[0]) == text


@pytest.mark.parametrize("bits", ["7fffffffffffffff", "7ff0000000000000", "fff0000000000000"])
def test_what_is_no_number_is_refused(bits):
    with pytest.raises(NotCanonicalError):
        canonical([struct.unpack(">d", bytes.fromhex(bits))[0]])


def test_the_sample_of_section_3_2_2():
    source = (
        '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],'
        '"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/",'
        '"literals":[null,true,false]}'
    )
    expected = (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )
    assert canonical(loads(source)) == expected.encode()


def test_keys_sort_by_utf_16_as_in_section_3_2_3():
    source = {
        "€": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "😀": "Emoji: Grinning Face",
        "\x80": "Control",
        "ö": "Latin Small Letter O With Diaeresis",
    }
    assert list(json.loads(canonical(source))) == ["\r", "1", "\x80", "ö", "€", "😀", "\ufb33"]


def test_hash_is_of_the_canonical_text():
    assert digest({"b": 1.0, "a": []}) == digest({"a": (), "b": 1})
    assert digest({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        -math.inf,
        2**53,
        "\ud800",
        {"\udfff": 1},
        {1: "one"},
        {"x": {1, 2}},
        b"bytes",
        object(),
    ],
)
def test_what_has_no_json_is_refused_with_its_place(value):
    with pytest.raises(NotCanonicalError, match=r"\$"):
        canonical({"outer": [value]})


def test_deep_nesting_is_refused_not_crashed_on():
    deep = current = []
    for _ in range(100_000):
        current.append([])
        current = current[0]
    with pytest.raises(NotCanonicalError):
        canonical(deep)
    with pytest.raises(NotCanonicalError):
        loads("[" * 100_000 + "]" * 100_000)


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":2}',
        '{"x":{"a":1,"\\u0061":2}}',
        "NaN",
        "[Infinity]",
        "-Infinity",
        "1e999",
        '"\\ud800"',
        "[1,]",
        "",
        b"\xff",
        "{'a':1}",
    ],
)
def test_loose_json_is_not_read(text):
    with pytest.raises(NotCanonicalError):
        loads(text)


@given(values)
def test_the_quick_writer_writes_what_the_general_one_does(value):
    assert canonical(value) == _canonical(value)
    assert canonical({"a": [value], "b": "x"}) == _canonical({"a": [value], "b": "x"})


@given(st.floats(1e-4, 1e15) | st.integers(-(10**15), 10**15).map(float))
def test_doubles_of_common_size_are_written_alike(value):
    assert canonical([value, -value]) == _canonical([value, -value])


@given(values)
def test_reading_back_and_writing_again_changes_nothing(value):
    text = canonical(value)
    assert canonical(loads(text)) == text
    assert canonical(json.loads(json.dumps(value))) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_read_back_as_the_same_double(value):
    assert float(number(value)) == value


@given(st.dictionaries(texts, st.integers(0, 9), max_size=8), st.randoms())
def test_order_of_keys_does_not_matter(value, random):
    items = list(value.items())
    random.shuffle(items)
    assert canonical(dict(items)) == canonical(value)
