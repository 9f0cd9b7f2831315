"""Bots and their logs on the real database: limits, locks, once and only once."""

import datetime as dt
import threading
from contextlib import suppress
from itertools import pairwise

import pytest
from django.db import Error, connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from leaderboard import reports, selectors, services
from leaderboard.models import Bot, ChainHead, Downtime, PublishedDay, Trade

from .conftest import CONFIG, NOON, trade

SECOND = dt.timedelta(seconds=1)


def test_the_same_registration_is_the_same_bot(ana, bot):
    again, fresh = services.register(ana, name="Gamma-Otter", config=CONFIG)
    assert (again, fresh) == (bot, False)
    with pytest.raises(services.NameTakenError, match="has another configuration; PUT it to"):
        services.register(ana, name="gamma-otter", config={})


def test_a_delisted_bot_keeps_its_place_for_a_while(person):
    free = person("free", "free")
    bot, _ = services.register(free, name="one", config={})
    services.delist(bot.pk)
    with pytest.raises(services.BotLimitError, match="carries 1 bot; a delisted one frees its"):
        services.register(free, name="two", config={})
    with pytest.raises(services.NameTakenError, match="was delisted; give another name"):
        services.register(free, name="one", config={})
    with pytest.raises(services.BotError, match="is delisted"):
        reports.report(bot.pk, [trade()])
    assert list(selectors.bots()) == [bot]
    Bot.objects.update(created=timezone.now() - services.PLACE_KEPT)
    assert services.register(free, name="two", config={})[1]
    with pytest.raises(services.BotLimitError):
        services.register(free, name="three", config={})


def test_the_public_name_is_no_address(ana):
    with pytest.raises(services.BotError, match="is public"):
        services.register(ana, name="x", config={}, owner_name="ana@bots.example")


def test_a_change_opens_an_entry_with_an_empty_record(bot):
    reports.report(bot.pk, [trade()], now=NOON)
    same, fresh = services.configure(bot.pk, config=CONFIG)
    assert (same.number, fresh) == (1, False)
    made, fresh = services.configure(bot.pk, config={**CONFIG, "symbols": []})
    assert (made.number, fresh) == (2, True)
    assert selectors.performance(bot, made).trades == 0
    reports.report(bot.pk, [trade(2)], now=NOON)
    assert [row.version.number for row in bot.trades.order_by("seq")] == [1, 2]
    assert selectors.performance(bot, bot.versions.get(number=1)).trades == 1
    back, fresh = services.configure(bot.pk, config=CONFIG)
    assert (back.number, fresh) == (3, True)


def test_a_report_is_stored_once(bot):
    first, again, other, wrong = (
        *reports.report(bot.pk, [trade()], now=NOON),
        *reports.report(bot.pk, [trade()], now=NOON + SECOND),
        *reports.report(bot.pk, [trade(price="4.96")], now=NOON),
        *reports.report(bot.pk, [{"client_trade_id": "t-2"}], now=NOON),
    )
    assert [row.status for row in (first, again, other, wrong)] == [
        "stored", "repeated", "conflict", "refused",
    ]  # fmt: skip
    assert again.trade == first.trade
    assert set(other.differences) == {"legs"}
    assert bot.trades.count() == 1


def test_a_batch_tells_of_each_row(bot):
    bodies = [trade(1), trade(2, price="x"), trade(1), trade(1, fee="9"), 7, trade(3)]
    rows = reports.report(bot.pk, bodies, now=NOON)
    assert [row.status for row in rows] == [
        "stored", "refused", "repeated", "conflict", "refused", "stored",
    ]  # fmt: skip
    assert [row.trade.seq for row in rows if row.trade] == [1, 1, 1, 2]


