"""The REST interface of bots: what it answers, refuses and keeps to itself."""

import json
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone

from leaderboard import api_urls, reports, services
from leaderboard.configs import seal
from leaderboard.models import Bot
from pulse.api.docs import document
from record.access import scope_for

from .conftest import CALL, CONFIG, NOON, trade
from .test_chain import alter

REST = "/api/v1/bots"
HASH = seal(CONFIG).hash


def post(client: Client, path: str, body, verb: str = "post", **headers):
    return getattr(client, verb)(
        f"{REST}{path}", json.dumps(body), content_type="application/json", headers=headers
    )


def problem(answer, status: int):
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"].startswith("application/problem+json")
    return answer.json()


def test_a_bot_from_registration_to_its_record(api):
    made = post(api, "/register", {"name": "otter", "owner": "Ana", "config": CONFIG})
    assert made.status_code == 201
    body = made.json()
    assert body["config_hash"] == HASH
    assert body["owner"]["name"] == "Ana"
    assert body["life"]["state"] == "waiting"
    where = made["Location"].removeprefix(REST)
    again = post(api, "/register", {"name": "otter", "config": CONFIG, "config_hash": HASH})
    assert (again.status_code, again.json()["id"]) == (200, body["id"])

    bought = post(api, f"{where}/trade", trade(fee="1.30"))
    assert bought.status_code == 201
    assert bought.json()["seq"] == 1
    assert bought.json()["tier"] == "self_reported"
    sold = trade(2, action="SELL_CALL", price="5.45", pnl="1000000")
    assert post(api, f"{where}/trade", sold).status_code == 201
    assert post(api, f"{where}/trade", sold).status_code == 200
    earned = api.get(f"{REST}{where}/performance").json()
    assert earned["realised"] == "98.7"  # 2 x 100 x 0.50 - 1.30; the claim of a million is none
    assert (earned["trades"], earned["closings"], earned["win_rate"]) == (2, 1, 1.0)
    rows = api.get(f"{REST}{where}/trades?limit=1").json()
    assert rows["results"][0]["pnl"] == "1000000"
    assert rows["next"] is not None
    assert api.get(f"{REST}{where}").json()["life"]["state"] == "reporting"


def test_a_wrong_hash_is_answered_with_the_right_one(api):
    told = problem(
        post(api, "/register", {"name": "x", "config": CONFIG, "config_hash": "00"}), 400
    )
    assert told["config_hash"] == HASH
    assert told["errors"][0]["path"] == "/config_hash"
    assert not Bot.objects.exists()


def test_the_plan_carries_so_many(as_, person):
    free = as_(person("free", "free"))
    assert post(free, "/register", {"name": "a", "config": {}}).status_code == 201
    told = problem(post(free, "/register", {"name": "b", "config": {}}), 403)
    assert (told["code"], told["opens_with"]) == ("plan_required", "pro")


def test_another_body_under_the_same_id_is_a_conflict(api, bot):
    post(api, f"/{bot.pk}/trade", trade(fee="1"))
    told = problem(post(api, f"/{bot.pk}/trade", trade(fee="2")), 409)
    assert told["code"] == "client_trade_id_reused"
    assert told["differences"] == [{"field": "fee", "stored": "1", "given": "2"}]
    assert "another fee: 1, not 2" in told["detail"]


def test_wrong_fields_are_named_by_their_paths(api, bot):
    legs = [{"action": "BUY", "symbol": "SPY", "quantity": 1, "price": "x"}, 1]
    body = {"client_trade_id": "s", "action": "SPREAD", "legs": legs}
    told = problem(post(api, f"/{bot.pk}/trade", body), 400)
    assert {fault["path"] for fault in told["errors"]} == {"/legs/0/price", "/legs/1"}


