"""Brackets and pairs, asked for over REST and on the ticket."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from django.utils import timezone

from pulse.templatetags.trading_ui import order_price
from tests.browser.trading import option
from trading.desk.bracket import exits_of, orders_of
from trading.models import Account, Order, OrderGroup
from trading.orders import gate, services, venue
from trading.orders.gate import Verdict
from trading.orders.intents import Intent, Leg
from trading.orders.machine import News
from trading.orders.venue import Event

from ..conftest import filled
from .test_ticket import CONDOR, sim, text

__all__ = ["sim"]
pytestmark = pytest.mark.django_db
D = Decimal
CALL = "XYZ261218C00500000"
"""In steps of 0.05 from $3 on."""


def post(client, path, body, **headers):
    return client.post(
        f"/api/v1/{path}", json.dumps(body), content_type="application/json", headers=headers
    )


def shares(of: Account, **more) -> dict:
    return {
        "account": of.pk, "legs": [{"symbol": "SPY", "ratio": 1}], "quantity": "10",
        "limit_price": "100", **more,
    }  # fmt: skip


def kinds(body) -> list[tuple]:
    return [
        (one["role"], one["kind"], one["limit_price"] or one["stop_price"] or one["trail"],
         [leg["ratio"] for leg in one["legs"]], one["state"])
        for one in body["group_orders"]
    ]  # fmt: skip


# --- REST ---------------------------------------------------------------------------------------
@pytest.mark.usefixtures("open_gate")
def test_a_bracket_is_placed_whole_and_once_by_its_entrys_key(web, account):
    given = shares(account, bracket={"take_profit": "110", "stop_loss": "95"})
    first, again = (post(web, "orders", given, **{"Idempotency-Key": "k"}) for _ in range(2))
    body = first.json()
    assert (first.status_code, again.json()) == (201, body)
    assert kinds(body) == [
        ("entry", "limit", "100", [1], "pending"), ("exit", "limit", "110", [-1], "pending"),
        ("exit", "stop", "95", [-1], "pending"),
    ]  # fmt: skip
    from record.models import IdempotencyKey

    IdempotencyKey.objects.all().delete()
    late = post(web, "orders", given, **{"Idempotency-Key": "k"})
    assert (late.status_code, late.json()["group_orders"]) == (200, body["group_orders"])
    assert (Order.objects.count(), OrderGroup.objects.count()) == (3, 1)
    assert web.get(f"/api/v1/orders/{body['id']}").json()["group_orders"] == body["group_orders"]


@pytest.mark.usefixtures("open_gate")
@pytest.mark.parametrize(
    "other",
    [
        {"bracket": {"take_profit": "111", "stop_loss": "95"}},
        {"bracket": {"take_profit": "110"}},
        {"bracket": {"take_profit": "110", "trail": "5"}},
        {"oco": {"stop_loss": "95"}, "legs": [{"symbol": "SPY", "ratio": -1}]},
        {},
    ],
)
def test_the_same_intent_with_other_exits_is_refused(web, account, other):
    exits = {"take_profit": "110", "stop_loss": "95"}
    assert post(web, "orders", shares(account, intent_id="i", bracket=exits)).status_code == 201
    answer = post(web, "orders", shares(account, intent_id="i", **other))
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, "/intent_id")
    assert Order.objects.count() == 3


@pytest.mark.usefixtures("open_gate")
def test_exits_are_not_added_to_an_order_that_is_there(web, account):
    assert post(web, "orders", shares(account, intent_id="i")).status_code == 201
    answer = post(web, "orders", shares(account, intent_id="i", bracket={"stop_loss": "95"}))
    assert answer.json()["errors"][0]["path"] == "/intent_id"
    assert (Order.objects.count(), OrderGroup.objects.count()) == (1, 0)


@pytest.mark.usefixtures("open_gate")
def test_a_pair_is_a_limit_order_and_a_stop_beside_it(web, account):
    sold = [{"symbol": "SPY", "ratio": -1}]
    given = shares(account, legs=sold, oco={"trail": "2"}, time_in_force="ioc")
    body = post(web, "orders", given).json()
    assert kinds(body) == [
        ("exit", "limit", "100", [-1], "pending"),
        ("exit", "trailing_stop", "2", [-1], "pending"),
    ]
    assert Order.objects.get(kind="trailing_stop").time_in_force == "day", "it has to rest"


def package(of: Account, price: str, **more) -> dict:
    legs = [{"symbol": "SPY261218P00500000", "ratio": -1},
            {"symbol": "SPY261218P00490000", "ratio": 1}]  # fmt: skip
    return {"account": of.pk, "legs": legs, "quantity": 1, "limit_price": price, **more}


@pytest.mark.usefixtures("open_gate")
@pytest.mark.parametrize(
    ("price", "exits", "limit", "stop"),
    [
        # Sold for 2.00: bought back for 0.80, or for 3.50 at a loss.
        ("-2", {"take_profit": "-0.8", "stop_loss": "-3.5"}, D("0.8"), D("3.5")),
        # Paid 2.00: sold for 3.00, or for 1.20 at a loss.
        ("2", {"take_profit": "3", "stop_loss": "1.2"}, D(-3), D("-1.2")),
    ],
)
def test_prices_of_a_packages_exits_are_what_the_whole_is_worth(
    web, account, price, exits, limit, stop
):
    answer = post(web, "orders", package(account, price, bracket=exits))
    assert answer.status_code == 201, answer.json()
    _, target, end = Order.objects.order_by("pk")
    assert (target.limit_price, end.stop_price) == (limit, stop)
    assert [leg.ratio for leg in end.legs.all()] == [1, -1]


@pytest.mark.usefixtures("open_gate")
@pytest.mark.parametrize(
    ("more", "path", "says"),
    [
        ({"bracket": {}}, "/bracket", "take_profit"),
        ({"bracket": {"take_profit": "99"}}, "/bracket/take_profit", "above 100"),
        ({"bracket": {"take_profit": "100"}}, "/bracket/take_profit", "above 100"),
        ({"bracket": {"stop_loss": "101"}}, "/bracket/stop_loss", "below 100"),
        ({"bracket": {"stop_loss": "-1"}}, "/bracket/stop_loss", "above 0"),
        ({"bracket": {"trail": "0"}}, "/bracket/trail", "above 0"),
        ({"bracket": {"trail": "100"}}, "/bracket/trail", "less than"),
        ({"bracket": {"trail": "1", "stop_loss": "90"}}, "/bracket/trail", "not both"),
        ({"bracket": {"take_profit": "x"}}, "/bracket/take_profit", "number"),
        ({"bracket": {"take_profit": "110"}, "oco": {"stop_loss": "90"}}, "/oco", "not both"),
        ({"oco": {"stop_loss": "90"}}, "/oco/stop_loss", "above 100"),
        ({"oco": {"stop_loss": "110"}, "kind": "market", "limit_price": None}, "/kind", "limit"),
        ({"kind": "market", "limit_price": None,
          "bracket": {"take_profit": "90", "stop_loss": "95"}}, "/bracket/stop_loss", "below 90"),
        ({"legs": [{"symbol": "SPY", "ratio": -1}], "bracket": {"take_profit": "101"}},
         "/bracket/take_profit", "below 100"),
        ({"legs": [{"symbol": "SPY", "ratio": -1}], "bracket": {"stop_loss": "99"}},
         "/bracket/stop_loss", "above 100"),
        ({"legs": [{"symbol": CALL, "ratio": 1}], "limit_price": "5",
          "bracket": {"take_profit": "6.02"}}, "/bracket/take_profit", "6.00 or 6.05"),
        ({"legs": [{"symbol": CALL, "ratio": 1}], "limit_price": "5",
          "bracket": {"stop_loss": "4.02"}}, "/bracket/stop_loss", "4.00 or 4.05"),
    ],
)  # fmt: skip
def test_exits_that_make_no_sense_name_their_field_and_place_nothing(
    web, account, more, path, says
):
    for where in ("orders", "orders/preview"):
        answer = post(web, where, shares(account, **more))
        assert answer.status_code == 400, where
        fault = answer.json()["errors"][0]
        assert fault["path"] == path
        assert says in json.dumps(fault)
    assert not Order.objects.exists()
    assert not OrderGroup.objects.exists()


def test_one_refused_exit_ends_all_and_each_says_why(web, account):
    before = gate.register(
        lambda account, intent, among: Verdict(intent.kind != "stop", "test", "No stops today.")
    )
    try:
        body = post(
            web, "orders", shares(account, bracket={"take_profit": "110", "stop_loss": "9"})
        )
    finally:
        gate.register(before)
    entry, target, stop = body.json()["group_orders"]
    assert [one["state"] for one in (entry, target, stop)] == ["canceled", "canceled", "rejected"]
    why = f"Order {stop['id']} of its group was refused: No stops today."
    assert entry["says"] == target["says"] == why


# --- the page of an order -----------------------------------------------------------------------
@pytest.mark.usefixtures("open_gate")
def test_an_orders_page_shows_its_group_and_why_each_waits_or_went(web, account):
    given = shares(account, bracket={"take_profit": "110", "stop_loss": "95"})
    entry, target, stop = (one["id"] for one in post(web, "orders", given).json()["group_orders"])

    def page(order: int) -> str:
        return text(web.get(f"/trading/orders/{order}/"))

    for order in (entry, target, stop):
        for other in {entry, target, stop} - {order}:
            assert f"/trading/orders/{other}/" in page(order)
    assert page(entry).count("Waits until its entry is filled.") == 2
    venue.apply(account.pk, filled("x1", services.begin_send(account.pk, entry), "10"))
    assert "Waits to be sent." in page(entry)
    assert "Waits here for its price" in page(entry)
    venue.apply(account.pk, filled("x2", services.begin_send(account.pk, target), "-10", "110"))
    assert f"Cancelled because order {target} filled." in page(entry)
    assert Order.objects.get(pk=stop).state == "canceled"


@pytest.mark.usefixtures("open_gate")
def test_an_entry_that_came_to_nothing_is_why_its_exits_went(web, account):
    given = shares(account, bracket={"take_profit": "110"})
    entry = post(web, "orders", given).json()["id"]
    web.post(f"/trading/orders/{entry}/cancel")
    assert "Cancelled because its entry came to nothing." in text(
        web.get(f"/trading/orders/{entry}/")
    )


@pytest.mark.usefixtures("open_gate")
def test_exits_that_the_broker_keeps_are_shown_as_there(web, account):
    given = shares(account, bracket={"take_profit": "110", "stop_loss": "95"})
    body = post(web, "orders", given).json()
    entry, *exits = (one["id"] for one in body["group_orders"])
    name = services.begin_send(account.pk, entry, exits=exits)

    def said() -> list[str]:
        answer = web.get(f"/api/v1/orders/{entry}").json()
        return [one["says"] for one in answer["group_orders"]]

    assert said() == ["On its way to the broker, as one with its group."] * 3
    for number, one in enumerate((name, f"{name}-p", f"{name}-s")):
        venue.apply(account.pk, Event(
            "v", f"a{number}", News.ACCEPTED, timezone.now(), one, f"there {number}"
        ))  # fmt: skip
    there = "At the broker, which ends it with the others of its group."
    assert said() == ["At the broker, with its exits.", there, there]
    assert text(web.get(f"/trading/orders/{entry}/")).count(there) == 2


# --- the ticket ---------------------------------------------------------------------------------
def test_the_ticket_sends_a_package_with_its_exits_past_the_real_gate(web, sim):
    exits = {"exits": "bracket", "take_profit": "-1.50", "stop_loss": "-5.00"}
    form = {**CONDOR, "account": str(sim.pk), **exits}
    look = text(web.get("/trading/ticket/", form))
    assert "It would pass" in look
    assert 'value="-1.50"' in look
    urls = {web.post("/trading/ticket/send", form).url for _ in range(2)}
    entry, target, stop = Order.objects.order_by("pk")
    assert urls == {f"/trading/orders/{entry.pk}/"}
    assert [one.state for one in (entry, target, stop)] == ["pending"] * 3
    assert (target.limit_price, stop.stop_price) == (D("1.5"), D(5))
    assert target.legs.first().symbol == option("P", 575)


@pytest.mark.parametrize(
    ("more", "field", "says"),
    [
        ({"exits": "bracket"}, "exits", "Give one of take_profit, stop_loss, trail."),
        ({"exits": "odd"}, "exits", "Choose when they leave"),
        ({"take_profit": "-1"}, "exits", "Choose when they leave"),
        ({"exits": "bracket", "take_profit": "-4"}, "take_profit", "above -3.32"),
        ({"exits": "bracket", "stop_loss": "x"}, "stop_loss", "Give a number."),
        ({"exits": "bracket", "stop_trail": "-1"}, "stop_trail", "above 0"),
        ({"exits": "oco", "take_profit": "-1"}, "take_profit", "leave this empty"),
    ],
)
def test_the_ticket_marks_the_exit_that_is_wrong(web, sim, more, field, says):
    form = {**CONDOR, "account": str(sim.pk), **more}
    for answer in (web.post("/trading/ticket/send", form), web.get("/trading/ticket/", form)):
        page = text(answer)
        assert f'id="t-{field}-says"' in page
        assert says in page
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("kind", "limit", "stop", "legs", "said"),
    [
        ("stop", None, "-0.65", 2, "stop 0.65 credit"),
        ("stop_limit", "1.20", "1.10", 2, "stop 1.10 debit, limit 1.20 debit"),
        ("stop", None, "0.65", 1, "stop 0.65"),
        ("limit", "-1.55", None, 2, "1.55 credit"),
    ],
)
def test_the_prices_of_a_package_say_whether_they_are_paid(kind, limit, stop, legs, said):
    order = {"kind": kind, "limit_price": limit, "stop_price": stop, "legs": [{}] * legs}
    assert order_price(order) == said


@pytest.mark.parametrize(("symbol", "time"), [("BTC/USD", "gtc"), ("SPY", "day")])
def test_exits_of_an_order_of_a_moment_rest(symbol, time):
    entry = Intent("one", (Leg(symbol, 1),), D(1), limit_price=D(100), time_in_force="ioc")
    _, *exits = orders_of(entry, exits_of({"bracket": {"take_profit": D(110), "stop_loss": D(90)}}))
    assert [one.time_in_force for one in exits] == [time, time]
