"""State channels: newest state per key, numbered, with an epoch that ends with its Redis."""

from __future__ import annotations

import threading
import uuid

import orjson
import pytest
import redis

from record import hints, state
from record.live import protocol
from record.state import Coalescer, Ring, State


@pytest.fixture
def channel() -> str:
    return f"test:{uuid.uuid4().hex}"


def test_state_keeps_the_newest_of_each_key(channel):
    assert state.read_state(channel) == State("", 0, {})
    assert state.publish_state(channel, "a", {"x": 1}) == 1
    assert state.publish_state(channel, "b", [2, None]) == 2
    assert state.publish_state(channel, "a", {"x": 3}) == 3
    found = state.read_state(channel)
    assert found[1:] == (3, {"a": {"x": 3}, "b": [2, None]})
    assert len(found.epoch) == 16
    assert state.publish_state(channel, "b", None, op="del") == 4
    assert state.read_state(channel).data == {"a": {"x": 3}}


def test_ring_holds_whole_messages_of_the_protocol(channel):
    state.publish_state(channel, 'k"ö', {"x": float("nan"), "y": "€"})
    epoch, seq, frames, complete = state.read_ring(channel, 0)
    assert (seq, complete, len(frames)) == (1, True, 1)
    said = orjson.loads(frames[0])
    assert frames[0] == protocol.ev(
        channel, epoch=epoch, seq=1, ts=said["ts"], op="upd", key='k"ö', data={"x": None, "y": "€"}
    )


def test_ring_says_when_it_does_not_reach_back(channel, monkeypatch):
    monkeypatch.setattr(state, "RING", 5)
    for n in range(12):
        state.publish_state(channel, "k", n)
    ring = state.read_ring(channel, 9)
    assert [orjson.loads(frame)["seq"] for frame in ring.frames] == [10, 11, 12]
    assert ring.complete
    assert not state.read_ring(channel, 6).complete
    assert state.read_ring(channel, 7).complete
    assert state.read_ring(channel, 12) == Ring(ring.epoch, 12, [], True)
    assert not state.read_ring(channel, 13).complete  # a reader from another life


def test_each_publication_is_hinted(channel):
    with hints.client().pubsub() as listener:
        listener.subscribe(hints.CHANNEL)
        listener.get_message(timeout=2)
        state.publish_state(channel, "k", 1)
        said = []
        while not said or said[-1]["ch"] != channel:
            message = listener.get_message(timeout=5, ignore_subscribe_messages=True)
            said.append(orjson.loads(message["data"]))
    assert said[-1] == {"ch": channel, "seq": 1, "epoch": state.read_state(channel).epoch}


def test_threads_leave_no_number_out(channel):
    made: list[int] = []
    threads = [
        threading.Thread(
            target=lambda: made.extend(state.publish_state(channel, "k", n) for n in range(25))
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == list(range(1, 101))
    frames = state.read_ring(channel, 0).frames
    assert [orjson.loads(frame)["seq"] for frame in frames] == list(range(1, 101))


def test_heads_of_many_channels_in_one_look(channel):
    state.publish_state(channel, "k", 1)
    found = state.read_heads([channel, "test:never"])
    assert found["test:never"] == ("", 0, 0)
    assert found[channel] == (state.read_state(channel).epoch, 1, 0)


async def _read_all(channel: str) -> tuple[State, Ring, dict[str, hints.Head]]:
    async with state.async_client() as link:
        return (
            await state.aread_state(link, channel),
            await state.aread_ring(link, channel, 0),
            await state.aread_heads(link, [channel]),
        )


@pytest.mark.asyncio
async def test_asynchronous_readers_read_the_same(channel):
    state.publish_state(channel, "k", {"x": 1})
    assert await _read_all(channel) == (
        state.read_state(channel),
        state.read_ring(channel, 0),
        state.read_heads([channel]),
    )


def test_a_channel_that_nobody_publishes_to_is_forgotten(channel):
    state.publish_state(channel, "k", 1)
    for key in state._keys(channel):
        assert 0 < hints.client().ttl(key) <= state.KEEP_S


@pytest.fixture
def restarted(channel, own_redis) -> State:
    """A channel whose Redis was killed and came back with what it held; its state before."""
    hints.client().config_set("appendfsync", "always")
    state.publish_state(channel, "k", "before")
    state.publish_state(channel, "k", "kept")
    before = state.read_state(channel)
    own_redis.stop()
    with pytest.raises(redis.RedisError):
        state.publish_state(channel, "k", "lost")
    own_redis.start()
    return before


def test_restarted_redis_ends_the_epoch_for_the_first_reader(channel, restarted):
    after = state.read_heads([channel])[channel]
    assert after.epoch != restarted.epoch
    assert state.read_state(channel) == (after.epoch, 2, {"k": "kept"})
    assert not state.read_ring(channel, 1).complete
    assert state.publish_state(channel, "k", "again") == 3
    assert state.read_state(channel).epoch == after.epoch
    assert state.read_ring(channel, 2).complete


def test_restarted_redis_ends_the_epoch_for_the_first_publisher(channel, restarted):
    assert state.publish_state(channel, "k", "again") == 3
    found = state.read_ring(channel, 2)
    assert orjson.loads(found.frames[0])["epoch"] == found.epoch != restarted.epoch
    assert not state.read_ring(channel, 1).complete


class FakeClock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_coalescer_publishes_the_newest_at_most_once_an_interval():
    clock, out = FakeClock(), []
    coalescer = Coalescer(1.0, publish=lambda *said: out.append(said), clock=clock)
    for n in range(5):
        coalescer.put("c", "k", n)
        clock.now += 0.1
    coalescer.put("c", "other", "x")
    assert out == [("c", "k", 0), ("c", "other", "x")]
    assert coalescer.flush() == 0
    clock.now = 1.0
    assert coalescer.flush() == 1
    assert out[-1] == ("c", "k", 4)
    assert coalescer.flush() == 0
    coalescer.put("c", "k", 5)
    assert coalescer.flush(force=True) == 1
    assert out[-1] == ("c", "k", 5)


def test_coalescer_keeps_what_could_not_be_published():
    clock, out, away = FakeClock(), [], [True]

    def publish(*said):
        if away[0]:
            raise redis.ConnectionError
        out.append(said)

    coalescer = Coalescer(1.0, publish=publish, clock=clock)
    with pytest.raises(redis.ConnectionError):
        coalescer.put("c", "k", 1)
    away[0] = False
    assert coalescer.flush() == 1
    assert out == [("c", "k", 1)]
