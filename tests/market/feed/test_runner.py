"""Feeds on the real database: the same rows every time, whatever happens on the way."""

from __future__ import annotations

import datetime as dt
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from django.db import connection, connections
from django.utils import timezone

from market import calendars, selectors, store
from market.calendars import Session
from market.clock import to_ns
from market.feed import control, replay, service
from market.feed.lock import SymbolLock
from market.feed.replay import ReplaySession, ReplaySource
from market.feed.runner import FeedRunner
from market.frames import Kind, Missing
from market.framestore import read_rows
from market.models import Event, FeedRun, FrameRow, Snapshot
from market.reach import WHOLE
from tests.market.feed.recorded import MINUTES, recorded, rows_of

pytestmark = pytest.mark.django_db(transaction=True)


def requested(day: dt.date, speed: float = 0.0) -> FeedRun:
    return control.request_replay(symbol="TEST", date=day, speed=speed, claimed=True)


def play(run: FeedRun, **more) -> str:
    return FeedRunner(run, replay.source_of(run), **more).play()


def whole(day: dt.date) -> FeedRun:
    run = requested(day)
    assert play(run) == FeedRun.State.FINISHED
    return run


def test_a_replay_makes_a_row_a_minute_and_stores_no_snapshot_twice(day, told):
    run = whole(day)
    run.refresh_from_db()
    assert (run.rows, run.snapshots, run.state) == (MINUTES, MINUTES, "finished")
    assert FrameRow.objects.filter(run=run, kind="intraday").count() == MINUTES
    assert Snapshot.objects.count() == MINUTES
    assert told() == MINUTES + 1  # and once for the day's close


def test_two_replays_are_equal_to_the_bit(day):
    first, second = whole(day), whole(day)
    assert rows_of(first) == rows_of(second)
    assert len(rows_of(first)) == MINUTES + 1


def test_a_replay_knows_the_days_releases(day):
    at = calendars.session(day).open + dt.timedelta(minutes=2)
    Event.objects.create(
        kind="fomc", name="FOMC", scheduled_at=at, known_at=at - dt.timedelta(days=30)
    )
    run = whole(day)
    rows = read_rows(run.pk, Kind.INTRADAY)
    since = rows.columns["release_minutes"]
    first = int(np.searchsorted(rows.time, to_ns(at)))
    assert 0 < first < len(since)
    assert np.isnan(since[:first]).all()
    assert (rows.reasons["release_minutes"][:first] == Missing.NO_RELEASE).all()
    np.testing.assert_array_equal(since[first:], (rows.time[first:] - to_ns(at)) / 6e10)


def test_a_run_that_was_ended_goes_on_where_it_was(day):
    complete = rows_of(whole(day))
    run = requested(day)
    asked = iter([False] * 5 + [True] * 1000)
    assert play(run, should_end=lambda: next(asked)) == FeedRun.State.REQUESTED
    done = FrameRow.objects.filter(run=run).count()
    assert 0 < done < MINUTES
    assert play(FeedRun.objects.get(pk=run.pk)) == FeedRun.State.FINISHED
    assert rows_of(run) == complete


