"""The hub's rules with a source in memory and a Redis that never answers: no hint ever comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from record.live.feed import Head
from record.live.hub import Hub
from record.live.protocol import Entry

from .fakes import MemorySource
from .people import Someone
from .sockets import Sink, Tab

CHANNEL = "t_log:a"


@asynccontextmanager
async def hub_of(source: MemorySource, poll: float = 0.01) -> AsyncIterator[Hub]:
    hub = Hub(
        {"log": source, "state": source},
        redis_url="unix:///nowhere/at/all",
        heartbeat=0.02,
        poll=poll,
    )
    try:
        yield hub
    finally:
        await hub.stop()


def hint(hub: Hub, source: MemorySource, channel: str = CHANNEL) -> None:
    head = source.head(channel)
    hub._hint("pulse:hints", {"ch": channel, "seq": head.seq, "epoch": head.epoch})


@pytest.mark.asyncio
async def test_a_snapshot_comes_first_then_events_in_order() -> None:
    source = MemorySource()
    source.append(CHANNEL, 3)
    async with hub_of(source, poll=60) as hub:
        tab = Tab(hub)
        tab.sub(CHANNEL)
        await tab.reaches(CHANNEL, 3)
        for _ in range(20):
            source.append(CHANNEL, 2)
            hint(hub, source)
        await tab.reaches(CHANNEL, 43)
        assert (tab.heard[CHANNEL], tab.snapshots[CHANNEL]) == (list(range(4, 44)), 1)


@pytest.mark.asyncio
async def test_lost_hints_cost_only_latency() -> None:
    source = MemorySource()
    async with hub_of(source) as hub:
        tab = Tab(hub)
        tab.sub(CHANNEL)
        await tab.reaches(CHANNEL, 0)
        source.append(CHANNEL, 700)
        await tab.reaches(CHANNEL, 700)
        assert tab.heard[CHANNEL] == list(range(1, 701))


@pytest.mark.asyncio
async def test_what_was_missed_is_replayed_up_to_ten_thousand() -> None:
    source = MemorySource()
    source.append(CHANNEL, 10_100)
    async with hub_of(source, poll=60) as hub:
        near, far = Tab(hub), Tab(hub)
        near.positions[CHANNEL], far.positions[CHANNEL] = ("e1", 100), ("e1", 99)
        near.sub(CHANNEL)
        far.sub(CHANNEL)
        await asyncio.gather(near.reaches(CHANNEL, 10_100), far.reaches(CHANNEL, 10_100))
        assert (len(near.heard[CHANNEL]), near.snapshots) == (10_000, {})
        assert (far.heard, far.snapshots) == ({}, {CHANNEL: 1})


@pytest.mark.parametrize("position", [("e0", 5), ("e1", 12), ("", 0)])
@pytest.mark.asyncio
async def test_a_position_of_another_history_gives_a_snapshot(position: tuple[str, int]) -> None:
    source = MemorySource()
    source.append(CHANNEL, 10)
    async with hub_of(source, poll=60) as hub:
        tab = Tab(hub)
        hub.subscribe(tab.member, [Entry(CHANNEL, *position)], None)
        await tab.reaches(CHANNEL, 10)
        assert tab.snapshots == {CHANNEL: 1}


@pytest.mark.asyncio
async def test_what_is_no_longer_kept_gives_a_snapshot() -> None:
    source = MemorySource(keep=50)
    source.append(CHANNEL, 1_000)
    async with hub_of(source, poll=60) as hub:
        tab = Tab(hub)
        tab.positions[CHANNEL] = ("e1", 400)
        tab.sub(CHANNEL)
        await tab.reaches(CHANNEL, 1_000)
        assert (tab.heard, tab.snapshots) == ({}, {CHANNEL: 1})


@pytest.mark.asyncio
async def test_a_feed_that_falls_behind_its_ring_gives_everybody_one_snapshot() -> None:
    source = MemorySource(keep=20)
    async with hub_of(source) as hub:
        tabs = [Tab(hub) for _ in range(5)]
        for tab in tabs:
            tab.sub(CHANNEL)
            await tab.reaches(CHANNEL, 0)
        source.append(CHANNEL, 100)
        for tab in tabs:
            await tab.reaches(CHANNEL, 100)
            assert tab.snapshots[CHANNEL] == 2


@pytest.mark.asyncio
async def test_a_new_epoch_gives_everybody_a_snapshot() -> None:
    source = MemorySource()
    source.append(CHANNEL, 9)
    async with hub_of(source) as hub:
        tab = Tab(hub)
        tab.sub(CHANNEL)
        await tab.reaches(CHANNEL, 9)
        source.epoch, source.rows = "e2", {}
        source.append(CHANNEL, 4)
        async with asyncio.timeout(5):
            while tab.positions[CHANNEL] != ("e2", 4):
                tab.read()
                await asyncio.sleep(0.001)
        source.append(CHANNEL, 3)
        await tab.reaches(CHANNEL, 7)


@pytest.mark.asyncio
async def test_a_client_ahead_of_this_process_waits_for_it() -> None:
    source = MemorySource()
    source.append(CHANNEL, 5)
    async with hub_of(source, poll=60) as hub:
        first = Tab(hub)
        first.sub(CHANNEL)
        await first.reaches(CHANNEL, 5)
        source.append(CHANNEL, 3)  # its hint is on its way; another process was faster
        second = Tab(hub)
        second.positions[CHANNEL] = ("e1", 8)
        second.sub(CHANNEL)
        await first.reaches(CHANNEL, 8)
        source.append(CHANNEL)
        hint(hub, source)
        await second.reaches(CHANNEL, 9)
        assert (second.heard[CHANNEL], second.snapshots) == ([9], {})


@pytest.mark.asyncio
async def test_events_are_read_and_written_once_for_all_sockets() -> None:
    source = MemorySource()
    async with hub_of(source, poll=60) as hub:
        tabs = [Tab(hub, sink=Sink()) for _ in range(200)]
        for tab in tabs:
            tab.sub(CHANNEL)
        for tab in tabs:
            await tab.reaches(CHANNEL, 0)
        assert source.snapshots == 1
        reads = source.reads
        source.append(CHANNEL, 10)
        hint(hub, source)
        for tab in tabs:
            await tab.reaches(CHANNEL, 10)
        assert source.reads == reads + 1


@pytest.mark.parametrize("framed", [True, False])
@pytest.mark.asyncio
async def test_a_slow_socket_is_closed_alone(framed: bool) -> None:
    source = MemorySource()
    async with hub_of(source, poll=60) as hub:
        fast = Tab(hub, sink=Sink() if framed else None)
        slow = Tab(hub, sink=Sink(room=1_000)) if framed else Tab(hub)
        stuck = asyncio.Event()
        if not framed:
            slow.member.outbox._send = lambda message: stuck.wait()
        fast.sub(CHANNEL)
        slow.sub(CHANNEL)
        await fast.reaches(CHANNEL, 0)
        async with asyncio.timeout(5):
            while slow.member.outbox not in hub.feeds[CHANNEL].live:
                if framed:
                    slow.sink.read()
                else:
                    slow.member.outbox._queue.clear()
                    slow.member.outbox._idle.set()
                await asyncio.sleep(0)
        sent = 0
        while slow.code is None:
            sent = source.append(CHANNEL, 10)
            hint(hub, source)
            await fast.reaches(CHANNEL, sent)
            assert sent < 1_300
        assert (slow.code, fast.code) == (4008, None)
        assert sent > 900
        source.append(CHANNEL, 10)
        hint(hub, source)
        await fast.reaches(CHANNEL, sent + 10)


@pytest.mark.asyncio
async def test_a_slow_socket_that_reads_on_gets_everything_in_order() -> None:
    source = MemorySource()
    async with hub_of(source, poll=60) as hub:
        tab = Tab(hub, sink=Sink(room=500))
        tab.sub(CHANNEL)
        await tab.reaches(CHANNEL, 0)
        for _ in range(30):
            source.append(CHANNEL, 20)
            hint(hub, source)
            await hub.feeds[CHANNEL].refresh()
            tab.sink.read()
        await tab.reaches(CHANNEL, 600)
        assert tab.code is None


@pytest.mark.asyncio
async def test_a_source_that_comes_back_is_read_on() -> None:
    source = MemorySource()
    source.append(CHANNEL, 3)
    async with hub_of(source) as hub:
        source.away = True
        early = Tab(hub)
        early.sub(CHANNEL)
        await asyncio.sleep(0.03)
        source.away = False
        await early.reaches(CHANNEL, 3)
        source.away = True
        source.append(CHANNEL, 5)
        hint(hub, source)
        late = Tab(hub)
        late.sub(CHANNEL)
        await asyncio.sleep(0.05)
        source.away = False
        await early.reaches(CHANNEL, 8)
        await late.reaches(CHANNEL, 8)


@pytest.mark.asyncio
async def test_refusals_say_why_and_foreign_channels_look_unknown() -> None:
    source = MemorySource()
    async with hub_of(source, poll=60) as hub:
        tab = Tab(hub, user=Someone(7))
        names = ["t_pro:a", "t_own:8", "no_such:8", "t_own:7"]
        hub.subscribe(tab.member, [Entry(name) for name in names], 3)
        await tab.reaches("t_own:7", 0)
        refused = {m["ch"]: m for m in tab.inbox if m["t"] == "err"}
        assert refused["t_pro:a"] == {
            "t": "err", "id": 3, "ch": "t_pro:a", "code": "tier", "msg": "Pro required",
            "plan": "pro",
        }  # fmt: skip
        theirs, missing = refused["t_own:8"], refused["no_such:8"]
        assert {**theirs, "ch": ""} == {**missing, "ch": ""}
        assert set(tab.member.subscriptions) == {"t_own:7"}


@pytest.mark.asyncio
async def test_a_lost_plan_closes_the_channel_at_once() -> None:
    source = MemorySource()
    async with hub_of(source, poll=60) as hub:
        user, channel = Someone(7, "pro"), "t_pro:a"
        tab = Tab(hub, user=user)
        tab.sub(channel)
        await tab.reaches(channel, 0)
        user.plan = "free"
        hub._hint("pulse:plan", {"user": 7})
        async with asyncio.timeout(5):
            while not any(m["t"] == "err" and m["code"] == "tier" for m in tab.inbox):
                await asyncio.sleep(0.001)
        assert channel not in hub.feeds
        source.append(channel)
        hint(hub, source, channel)
        await asyncio.sleep(0.05)
        assert channel not in tab.heard


@pytest.mark.asyncio
async def test_a_socket_holds_at_most_a_hundred_channels() -> None:
    async with hub_of(MemorySource(), poll=60) as hub:
        tab = Tab(hub)
        hub.subscribe(tab.member, [Entry(f"t_log:{i}") for i in range(101)], None)
        await tab.reaches("t_log:99", 0)
        refused = [m for m in tab.inbox if m["t"] == "err"]
        assert [(m["code"], m["ch"]) for m in refused] == [("too_many", "t_log:100")]


@pytest.mark.asyncio
async def test_a_channel_that_nobody_hears_is_not_followed() -> None:
    async with hub_of(MemorySource(), poll=60) as hub:
        one, two = Tab(hub), Tab(hub)
        for tab in (one, two):
            tab.sub(CHANNEL)
            tab.sub(CHANNEL)
        one.leave()
        assert CHANNEL in hub.feeds
        hub.unsubscribe(two.member, CHANNEL)
        assert hub.feeds == {}


@pytest.mark.asyncio
async def test_hostile_hints_change_nothing() -> None:
    source = MemorySource()
    async with hub_of(source, poll=60) as hub:
        tab = Tab(hub)
        tab.sub(CHANNEL)
        await tab.reaches(CHANNEL, 0)
        for message in (
            {},
            {"ch": []},
            {"ch": CHANNEL, "seq": "x", "epoch": "e1"},
            {"ch": CHANNEL},
        ):
            hub._hint("pulse:hints", message)
        hub._hint("pulse:plan", {"user": None})
        assert hub.feeds[CHANNEL].head == Head("e1", 0)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 40)),
        st.tuples(st.just("hint"), st.just(0)),
        st.tuples(st.just("wait"), st.integers(1, 4)),
        st.tuples(st.just("cut"), st.integers(0, 2)),
        st.tuples(st.just("again"), st.integers(0, 2)),
        st.tuples(st.just("away"), st.booleans()),
        st.tuples(st.just("epoch"), st.just(0)),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps, st.sampled_from([15, 100, 1_000_000]))
def test_no_gap_no_double_whatever_happens(plan: list[tuple[str, int]], keep: int) -> None:
    """Tab.read fails on any number that is not the next one, in every history."""
    asyncio.run(play(plan, MemorySource(keep=keep)))


async def play(plan: list[tuple[str, int]], source: MemorySource) -> None:
    async with hub_of(source) as hub:
        tabs = [Tab(hub), Tab(hub, sink=Sink()), Tab(hub)]
        for tab in tabs:
            tab.sub(CHANNEL)
        for number, (step, value) in enumerate(plan):
            if step in {"cut", "again"}:
                if step == "cut":
                    tabs[value].leave()
                tabs[value] = tabs[value].resumed(hub)
                tabs[value].sub(CHANNEL)
            elif step == "wait":
                await asyncio.sleep(0.001 * value)
            else:
                disturb(hub, source, step, value, number)
        source.away = False
        source.append(CHANNEL)
        async with asyncio.timeout(5):
            while any(tab.positions.get(CHANNEL) != source.head(CHANNEL) for tab in tabs):
                for tab in tabs:
                    tab.read()
                await asyncio.sleep(0.001)


def disturb(hub: Hub, source: MemorySource, step: str, value: int, number: int) -> None:
    if step == "append":
        source.append(CHANNEL, value)
    elif step == "hint":
        hint(hub, source)
    elif step == "away":
        source.away = bool(value)
    else:
        source.epoch, source.rows = f"n{number}", {}
