"""The simulator through the feed: the same market however often it is stopped."""

from __future__ import annotations

import pytest

from market import framestore, store
from market.feed import simulated
from market.feed.runner import FeedRunner
from market.models import FeedRun, FrameRow, Snapshot
from tests.market.feed.recorded import rows_of

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
    client.force_login(User.objects.create_user("free@test.example"))
    body = client.get("/api/v1/market/SIMA/bars?interval=60").json()
    assert body["simulated"]
    assert len(body["close"]) == len(body["time"]) == 3
    later = client.get(f"/api/v1/market/SIMA/bars?interval=60&start={body['time'][1]}").json()
    assert later["time"] == body["time"][1:]
    known = client.get(f"/api/v1/market/SIMA/bars?interval=60&at={body['time'][0]}").json()
    assert known["time"] == body["time"][:1]