def test_a_batch_is_told_row_by_row(api, bot):
    rows = [trade(1), trade(2, price="-1"), trade(1), trade(1, fee="3")]
    answer = post(api, f"/{bot.pk}/trades", {"trades": rows})
    assert answer.status_code == 200
    body = answer.json()
    assert (body["stored"], body["repeated"], body["refused"]) == (1, 1, 2)
    assert [row["status"] for row in body["results"]] == [
        "stored", "refused", "repeated", "conflict",
    ]  # fmt: skip
    assert body["results"][1]["errors"] == [
        {"path": "/trades/1/price", "detail": "Give 0 or more."}
    ]
    for wrong in ({}, {"trades": []}, {"trades": [trade()] * 1001}, []):
        assert problem(post(api, f"/{bot.pk}/trades", wrong), 400)


def test_a_thousand_trades_are_one_batch(api, bot, django_assert_max_num_queries):
    rows = [trade(number) for number in range(1000)]
    with django_assert_max_num_queries(30):
        answer = post(api, f"/{bot.pk}/trades", {"trades": rows})
    assert answer.json()["stored"] == 1000


def test_trades_are_filtered(api, bot):
    rows = [trade(1), trade(2, action="BUY", symbol="SPY"), trade(3, action="BUY", symbol="QQQ")]
    reports.report(bot.pk, rows, now=NOON)

    def seqs(query: str) -> list[int]:
        return [row["seq"] for row in api.get(f"{REST}/{bot.pk}/trades?{query}").json()["results"]]

    assert seqs("symbol=spy") == [2, 1]
    assert seqs("action=BUY") == [3, 2]
    assert seqs("tier=checked") == []
    assert seqs("version=1&since=2026-11-20T17:00:30Z") == [3, 2, 1]
    assert seqs("until=2026-11-20T17:00:30Z") == []
    for wrong in ("tier=x", "action=x", "version=x", "since=x"):
        assert problem(api.get(f"{REST}/{bot.pk}/trades?{wrong}"), 400)


def test_configurations_are_replaced_compared_and_replicated(api, bot, as_, person):
    changed = {**CONFIG, "symbols": ["SPY", "QQQ"]}
    made = post(api, f"/{bot.pk}/config", {"config": changed}, "put")
    assert (made.status_code, made.json()["number"]) == (201, 2)
    assert post(api, f"/{bot.pk}/config", {"config": changed}, "put").status_code == 200
    told = api.get(f"{REST}/{bot.pk}/config/changes?before=1&after=2").json()
    assert [change["path"] for change in told["changes"]] == ["/symbols"]
    exported = api.get(f"{REST}/{bot.pk}/config/export?version=1").json()
    assert exported["config_hash"] == HASH
    bob = as_(person("bob"))
    twin = post(bob, "/import", {**exported, "name": "twin"})
    assert (twin.status_code, twin.json()["config_hash"]) == (201, HASH)
    altered = {**exported, "config": {**exported["config"], "x": 1}}
    assert problem(post(bob, "/import", altered), 400)["config_hash"] != HASH
    assert problem(post(bob, "/import", {**exported, "format": "other"}), 400)


def test_a_configuration_is_private_until_it_is_published(api, bot, client, as_, person):
    config = f"{REST}/{bot.pk}/config"
    bob = as_(person("bob"))
    paths = ("", "/export", "/changes?before=1&after=1")
    missing = bob.get(f"{REST}/999999/config")
    for path in paths:
        for visitor in (client, bob):
            answer = visitor.get(config + path)
            assert (answer.status_code, answer.content) == (404, missing.content)
    seen = bob.get(f"{REST}/{bot.pk}").content.decode()
    assert HASH not in seen
    assert "gamma scalp" not in seen
    assert post(api, f"/{bot.pk}", {"config_public": True}, "patch").status_code == 200
    for path in paths:
        assert client.get(config + path).status_code == 200
    assert post(api, f"/{bot.pk}", {"config_public": False}, "patch").status_code == 200
    assert client.get(config).status_code == 404


