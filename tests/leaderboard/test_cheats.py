"""Ways to look better than one is, each tried over REST: refused, or ranked as it should be."""

import datetime as dt

import pytest
from django.db import DatabaseError, connection, transaction

from leaderboard import chain, reports, services
from leaderboard.models import Bot, Standing, Trade
from leaderboard.ranking import services as ranking

from .conftest import NOON, trade

REST = "/api/v1/bots"


def post(api, path, body):
    return api.post(f"{REST}{path}", body, content_type="application/json")


def board(api, **query):
    text = "&".join(f"{name}={value}" for name, value in query.items())
    return api.get(f"/api/v1/leaderboard?{text}").json()["results"]


def standing(bot, tier="self_reported", hours=0):
    return Standing.objects.get(cell__bot=bot, tier=tier, hours=hours, cell__version__number=1)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"executed_at": (NOON - dt.timedelta(hours=1)).isoformat()}, "dated 60 min before"),
        ({"price": "0.05"}, "outside the stored bid and offer"),
        ({"quantity": "5000"}, "is above 20, displayed"),
        ({"fee": "-5000"}, "A fee of -5000 is money that was received"),
    ],
)
def test_a_back_dated_or_better_than_the_market_trade_reaches_no_checked_board(
    api, bot, real_market, more, says
):
    row = reports.report(bot.pk, [trade(1, **more)], now=NOON)[0]
    assert row.trade.tier == "self_reported"
    assert any(says in reason for reason in row.trade.reasons)
    ranking.refresh(now=NOON)
    assert board(api, tier="checked") == []
    assert [found["bot"]["id"] for found in board(api, tier="self_reported")] == [bot.pk]


def test_a_replayed_request_counts_once(api, bot):
    body = trade(1, price="5")
    assert post(api, f"/{bot.pk}/trade", body).status_code == 201
    sell = trade(2, action="SELL_CALL", price="6")
    for _ in range(3):
        post(api, f"/{bot.pk}/trade", sell)
    post(api, f"/{bot.pk}/trades", {"trades": [sell, body, sell]})
    better = post(api, f"/{bot.pk}/trade", sell | {"price": "60"})
    assert better.status_code == 409
    ranking.refresh()
    assert (standing(bot).trades, standing(bot).pnl) == (2, 200)


def test_an_edited_row_is_refused_by_the_database_and_named_by_a_walk(bot):
    reports.report(bot.pk, [trade(1, price="5"), trade(2, action="SELL_CALL", price="6")])
    with pytest.raises(DatabaseError, match="the log of trades is"), transaction.atomic():
        Trade.objects.filter(bot=bot, seq=2).update(fee="-5000")
    with connection.cursor() as cursor:  # somebody who owns the database
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE leaderboard_trade DISABLE TRIGGER USER")
        cursor.execute("UPDATE leaderboard_trade SET fee = -5000 WHERE seq = 2")
        cursor.execute("ALTER TABLE leaderboard_trade ENABLE TRIGGER USER")
    fault = chain.verify(Bot.objects.get(pk=bot.pk)).fault
    assert (fault.seq, fault.problem) == (2, "does not match its hash")


def test_registering_again_resets_nothing(api, ana, bot):
    reports.report(bot.pk, [trade(1, price="5"), trade(2, action="SELL_CALL", price="1")])
    ranking.refresh()
    services.delist(bot.pk)
    assert post(api, "/register", {"name": "gamma-otter", "config": {"a": 1}}).status_code == 409
    fresh = post(api, "/register", {"name": "gamma-otter 2", "config": {"a": 1}}).json()["id"]
    reports.report(fresh, [trade(1, price="5"), trade(2, action="SELL_CALL", price="6")])
    ranking.refresh()
    rows = {row["bot"]["id"]: row for row in board(api, tier="self_reported", metric="pnl")}
    assert rows[bot.pk]["metrics"]["pnl"] == "-800"
    assert rows[bot.pk]["bot"]["delisted"] is not None
    assert rows[fresh]["trials"] == rows[bot.pk]["trials"] == 2


