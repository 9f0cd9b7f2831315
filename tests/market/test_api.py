"""REST of the market state, on a recorded day and with a worker that answers."""

from __future__ import annotations

import datetime as dt
import threading
import time
from dataclasses import replace

import numpy as np
import orjson
import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client

from accounts.models import User
from market import computed, framestore, store
from market.bodies.chain import chain_body
from market.contracts import Computed, Contracts
from market.models import Instrument, Snapshot
from quant import bsm
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


def test_the_chain_has_every_greek_of_each_strike(day, pro, live_worker):
    body = pro.get(f"/api/v1/market/TEST/chain?at={THIRD}").json()
    assert body["expiry"] == DAY.isoformat()
    assert [row["strike"] for row in body["rows"]] == [90 + 2.5 * i for i in range(9)]
    middle = next(row for row in body["rows"] if row["strike"] == 100.0)
    assert all(middle["call"][name] is not None for name in GREEKS)
    assert middle["call"]["occ"] == "TEST240315C00100000"
    assert middle["call"]["iv"] == pytest.approx(0.2, abs=0.02)
    assert middle["call"]["delta"] - middle["put"]["delta"] == pytest.approx(1.0, abs=0.01)
    assert live_worker == ["market.chain"]


def test_another_expiry_can_be_asked_for_and_a_wrong_one_is_named(day, pro, live_worker):
    later = pro.get(f"/api/v1/market/TEST/chain?at={THIRD}&expiry=2024-04-12")
    assert later.json()["expiry"] == "2024-04-12"
    wrong = pro.get(f"/api/v1/market/TEST/chain?at={THIRD}&expiry=2030-01-01")
    assert wrong.status_code == 400
    assert wrong["Content-Type"].startswith("application/problem+json")
    assert wrong.json()["errors"][0]["path"] == "/expiry"


def test_exposure_states_its_sign_units_and_levels(day, pro, live_worker):
    body = pro.get(f"/api/v1/market/TEST/exposure?at={THIRD}").json()
    assert (body["status"], body["sign"]) == ("ok", "naive")
    assert body["units"]["gamma"] == "$ delta per +1 %"
    assert body["hedging"] in ("dampening", "amplifying")
    total = sum(row["gamma"] for row in body["by_strike"])
    assert total == pytest.approx(body["totals"]["gamma"], rel=1e-9)
    assert body["levels"]["call_wall"] in [row["strike"] for row in body["by_strike"]]


def test_raw_units_are_asked_for_and_named(day, pro, live_worker):
    quoted = pro.get(f"/api/v1/market/TEST/chain?at={THIRD}").json()
    raw = pro.get(f"/api/v1/market/TEST/chain?at={THIRD}&units=raw").json()
    assert (quoted["units"]["vega"], raw["units"]["vega"]) == ("$ per vol pt", "$ per 1.00 vol")
    one, other = (body["rows"][4]["call"]["vega"] for body in (quoted, raw))
    assert other == pytest.approx(100 * one, rel=1e-12)
    wrong = pro.get(f"/api/v1/market/TEST/chain?at={THIRD}&units=imperial")
    assert wrong.json()["errors"][0]["path"] == "/units"


def test_every_assumption_on_dealers_stands_beside_the_others(day, pro, live_worker):
    body = pro.get(f"/api/v1/market/TEST/exposure?at={THIRD}").json()
    told = {item["sign"]: item for item in body["assumptions"]}
    assert set(told) >= {"naive", "inverted_calls", "none"}
    assert told["inverted_calls"]["totals"]["gamma"] < min(0.0, told["naive"]["totals"]["gamma"])
    assert set(body["robust"]) <= set(body["levels"])
    shares = [row["probability"] for row in body["pins"]["rows"]]
    assert 0 < sum(shares) <= 1.000001