WRITES = [
    ("/{}/trade", "post", trade()),
    ("/{}/trades", "post", {"trades": [trade()]}),
    ("/{}/heartbeat", "post", {}),
    ("/{}/metrics", "post", {"metrics": {"a": 1}}),
    ("/{}/config", "put", {"config": {}}),
    ("/{}/delist", "post", {}),
    ("/{}", "patch", {"config_public": True}),
]


@pytest.mark.parametrize(("path", "verb", "body"), WRITES)
def test_anothers_bot_answers_writes_as_if_it_did_not_exist(bot, as_, person, path, verb, body):
    bob = as_(person("bob"))
    foreign = post(bob, path.format(bot.pk), body, verb)
    missing = post(bob, path.format(999999), body, verb)
    assert (foreign.status_code, foreign.content) == (404, missing.content)
    assert problem(post(Client(), path.format(bot.pk), body, verb), 401)
    bot.refresh_from_db()
    assert (bot.head_seq, bot.config_public, bot.delisted_at) == (0, False, None)
    assert not hasattr(bot, "heartbeat")


def test_what_everybody_sees_names_nobody(api, bot, client, ana):
    post(api, f"/{bot.pk}/metrics", {"metrics": {"secret-number": 4}})
    post(api, f"/{bot.pk}/heartbeat", {"status": "secret words"})
    post(api, f"/{bot.pk}/trade", trade())
    own = api.get(f"{REST}/{bot.pk}").json()
    assert (own["metrics"], own["status"]) == ({"secret-number": 4.0}, "secret words")
    for path in ("", f"/{bot.pk}", f"/{bot.pk}/trades", f"/{bot.pk}/performance"):
        answer = client.get(REST + path)
        assert answer.status_code == 200
        text = answer.content.decode()
        assert "secret" not in text
        assert ana.email not in text


def test_lists_name_all_bots_with_the_delisted(api, bot, ana):
    services.delist(bot.pk)
    services.register(ana, name="second", config={}, market="simulated")

    def names(query: str) -> list[str]:
        return [row["name"] for row in api.get(f"{REST}?{query}").json()["results"]]

    assert names("") == ["second", "gamma-otter"]
    assert names("owner=me&delisted=no") == ["second"]
    assert names("delisted=yes") == names("market=real") == names("name=OTTER") == ["gamma-otter"]
    assert names(f"owner={bot.owner_mark}") == ["second", "gamma-otter"]
    assert Client().get(f"{REST}?owner=me").json()["results"] == []
    told = problem(post(api, f"/{bot.pk}/trade", trade()), 409)
    assert told["code"] == "delisted"


def test_a_bot_whose_owner_is_gone_is_nobodys(bot, client, as_, person):
    Bot.objects.update(owner=None)
    assert client.get(f"{REST}?owner=me").json()["results"] == []
    assert client.get(f"{REST}/{bot.pk}").json()["own"] is False
    assert problem(post(as_(person("bob")), f"/{bot.pk}/trade", trade()), 404)


def test_anybody_can_verify_a_log(api, bot, client):
    reports.report(bot.pk, [trade(1), trade(2)], now=NOON)
    found = client.get(f"{REST}/{bot.pk}/verify").json()
    assert (found["sound"], found["trades"], found["first_altered"]) == (True, 2, None)
    reports.report(bot.pk, [trade(3)], now=NOON)
    alter("UPDATE leaderboard_trade SET fee = 7 WHERE seq = 2")
    found = client.get(f"{REST}/{bot.pk}/verify").json()
    assert found["first_altered"] == {"seq": 2, "problem": "does not match its hash"}


def test_heads_are_public(bot, client):
    reports.report(bot.pk, [trade()], now=NOON)
    services.publish_heads(NOON.date())
    day = client.get(f"{REST}/heads").json()["results"][0]
    assert day["day"] == "2026-11-20"
    heads = client.get(f"{REST}/heads/2026-11-20").json()["heads"]
    bot.refresh_from_db()
    assert heads == [[bot.pk, 1, bot.head_hash]]
    from record.canonical import digest

    assert digest(heads) == day["digest"]
    for missing in ("2026-11-21", "2026-13-40"):
        assert client.get(f"{REST}/heads/{missing}").status_code == 404


