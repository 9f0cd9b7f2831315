"""Stored instants of a symbol: the day, the place on it, and what lies a few minutes away."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client

from accounts.models import User
from market import store
from market.models import Instrument
from market.timeline import timeline
from tests.live_worker import live_worker  # noqa: F401 - a fixture
from tests.market.feed.recorded import DAY, MINUTES, recorded

pytestmark = pytest.mark.django_db(transaction=True)
LATER = dt.date(2024, 3, 18)


@pytest.fixture
def two_days() -> None:
    store.forget_layouts()
    Instrument.objects.create(symbol="TEST", kind="equity", name="Test")
    store.write_snapshots(recorded())
    store.write_snapshots(recorded(day=LATER))


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def test_the_newest_instant_of_the_newest_day(two_days):
    found = timeline("TEST", None)
    assert (found["day"], found["place"], len(found["times"])) == ("2024-03-18", 11, MINUTES)
    assert [day for day, _ in found["days"]] == ["2024-03-18", "2024-03-15"]
    assert found["back"] == [(15, None), (1, "2024-03-18T13:41:00Z")]
    assert found["ahead"] == [(1, None), (15, None)]
    assert found["is_newest"]


def test_an_instant_between_two_is_the_earlier(two_days):
    found = timeline("TEST", at("2024-03-15T13:33:59+00:00"))
    assert (found["day"], found["time"]) == ("2024-03-15", "2024-03-15T13:33:00Z")
    assert found["ahead"][0] == (1, "2024-03-15T13:34:00Z")
    assert not found["is_newest"]


def test_a_day_without_any_leads_to_the_one_before_and_the_future_to_the_newest(two_days):
    assert timeline("TEST", at("2024-03-17T12:00:00+00:00"))["day"] == "2024-03-15"
    assert timeline("TEST", at("2031-01-01T00:00:00+00:00"))["day"] == "2024-03-18"
    assert timeline("TEST", at("1999-01-01T00:00:00+00:00"))["day"] == "2024-03-18"
    day, last = timeline("TEST", None)["days"][1]
    assert timeline("TEST", at(last.replace("Z", "+00:00")))["day"] == day == DAY.isoformat()


def test_nothing_stored_has_no_timeline(db):
    Instrument.objects.create(symbol="NONE", kind="equity", name="None")
    assert timeline("NONE", None) is None


def test_pages_of_an_instant_show_that_instant(two_days, client: Client, live_worker):  # noqa: F811
    client.force_login(User.objects.create_user("pro@test.example", plan="pro"))
    for page in ("chain", "surface", "exposure"):
        answer = client.get(f"/{page}/TEST/?at=2024-03-15T13:33:00Z").content.decode()
        assert "09:33" in answer
        assert "History" in answer
        assert 'id="refresh"' not in answer
    newest = client.get("/chain/TEST/?at=not+a+time").content.decode()
    assert "09:42" in newest
    assert "History" not in newest
    contract = client.get("/chain/TEST/TEST240412C00100000/?at=2024-03-15T13:33:00Z&greek=vanna")
    assert "Vanna elsewhere" in contract.content.decode()
    assert client.get("/chain/TEST/TEST240412C00999000/").status_code == 404
