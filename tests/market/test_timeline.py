"""Stored instants of a symbol: the day, the place on it, and what lies a few minutes away."""

from __future__ import annotations

import datetime as dt
import html

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from market import framestore, store
from market.clock import to_ns
from market.frames import Kind
from market.models import FeedRun, Instrument, Snapshot
from market.reach import WHOLE
from market.timeline import timeline
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
    found = timeline("TEST", WHOLE, None)
    assert (found["day"], found["place"], len(found["times"])) == ("2024-03-18", 11, MINUTES)
    assert [day for day, _ in found["days"]] == ["2024-03-18", "2024-03-15"]
    assert found["back"] == [(15, None), (1, "2024-03-18T13:41:00Z")]
    assert found["ahead"] == [(1, None), (15, None)]


def test_an_instant_between_two_is_the_earlier(two_days):
    found = timeline("TEST", WHOLE, at("2024-03-15T13:33:59+00:00"))
    assert (found["day"], found["time"]) == ("2024-03-15", "2024-03-15T13:33:00Z")
    assert found["ahead"][0] == (1, "2024-03-15T13:34:00Z")


def test_a_day_without_any_leads_to_the_one_before_and_the_future_to_the_newest(two_days):
    assert timeline("TEST", WHOLE, at("2024-03-17T12:00:00+00:00"))["day"] == "2024-03-15"
    assert timeline("TEST", WHOLE, at("2031-01-01T00:00:00+00:00"))["day"] == "2024-03-18"
    assert timeline("TEST", WHOLE, at("1999-01-01T00:00:00+00:00"))["day"] == "2024-03-18"
    day, last = timeline("TEST", WHOLE, None)["days"][1]
    assert timeline("TEST", WHOLE, at(last.replace("Z", "+00:00")))["day"] == day == DAY.isoformat()


def test_nothing_stored_has_no_timeline(db):
    Instrument.objects.create(symbol="NONE", kind="equity", name="None")
    assert timeline("NONE", WHOLE, None) is None


def test_pages_of_an_instant_show_that_instant(two_days, client: Client, live_worker):
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


@pytest.fixture
def pro(client: Client) -> Client:
    client.force_login(User.objects.create_user("pro@test.example", plan="pro"))
    return client


@pytest.mark.parametrize("odd", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "yesterday"])
def test_an_instant_that_cannot_be_is_said_and_the_newest_shown(two_days, pro, live_worker, odd):
    answer = pro.get(f"/chain/TEST/?at={odd}")
    assert answer.status_code == 200
    assert "is no instant" in answer.content.decode()
    assert "09:42" in answer.content.decode()


def test_a_plus_that_was_not_escaped_is_an_offset(two_days, pro, live_worker):
    answer = pro.get("/chain/TEST/?at=2024-03-15T13:33:00+00:00").content.decode()
    assert "History" in answer
    assert "09:33" in answer


def test_an_expiry_that_is_gone_keeps_the_instant_and_the_rest(two_days, pro, live_worker):
    asked = "at=2024-03-15T13%3A33%3A00Z&units=raw"
    for page in ("chain", "surface"):
        answer = pro.get(f"/{page}/TEST/?expiry=1999-01-01&{asked}")
        assert (answer.status_code, answer["Location"]) == (302, f"/{page}/TEST/?{asked}")


def test_the_call_to_copy_asks_for_what_is_shown(two_days, pro, live_worker):
    text = pro.get("/chain/TEST/?at=2024-03-15T13:33:00Z&units=raw").content.decode()
    assert "chain?expiry=2024-03-15&amp;units=raw&amp;at=2024-03-15T13%3A33%3A00Z" in text
    text = pro.get("/surface/TEST/?expiry=2024-04-15").content.decode()
    assert "/surface?expiry=2024-04-15" in text
    assert "at=" not in text.split("/api/v1/market/TEST/surface")[1][:60]


def test_a_contract_that_was_not_listed_then_says_so_with_the_timeline(two_days, pro, live_worker):
    answer = pro.get("/chain/TEST/TEST240412C00999000/?at=2024-03-15T13:33:00Z")
    assert answer.status_code == 404
    assert "is not in the chain here" in answer.content.decode()
    assert "09:33 ET" in answer.content.decode().replace("</time>", "")


def test_the_timeline_of_a_replay_stands_at_what_the_page_shows(two_days, pro, live_worker):
    run = FeedRun.objects.create(
        symbol="TEST", underlying=Instrument.objects.get(symbol="TEST"), source="replay",
        simulated=False, state="finished", rows=1, session_date=DAY,
    )  # fmt: skip
    shown = Snapshot.objects.filter(underlying__symbol="TEST").order_by("time")[3]
    framestore.forget_schemas()
    row = framestore.Observed(Kind.INTRADAY, DAY, to_ns(shown.time), {"close": 1.0}, {})
    framestore.write_rows(run, [row], snapshot=shown.pk)
    text = pro.get("/chain/TEST/").content.decode()
    found = timeline("TEST", WHOLE, shown.known_at)
    assert (found["day"], found["place"]) == (DAY.isoformat(), 3)
    assert f'value="{found["place"]}"' in text
    assert f'max="{MINUTES - 1}"' in text
    assert "09:34" in text
    text = pro.get("/quality/TEST/").content.decode()  # no vendor's figures: still at the replay
    assert "No vendor's volatilities here" in html.unescape(text)
    assert f'value="{found["place"]}"' in text


def test_parts_that_are_drawn_again_ask_for_no_timeline(two_days, pro, live_worker):
    pro.get("/chain/TEST/")
    with CaptureQueriesContext(connection) as first:
        pro.get("/chain/TEST/")
    with CaptureQueriesContext(connection) as second:
        pro.get("/chain/TEST/", headers={"hx-request": "true"})
    days = [q for q in second.captured_queries if "DISTINCT" in q["sql"] and "known_at" in q["sql"]]
    assert days == []
    assert len(second) < len(first)