def test_a_lost_connection_costs_nothing(day):
    complete = rows_of(whole(day))
    run = requested(day)
    cuts = []

    def cut_often() -> bool:
        if len(cuts) < 4:
            with connections.create_connection("default").cursor() as other:
                other.execute(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
                cuts.append(other.fetchone()[0])
        return False

    assert play(run, should_end=cut_often) == FeedRun.State.FINISHED
    assert sum(cuts) >= 4
    assert rows_of(run) == complete
    connection.close()


def test_only_one_feed_of_a_symbol_runs(day):
    lock = SymbolLock("TEST")
    assert lock.acquire()
    run = requested(day)
    assert play(run) == FeedRun.State.FAILED
    run.refresh_from_db()
    assert run.state == "failed"
    assert "another feed of TEST" in run.error
    assert not FrameRow.objects.filter(run=run).exists()
    lock.release()
    whole(day)


def test_the_lock_ends_with_its_holder(day):
    lock = SymbolLock("TEST")
    assert lock.acquire()
    assert lock.held()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
    assert not lock.held()
    assert SymbolLock("TEST").acquire()


def test_pause_speed_and_stop_are_followed(day):
    run = requested(day, speed=1.0)  # twelve minutes: it will not end by itself
    ended: list[str] = []

    def work() -> None:
        ended.append(play(FeedRun.objects.get(pk=run.pk)))
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()

    def state_becomes(wanted: str) -> bool:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if FeedRun.objects.get(pk=run.pk).state == wanted:
                return True
            time.sleep(0.02)
        return False

    assert state_becomes("running")
    control.command_run(run.pk, desired="paused")
    assert state_becomes("paused")
    rows = FrameRow.objects.filter(run=run).count()
    control.command_run(run.pk, desired="running", speed=600.0)
    assert state_becomes("running")
    deadline = time.monotonic() + 10
    while FrameRow.objects.filter(run=run).count() < rows + 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert FrameRow.objects.filter(run=run).count() >= rows + 3
    control.command_run(run.pk, desired="stopped")
    thread.join(10)
    assert ended == ["stopped"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"symbol": "NONE"}, "symbol"),
        ({"date": dt.date(2024, 3, 16)}, "date"),
        ({"date": dt.date(2024, 3, 14)}, "date"),
        ({"source": "other"}, "source"),
        ({"speed": -1.0}, "speed"),
        ({"speed": float("nan")}, "speed"),
    ],
)
def test_a_wish_that_cannot_be_met_names_its_field(day, change, field):
    wish = {"symbol": "TEST", "date": day, "speed": 60.0, **change}
    with pytest.raises(control.FeedError) as caught:
        control.request_replay(**wish)
    assert caught.value.field == field
    assert not FeedRun.objects.exists()


def test_a_day_that_two_sources_tell_is_replayed_from_the_one_that_is_named(day):
    store.write_snapshots(replace(data, source="evening") for data in recorded(3))
    fuller = requested(day)
    assert play(fuller) == FeedRun.State.FINISHED
    named = control.request_replay(
        symbol="TEST", date=day, speed=0.0, source="evening", claimed=True
    )
    assert (fuller.params["source"], named.params["source"]) == ("test", "evening")
    assert play(named) == FeedRun.State.FINISHED
    assert FrameRow.objects.filter(run=fuller, kind="intraday").count() == MINUTES
    assert FrameRow.objects.filter(run=named, kind="intraday").count() == 3
    assert [(told.source, told.snapshots) for told in control.stored_days("TEST")] == [
        ("test", MINUTES),
        ("evening", 3),
    ]


def test_a_second_replay_of_a_symbol_is_refused_while_one_is_wanted(day):
    control.request_replay(symbol="TEST", date=day, speed=1.0)
    with pytest.raises(control.FeedError, match="stop it first"):
        control.request_replay(symbol="TEST", date=day, speed=1.0)


def test_an_ended_run_takes_no_command(day):
    run = whole(day)
    with pytest.raises(control.FeedError, match="has ended"):
        control.command_run(run.pk, desired="paused")


def test_a_feed_survives_without_redis(day, settings):
    settings.REDIS_URL = f"unix://{Path('/nonexistent')}/redis.sock"
    run = whole(day)
    assert FrameRow.objects.filter(run=run).count() == MINUTES + 1


def test_what_the_pages_ask_for_is_there_after_a_replay(day):
    run = whole(day)
    quote = selectors.quote_payload("test", WHOLE)
    assert quote is not None
    assert (quote["run"], quote["simulated"]) == (run.pk, False)
    assert quote["session"]["date"] == day.isoformat()
    series = selectors.price_series(run.pk, WHOLE)
    assert len(series["close"]) == MINUTES
    assert series["close"][-1] == pytest.approx(quote["last"])
    assert [item["symbol"] for item in selectors.symbols()] == ["TEST"]
    assert selectors.feed_payload(WHOLE)["days"] == [
        {"symbol": "TEST", "date": day.isoformat(), "source": "test", "snapshots": MINUTES}
    ]