@given(data=st.data())
@profile(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_batches_in_whatever_cut_make_one_chain(ana, data):
    numbers = data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=14))
    cuts = data.draw(st.lists(st.integers(0, len(numbers)), max_size=3).map(sorted))
    with transaction.atomic():
        bot, _ = services.register(ana, name="cut", config={})
        edges = [0, *cuts, len(numbers)]
        for start, stop in pairwise(edges):
            reports.report(bot.pk, [trade(n) for n in numbers[start:stop]], now=NOON)
        ids = list(bot.trades.order_by("seq").values_list("client_trade_id", flat=True))
        assert ids == [f"t-{n}" for n in dict.fromkeys(numbers)]
        transaction.set_rollback(True)


def test_who_promised_nothing_is_never_late(bot):
    reports.report(bot.pk, [trade(1)], now=NOON)
    reports.report(bot.pk, [trade(2)], now=NOON + dt.timedelta(days=9))
    assert not Downtime.objects.exists()
    bot = selectors.bots().get()
    assert selectors.life(bot, NOON + dt.timedelta(days=99))["state"] == "reporting"


def test_silence_becomes_a_downtime(bot):
    services.heartbeat(bot.pk, every_s=10, status="warming up", now=NOON)
    services.heartbeat(bot.pk, now=NOON + 30 * SECOND)
    assert not Downtime.objects.exists()
    services.heartbeat(bot.pk, now=NOON + 61 * SECOND)
    assert list(bot.downtimes.values_list("started", "ended")) == [
        (NOON + 30 * SECOND, NOON + 61 * SECOND)
    ]
    bot = selectors.bots().get()
    assert selectors.life(bot, NOON + 91 * SECOND)["state"] == "up"
    assert selectors.life(bot, NOON + 92 * SECOND)["state"] == "late"
    with pytest.raises(services.BotError, match="5 to 3,600"):
        services.heartbeat(bot.pk, every_s=1)


def test_metrics_keep_their_newest_value(bot):
    services.report_metrics(bot.pk, {"latency": 3, "drift": 0.5})
    services.report_metrics(bot.pk, {"latency": 4})
    assert dict(bot.metrics.values_list("name", "value")) == {"latency": 4.0, "drift": 0.5}
    for bad in ({"x": "1"}, {"x": float("nan")}, {"x": 10**400}, {"": 1}, {}, {"x": True}):
        with pytest.raises(services.BotError):
            services.report_metrics(bot.pk, bad)
    with pytest.raises(services.BotError, match="at most 50"):
        services.report_metrics(bot.pk, {f"m{n}": 1 for n in range(49)})


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE leaderboard_trade SET fee = 1",
        "DELETE FROM leaderboard_trade",
        "UPDATE leaderboard_configversion SET text = '{}'",
        "DELETE FROM leaderboard_chainhead",
        "UPDATE leaderboard_publishedday SET digest = ''",
    ],
)
def test_the_database_refuses_to_change_what_was_received(bot, statement):
    reports.report(bot.pk, [trade()], now=NOON)
    services.publish_heads(NOON.date())
    refused = pytest.raises(Error, match="append-only")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_heads_are_published_once_a_day(bot):
    assert services.publish_heads(NOON.date())
    reports.report(bot.pk, [trade()], now=NOON)
    assert not services.publish_heads(NOON.date())
    assert services.publish_heads(NOON.date() + dt.timedelta(days=1))
    bot.refresh_from_db()
    assert ChainHead.objects.values_list("bot", "seq", "hash").get() == (
        bot.pk, 1, bot.head_hash,
    )  # fmt: skip
    assert list(PublishedDay.objects.values_list("chains", flat=True)) == [1, 0]


@pytest.mark.django_db(transaction=True)
def test_two_at_once_make_one_chain_and_one_last_bot(ana, bot):
    def work(number: int) -> None:
        try:
            bodies = [trade(n) for n in range(number % 3, number % 3 + 6)]
            reports.report(bot.pk, bodies, now=NOON)
            with suppress(services.BotLimitError):
                services.register(ana, name=f"bot {number}", config={})
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = list(Trade.objects.order_by("seq").values_list("seq", "previous_hash", "hash"))
    assert [seq for seq, _, _ in rows] == list(range(1, 9))
    assert all(after[1] == before[2] for before, after in pairwise(rows))
    assert Bot.objects.count() == 5