def test_the_surface_says_how_good_each_fit_is(day, pro, live_worker):
    body = pro.get(f"/api/v1/market/TEST/surface?at={THIRD}&expiry=2024-04-12").json()
    assert [one["expiry"] for one in body["expiries"]] == ["2024-03-15", "2024-04-12"]
    later = body["expiries"][1]
    assert later["vol"] == pytest.approx(0.2, abs=0.005)
    assert None not in (later["svi"], later["sabr"], later["essvi"])
    assert body["smile"]["points"]["strike"]
    assert len(body["by_delta"]["rows"]) == 2
    wrong = pro.get(f"/api/v1/market/TEST/surface?at={THIRD}&expiry=1999-01-01")
    assert wrong.json()["errors"][0]["path"] == "/expiry"


def test_a_contract_is_explained_in_both_units(day, pro, live_worker):
    path = "/api/v1/market/TEST/contract/TEST240412C00100000"
    body = pro.get(f"{path}?at={THIRD}&greek=vega").json()
    assert [greek["name"] for greek in body["greeks"]] == ["price", *GREEKS]
    vega = next(greek for greek in body["greeks"] if greek["name"] == "vega")
    assert vega["raw"] == pytest.approx(100 * vega["quoted"])
    middle = body["grid"]["values"][1][4][0]
    assert middle == pytest.approx(vega["quoted"], rel=1e-9)
    none = pro.get("/api/v1/market/TEST/contract/TEST240412C00999000?at=" + THIRD)
    assert none.status_code == 400
    assert none.json()["errors"][0]["path"] == "/contract"
    assert pro.get(f"{path}?greek=beauty").json()["errors"][0]["path"] == "/greek"


def test_a_snapshot_without_a_vendors_figures_says_so(day, pro, live_worker):
    answer = pro.get(f"/api/v1/market/TEST/vendor?at={THIRD}")
    assert answer.status_code == 404
    assert "no vendor" in answer.json()["detail"]


