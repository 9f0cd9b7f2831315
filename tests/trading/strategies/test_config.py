"""A strategy's configuration: one form, one hash, and every fault by its name."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from record.canonical import loads
from trading.strategies import config
from trading.strategies.config import ConfigError

LEAST = {"symbol": "SPY", "entry": {"tools": [3, 1]}}


def faults(given, **more):
    with pytest.raises(ConfigError) as caught:
        config.read(given, **more)
    return caught.value.faults


def test_what_is_left_out_has_its_default_and_the_form_reads_itself():
    made = config.read(LEAST)
    assert made.entry.tools == (1, 3)
    assert made.exit.stop == 0.5
    again = config.read(loads(made.text))
    assert (again, again.hash) == (made, made.hash)


def test_the_hash_says_what_is_meant_and_not_how_it_was_written():
    spelled = {
        "entry": {"weights": {"1": 1}, "tools": [1, 3], "agreement": 0.625},
        "symbol": " spy ",
        "exit": {"stop": 0.5},
    }
    assert config.read(spelled).hash == config.read(LEAST).hash
    assert config.read({**LEAST, "exit": {"stop": 0.4}}).hash != config.read(LEAST).hash


def test_every_fault_is_named_at_once():
    wrong = {
        "symbol": "",
        "entry": {"tools": [1, 1], "agreement": 2, "speed": 1},
        "structure": {"kind": "naked", "near": 0.3, "far": 0.4, "days": 9},
        "sizing": {"share": 0.4, "most": 1.5},
        "exit": {"stop": None, "trail": 0},
        "pace": [],
        "more": 1,
    }
    found = faults(wrong)
    assert set(found) == {
        "symbol", "entry/tools", "entry/agreement", "entry/speed", "structure/kind",
        "structure/far", "structure/days", "sizing/share", "sizing/most", "exit/stop",
        "exit/trail", "pace", "more",
    }  # fmt: skip


def test_tools_that_are_not_opened_cannot_be_named():
    assert "tool 3" in faults(LEAST, known_tools=[1, 2])["entry/tools"]


def test_a_veto_is_one_of_the_tools_and_never_all_of_them():
    entry = {"tools": [1, 2], "vetoes": [3]}
    assert "entry/vetoes" in faults({**LEAST, "entry": entry})
    assert "leave one" in faults({**LEAST, "entry": {**entry, "vetoes": [1, 2]}})["entry/vetoes"]
    assert config.read({**LEAST, "entry": {**entry, "vetoes": [2]}}).entry.vetoes == (2,)


def test_a_hard_stop_is_never_off_and_the_others_may_be():
    off = {"trail": None, "take": None, "minutes": None}
    made = config.read({**LEAST, "exit": off}).exit
    assert (made.trail, made.take, made.minutes, made.stop) == (None, None, None, 0.5)


@given(st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["symbol", "entry", "tools", "weights", "exit", "stop", "kind"]), inner
    ),
    max_leaves=12,
))  # fmt: skip
def test_whatever_is_given_is_read_or_refused_by_name(value):
    found = None
    try:
        made = config.read(value)
    except ConfigError as error:
        found = error.faults
    if found is None:
        assert json.loads(made.text)["format"] == config.FORMAT
    else:
        assert found
        assert all(found.values())
