"""REST of trading: everything once, everything one's own, every refusal with its field."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from accounts.keys import services as keys
from trading.models import Order
from trading.orders import services, venue
from trading.orders.intents import Intent, Leg
from trading.orders.machine import News

from ..conftest import by, says

pytestmark = pytest.mark.django_db
SPREAD = [
    {"symbol": "SPY261218C00500000", "ratio": 1},
    {"symbol": "spy   261218C00510000", "ratio": -1},
]


def post(client, path, body=None, **headers):
    return client.post(
        f"/api/v1/{path}", json.dumps(body or {}), content_type="application/json", headers=headers
    )


def wanted(of, **more):
    return {
        "account": of.pk, "legs": [{"symbol": "spy", "ratio": 1}], "quantity": "10",
        "limit_price": "100.25", **more,
    }  # fmt: skip


# --- accounts -----------------------------------------------------------------------------------
def test_an_account_tells_its_books_to_the_cent(web, account, bought):
    bought(account)
    body = web.get(f"/api/v1/accounts/{account.pk}").json()
    assert (body["name"], body["mode"], body["standing"]["state"]) == ("main", "paper", "disabled")
    assert (body["cash"], body["cost"], body["fees"]) == ("99009.65", "990", "0.35")
    assert (body["holds"], body["free"]) == ("0", "99009.65")
    assert body["unmarked"] == ["SPY"], "no market is stored, so nothing is said of its worth"
    assert body["equity"] is None
    assert web.get("/api/v1/accounts").json()["results"] == [body]


def test_without_a_position_the_cash_is_the_equity(web, account):
    body = web.get(f"/api/v1/accounts/{account.pk}").json()
    assert (body["equity"], body["unrealised"], body["open_orders"]) == ("100000", "0", 0)


# --- placing ------------------------------------------------------------------------------------
@pytest.mark.usefixtures("open_gate")
def test_an_order_is_placed_once_by_its_intent(web, account):
    first = post(web, "orders", wanted(account, intent_id="mine"))
    again = post(web, "orders", wanted(account, intent_id="mine"))
    assert (first.status_code, again.status_code) == (201, 200)
    body = first.json()
    assert again.json() == body
    assert first["Location"] == f"/api/v1/orders/{body['id']}"
    assert body["legs"] == [
        {"symbol": "SPY", "ratio": 1, "multiplier": "1", "filled": "0", "average_price": None}
    ]
    assert (body["state"], body["held"]) == ("pending", "1002.5")
    other = post(web, "orders", wanted(account, intent_id="mine", quantity="11"))
    assert other.status_code == 400
    assert other["Content-Type"] == "application/problem+json"
    assert other.json()["errors"][0]["path"] == "/intent_id"
    assert Order.objects.count() == 1


@pytest.mark.usefixtures("open_gate")
def test_an_idempotency_key_makes_it_once_even_after_its_answer_is_forgotten(web, account):
    from record.models import IdempotencyKey

    first = post(web, "orders", wanted(account), **{"Idempotency-Key": "k-1"})
    again = post(web, "orders", wanted(account), **{"Idempotency-Key": "k-1"})
    assert (first.status_code, again["Idempotency-Replayed"]) == (201, "true")
    IdempotencyKey.objects.all().delete()
    late = post(web, "orders", wanted(account), **{"Idempotency-Key": "k-1"})
    assert (late.status_code, late.json()["id"]) == (200, first.json()["id"])
    assert post(web, "orders", wanted(account)).json()["id"] != first.json()["id"]


@pytest.mark.usefixtures("open_gate")
def test_a_package_has_its_contracts_in_occs_short_form(web, account):
    body = post(web, "orders", wanted(account, legs=SPREAD, quantity=2)).json()
    assert [(leg["symbol"], leg["ratio"], leg["multiplier"]) for leg in body["legs"]] == [
        ("SPY261218C00500000", 1, "100"), ("SPY261218C00510000", -1, "100"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("symbol", "more", "time"),
    [("SPY", {}, "day"), ("BTC/USD", {}, "gtc"), ("BTC/USD", {"time_in_force": "ioc"}, "ioc")],
)
def test_an_order_without_a_time_has_its_instruments_usual_one(web, account, symbol, more, time):
    """No feed plays the market here, so the gate refuses it; its row says what was asked."""
    legs = [{"symbol": symbol, "ratio": 1}]
    assert post(web, "orders", wanted(account, legs=legs, **more)).json()["time_in_force"] == time


def test_what_the_gate_refuses_is_stored_and_says_why(web, account):
    """No feed plays the market here, so the real gate has to refuse."""
    answer = post(web, "orders", wanted(account))
    body = answer.json()
    assert (answer.status_code, body["state"]) == (201, "rejected")
    assert body["decision"]["allowed"] is False
    assert body["reason"] == body["decision"]["text"]
    told = web.get(f"/api/v1/orders/{body['id']}").json()
    assert any(rule[1] == "refuse" for rule in told["rules"])


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"legs": []}, "/legs"),
        ({"legs": [{"symbol": "SPY", "ratio": 0}]}, "/legs/0"),
        ({"legs": [{"symbol": "SPY", "ratio": 2}]}, "/legs"),
        ({"legs": [{"symbol": "SPY"}]}, "/legs/0/ratio"),
        ({"quantity": "0"}, "/quantity"),
        ({"quantity": "NaN"}, "/quantity"),
        ({"kind": "market"}, "/limit_price"),
        ({"kind": "stop"}, "/limit_price"),
        ({"limit_price": None}, "/limit_price"),
        ({"time_in_force": "forever"}, "/time_in_force"),
        ({"intent_id": "x" * 81}, "/intent_id"),
        ({"account": 10**30}, "/account"),
    ],
)
def test_a_body_that_is_no_order_names_its_field(web, account, more, path):
    answer = post(web, "orders", wanted(account, **more))
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["path"] == path
    assert not Order.objects.exists()


# --- cancelling and replacing -------------------------------------------------------------------
def test_a_cancel_is_asked_for_once_and_what_ended_stays(web, account, at_venue):
    order, name = at_venue(account)
    for _ in range(2):
        body = post(web, f"orders/{order.pk}/cancel").json()
        assert body["state"] == "cancel_pending"
    assert order.events.filter(kind="cancel").count() == 1
    venue.apply(account.pk, says(News.CANCELED, "gone", name))
    assert post(web, f"orders/{order.pk}/cancel").json()["state"] == "canceled"


def test_a_replacement_is_an_order_of_its_own(web, account, at_venue):
    order, _ = at_venue(account)
    answer = post(web, f"orders/{order.pk}/replace", {"limit_price": "101", "intent_id": "two"})
    body = answer.json()
    assert answer.status_code == 201
    assert (body["replaces"], body["limit_price"], body["quantity"]) == (order.pk, "101", "10")
    again = post(web, f"orders/{order.pk}/replace", {"limit_price": "101", "intent_id": "two"})
    assert (again.status_code, again.json()["id"]) == (200, body["id"])
    assert web.get(f"/api/v1/orders/{order.pk}").json()["replaced_by"] == body["id"]
    nothing = post(web, f"orders/{order.pk}/replace")
    assert nothing.json()["errors"][0]["path"] == "/quantity"


# --- lists --------------------------------------------------------------------------------------
def test_lists_go_by_cursor_and_filter(web, account, bought, at_venue):
    for number in range(3):
        bought(account, f"b{number}")
    at_venue(account, "open")
    page = web.get("/api/v1/orders?limit=3").json()
    assert [one["intent_id"] for one in page["results"]] == ["open", "b2", "b1"]
    rest = web.get(page["next"].removeprefix("http://testserver")).json()
    assert [one["intent_id"] for one in rest["results"]] == ["b0"]
    for query, count in (
        ("state=open", 1), ("state=filled", 3), ("symbol=SP", 4), ("symbol=QQQ", 0),
        (f"account={account.pk}", 4), (f"account={account.pk + 1}", 0),
        ("until=2020-01-01T00:00:00Z", 0),
    ):  # fmt: skip
        assert len(web.get(f"/api/v1/orders?{query}").json()["results"]) == count, query
    assert web.get("/api/v1/orders?state=odd").json()["errors"][0]["path"] == "/state"
    assert web.get("/api/v1/orders?account=x").status_code == 400


def test_a_fill_says_why_it_had_its_price_and_what_it_moved(web, account, bought):
    order = bought(account)
    (fill,) = web.get("/api/v1/fills").json()["results"]
    assert (fill["order"], fill["quantity"], fill["price"]) == (order.pk, "10", "99")
    assert (fill["cash"], fill["fee"]) == ("-990.35", "0.35")
    assert fill["reason"] == "the offer of 12:00"
    assert len(web.get("/api/v1/fills?side=sell").json()["results"]) == 0
    assert len(web.get("/api/v1/fills?side=buy&symbol=SPY").json()["results"]) == 1
    whole = web.get(f"/api/v1/orders/{order.pk}").json()
    assert whole["fills"] == [fill]
    assert [one["kind"] for one in whole["events"]] == ["place", "submit", "accepted", "fill"]


def test_positions_have_their_average_price(web, account, bought):
    bought(account)
    (one,) = web.get("/api/v1/positions").json()["results"]
    assert (one["symbol"], one["quantity"], one["average_price"]) == ("SPY", "10", "99")
    assert (one["mark"], one["unrealised"]) == (None, None)


def test_the_ledger_explains_every_cent(web, account, bought):
    from trading.ledger import services as ledger

    bought(account)
    ledger.charge(account.pk, Decimal("1.25"), by("a fee"))
    bought(account, "two", "5")
    lines = web.get(f"/api/v1/ledger?account={account.pk}").json()["results"]
    assert lines[0]["cash"] == "98513.05"
    assert lines[-1]["cash"] == lines[-1]["change"] == "100000"
    cash = Decimal(0)
    for line in reversed(lines):
        cash += Decimal(line["change"])
        assert Decimal(line["cash"]) == cash
    units = {row["unit"] for line in lines for row in line["postings"]}
    assert units == {"USD", "SPY"}
    (fee,) = web.get(f"/api/v1/ledger?account={account.pk}&kind=fee").json()["results"]
    assert (fee["change"], fee["cash"]) == ("-1.25", "99008.4")
    fills = web.get(f"/api/v1/ledger?account={account.pk}&kind=fill").json()["results"]
    assert [line["cash"] for line in fills] == ["98513.05", "99009.65"]


# --- whose --------------------------------------------------------------------------------------
@pytest.mark.usefixtures("open_gate")
def test_what_is_anothers_answers_like_what_is_not_there(web, eve, account, at_venue):
    order, _ = at_venue(account)
    missing = order.pk + 1000
    for path in ("accounts/{}", "orders/{}"):
        mine = order.pk if "orders" in path else account.pk
        theirs, none = (eve.get(f"/api/v1/{path}".format(one)) for one in (mine, missing))
        assert theirs.status_code == none.status_code == 404
        assert theirs.content == none.content
    for path in ("orders/{}/cancel", "orders/{}/replace"):
        theirs, none = (post(eve, path.format(one), {"quantity": 3}) for one in (order.pk, missing))
        assert theirs.status_code == none.status_code == 404
        assert theirs.content == none.content
    bodies = [post(eve, "orders", wanted(account, account=one)) for one in (account.pk, missing)]
    ledgers = [eve.get(f"/api/v1/ledger?account={one}") for one in (account.pk, missing)]
    for theirs, none in (bodies, ledgers):
        assert theirs.status_code == none.status_code == 400
        assert theirs.content == none.content
    for path in ("orders", "fills", "positions", "accounts"):
        assert eve.get(f"/api/v1/{path}").json()["results"] == []
    order.refresh_from_db()
    assert order.state == "accepted"
    assert Order.objects.count() == 1


@pytest.mark.usefixtures("open_gate")
def test_a_key_needs_the_scope_trade_and_is_named_in_the_books(client, ana, account):
    for scopes, status in ((["read"], 403), (["report"], 403), (["read", "trade"], 201)):
        made = keys.key_create(ana, name=" and ".join(scopes), scopes=scopes)
        answer = post(client, "orders", wanted(account), **{"X-API-Key": made.text})
        assert answer.status_code == status, scopes
    order = Order.objects.get()
    assert order.origin == f"key:{made.row.pk}"
    assert client.get("/api/v1/orders", headers={"X-API-Key": made.text}).status_code == 200


def test_a_visitor_is_told_to_sign_in(client):
    for path in ("accounts", "orders", "positions", "fills", "ledger"):
        assert client.get(f"/api/v1/{path}").status_code == 401


@pytest.mark.usefixtures("open_gate")
def test_a_key_of_one_bot_changes_no_order_of_another_origin(client, ana, account, web):
    """Who has a bot's key would take away the exits of its owner, and of other bots."""
    bots = [
        {"X-API-Key": keys.key_create(ana, name=f"b{bot}", scopes=["read", "trade"], bot=bot).text}
        for bot in (7, 8)
    ]
    whole = {"X-API-Key": keys.key_create(ana, name="all", scopes=["read", "trade"]).text}
    by_hand = post(web, "orders", wanted(account, intent_id="hand")).json()["id"]
    by_eight = post(client, "orders", wanted(account, intent_id="eight"), **bots[1]).json()["id"]
    for number in (by_hand, by_eight):
        for act, body in (("cancel", {}), ("replace", {"quantity": "9"})):
            answer = post(client, f"orders/{number}/{act}", body, **bots[0])
            assert answer.status_code == 403
            assert "bot 7 alone" in answer.json()["detail"]
    assert post(client, f"orders/{by_eight}/cancel", **bots[1]).json()["state"] == "canceled"
    assert post(client, f"orders/{by_hand}/cancel", **whole).json()["state"] == "canceled"


def test_a_key_of_one_bot_turns_no_strategy(client, ana, db):
    header = {"X-API-Key": keys.key_create(ana, name="b", scopes=["trade"], bot=7).text}
    for path, body in (("strategies", {}), ("strategies/1", {"do": "start"})):
        answer = post(client, path, body, **header)
        assert answer.status_code == 403
        assert "bot 7 alone" in answer.json()["detail"]


@pytest.mark.usefixtures("open_gate")
def test_nobody_moves_the_orders_of_a_strategy_by_hand(web, account):
    """Its record would tell of a machine and be made by a person; to cancel is always free."""
    leg = Leg("SPY", 1)
    wanted = Intent("s", (leg,), Decimal(10), limit_price=Decimal(100), origin="strategy:1")
    order = services.place(account.pk, wanted, actor="strategy 1").order
    answer = post(web, f"orders/{order.pk}/replace", {"limit_price": "50"})
    assert answer.status_code == 400
    assert "pause or end it" in answer.json()["errors"][0]["detail"]
    page = web.post(f"/trading/orders/{order.pk}/replace", {"limit_price": "50"})
    assert page.status_code == 400
    assert post(web, f"orders/{order.pk}/cancel").json()["state"] == "canceled"
