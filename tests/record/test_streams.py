"""Log channels: numbers without holes, in the transaction of their cause."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
import uuid

import pytest
from django.db import connection, transaction
from django.utils import timezone

from record import hints, streams
from record.models import StreamEvent
from record.streams import HistoryGone, NewEvent


@pytest.fixture
def channel() -> str:
    return f"test:{uuid.uuid4().hex}"


@pytest.mark.django_db
def test_numbers_rise_by_one_and_events_come_back_in_order(channel):
    assert [streams.append(channel, key=str(n), data={"n": n}) for n in range(3)] == [1, 2, 3]
    assert streams.append(channel, key="0", data=None, op="del") == 4
    found = streams.read_after(channel, 1)
    assert [(e.seq, e.op, e.key, e.data) for e in found] == [
        (2, "add", "1", {"n": 1}),
        (3, "add", "2", {"n": 2}),
        (4, "del", "0", None),
    ]
    assert streams.read_after(channel, 1, limit=1) == found[:1]
    assert streams.head(channel)[1:] == (4, 0)


@pytest.mark.django_db(transaction=True)
def test_appending_outside_a_transaction_is_refused(channel):
    with pytest.raises(transaction.TransactionManagementError):
        streams.append(channel, key="k", data=1)
    assert streams.head(channel).seq == 0


@pytest.mark.django_db
def test_what_json_cannot_hold_is_refused_and_takes_no_number(channel):
    for data in (float("nan"), {"x": float("inf")}, "nul \x00", ["\ud800"]):
        with pytest.raises(ValueError), transaction.atomic():
            streams.append(channel, key="k", data=data)
    assert streams.append(channel, key="k", data="😀 \\u0000 fine") == 1
    assert streams.read_after(channel, 0)[0].data == "😀 \\u0000 fine"


@pytest.mark.django_db
def test_many_channels_in_one_call_keep_the_callers_order(channel):
    other = "a" + channel
    numbers = streams.append_many(
        [NewEvent(channel, "1", 1), NewEvent(other, "2", 2), NewEvent(channel, "3", 3)]
    )
    assert numbers == [1, 1, 2]
    assert [e.key for e in streams.read_after(channel, 0)] == ["1", "3"]
    assert streams.append_many([]) == []


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_event_leaves_no_hole_and_no_hint(channel, monkeypatch):
    hinted = []
    monkeypatch.setattr(hints, "publish", hinted.append)

    @transaction.atomic
    def change_of_mind() -> None:
        streams.append(channel, key="lost", data=1)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        change_of_mind()
    with transaction.atomic():
        streams.append(channel, key="kept", data=2)
        assert hinted == []
    assert [(e.seq, e.key) for e in streams.read_after(channel, 0)] == [(1, "kept")]
    assert hinted == [{channel: streams.head(channel)}]


@pytest.mark.django_db(transaction=True)
def test_threads_leave_no_gap_and_readers_never_see_one(channel):
    """A reader at `seq > last seen` must see every event in order, whoever commits late."""
    other, writers, each = channel + "b", 6, 25
    stop, seen = threading.Event(), [0]

    def write(index: int) -> None:
        with contextlib.closing(connection):
            for n in range(each):
                pair = [NewEvent(channel, f"{index}.{n}", n), NewEvent(other, "x", n)]
                with transaction.atomic():
                    streams.append_many(pair if (index + n) % 2 else pair[::-1])

    def read() -> None:
        while not stop.is_set() or seen[-1] < writers * each:
            seen.extend(e.seq for e in streams.read_after(channel, seen[-1]))
        connection.close()

    threads = [threading.Thread(target=write, args=(i,)) for i in range(writers)]
    reader = threading.Thread(target=read, daemon=True)
    for thread in (*threads, reader):
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    reader.join(20)
    assert seen == list(range(writers * each + 1))
    assert streams.head(other).seq == writers * each


@pytest.mark.django_db
def test_retention_removes_the_past_and_says_so(channel):
    for n in range(12):
        streams.append(channel, key=str(n), data=n)
    StreamEvent.objects.filter(stream__channel=channel, seq__lte=3).update(
        created=timezone.now() - dt.timedelta(days=8)
    )
    assert streams.prune(batch=2) == 3
    assert streams.head(channel)[1:] == (12, 3)
    assert streams.prune(keep=4, batch=2) == 5
    assert [e.seq for e in streams.read_after(channel, 8)] == [9, 10, 11, 12]
    with pytest.raises(HistoryGone):
        streams.read_after(channel, 7)
    assert streams.prune(days=0, batch=100) == 4
    with pytest.raises(HistoryGone):
        streams.read_after(channel, 8)
    assert streams.read_after(channel, 12) == []
    assert streams.append(channel, key="next", data=0) == 13
    assert streams.prune() == 0


@pytest.mark.django_db(transaction=True)
def test_a_new_epoch_holds_for_all_channels_and_is_hinted(channel, monkeypatch):
    with transaction.atomic():
        streams.append(channel, key="k", data=1)
    before, hinted = streams.head(channel), []
    assert streams.head("test:nothing-yet").epoch == before.epoch
    monkeypatch.setattr(hints, "publish", hinted.append)
    value = streams.new_epoch()
    assert value != before.epoch
    assert streams.head(channel) == (value, 1, 0)
    assert hinted[0][channel] == (value, 1, 0)
