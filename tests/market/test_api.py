"""REST of the market state, on a recorded day and with a worker that answers."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.cache import cache
from django.test import Client

from accounts.models import User
from market import framestore, store
from market.models import Instrument
from tests.live_worker import live_worker  # noqa: F401 - a fixture
from tests.market.feed.recorded import DAY, recorded

pytestmark = pytest.mark.django_db(transaction=True)
GREEKS = ("delta", "gamma", "vega", "theta", "rho", "charm", "vanna", "vomma", "volga",
          "speed", "zomma", "color", "ultima")  # fmt: skip
THIRD = "2024-03-15T13:33:00Z"


@pytest.fixture
def day() -> dt.date:
    cache.clear()
    framestore.forget_schemas()
    store.forget_layouts()
    Instrument.objects.create(symbol="TEST", kind="equity", name="Test")
    store.write_snapshots(recorded())
    return DAY


@pytest.fixture
def pro(client: Client) -> Client:
    client.force_login(User.objects.create_user("pro@test.example", plan="pro"))
    return client


def test_the_symbols_are_listed(day, pro):
    listed = pro.get("/api/v1/market/").json()["results"]
    assert [item["symbol"] for item in listed] == ["TEST"]


def test_a_snapshot_at_an_instant_is_what_was_known_then(day, pro):
    body = pro.get(f"/api/v1/market/TEST/snapshot?at={THIRD}").json()
    assert body["time"] == "2024-03-15T13:33:00.000Z"
    assert body["session"] == {
        "date": "2024-03-15", "open": "2024-03-15T13:30:00.000Z",
        "close": "2024-03-15T20:00:00.000Z", "half_day": False, "minute": 3, "minutes": 390,
    }  # fmt: skip
    between = pro.get("/api/v1/market/TEST/snapshot?at=2024-03-15T13:33:59Z").json()
    assert between["time"] == body["time"]


def test_the_chain_has_every_greek_of_each_strike(day, pro, live_worker):  # noqa: F811
    body = pro.get(f"/api/v1/market/TEST/chain?at={THIRD}").json()
    assert body["expiry"] == DAY.isoformat()
    assert [row["strike"] for row in body["rows"]] == [90 + 2.5 * i for i in range(9)]
    middle = next(row for row in body["rows"] if row["strike"] == 100.0)
    assert all(middle["call"][name] is not None for name in GREEKS)
    assert middle["call"]["occ"] == "TEST240315C00100000"
    assert middle["call"]["iv"] == pytest.approx(0.2, abs=0.02)
    assert middle["call"]["delta"] - middle["put"]["delta"] == pytest.approx(1.0, abs=0.01)
    assert live_worker == ["market.chain"]


def test_another_expiry_can_be_asked_for_and_a_wrong_one_is_named(day, pro, live_worker):  # noqa: F811
    later = pro.get(f"/api/v1/market/TEST/chain?at={THIRD}&expiry=2024-04-12")
    assert later.json()["expiry"] == "2024-04-12"
    wrong = pro.get(f"/api/v1/market/TEST/chain?at={THIRD}&expiry=2030-01-01")
    assert wrong.status_code == 400
    assert wrong["Content-Type"].startswith("application/problem+json")
    assert wrong.json()["errors"][0]["path"] == "/expiry"


def test_exposure_states_its_sign_units_and_levels(day, pro, live_worker):  # noqa: F811
    body = pro.get(f"/api/v1/market/TEST/exposure?at={THIRD}").json()
    assert (body["status"], body["sign"]) == ("ok", "naive")
    assert body["units"]["gamma"] == "$ delta per +1 %"
    assert body["hedging"] in ("dampening", "amplifying")
    total = sum(row["gamma"] for row in body["by_strike"])
    assert total == pytest.approx(body["totals"]["gamma"], rel=1e-9)
    assert body["levels"]["call_wall"] in [row["strike"] for row in body["by_strike"]]


def test_no_worker_is_a_503_that_says_when_to_come_back(day, pro, monkeypatch):
    monkeypatch.setattr("record.remote.WITHIN_S", 0.2)
    answer = pro.get(f"/api/v1/market/TEST/exposure?at={THIRD}")
    assert answer.status_code == 503
    assert int(answer["Retry-After"]) >= 1
    assert answer.json()["code"] == "service_away"


@pytest.mark.parametrize("part", ["snapshot", "chain", "exposure"])
def test_an_unknown_symbol_is_a_404_with_the_remedy(day, pro, live_worker, part):  # noqa: F811
    answer = pro.get(f"/api/v1/market/NONE/{part}")
    assert answer.status_code == 404
    assert "/api/v1/market" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("at=yesterday", "at"),
        ("at=2024-13-01T00:00:00Z", "at"),
        ("interval=7", "interval"),
        ("start=1e9", "start"),
    ],
)
def test_a_wrong_query_is_named(day, pro, query, field):
    answer = pro.get(f"/api/v1/market/TEST/bars?{query}")
    assert answer.status_code == 400, answer.content
    assert answer.json()["errors"][0]["path"] == f"/{field}"


def test_bars_of_a_symbol_without_any_are_empty(day, pro):
    body = pro.get("/api/v1/market/TEST/bars").json()
    assert body["time"] == body["close"] == []


def test_a_visitor_is_asked_to_sign_in(day, client):
    refused = client.get("/api/v1/market/TEST/exposure")
    assert refused.status_code == 401
    assert refused.json()["code"] == "not_authenticated"
