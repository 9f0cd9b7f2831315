"""Keys of bots: made on the bot's page, shown once, good for that bot alone."""

import datetime as dt
import json
import re

import pytest
from django.test import Client

from accounts.keys.models import ApiKey
from accounts.keys.services import key_create
from accounts.models import User
from accounts.services import verified_user_create
from leaderboard import services
from leaderboard.models import Bot, Trade
from leaderboard.snippets import example

from .conftest import CONFIG, trade

PASSWORD = "correct horse 42 battery"
REST = "/api/v1/bots"


@pytest.fixture
def owner(db) -> User:
    return verified_user_create("ana@bots.example", password=PASSWORD, plan="pro")[0]


@pytest.fixture
def session(owner) -> Client:
    client = Client()
    given = {"login": owner.email, "password": PASSWORD}
    assert client.post("/accounts/login/", given).status_code == 302
    confirmed = client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert confirmed.status_code == 302
    return client


@pytest.fixture
def otter(owner) -> Bot:
    return services.register(owner, name="otter", config=CONFIG)[0]


def program(text: str) -> Client:
    return Client(headers={"X-API-Key": text})


def send(client: Client, path: str, body, verb: str = "post"):
    return getattr(client, verb)(f"{REST}{path}", json.dumps(body), content_type="application/json")


def test_the_quick_start_carries_the_readers_address_bot_and_key(session, otter):
    page = session.get(f"/bots/{otter.pk}/").content.decode()
    assert "No key of yours may report for it yet" in page
    assert "YOUR_API_KEY" in page
    made = session.post(f"/bots/{otter.pk}/key", headers={"host": "localhost:8765"})
    body = made.content.decode()
    text = re.search(r"pk_test_\w+", body)[0]
    assert made["Cache-Control"].startswith("max-age=0")
    assert "YOUR_API_KEY" not in body
    assert body.count(text) > 6
    assert f"http://localhost:8765/api/v1/bots/{otter.pk}/trade" in body
    row = ApiKey.objects.get()
    assert (row.bot, row.scopes, row.name) == (otter.pk, ["read", "report"], f"Bot {otter.pk}")
    assert text not in session.get(f"/bots/{otter.pk}/").content.decode()
    assert send(program(text), f"/{otter.pk}/trade", trade()).status_code == 201
    assert Trade.objects.get().bot == otter
    assert "never used" not in session.get(f"/bots/{otter.pk}/").content.decode()


def test_a_second_key_has_a_name_of_its_own(session, otter):
    for _ in range(3):
        assert session.post(f"/bots/{otter.pk}/key").status_code == 200
    names = set(ApiKey.objects.values_list("name", flat=True))
    base = f"Bot {otter.pk}"
    assert names == {base, f"{base}, key 2", f"{base}, key 3"}


def test_a_key_needs_a_fresh_sign_in_ones_own_bot_and_one_that_is_listed(owner, otter, session):
    stale = Client()
    stale.force_login(owner)
    answer = stale.post(f"/bots/{otter.pk}/key")
    assert answer.status_code == 302
    assert "/reauthenticate/" in answer["Location"]
    assert stale.get(answer["Location"]).status_code == 200
    led_back = stale.post(answer["Location"], {"password": PASSWORD}, follow=True)
    assert led_back.status_code == 200
    assert re.search(r"pk_test_\w+", led_back.content.decode())
    ApiKey.objects.all().delete()
    other, _ = services.register(
        verified_user_create("bob@bots.example", password=PASSWORD, plan="pro")[0],
        name="heron",
        config={},
    )
    assert session.post(f"/bots/{other.pk}/key").status_code == 404
    services.delist(otter.pk)
    refused = session.post(f"/bots/{otter.pk}/key", follow=True)
    assert "delisted" in refused.content.decode()
    assert not ApiKey.objects.exists()


def test_a_key_of_one_bot_acts_for_that_one_alone(owner, otter):
    heron, _ = services.register(owner, name="heron", config={"secret": "of heron"})
    text = key_create(owner, name="k", scopes=["read", "report"], bot=otter.pk).text
    client = program(text)
    assert send(client, f"/{otter.pk}/trade", trade()).status_code == 201
    again = send(client, "/register", {"name": "Otter", "config": CONFIG})
    assert (again.status_code, again.json()["id"]) == (200, otter.pk)
    for path, body, verb in (
        (f"/{heron.pk}/trade", trade(), "post"),
        (f"/{heron.pk}/trades", {"trades": [trade()]}, "post"),
        (f"/{heron.pk}/heartbeat", {}, "post"),
        (f"/{heron.pk}/metrics", {"metrics": {"a": 1}}, "post"),
        (f"/{heron.pk}/config", {"config": {}}, "put"),
        ("/register", {"name": "third", "config": {}}, "post"),
        ("/register", {"name": "heron", "config": {"secret": "of heron"}}, "post"),
    ):
        refused = send(client, path, body, verb)
        assert (refused.status_code, refused.json()["code"]) == (403, "other_bot"), path
        assert refused.json()["bot"] == otter.pk
    assert client.get(f"{REST}/{heron.pk}/config").status_code == 404
    assert client.get(f"{REST}/{otter.pk}/config").status_code == 200
    assert "of heron" not in client.get(f"{REST}/{heron.pk}").content.decode()
    assert client.get(f"{REST}/{heron.pk}").json()["own"] is False
    assert Bot.objects.count() == 2
    assert heron.trades.count() == 0


def test_what_cannot_be_undone_is_for_people(owner, otter):
    client = program(key_create(owner, name="k", scopes=["read", "report", "trade"]).text)
    for path, body, verb in (
        (f"/{otter.pk}/delist", {}, "post"),
        (f"/{otter.pk}", {"config_public": True}, "patch"),
    ):
        refused = send(client, path, body, verb)
        assert (refused.status_code, refused.json()["code"]) == (403, "session_only")
    reader = program(key_create(owner, name="r", scopes=["read"]).text)
    refused = send(reader, f"/{otter.pk}/trade", trade())
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_required")
    otter.refresh_from_db()
    assert (otter.delisted_at, otter.config_public, otter.head_seq) == (None, False, 0)


@pytest.mark.parametrize(
    ("day", "contract"),
    [
        (dt.date(2026, 11, 26), "SPY261218C00500000"),
        (dt.date(2026, 12, 5), "SPY270115C00500000"),
        (dt.date(2027, 3, 12), "SPY270416C00500000"),
        (dt.date(2029, 3, 10), "SPY290420C00500000"),
    ],
)
def test_the_example_is_a_contract_that_lives_on(day, contract):
    assert example(day) == contract
