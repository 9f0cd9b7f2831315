"""Input that was made to break it: an answer that says what is wrong, and never a 500."""

from __future__ import annotations

import base64
import json

import pytest
from django.test import Client

from accounts.models import User
from pulse import metrics

pytestmark = pytest.mark.django_db
MANY_NINES = "9" * 5000


@pytest.fixture
def pro(client: Client) -> Client:
    client.force_login(User.objects.create_user("pro@test.example", plan="pro_plus"))
    return client


def execute(client: Client, body: str):
    return client.post("/api/v1/execute", body, content_type="application/json")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/api/v1/tools/{MANY_NINES}", 404),
        (f"/tools/{MANY_NINES}/", 404),
        (f"/api/v1/signals?tool={MANY_NINES}", 404),
        ("/api/v1/market/GOOG%00/chain", 400),
        ("/api/v1/market/GOOG/bars?end=0001-01-01T00:00:00Z", 400),
        ("/api/v1/nothing-here", 404),
        (f"/api/v1/orders/{MANY_NINES}", 404),
        (f"/api/v1/accounts/{MANY_NINES}", 404),
        (f"/api/v1/orders?account={MANY_NINES}", 400),
        ("/api/v1/fills?symbol=%00", 400),
        ("/api/v1/orders?since=0001-01-01T00:00:00Z", 200),
        ("/api/schema/?version=%0a", 200),
        ("/feed/?x=%00", 400),
    ],
)
def test_addresses(pro, path, status):
    answer = pro.get(path)
    assert answer.status_code == status
    if path.startswith("/api/") and status >= 400:
        assert answer["Content-Type"].startswith("application/problem+json")


@pytest.mark.parametrize("position", ["abc", "NaN", "1e9999", "9999-99-99", "9" * 40, "-1"])
def test_a_cursor_that_the_house_did_not_make_is_a_404(pro, position):
    cursor = base64.b64encode(f"p={position}&r=1".encode()).decode()
    for path in ("signals", "jobs", "orders", "fills"):
        assert pro.get(f"/api/v1/{path}?cursor={cursor}").status_code == 404


@pytest.mark.parametrize("body", ["[" * 100_000, '{"a":' * 50_000])
def test_endless_nesting_is_refused(pro, body):
    answer = execute(pro, body)
    assert answer.status_code == 400
    assert answer["Content-Type"].startswith("application/problem+json")


@pytest.mark.parametrize(
    "body", ['{"tool_id": 1, "symbol": "A\\u0000"}', '{"tool_id": 1, "data": {"\\ud800": [1]}}']
)
def test_text_that_no_table_holds_is_refused(pro, body):
    answer = execute(pro, body)
    assert answer.status_code == 400
    assert "surrogate" in answer.json()["detail"]


def test_whole_surrogate_pairs_are_text_like_any_other(pro):
    answer = execute(pro, '{"tool_id": 10000, "symbol": "\\ud83d\\ude00"}')
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["path"] == "/tool_id"


def test_a_body_that_is_too_large_is_told(pro, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    answer = execute(pro, json.dumps({"tool_id": 1, "symbol": "A" * 5000}))
    assert answer.status_code == 413
    assert answer.json()["code"] == "too_large"


def test_a_strange_method_makes_no_new_series(client):
    before = len(list(metrics.REQUESTS.collect()[0].samples))
    for number in range(5):
        client.generic(f"ODD{number}", "/health")
    after = list(metrics.REQUESTS.collect()[0].samples)
    assert len(after) <= before + 2
    assert not any(sample.labels["method"].startswith("ODD") for sample in after)


def test_a_page_that_htmx_names_wrongly_still_leads_to_the_login(client):
    answer = client.get("/dashboard/", HTTP_HX_REQUEST="true", HTTP_HX_CURRENT_URL="http://[bad")
    assert answer.status_code == 200
    assert "login" in answer["HX-Redirect"]


@pytest.mark.parametrize("day", ["GOOG 0001-01-01", "GOOG 9999-12-31", "GOOG\x00 2015-12-24", "x"])
def test_a_replay_of_no_day_is_refused_in_words(pro, day):
    answer = pro.post("/feed/start", {"day": day, "speed": "60"})
    assert answer.status_code in (302, 400)
