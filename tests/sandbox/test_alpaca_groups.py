"""Brackets, OTO and OCO of the stand-in, as Alpaca documents them, asked by its own client."""

from __future__ import annotations

from decimal import Decimal

import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading.requests import GetOrdersRequest, ReplaceOrderRequest

from sandbox.alpaca.matching import Match

from .test_alpaca import buy, client, refusal, venue

__all__ = ["client", "venue"]
PROFIT, LOSS = {"limit_price": 510}, {"stop_price": 490}
BRACKET = {"order_class": "bracket", "take_profit": PROFIT, "stop_loss": LOSS}


def nested(client):
    return client.get_orders(GetOrdersRequest(status="all", nested=True))[0]


def statuses(client) -> list[str]:
    order = nested(client)
    return [order.status, *(one.status for one in order.legs)]


def fill(venue, order, quantity: int, price: str = "500") -> None:
    found = venue.venue.find(str(order.id))
    venue.venue.fill(found, Match(Decimal(quantity), {"SPY": Decimal(price)}))


def bracket(venue, client, **more):
    venue.venue.filling = False
    return client.submit_order(buy(10, **{**BRACKET, **more}))


def test_exits_sleep_until_their_entry_is_filled_whole(venue, client):
    order = bracket(venue, client)
    fill(venue, order, 4)
    assert statuses(client) == ["partially_filled", "held", "held"]
    fill(venue, order, 6)
    assert statuses(client) == ["filled", "new", "held"]


def test_the_cancel_of_an_entry_that_filled_in_part_cancels_its_exits(venue, client):
    order = bracket(venue, client)
    fill(venue, order, 4)
    client.cancel_order_by_id(order.id)
    assert statuses(client) == ["canceled"] * 3


@pytest.mark.parametrize("which", [0, 1])
def test_the_cancel_of_an_exit_cancels_what_is_open(venue, client, which):
    order = bracket(venue, client)
    client.cancel_order_by_id(order.legs[which].id)
    assert statuses(client) == ["canceled"] * 3


def test_a_stop_is_fitted_to_what_the_target_leaves(venue, client):
    order = bracket(venue, client)
    fill(venue, order, 10)
    fill(venue, order.legs[0], 4, "510")
    assert [one.qty for one in nested(client).legs] == ["10", "6"]
    fill(venue, order.legs[1], 6, "490")
    assert statuses(client) == ["filled", "canceled", "filled"]


def test_a_stop_that_is_reached_ends_the_target_before_it_fills(venue, client):
    order = bracket(venue, client, stop_loss={"stop_price": 490, "limit_price": 489})
    fill(venue, order, 10)
    venue.venue.filling = True
    venue.venue.prices.set("SPY", Decimal("480"), Decimal("480.02"))
    venue.tick()
    assert statuses(client) == ["filled", "canceled", "new"]
    venue.venue.prices.set("SPY", Decimal("489.5"), Decimal("489.52"), Decimal(1000))
    for _ in range(5):
        venue.tick()
    assert statuses(client) == ["filled", "canceled", "filled"]


def test_the_documented_oco_needs_no_limit_price_of_its_own_but_a_position(venue, client):
    body = {"side": "sell", "symbol": "SPY", "type": "limit", "qty": "1", "time_in_force": "gtc",
            "order_class": "oco", "take_profit": PROFIT, "stop_loss": LOSS}  # fmt: skip
    with pytest.raises(APIError, match="there is none"):
        client.post("/orders", body)
    client.submit_order(buy(1))
    order = client.post("/orders", body)
    assert (order["limit_price"], order["legs"][0]["stop_price"]) == ("510", "490")


def test_prices_of_exits_are_replaced_and_nothing_else(venue, client):
    order = bracket(venue, client)
    target = order.legs[0]
    new = client.replace_order_by_id(target.id, ReplaceOrderRequest(limit_price=515))
    assert (new.replaces, new.status, new.limit_price) == (target.id, "held", "515")
    assert statuses(client) == ["new", "replaced", "held", "held"]
    for one, change in ((new, {"qty": 5}), (order, {"limit_price": 499})):
        wish = ReplaceOrderRequest(**change)
        assert refusal(lambda one=one, wish=wish: client.replace_order_by_id(one.id, wish)) == (
            422, 42210000,
        )  # fmt: skip


def test_an_open_exit_is_listed_by_itself_when_its_entry_is_over(venue, client):
    order = bracket(venue, client)
    fill(venue, order, 10)
    found = client.get_orders(GetOrdersRequest(status="open", nested=True))
    assert {one.id for one in found} == {one.id for one in order.legs}
    assert client.get_order_by_client_id(order.client_order_id).legs is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"time_in_force": "ioc"},
        {"take_profit": {"limit_price": 480}},
        {"stop_loss": {"stop_price": 501}},
        {"stop_loss": {"stop_price": 490.001}},
        {"extended_hours": True},
        {"stop_loss": None},
    ],
    ids=["ioc", "target below", "stop beyond the entry", "sub-penny", "extended", "no stop"],
)
def test_brackets_that_cannot_be_are_refused(venue, client, wrong):
    with pytest.raises((APIError, ValueError)):
        bracket(venue, client, **wrong)
    assert venue.venue.truth()["orders"] == []
