"""What the browsers are told: the newest state, seldom enough, and the last one always."""

from __future__ import annotations

import datetime as dt

from market.feed import control
from market.feed.publish import Publisher
from market.feed.replay import source_of
from market.feed.runner import FeedRunner
from market.models import FeedRun
from record.state import read_heads, read_state
from tests.market.feed.recorded import MINUTES


def told(channel: str) -> int:
    """Return how often a channel was published to."""
    return read_heads([channel])[channel].seq


def replayed(day: dt.date) -> FeedRun:
    run = control.request_replay(symbol="TEST", date=day, speed=0.0, claimed=True)
    assert FeedRunner(run, source_of(run)).play() == FeedRun.State.FINISHED
    return run


def test_a_day_at_full_speed_is_told_in_its_newest_states(day):
    before = told("quote:TEST")
    run = replayed(day)
    assert 1 <= told("quote:TEST") - before < MINUTES  # at most four a second
    quote = read_state("quote:TEST").data["TEST"]
    run.refresh_from_db()
    assert dt.datetime.fromisoformat(quote["time"]) == run.position
    assert read_state("feed:status").data[str(run.pk)]["state"] == "finished"


def test_what_waits_is_told_when_it_is_due(day):
    now = [100.0]
    run = control.request_replay(symbol="TEST", date=day, speed=1.0, claimed=True)
    before = told("feed:status")
    publisher = Publisher(run, clock=lambda: now[0])
    publisher.status()
    run.state = FeedRun.State.PAUSED
    publisher.status()
    publisher.flush()
    assert read_state("feed:status").data[str(run.pk)]["state"] == "starting"
    now[0] += 0.3
    publisher.flush()
    assert read_state("feed:status").data[str(run.pk)]["state"] == "paused"
    assert told("feed:status") - before == 2
