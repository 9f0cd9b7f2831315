"""GET /leaderboard and /bots/{id}/standings, and the command that audits them."""

import pytest
from django.core.management import call_command

from leaderboard import reports, services
from leaderboard.models import Bucket, Standing
from leaderboard.ranking import services as ranking

from .conftest import trade

BOARD = "/api/v1/leaderboard?tier=self_reported"


@pytest.fixture
def three(ana):
    made = []
    for number, price in enumerate(["6", "7", "5.5"]):
        bot = services.register(ana, name=f"otter {number}", config={}, owner_name="Ana")[0]
        reports.report(
            bot.pk, [trade(1, price="5"), trade(2, action="SELL_CALL", price=price, fee="1")]
        )
        made.append(bot)
    ranking.refresh()
    return made


def test_everybody_reads_a_board_with_sample_and_uncertainty(client, three):
    body = client.get(f"{BOARD}&metric=pnl&hours=24").json()
    assert [row["bot"]["id"] for row in body["results"]] == [
        three[1].pk, three[0].pk, three[2].pk
    ]  # fmt: skip
    first = body["results"][0]
    assert first["rank"] == 1
    assert first["group"] == "provisional"
    assert first["bot"]["owner"] == {"mark": three[0].owner_mark, "name": "Ana"}
    figures = first["metrics"]
    assert figures["pnl"] == "399"
    assert figures["win_rate"]["n"] == 1
    assert 0 < figures["win_rate"]["low"] < 1 == figures["win_rate"]["high"]
    assert body["groups"]["provisional"] == 3
    assert first["trials"] == 3


def test_pages_follow_each_other(client, three):
    first = client.get(f"{BOARD}&metric=pnl&limit=2").json()
    assert [row["rank"] for row in first["results"]] == [1, 2]
    second = client.get(first["next"]).json()
    assert [row["rank"] for row in second["results"]] == [3]
    assert second["next"] is None
    assert client.get(second["previous"]).json()["results"] == first["results"]


@pytest.mark.parametrize(
    ("query", "field", "says"),
    [
        ("hours=25", "hours", "Give one of 24, 168"),
        ("hours=x", "hours", "whole number"),
        ("metric=luck", "metric", "skill"),
        ("market=mars", "market", "real"),
        ("tier=best", "tier", "checked"),
        ("limit=0", "limit", "Give 1 to"),
        ("limit=5000", "limit", "Give 1 to"),
        ("cursor=-1", "cursor", "whole number"),
    ],
)
def test_a_query_that_cannot_be_is_named(client, db, query, field, says):
    answer = client.get(f"/api/v1/leaderboard?{query}")
    assert answer.status_code == 400
    fault = answer.json()["errors"][0]
    assert fault["path"] == f"/{field}"
    assert says in fault["detail"]


def test_filters_leave_the_others(client, three):
    rows = client.get(f"{BOARD}&name=OTTER 2").json()["results"]
    assert [row["bot"]["id"] for row in rows] == [three[2].pk]
    assert client.get(f"{BOARD}&least_trades=3").json()["results"] == []
    assert client.get("/api/v1/leaderboard").json()["results"] == []  # none was checked


def test_a_bot_tells_where_it_stands(client, three):
    body = client.get(f"/api/v1/bots/{three[0].pk}/standings").json()
    assert [(row["tier"], row["rank"], row["version"]) for row in body["results"]] == [
        ("self_reported", body["results"][0]["rank"], 1)
    ]
    assert client.get("/api/v1/bots/999999/standings").status_code == 404


def test_the_audit_command_ends_with_1_where_a_figure_differs(three, capsys):
    call_command("audit_ranks")
    assert "Standings of 3 bots: as the log gives them." in capsys.readouterr().out
    Standing.objects.filter(cell__bot=three[0], hours=0).update(pnl=5)
    call_command("audit_ranks", str(three[1].pk))
    with pytest.raises(SystemExit):
        call_command("audit_ranks")
    said = capsys.readouterr().err
    assert f"bot {three[0].pk}, v1 real self_reported 0 h pnl: stored 5.00000000" in said
    Bucket.objects.filter(cell__bot=three[1]).update(trades=9)
    with pytest.raises(SystemExit):
        call_command("audit_ranks", str(three[1].pk))
    assert "v1 real self_reported d" in capsys.readouterr().err