def test_every_bot_of_an_owner_raises_the_bar_for_all_of_them(ana, person):
    """Two accounts report the same luck; one of them kept it out of five tries."""
    alone, many = person("alone"), person("many", "pro_plus")
    bots = {}
    for owner, tries in ((alone, 1), (many, 5)):
        for number in range(tries):
            made = services.register(owner, name=f"try {number}", config={})[0]
            bots[owner.pk, number] = made
    day = dt.timedelta(days=1)
    for key in ((alone.pk, 0), (many.pk, 4)):
        for number in range(40):
            price = "6" if number % 3 else "4.5"
            body = [
                trade(2 * number, price="5"),
                trade(2 * number + 1, price=price, action="SELL_CALL"),
            ]
            reports.report(bots[key].pk, body, now=NOON + number * day)
    ranking.refresh(now=NOON + 40 * day)
    lone, luckiest = standing(bots[alone.pk, 0]), standing(bots[many.pk, 4])
    assert (lone.trials, luckiest.trials) == (1, 5)
    assert lone.sharpe == luckiest.sharpe
    assert luckiest.skill < lone.skill
    # The four that were never used are tries, and on no board.
    assert Standing.objects.filter(cell__bot__owner=many, hours=0).count() == 1


def test_a_chosen_starting_balance_moves_no_ratio_and_a_change_begins_anew(api, person):
    day = dt.timedelta(days=1)

    def report(name, config):
        bot = services.register(person(name), name=name, config=config)[0]
        for number in range(3):
            prices = [("5", "BUY_CALL"), (("6", "4", "7")[number], "SELL_CALL")]
            body = [
                trade(2 * number + side, price=price, action=action)
                for side, (price, action) in enumerate(prices)
            ]
            reports.report(bot.pk, body, now=NOON + number * day)
        ranking.refresh(now=NOON + 3 * day)
        return bot

    small, large = report("small", {"capital": 1}), report("large", {"capital": 10_000_000})
    assert standing(small).sharpe == pytest.approx(standing(large).sharpe)
    assert standing(small).skill == pytest.approx(standing(large).skill)
    assert standing(small).return_share < 1.0  # 1,000 dollars were at work, whatever it says
    services.configure(small.pk, config={"capital": 2})
    ranking.refresh(now=NOON + 3 * day)
    assert small.versions.count() == 2
    assert Standing.objects.filter(cell__bot=small, cell__version__number=2).count() == 0


def test_an_empty_bot_stands_on_no_board(api, bot):
    services.heartbeat(bot.pk, status="profit 10,000 %")
    services.report_metrics(bot.pk, {"pnl": 1e9})
    ranking.refresh()
    for tier in Trade.Tier.values:
        assert board(api, tier=tier) == []
    assert api.get(f"{REST}/{bot.pk}/standings").json()["results"] == []


def test_losers_hidden_below_a_tier_cost_the_place_above_it(api, bot, real_market):
    """Whoever reports winners inside the quote and losers outside of it is excluded up there."""
    for number in range(3):
        reports.report(bot.pk, [trade(number, price="4.95")], now=NOON)
    reports.report(bot.pk, [trade(9, price="0.5", action="SELL_CALL")], now=NOON)
    ranking.refresh(now=NOON)
    found = board(api, tier="checked")[0]
    assert (found["group"], found["below"], found["metrics"]["trades"]) == ("excluded", 1, 3)


def test_a_claimed_profit_is_kept_beside_the_computed_one_and_ranks_nowhere(api, bot):
    reports.report(
        bot.pk, [trade(1, price="5"), trade(2, action="SELL_CALL", price="4", pnl="1000000")]
    )
    ranking.refresh()
    assert standing(bot).pnl == -200
    shown = api.get(f"{REST}/{bot.pk}/trades").json()["results"][0]
    assert shown["pnl"] == "1000000"
