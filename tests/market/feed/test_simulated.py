"""The simulator through the feed: the same market however often it is stopped."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator

import pytest

from market import calendars, framestore, store
from market.features.context import SessionContext
from market.feed import runner, simulated, walked
from market.feed.runner import FeedRunner
from market.models import FeedRun, FrameRow, SimulatedDay, Snapshot
from market.simulator import SimulatedMarket
from tests.market.feed.recorded import recorded, rows_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture(autouse=True)
def fresh() -> None:
    framestore.forget_schemas()
    store.forget_layouts()


def play(run: FeedRun, minutes: int) -> None:
    """Play until so many rows are stored, then end as on a signal."""

    def enough() -> bool:
        return FrameRow.objects.filter(run=run, kind="intraday").count() >= minutes

    state = FeedRunner(run, simulated.source_of(run), should_end=enough).play()
    assert state == FeedRun.State.REQUESTED


def run_of(symbol: str, **more) -> FeedRun:
    return simulated.resume_or_create(symbol=symbol, seed=21, speed=0.0, effect=1.0, **more)


def values_of(run: FeedRun) -> list[tuple]:
    return [(row[0], row[1], *row[3:]) for row in rows_of(run)]


def test_a_stopped_simulation_goes_on_with_the_same_bits():
    whole = run_of("SIMA")
    play(whole, 25)
    parts = run_of("SIMB")
    for minutes in (10, 25):
        again = run_of("SIMB")
        assert again.pk == parts.pk
        play(again, minutes)
    assert values_of(whole) == values_of(parts)
    assert Snapshot.objects.filter(run=parts).count() == 25
    assert FrameRow.objects.filter(run=parts, kind="daily").count() == 300


def test_it_is_marked_as_simulated_and_has_signed_flow():
    run = run_of("SIMA")
    play(run, 3)
    run.refresh_from_db()
    assert run.simulated
    assert run.underlying.simulated
    rows = framestore.read_rows(run.pk, framestore.Kind.INTRADAY)
    assert len(rows) == 3
    assert (rows.reasons["otm_call_flow"] == 0).all()


def test_warm_minutes_are_played_at_once():
    run = simulated.resume_or_create(symbol="SIMA", seed=21, speed=0.001, effect=1.0, warm=4)
    play(run, 4)  # at this speed a minute would take 16 hours
    assert FrameRow.objects.filter(run=run, kind="intraday").count() == 4


def test_a_stopped_run_is_followed_by_a_new_one_after_its_session():
    run = run_of("SIMA")
    play(run, 2)
    FeedRun.objects.filter(pk=run.pk).update(state=FeedRun.State.STOPPED)
    after = run_of("SIMA")
    assert after.pk != run.pk
    assert after.params["first"] == 1


def test_its_minutes_are_bars_of_the_rest_interface(client):
    from accounts.models import User

    play(run_of("SIMA"), 3)
    client.force_login(User.objects.create_user("pro@test.example", plan="pro"))
    body = client.get("/api/v1/market/SIMA/bars?interval=60").json()
    assert body["simulated"]
    assert len(body["close"]) == len(body["time"]) == 3
    later = client.get(f"/api/v1/market/SIMA/bars?interval=60&start={body['time'][1]}").json()
    assert later["time"] == body["time"][1:]
    known = client.get(f"/api/v1/market/SIMA/bars?interval=60&at={body['time'][0]}").json()
    assert known["time"] == body["time"][:1]


def market_of(run: FeedRun) -> SimulatedMarket:
    return simulated.source_of(run).market


def test_sessions_that_were_walked_are_not_walked_again(monkeypatch):
    run = run_of("SIMA")
    whole = market_of(run)
    for index in range(3):
        walked.keep(whole.config, index, whole.walked(index))
    walked.keep(whole.config, 0, whole.walked(0))  # told again
    assert SimulatedDay.objects.count() == 3
    again = market_of(run)
    calls: list[int] = []
    monkeypatch.setattr(again, "_walk", calls.append)
    bars, closes = again.daily_history(20, before=3), again.basket(5, 20, before=3)
    assert calls == []
    monkeypatch.undo()
    expected = whole.daily_history(20, before=3)
    for field in dataclasses.fields(expected):
        assert (getattr(bars, field.name) == getattr(expected, field.name)).all()
    assert (closes == whole.basket(5, 20, before=3)).all()
    first, second = again.session(3).snapshot(7), whole.session(3).snapshot(7)
    assert (first.last, first.volume) == (second.last, second.volume)
    assert first.chain.bids.tobytes() == second.chain.bids.tobytes()


def test_a_played_session_is_kept_and_another_market_forgets_it():
    run = run_of("SIMA")
    session = next(iter(simulated.source_of(run).sessions()))
    session.closed()
    session.closed()
    assert list(SimulatedDay.objects.values_list("symbol", "index")) == [("SIMA", 0)]
    simulated.resume_or_create(symbol="SIMA", seed=22, speed=0.0, effect=1.0)
    assert not SimulatedDay.objects.exists()


def test_a_gap_in_what_is_kept_ends_it():
    run = run_of("SIMA")
    market = market_of(run)
    for index in (0, 2):
        walked.keep(market.config, index, market.walked(index))
    assert len(walked.load(market.config)) == 1


def test_a_market_played_to_its_end_is_followed_by_another_path():
    run = run_of("SIMA")
    FeedRun.objects.filter(pk=run.pk).update(
        state=FeedRun.State.FINISHED, session_date=simulated.LAST_SESSION
    )
    after = run_of("SIMA")
    assert (after.params["path"], after.params["first"]) == (1, 0)
    assert run_of("SIMA").pk == after.pk
    shots = [market_of(one).session(0).snapshot(5) for one in (run, after)]
    assert shots[0].last != shots[1].last


class ShortDays:
    """A simulation of two minutes a session."""

    symbol, simulated, stored, paced = "SIMA", True, False, False

    def __init__(self, days: list[dt.date]) -> None:
        self._days = days

    def sessions(self) -> Iterator[object]:
        for day in self._days:
            yield ShortDay(calendars.session(day))


class ShortDay:
    def __init__(self, session: calendars.Session) -> None:
        self.session = session

    def history(self) -> list:
        return []

    def context(self) -> SessionContext:
        session = self.session
        return SessionContext("SIMA", session.open_ns, session.close_ns, previous_close=100.0)

    def complete(self) -> bool:
        return True

    def minutes(self, after: int = 0) -> Iterator[object]:
        stream = recorded(2, "SIMA", self.session.date)
        return (data for data in stream if data.known_at > after)

    def at_close(self, newest: object) -> None:
        return None

    def closed(self) -> None:
        pass


def test_a_long_simulation_keeps_its_newest_sessions(monkeypatch):
    monkeypatch.setattr(runner, "KEEP_SNAPSHOTS", 2)
    monkeypatch.setattr(runner, "KEEP_ROWS", 3)
    week = calendars.sessions(dt.date(2024, 3, 4), dt.date(2024, 3, 8))
    days = [session.date for session in week]
    run = run_of("SIMA")
    assert FeedRunner(run, ShortDays(days)).play() == FeedRun.State.FINISHED
    run.refresh_from_db()
    assert run.rows == 2 * len(days)  # what was made stays counted
    rows = FrameRow.objects.filter(run=run).values_list("session_date", flat=True)
    assert sorted(set(rows)) == days[-3:]
    stored = Snapshot.objects.filter(run=run).values_list("time__date", flat=True)
    assert sorted(set(stored)) == days[-2:]
