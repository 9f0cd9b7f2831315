"""The pages of bots: what they show to whom, and what they refuse."""

import csv
import io

import pytest
from django.test import Client

from leaderboard import reports, services
from leaderboard.models import Bot

from .conftest import NOON, trade

WRITES = [
    ("configure", {"config": "{}"}),
    ("publish", {"public": "yes"}),
    ("delist", {"confirm": "gamma-otter"}),
]


def test_a_bot_is_registered_by_a_form(api):
    given = {"name": "otter", "owner": "", "market": "real", "config": '{"a": 1}'}
    made = api.post("/bots/create", given)
    assert made.status_code == 302
    assert Bot.objects.get().name == "otter"
    again = api.post("/bots/create", given, follow=True)
    assert "You have this bot already" in again.content.decode()


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("name", " ", "Give the bot a name."),
        ("name", "x" * 61, "at most 60"),
        ("owner", "a@b.example", "is public"),
        ("market", "moon", "Choose one of the two."),
        ("config", "[1]", "Give an object"),
        ("config", "{", "This is not JSON"),
        ("config", "[" * 60_000, "This is not JSON"),
    ],
)
def test_a_wrong_field_is_marked_and_nothing_is_made(api, field, value, says):
    given = {"name": "otter", "owner": "", "market": "real", "config": "{}", field: value}
    answer = api.post("/bots/create", given)
    assert answer.status_code == 400
    assert says in answer.content.decode()
    assert not Bot.objects.exists()


@pytest.mark.parametrize(("what", "body"), WRITES)
def test_anothers_bot_is_not_changed(bot, as_, person, what, body):
    assert as_(person("bob")).post(f"/bots/{bot.pk}/{what}", body).status_code == 404
    assert Client().post(f"/bots/{bot.pk}/{what}", body).status_code == 302
    bot.refresh_from_db()
    assert (bot.config_public, bot.delisted_at, bot.versions.count()) == (False, None, 1)


def test_the_owner_changes_publishes_and_delists(api, bot, client):
    page = f"/bots/{bot.pk}/"
    assert "gamma scalp" not in client.get(page).content.decode()
    api.post(f"{page}publish", {"public": "yes"})
    assert "gamma scalp" in client.get(page).content.decode()
    api.post(f"{page}configure", {"config": '{"b": 2}'})
    assert "Entry 2" in api.get(page).content.decode()
    assert api.post(f"{page}configure", {"config": "x"}).status_code == 400
    assert api.post(f"{page}delist", {"confirm": "x"}).status_code == 400
    assert api.post(f"{page}delist", {"confirm": bot.name}).status_code == 302
    assert "Delisted" in client.get(page).content.decode()
    late = api.post(f"{page}configure", {"config": "{}"}, follow=True)
    assert "This bot is delisted" in late.content.decode()


def test_the_csv_holds_the_filter_and_no_formula(api, bot, client):
    rows = [trade(1, client_trade_id="=1+1"), trade(2, action="BUY", symbol="QQQ", fee="2")]
    reports.report(bot.pk, rows, now=NOON)

    def read(query: str) -> list[dict[str, str]]:
        body = b"".join(client.get(f"/bots/{bot.pk}/trades.csv?{query}").streaming_content)
        return list(csv.DictReader(io.StringIO(body.decode())))

    assert [row["symbol"] for row in read("action=BUY")] == ["QQQ"]
    assert [row["client_trade_id"] for row in read("")] == ["t-2", "'=1+1"]
    assert read("tier=checked") == read("symbol=ZZZ") == []


def test_pages_go_back_and_name_their_entry(api, bot, client):
    reports.report(bot.pk, [trade(n) for n in range(60)], now=NOON)
    services.configure(bot.pk, config={})
    page = client.get(f"/bots/{bot.pk}/?version=1").content.decode()
    assert "before=36" in page
    older = client.get(f"/bots/{bot.pk}/?version=1&before=36").content.decode()
    assert "Newest" in older
    newest = client.get(f"/bots/{bot.pk}/").content.decode()
    assert "No trade in this entry yet" in newest
    for odd in ("version=x&before=x", "version=99", "tier=x&action=%27", "symbol=%22%3E"):
        assert client.get(f"/bots/{bot.pk}/?{odd}").status_code == 200
    assert client.get("/bots/999/").status_code == 404


def test_the_plan_that_is_full_says_so(as_, person):
    free = person("free", "free")
    services.register(free, name="one", config={})
    page = as_(free).get("/bots/").content.decode()
    assert "Your plan carries 1 bot." in page
    assert "Register the bot" not in page


def test_the_reporter_can_be_had(client):
    answer = client.get("/bots/reporter.py")
    text = b"".join(answer.streaming_content).decode()
    compile(text, "reporter.py", "exec")
    assert "class BotReporter" in text


def test_quick_starts_say_the_readers_address(api, bot):
    page = api.get(f"/bots/{bot.pk}/").content.decode()
    assert f"http://testserver/api/v1/bots/{bot.pk}/trade" in page
    assert "Waiting for the first report" in page


def test_htmx_gets_the_parts_alone(api, bot):
    reports.report(bot.pk, [trade()], now=NOON)
    parts = api.get(f"/bots/{bot.pk}/", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in parts
    assert "1 trade arrived" in parts
