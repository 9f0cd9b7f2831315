import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from record.live import protocol
from record.live.protocol import Entry, Malformed, Ping, Sub, Unsub


def test_the_three_messages_of_a_client() -> None:
    text = '{"t":"sub","id":7,"ch":[{"n":"quote:SPY","epoch":"b1f","since":4120},{"n":"jobs:3"}]}'
    assert protocol.parse(text) == Sub(7, (Entry("quote:SPY", "b1f", 4120), Entry("jobs:3")))
    assert protocol.parse('{"t":"unsub","ch":["quote:SPY"]}') == Unsub(("quote:SPY",))
    assert protocol.parse('{"t":"ping","id":9}') == Ping(9)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "[]",
        "null",
        "{}",
        '{"t":"sub"}',
        '{"t":"sub","ch":[]}',
        '{"t":"sub","ch":["quote:SPY"]}',
        '{"t":"sub","ch":[{"n":"QUOTE"}]}',
        '{"t":"sub","ch":[{"n":"quote:SPY\\u0000"}]}',
        '{"t":"sub","ch":[{"n":"quote:SPY","since":-1}]}',
        '{"t":"sub","ch":[{"n":"quote:SPY","since":1.5}]}',
        '{"t":"sub","ch":[{"n":"quote:SPY","since":true}]}',
        '{"t":"sub","ch":[{"n":"quote:SPY","epoch":3}]}',
        '{"t":"sub","id":"x","ch":[{"n":"quote:SPY"}]}',
        '{"t":"unsub","ch":[{"n":"quote:SPY"}]}',
        '{"t":"hello"}',
        '{"t":"ping","id":1e400}',
        '{"t":"ping","id":123456789012345678901234567890}',
        "\ud800",
    ],
)
def test_what_is_not_of_the_protocol_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        protocol.parse(text)


def test_too_many_channels_at_once_have_their_own_code() -> None:
    channels = [{"n": f"quote:S{i}"} for i in range(protocol.MAX_CHANNELS + 1)]
    with pytest.raises(Malformed) as caught:
        protocol.parse(json.dumps({"t": "sub", "id": 3, "ch": channels}))
    assert (caught.value.code, caught.value.request) == ("too_many", 3)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
near_misses = st.fixed_dictionaries(
    {"t": st.sampled_from(["sub", "unsub", "ping"])},
    optional={
        "id": json_values,
        "ch": st.lists(
            json_values
            | st.fixed_dictionaries(
                {"n": st.just("quote:SPY") | json_values},
                optional={"since": json_values, "epoch": json_values},
            ),
            max_size=3,
        ),
    },
)


def understood(text: str | bytes) -> bool:
    """Whether a message is of the protocol; any other error than Malformed fails the test."""
    try:
        protocol.parse(text)
    except Malformed:
        return False
    return True


@pytest.mark.parametrize("name", ["quote:SPY", "quote:BTC/USD", "orders:3"])
def test_every_symbol_has_its_channel(name: str) -> None:
    assert understood(json.dumps({"t": "sub", "ch": [{"n": name}]}))


@given(near_misses | json_values)
def test_any_json_is_understood_or_refused(value: object) -> None:
    assert understood(json.dumps(value)) in {True, False}


@given(st.text() | st.binary())
def test_any_text_is_understood_or_refused(text: str | bytes) -> None:
    assert understood(text) in {True, False}


def test_the_servers_messages_have_the_documented_forms() -> None:
    data = orjson.Fragment(b'{"a":1}')
    event = protocol.ev("sig:all", epoch="b1f", seq=4, ts="T", op="add", key="k", data=data)
    assert orjson.loads(event) == {
        "t": "ev", "ch": "sig:all", "epoch": "b1f", "seq": 4, "ts": "T", "op": "add", "k": "k",
        "d": {"a": 1},
    }  # fmt: skip
    error = protocol.err("tier", "Pro required", request=7, channel="a:b", plan="pro")
    assert orjson.loads(error) == {
        "t": "err", "id": 7, "ch": "a:b", "code": "tier", "msg": "Pro required", "plan": "pro",
    }  # fmt: skip
    assert orjson.loads(protocol.bye("deploy", 2)) == {"t": "bye", "code": "deploy", "retry": 2}
    hello = orjson.loads(protocol.hello("s"))
    assert (hello["t"], hello["v"], hello["sid"], hello["hb"]) == ("hello", 1, "s", 5)
    assert hello["now"].endswith("Z")
    assert (
        orjson.loads(protocol.hb({"a:b": 3}, 9)).items() >= {"heads": {"a:b": 3}, "id": 9}.items()
    )