@pytest.mark.parametrize("part", ["chain", "exposure", "surface", "contract/TEST240315C00100000"])
def test_what_has_not_changed_is_304_and_no_worker_is_asked(day, pro, live_worker, part):
    path = f"/api/v1/market/TEST/{part}"
    first = pro.get(f"{path}?at={THIRD}")
    assert first.status_code == 200, first.content
    asked = len(live_worker)
    again = pro.get(f"{path}?at={THIRD}", headers={"if-none-match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again["ETag"] == first["ETag"]
    assert len(live_worker) == asked
    between = pro.get(f"{path}?at=2024-03-15T13:33:30Z", headers={"if-none-match": first["ETag"]})
    assert between.status_code == 304, "the same snapshot was the newest then"
    next_minute = pro.get(
        f"{path}?at=2024-03-15T13:34:00Z", headers={"if-none-match": first["ETag"]}
    )
    assert next_minute.status_code == 200
    assert next_minute["ETag"] != first["ETag"]
    assert "private" in first["Cache-Control"]


def test_a_snapshot_that_a_later_import_adds_to_is_another_answer(day, pro, live_worker):
    path = f"/api/v1/market/TEST/chain?at={THIRD}"
    first = pro.get(path)
    row = Snapshot.objects.order_by("time")[2]
    data = store.load_snapshot(row.pk)
    wider = {"asks": data.columns["asks"] + 1.0}
    store.write_snapshots([replace(data, id=None, columns={**data.columns, **wider})])
    assert store.load_snapshot(row.pk).columns["asks"][0] == data.columns["asks"][0] + 1.0
    again = pro.get(path, headers={"if-none-match": first["ETag"]})
    assert again.status_code == 200
    assert again.json()["rows"][0]["call"]["spread"] > first.json()["rows"][0]["call"]["spread"]


def test_a_corrected_spot_is_another_answer(day, pro, live_worker):
    path = f"/api/v1/market/TEST/chain?at={THIRD}"
    first = pro.get(path)
    data = store.load_snapshot(Snapshot.objects.order_by("time")[2].pk)
    store.write_snapshots(
        [replace(data, id=None, last=data.last + 1, bid=data.bid + 1, ask=data.ask + 1)]
    )
    again = pro.get(path, headers={"if-none-match": first["ETag"]})
    assert again.status_code == 200
    assert again.json()["spot"] == pytest.approx(first.json()["spot"] + 1)


def test_pages_that_ask_at_once_have_a_body_made_once(day, pro, live_worker, monkeypatch):
    made = []

    def slow(*args, **named):
        made.append(1)
        time.sleep(0.3)
        return chain_body(*args, **named)

    monkeypatch.setattr("market.tasks.chain_body", slow)
    user = User.objects.get(email="pro@test.example")
    found = []

    def ask():
        found.append(computed.ask(user, "chain", "TEST", None, False).body)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert found[0] == found[1] == found[2]
    assert found[0] is not None


def test_an_etag_is_of_the_question_too(day, pro, live_worker):
    path = f"/api/v1/market/TEST/chain?at={THIRD}"
    marks = {pro.get(path + more)["ETag"] for more in ("", "&units=raw", "&expiry=2024-04-12")}
    assert len(marks) == 3


def test_a_304_is_not_for_who_may_not_see_the_answer(day, pro, client, live_worker):
    mark = pro.get(f"/api/v1/market/TEST/chain?at={THIRD}")["ETag"]
    visitor = Client().get(f"/api/v1/market/TEST/chain?at={THIRD}", headers={"if-none-match": mark})
    assert visitor.status_code == 401


def test_greeks_of_given_contracts_in_rows_or_columns(pro, live_worker):
    rows = [
        {"strike": 95, "right": "put", "iv": 0.2},
        {"strike": 105, "right": "call", "iv": 0.3},
        {"strike": -1, "right": "call", "iv": 0.3},
    ]
    defaults = {"spot": 100, "years": 0.25, "rate": 0.03}
    answer = post(pro, {"contracts": rows, "defaults": defaults})
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert body["count"] == 3
    assert body["errors"] == [{"row": 2, "field": "strike", "message": "is not above 0"}]
    wanted = bsm.greeks(100, [95, 105], 0.25, 0.03, 0.0, [0.2, 0.3], [False, True]).quoted()
    for name in ("price", *GREEKS):
        assert [row[name] for row in body["contracts"][:2]] == wanted.values[name].tolist()
        assert body["units"][name]
    assert body["contracts"][2]["delta"] is None
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    turned = post(pro, {"contracts": columns, "defaults": defaults, "names": ["delta"]}).json()
    assert turned["contracts"]["delta"][:2] == wanted.delta.tolist()
    assert live_worker == ["market.greeks"] * 2


def test_a_missing_cell_takes_what_is_the_same_for_all(pro, live_worker):
    row = {"spot": 100, "strike": 100, "right": "call", "years": 1, "iv": 0.2}
    rows = [{**row, "rate": 0.05}, row, {**row, "rate": None}, {**row, "rate": ""}]
    body = post(pro, {"contracts": rows, "defaults": {"rate": 0.05}, "names": ["price"]}).json()
    wanted = bsm.price(100, 100, 1, 0.05, 0.0, 0.2, True).item()
    assert [row["price"] for row in body["contracts"]] == [wanted] * 4
    turned = {name: [r.get(name) for r in rows] for name in rows[0]}
    again = post(pro, {"contracts": turned, "defaults": {"rate": 0.05}, "names": ["price"]}).json()
    assert again["contracts"]["price"] == [wanted] * 4


def uncomputed(given: Contracts, names: list[str], *, raw: bool) -> Computed:
    values = dict.fromkeys(names, given.spot)
    return Computed(values, given.iv, np.zeros(len(given), dtype=np.uint8))


@pytest.mark.parametrize(
    ("count", "rate", "status"),
    [(2000, 0.05, 200), (2001, 0.05, 400), (10, -0.05, 200), (11, -0.05, 400)],
)
def test_a_call_costs_no_more_than_there_is_time_for(
    pro, live_worker, monkeypatch, count, rate, status
):
    monkeypatch.setattr("market.bodies.greeks.compute", uncomputed)
    same = {"spot": 100, "strike": 110, "right": "put", "years": 1, "iv": 0.2, "style": "american"}
    asked = {"contracts": [{"rate": rate, "yield": -0.2}] * count, "defaults": same}
    answer = post(pro, asked)
    assert answer.status_code == status, answer.content[:300]
    if status == 400:
        assert answer.json()["errors"][0]["path"] == "/style"


def test_an_odd_american_row_is_flagged_and_costs_the_others_nothing(pro, live_worker):
    same = {"spot": 100, "strike": 110, "right": "put", "rate": 0.05, "style": "american"}
    rows = [{"years": 1e300, "iv": 0.2}, {"years": 100, "iv": 50}, {"years": 1, "iv": 0.2}]
    body = post(pro, {"contracts": rows, "defaults": same, "names": ["price"]}).json()
    assert [row["status"] for row in body["contracts"]] == ["bad_input", "bad_input", "ok"]
    assert body["contracts"][2]["price"] > 10


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{", "body"),
        (b"[]", "body"),
        (b"{}", "contracts"),
        (b'{"contracts": [], "colour": 1}', "colour"),
        (b'{"contracts": []}', "contracts"),
        (b'{"contracts": [{"spot": 1, "moon": 2}]}', "moon"),
        (b'{"contracts": {"spot": 1}}', "contracts"),
        (b'{"contracts": [{"spot": 1}], "names": ["beauty"]}', "names"),
        (b'{"contracts": [{"spot": 1}], "names": "delta"}', "names"),
        (b'{"contracts": [{"spot": 1}], "units": "imperial"}', "units"),
        (b'{"contracts": [{"spot": 1}], "defaults": 7}', "defaults"),
        (b'{"contracts": ' + b"[" * 5000 + b"]" * 5000 + b"}", "body"),
        (b'{"contracts": {"spot": [' + b"1," * 10000 + b"1]}}", "contracts"),
    ],
)
def test_a_request_that_cannot_be_read_names_its_part(pro, live_worker, body, field):
    answer = pro.post("/api/v1/greeks", body, content_type="application/json")
    assert answer.status_code == 400, answer.content
    assert answer["Content-Type"].startswith("application/problem+json")
    assert answer.json()["errors"][0]["path"] == f"/{field}"


def test_a_body_beyond_what_is_read_or_of_another_kind_is_refused(pro, live_worker, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    large = pro.post("/api/v1/greeks", b" " * 2000, content_type="application/json")
    assert (large.status_code, large.json()["code"]) == (413, "too_large")
    form = pro.post("/api/v1/greeks", {"contracts": "[]"})
    assert form.status_code == 415
    assert live_worker == []


def test_a_visitor_has_no_greeks_computed(client, live_worker):
    assert post(client, {"contracts": []}).status_code == 401
    assert live_worker == []


def post(client: Client, body: object):
    return client.post("/api/v1/greeks", orjson.dumps(body), content_type="application/json")


def test_no_worker_is_a_503_that_says_when_to_come_back(day, pro, monkeypatch):
    monkeypatch.setattr("record.remote.WITHIN_S", 0.2)
    answer = pro.get(f"/api/v1/market/TEST/exposure?at={THIRD}")
    assert answer.status_code == 503
    assert int(answer["Retry-After"]) >= 1
    assert answer.json()["code"] == "service_away"


@pytest.mark.parametrize(
    "part", ["snapshot", "chain", "exposure", "surface", "vendor", "contract/TEST240315C00100000"]
)
def test_an_unknown_symbol_is_a_404_with_the_remedy(day, pro, live_worker, part):
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