def test_the_hash_of_a_row_can_be_made_from_its_answer(bot, client):
    reports.report(bot.pk, [trade(pnl="-1.5", executed_at=NOON.isoformat())], now=NOON)
    row = client.get(f"{REST}/{bot.pk}/trades").json()["results"][0]
    from leaderboard.chain import hash_of

    stored = row.pop("hash")
    row.pop("config_version")
    assert hash_of({**row, "bot": bot.pk}) == stored


def test_a_repeated_request_with_a_key_is_answered_once(api):
    body = {"name": "keyed", "config": {}}
    first = post(api, "/register", body, **{"Idempotency-Key": "k1"})
    again = post(api, "/register", body, **{"Idempotency-Key": "k1"})
    assert (again.status_code, again["Idempotency-Replayed"]) == (201, "true")
    assert again.json() == first.json()


def test_every_view_is_open_to_readers_and_stands_in_the_document():
    for pattern in api_urls.urlpatterns:
        own = pattern.name == "api-bot-appeals"
        assert pattern.callback.view_class.entitlement == ("bots.own" if own else "bots.view")
    ours = ("/api/v1/bots", "/api/v1/leaderboard")
    paths = {path for path in document()["paths"] if path.startswith(ours)}
    assert len(paths) == len(api_urls.urlpatterns)
    assert get_resolver().resolve(f"{REST}/register").url_name == "api-bot-register"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_writing_asks_for_more(rf, method):
    from leaderboard.api import BotConfig

    view = BotConfig()
    view.setup(getattr(rf, method.lower())("/"))
    writes = method != "GET"
    assert (scope_for(view, method), view.entitlement) == (
        ("report", "bots.own") if writes else ("read", "bots.view")
    )


def test_who_sees_the_market_late_has_its_quotes_late(as_, person, real_market, client):
    """Free's delay holds for what a trade was held against, in every form in which it is told."""
    free = person("late", "free")
    bot, _ = services.register(free, name="probe", config={})
    body = trade(price="9.99")
    now = timezone.now()
    row = reports.report(bot.pk, [body], now=NOON)[0]
    quoted = "lies outside the stored bid and offer"
    for who, reader in (("free", as_(free)), ("nobody", client), ("pro", as_(person("pro")))):
        for path in (f"{REST}/{bot.pk}/trades", f"/bots/{bot.pk}/", f"/bots/{bot.pk}/trades.csv"):
            assert quoted in content(reader.get(path)), (who, path)
    assert row.trade.evidence["quotes"]
    late = reports.report(bot.pk, [trade(2, price="9.99")], now=now)[0].trade
    late_words = "told 15 minutes after its receipt on your plan"
    for reader, told in (
        (as_(free), True),
        (client, True),
        (as_(person("plus", "pro_plus")), False),
    ):
        found = reader.get(f"{REST}/{bot.pk}/trades").json()["results"][0]
        assert (found["seq"], found["hash"]) == (2, late.hash)
        assert (found["evidence"] is None) == told
        assert found["reasons"] != late.reasons or not told
        for path in (f"/bots/{bot.pk}/", f"/bots/{bot.pk}/trades.csv"):
            assert (late_words in content(reader.get(path))) == told


def content(answer):
    return (b"".join(answer) if answer.streaming else answer.content).decode()


def test_numbers_keep_their_digits(api, bot):
    body = trade(action="BUY", symbol="BTC/USD", quantity="0.000000000001", price="61234.12345678")
    post(api, f"/{bot.pk}/trade", body)
    leg = api.get(f"{REST}/{bot.pk}/trades").json()["results"][0]["legs"][0]
    assert Decimal(leg["quantity"]) == Decimal("1e-12")
    assert leg["price"] == "61234.12345678"
    assert CALL not in leg["symbol"]
