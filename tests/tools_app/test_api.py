"""REST of tools and signals: what a plan opens, what a caller may give, and clear refusals."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from accounts.models import User
from market.models import FeedRun, Instrument
from tools_app.models import Cursor, Signal
from tools_app.registry import catalogue

pytestmark = pytest.mark.django_db(transaction=True)


def plan_of(name: str) -> str:
    """Return the plan of somebody called "pro" or "pro_other"."""
    return name.removesuffix("_too").removesuffix("_other")


def client_of(plan: str | None) -> Client:
    client = Client()
    if plan is not None:
        client.force_login(User.objects.create_user(f"{plan}@test.example", plan=plan_of(plan)))
    return client


def post(client: Client, body: object):
    return client.post("/api/v1/execute", json.dumps(body), content_type="application/json")


@pytest.fixture
def signals() -> FeedRun:
    instrument = Instrument.objects.create(symbol="TEST", kind="equity")
    run = FeedRun.objects.create(
        symbol="TEST", underlying=instrument, source="replay", simulated=False
    )
    for number in (1, 6, 7, 31):
        tool = catalogue().get(number)
        for minute in range(3):
            Signal.objects.create(
                run=run, tool_id=tool.id, tool_slug=tool.slug, tool_tier=tool.tier.value,
                tool_version="1", params_digest="0" * 64, symbol="TEST",
                time=f"2024-03-15T14:0{minute}:00Z", score=0.7, threshold=0.5, side=1,
                price=100.0, reasons=[{"label": "x", "value": 1.0, "unit": "", "text": "x 1"}],
            )  # fmt: skip
    return run


def test_the_catalogue_marks_what_is_locked():
    free = client_of("free").get("/api/v1/tools").json()["results"]
    assert [tool["id"] for tool in free if not tool["locked"]] == [1, 2, 3, 4, 5]
    assert {tool["opens_with"] for tool in free if tool["locked"]} == {"pro", "pro_plus"}
    pro = client_of("pro").get("/api/v1/tools").json()["results"]
    assert [tool["id"] for tool in pro if tool["locked"]] == list(range(31, 53))
    assert {tool["opens_with"] for tool in pro if tool["locked"]} == {"pro_plus"}
    whole = client_of("pro_plus").get("/api/v1/tools").json()["results"]
    assert not any(tool["locked"] for tool in whole)


def test_a_tool_is_found_by_id_and_slug_and_a_wrong_one_is_a_404():
    client = client_of("free")
    by_id = client.get("/api/v1/tools/7").json()
    assert client.get(f"/api/v1/tools/{by_id['slug']}").json() == by_id
    assert by_id["params"]
    assert by_id["inputs"]
    assert client.get("/api/v1/tools/99").status_code == 404
    assert client.get("/api/v1/tools/no-such").status_code == 404


def test_signals_of_locked_tools_never_leave(signals):
    seen = client_of("free").get("/api/v1/signals").json()["results"]
    assert {signal["tool"]["id"] for signal in seen} == {1}
    seen = client_of("pro").get("/api/v1/signals").json()["results"]
    assert {signal["tool"]["id"] for signal in seen} == {1, 6, 7}
    seen = client_of("pro_plus").get("/api/v1/signals").json()["results"]
    assert {signal["tool"]["id"] for signal in seen} == {1, 6, 7, 31}
    assert client_of("free_too").get("/api/v1/signals?tool=6").json()["results"] == []
    assert client_of(None).get("/api/v1/signals").status_code == 401


def test_signals_are_paged_newest_first_and_filtered(signals):
    client = client_of("pro")
    first = client.get("/api/v1/signals?limit=4").json()
    second = client.get(first["next"]).json()
    ids = [signal["id"] for page in (first, second) for signal in page["results"]]
    assert ids == sorted(ids, reverse=True)
    assert len(set(ids)) == 8
    late = client.get("/api/v1/signals?since=2024-03-15T14:02:00Z").json()["results"]
    assert len(late) == 3
    one = client.get("/api/v1/signals?tool=7&symbol=test").json()["results"]
    assert {signal["tool"]["id"] for signal in one} == {7}
    assert one[0]["reasons"][0]["text"] == "x 1"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("since=never", 400),
        ("run=x", 400),
        ("run=-1", 400),
        ("tool=99", 404),
        ("tool=%00", 400),
        ("symbol=%00", 400),
    ],
)
def test_a_wrong_query_is_refused(signals, query, status):
    answer = client_of("pro").get(f"/api/v1/signals?{query}")
    assert answer.status_code == status
    assert answer["Content-Type"].startswith("application/problem+json")


def rows_for(number: int, rows: int = 3) -> dict[str, object]:
    from tools_app.rows import accepted

    tool = catalogue().get(number)
    names = accepted(tool.kind, [tool])
    return {
        "time": [f"2024-03-{day:02d}T20:00:00Z" for day in range(11, 11 + rows)],
        "columns": {name: [1.0] * rows for name in names},
    }


def test_a_tool_runs_on_rows_given(live_worker):
    body = post(client_of("free"), {"tool_id": 1, "data": rows_for(1)}).json()
    assert (body["tool"]["id"], body["rows"]) == (1, 3)
    assert body["fires"] is False
    assert body["missing"] == "warming up"
    assert body["score"] is None


def test_every_fault_of_the_rows_is_named(live_worker):
    data = rows_for(1)
    columns = data["columns"]
    name = next(iter(columns))
    columns["no_such_column"] = [1.0] * 3
    columns[name] = [1.0]
    data["time"][2] = data["time"][0]
    answer = post(client_of("free"), {"tool_id": 1, "data": data})
    assert answer.status_code == 400
    text = json.dumps(answer.json())
    assert "unknown column" in text
    assert "1 values for 3 rows" in text
    assert "time goes back" in text


@pytest.mark.parametrize("bad", ["1", None, True, 1e400, {"x": 1}])
def test_a_value_that_is_no_number_is_named(live_worker, bad):
    data = rows_for(1)
    name = next(iter(data["columns"]))
    data["columns"][name] = [1.0, bad, 1.0]
    body = json.dumps({"tool_id": 1, "data": data})
    answer = client_of("free").post("/api/v1/execute", body, content_type="application/json")
    assert answer.status_code == 400
    assert "errors" in answer.json() or "JSON" in answer.json()["detail"]


def test_a_locked_tool_is_not_run(live_worker):
    answer = post(client_of("free"), {"tool_id": 8, "symbol": "SIM"})
    assert answer.status_code == 403
    assert answer.json()["opens_with"] == "pro"
    assert live_worker == []


@pytest.mark.parametrize("symbol", ["\x00", "A\x00B", "\ud800"])
def test_a_text_that_no_table_can_hold_is_refused(live_worker, symbol):
    answer = post(client_of("free"), {"tool_id": 1, "symbol": symbol})
    assert answer.status_code == 400


def test_a_symbol_without_a_feed_is_named(live_worker):
    answer = post(client_of("free"), {"tool_id": 1, "symbol": "NONE"})
    assert answer.status_code == 400
    assert "no feed of this symbol" in json.dumps(answer.json())


@pytest.mark.parametrize(
    "body", [{}, {"tool_id": "x"}, {"tool_id": 1}, {"tool_id": 0, "symbol": "A"}, []]
)
def test_a_wrong_body_is_a_problem_that_names_the_field(body):
    answer = post(client_of("free"), body)
    assert answer.status_code == 400
    assert answer.json()["errors"]


def test_the_openapi_document_builds_without_warnings():
    from django.core.management import call_command

    call_command("spectacular", "--validate", "--fail-on-warn", "--file", "/dev/null")


def test_the_browsable_docs_name_every_operation():
    page = Client().get("/api/docs/").content.decode()
    document = Client().get("/api/schema/").json()
    assert document["openapi"].startswith("3.1")
    for path in document["paths"]:
        assert path in page


def test_a_tool_tells_what_it_did_in_each_run_to_those_who_may_see_it(signals):
    tally = {"rows": 210, "scored": 175, "fired": 1, "missing": {"warming up": 35}}
    Cursor.objects.create(run=signals, kind="intraday", rows=210, tallies={"6": tally})
    told = client_of("pro").get("/api/v1/tools/6").json()["runs"]
    assert told == [
        {"run": signals.pk, "symbol": "TEST", "source": "replay", "simulated": False, **tally}
    ]
    assert client_of("free").get("/api/v1/tools/6").json()["runs"] == []
    assert client_of("pro_other").get("/api/v1/tools/7").json()["runs"] == []


def vote(client: Client, **body: object):
    return client.post("/api/v1/consensus", json.dumps(body), content_type="application/json")


def test_eight_tools_vote_and_every_weight_is_explained(live_worker):
    ids = [6, 7, 8, 9, 10, 11, 12, 13]
    names = {name for one in ids for name in rows_for(one)["columns"]}
    data = {**rows_for(6), "columns": {name: [1.0] * 3 for name in sorted(names)}}
    body = vote(client_of("pro"), tool_ids=ids, data=data, weights={"6": 2.0}).json()
    assert [one["tool"]["id"] for one in body["votes"]] == ids
    assert body["decision"] is None
    assert body["agreement"]["needed"] == 5
    assert body["confidence"]["needed"] == 0.55
    assert body["reasons"][0].startswith("Stay out: ")
    assert body["votes"][0]["weight"]["given"] == 2.0
    for one in body["votes"]:
        assert "reliability 0.50 (no finished signals yet, so neutral)" in one["weight"]["text"]
        assert one["text"]


def test_a_vote_on_minutes_and_days_takes_rows_of_both(live_worker):
    client = client_of("pro")
    both = {"daily": rows_for(1), "intraday": rows_for(6)}
    body = vote(client, tool_ids=[1, 6], data=both).json()
    assert set(body["times"]) == {"daily", "intraday"}
    answer = vote(client, tool_ids=[1, 6], data=rows_for(1))
    assert answer.status_code == 400
    assert "intraday" in json.dumps(answer.json())
    both["daily"]["time"] = []
    both["intraday"]["columns"]["strange"] = [1.0]
    text = json.dumps(vote(client, tool_ids=[1, 6], data=both).json())
    assert "data/daily/time" in text
    assert "data/intraday/columns/strange" in text


def test_a_vote_with_a_locked_tool_names_the_plan_and_runs_nothing(live_worker):
    answer = vote(client_of("free"), tool_ids=[1, 8], symbol="SIM")
    assert answer.status_code == 403
    assert answer.json()["opens_with"] == "pro"
    assert live_worker == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"tool_ids": []}, "tool_ids"),
        ({"tool_ids": [1, 1]}, "named twice"),
        ({"tool_ids": [1, 999]}, "No tool 999"),
        ({"weights": {"2": 1.0}}, "weights"),
        ({"weights": {"1": -1.0}}, "weights"),
        ({"weights": {"1": "much"}}, "weights"),
        ({"vetoes": [2]}, "vetoes"),
        ({"confidence": 1.5}, "confidence"),
        ({"agreement": "most"}, "agreement"),
        ({"symbol": None}, "symbol"),
    ],
)
def test_a_wrong_vote_is_refused_by_name(live_worker, change, named):
    answer = vote(client_of("free"), **({"tool_ids": [1], "symbol": "SIM"} | change))
    assert answer.status_code == 400
    assert named in json.dumps(answer.json())
    assert live_worker == []
