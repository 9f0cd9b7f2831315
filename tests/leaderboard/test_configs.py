"""Configurations: one form, one hash, and what differs."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderboard.configs import MOST_BYTES, Change, ConfigError, HashError, differences, seal

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(texts, values, max_size=4)


@given(objects)
def test_the_hash_is_of_the_text_and_the_text_of_the_value(config):
    text, found = seal(config)
    assert json.loads(text) == config
    assert hashlib.sha256(text.encode()).hexdigest() == found
    assert seal(dict(reversed(config.items())), found.upper()).hash == found


@given(before=objects, after=objects)
def test_differences_are_empty_only_for_the_same(before, after):
    assert (differences(before, after) == []) == (seal(before).hash == seal(after).hash)


def test_differences_name_their_places():
    before = {"a": 1, "b": {"x": [1], "y/z": 2}, "gone": None}
    after = {"a": 1.5, "b": {"x": [1, 2], "y/z": 2, "n~w": True}}
    assert differences(before, after) == [
        Change("/a", "changed", "1", "1.5"),
        Change("/b/n~0w", "added", None, "true"),
        Change("/b/x", "changed", "[1]", "[1,2]"),
        Change("/gone", "removed", "null", None),
    ]


def test_a_wrong_hash_is_told_the_right_one():
    right = seal({"a": 1}).hash
    with pytest.raises(HashError) as caught:
        seal({"a": 1}, "0" * 64)
    assert caught.value.right == right
    assert right in str(caught.value)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ([1], "give an object"),
        ({"a": 2**60}, "write it as text"),
        ({"a": float("nan")}, "canonical"),
        ({"a": "x" * MOST_BYTES}, "65,536 are the most"),
    ],
)
def test_what_cannot_be_held_is_refused(config, says):
    with pytest.raises(ConfigError, match=says):
        seal(config)
