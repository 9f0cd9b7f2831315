"""The short way of a report: the same answers as the long one, and many at the same time."""

import json
import threading

import pytest
from django.db import connection
from django.test import Client

from accounts.keys.services import key_create
from leaderboard import chain, reports, services
from leaderboard.models import Bot, Trade
from record import streams

from .conftest import CONFIG, trade

DROPPED = {"RateLimit", "X-Request-Id"}


@pytest.fixture
def key(ana, bot) -> str:
    return key_create(ana, name="k", scopes=["read", "report"], bot=bot.pk).text


def sent(key: str, bot: int, body, **headers):
    text = body if isinstance(body, bytes) else json.dumps(body)
    client = Client(headers={"X-API-Key": key, **headers})
    answer = client.post(f"/api/v1/bots/{bot}/trade", text, content_type="application/json")
    kept = {name: value for name, value in answer.headers.items() if name not in DROPPED}
    return answer.status_code, answer.content, kept


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (trade(), 200),
        (trade(price="9"), 409),
        (trade(2, price="-1"), 400),
        ({}, 400),
        ([], 400),
        (b"{", 400),
        (b"[NaN]", 400),
        (b'{"client_trade_id": "a\\u0000b"}', 400),
        (json.dumps(trade()).encode("utf-16"), 400),
    ],
)
def test_both_ways_answer_the_same(bot, key, real_market, body, status):
    assert sent(key, bot.pk, trade())[0] == 201
    short = sent(key, bot.pk, body)
    # A second content type that is accepted is no plain call.
    assert short == sent(key, bot.pk, body, Accept="application/json, */*")
    assert short[0] == status
    assert Trade.objects.count() == 1


def test_what_may_not_be_done_may_not_be_done_shortly(bot, ana, person, key):
    other, _ = services.register(ana, name="heron", config={})
    foreign, _ = services.register(person("bob"), name="x", config={})
    reader = key_create(ana, name="r", scopes=["read"]).text
    for who, where, status in (
        (key, other.pk, 403), (key, foreign.pk, 404), (key, 10**6, 404), (reader, bot.pk, 403),
        ("pk_test_none", bot.pk, 401),
    ):  # fmt: skip
        told = sent(who, where, trade())
        assert told[0] == status, where
        assert told[2]["Content-Type"] == "application/problem+json"
        assert told == sent(who, where, trade(), Accept="application/json, */*")
    services.delist(bot.pk)
    assert sent(key, bot.pk, trade())[0] == 409
    assert not Trade.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_reports_of_many_bots_at_once_keep_each_chain_whole(person):
    bots: list[Bot] = []
    for number in range(6):
        owner = person(f"o{number % 3}") if number < 3 else bots[number % 3].owner
        bots.append(services.register(owner, name=f"b{number}", config=CONFIG)[0])
    failed: list[Exception] = []

    def work(bot: Bot) -> None:
        try:
            for number in range(15):
                row = reports.report(bot.pk, [trade(number)], owner=bot.owner_id)[0]
                assert (row.status, row.trade.seq) == (reports.STORED, number + 1)
            assert reports.report(bot.pk, [trade(3)])[0].status == reports.REPEATED
            with pytest.raises(Bot.DoesNotExist):
                reports.report(bot.pk, [trade(99)], owner=0)
        except Exception as error:  # noqa: BLE001 - told below
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(bot,)) for bot in bots]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    assert not failed
    for bot in bots:
        bot.refresh_from_db()
        assert bot.head_seq == 15
        assert chain.verify(bot).fault is None
        assert bot.heartbeat.last_at == bot.trades.latest("seq").received_at
        events = streams.read_after(services.channel_of(bot.owner_id), 0)
        through = [one.data["through"] for one in events
                   if one.key == str(bot.pk) and one.data["what"] == "trades"]  # fmt: skip
        assert through == list(range(1, 16))
        assert [one.seq for one in events] == list(range(1, len(events) + 1))