def test_a_read_at_an_instant_never_sees_later_minutes(day):
    whole(day)
    first = Snapshot.objects.order_by("time")[2]
    quote = selectors.quote_payload("TEST", WHOLE, at=first.time)
    assert quote is not None
    assert dt.datetime.fromisoformat(quote["time"]) == first.time
    assert selectors.quote_payload("TEST", WHOLE, at=first.time - dt.timedelta(days=300)) is None


def test_only_who_asked_for_a_run_may_command_it(day):
    run = control.request_replay(symbol="TEST", date=day, speed=1.0, user_id=7)
    with pytest.raises(control.FeedError) as other:
        control.command_run(run.pk, desired="stopped", owner=8)
    with pytest.raises(control.FeedError) as missing:
        control.command_run(run.pk + 1, desired="stopped", owner=8)
    assert str(other.value).replace(str(run.pk), "N") == str(missing.value).replace(
        str(run.pk + 1), "N"
    )
    run.refresh_from_db()
    assert run.desired == "running"
    assert control.command_run(run.pk, desired="stopped", owner=7).desired == "stopped"


def test_the_night_between_sessions_is_not_waited_for(day):
    class Twice(ReplaySource):
        """The same short day, and its minutes again a week later."""

        def sessions(self):
            yield from super().sessions()
            yield Later(self.symbol, self._session, self._source)

    class Later(ReplaySession):
        def __init__(self, symbol, session, source):
            super().__init__(symbol, session, source)
            week = dt.timedelta(days=7)
            self.session = Session(
                session.date + week, session.open + week, session.close + week, session.half_day
            )
            self._played = ReplaySession(symbol, session, source)

        def minutes(self, after=0):
            shift = 7 * 86_400 * 1_000_000_000
            for data in self._played.minutes(max(0, after - shift)):
                yield replace(data, time=data.time + shift, known_at=data.known_at + shift)

        def history(self):
            return []

        def at_close(self, newest):
            return None

    slept: list[float] = []
    clock = [0.0]

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock[0] += seconds

    run = requested(day, speed=60.0)
    runner = FeedRunner(run, Twice("TEST", day, "test"), clock=lambda: clock[0], sleep=sleep)
    assert runner.play() == FeedRun.State.FINISHED
    assert sum(slept) == pytest.approx(2 * MINUTES, abs=1.0)  # a second a minute, no more


def test_a_second_process_on_a_run_leaves_its_row_alone(day):
    run = requested(day)
    lock = SymbolLock("TEST")  # held by the process that plays the run
    assert lock.acquire()
    FeedRun.objects.filter(pk=run.pk).update(state="running")
    assert play(run) == FeedRun.State.FAILED
    run.refresh_from_db()
    assert (run.state, run.error) == ("running", "")


def test_the_replay_service_asks_again_for_what_died_but_not_for_ever(day):
    replays = service.ReplayService(lambda: True)
    run = requested(day)
    for _ in range(service.MOST_DEATHS - 1):
        FeedRun.objects.filter(pk=run.pk).update(state="paused")
        replays._ask_again(run.pk)
        run.refresh_from_db()
        assert run.state == "requested"
    FeedRun.objects.filter(pk=run.pk).update(state="starting")
    replays._ask_again(run.pk)
    run.refresh_from_db()
    assert run.state == "failed"
    assert "died" in run.error


def test_a_replay_that_beats_is_not_taken_from_its_terminal(day):
    run = requested(day)
    FeedRun.objects.filter(pk=run.pk).update(state="running", heartbeat_at=timezone.now())
    service.ReplayService(lambda: True)._requeue_lost()
    run.refresh_from_db()
    assert run.state == "running"
    FeedRun.objects.filter(pk=run.pk).update(heartbeat_at=timezone.now() - dt.timedelta(minutes=5))
    service.ReplayService(lambda: True)._requeue_lost()
    run.refresh_from_db()
    assert run.state == "requested"
