"""The stand-in for Alpaca, asked by Alpaca's own client, unmodified."""

from __future__ import annotations

import datetime as dt
import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal

import pytest
from alpaca.common.exceptions import APIError
from alpaca.data.historical import (
    CryptoHistoricalDataClient,
    OptionHistoricalDataClient,
    StockHistoricalDataClient,
)
from alpaca.data.live import OptionDataStream
from alpaca.data.requests import (
    CryptoLatestQuoteRequest,
    OptionChainRequest,
    StockLatestQuoteRequest,
    StockSnapshotRequest,
)
from alpaca.trading.client import TradingClient
from alpaca.trading.requests import (
    GetOptionContractsRequest,
    GetOrdersRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    OptionLegRequest,
    ReplaceOrderRequest,
    StopOrderRequest,
    TrailingStopOrderRequest,
)
from alpaca.trading.stream import TradingStream

from sandbox.alpaca.server import Alpaca

# A Wednesday, 10:00 in New York.
MORNING = dt.datetime(2026, 11, 18, 15, 0, tzinfo=dt.UTC)
CALL, HIGHER = "SPY261118C00500000", "SPY261118C00505000"


@pytest.fixture
def venue() -> Iterator[Alpaca]:
    stand_in = Alpaca(start=MORNING, always=False, rate=0)
    stand_in.venue.prices.set("SPY", Decimal("499.99"), Decimal("500.01"))
    stand_in.venue.prices.set(CALL, Decimal("2.00"), Decimal("2.10"))
    stand_in.venue.prices.set(HIGHER, Decimal("0.90"), Decimal("1.00"))
    yield stand_in
    stand_in.close()


@pytest.fixture
def client(venue) -> TradingClient:
    return TradingClient(venue.key, venue.secret, url_override=venue.address)


def buy(quantity=10, limit=501, symbol="SPY", **more) -> LimitOrderRequest:
    return LimitOrderRequest(
        symbol=symbol, qty=quantity, side=more.pop("side", "buy"), limit_price=limit,
        time_in_force=more.pop("time_in_force", "day"), **more,
    )  # fmt: skip


def refusal(call) -> tuple[int, int]:
    with pytest.raises(APIError) as caught:
        call()
    return caught.value.status_code, caught.value.code


def status_of(call) -> int:
    try:
        call()
    except APIError as error:
        return error.status_code
    return 200


def whole(venue, symbol="SPY", quantity="10") -> None:
    """Fill what a random part left."""
    for _ in range(50):
        venue.tick()
    assert venue.venue.account.quantity(symbol) == Decimal(quantity)


def test_an_order_is_filled_and_becomes_a_position(venue, client):
    order = client.submit_order(buy(client_order_id="first"))
    assert order.client_order_id == "first"
    whole(venue)
    assert client.get_order_by_client_id("first").status == "filled"
    held = client.get_all_positions()[0]
    assert (held.symbol, held.qty, held.avg_entry_price) == ("SPY", "10", "500.01")
    fills = client.get("/account/activities/FILL", {"direction": "asc"})
    assert sum(Decimal(one["qty"]) for one in fills) == 10
    assert fills[-1]["cum_qty"] == "10"
    assert Decimal(venue.venue.truth()["cash"]) == 100_000 - 10 * Decimal("500.01")
    account = client.get_account()
    assert account.pattern_day_trader is None
    assert account.daytrade_count is None


def test_an_id_is_taken_once(client):
    client.submit_order(buy(client_order_id="once", limit=400))
    assert refusal(lambda: client.submit_order(buy(client_order_id="once"))) == (422, 40010001)


def test_what_the_account_cannot_pay_is_refused(venue, client):
    assert refusal(lambda: client.submit_order(buy(1000))) == (403, 40310000)
    coin = buy(10, 600, side="sell", symbol="BTC/USD", time_in_force="gtc")
    assert refusal(lambda: client.submit_order(coin)) == (403, 40310000)
    assert venue.venue.truth()["orders"] == []


@pytest.mark.parametrize(
    "order",
    [
        StopOrderRequest(symbol=CALL, qty=1, side="sell", stop_price=1, time_in_force="day"),
        buy(1, 2, CALL, time_in_force="ioc"),
        MarketOrderRequest(symbol=CALL, qty=1, side="buy", time_in_force="day",
                           order_class="bracket", take_profit={"limit_price": 3},
                           stop_loss={"stop_price": 1}),
        buy(0.5, 501, time_in_force="gtc"),
        buy(1, 500.001),
        buy(1, 2, "not a symbol"),
    ],
    ids=["option stop", "option ioc", "option bracket", "fraction gtc", "sub-penny", "unknown"],
)  # fmt: skip
def test_orders_that_cannot_be_are_refused(client, order):
    assert refusal(lambda: client.submit_order(order))[0] == 422


def spread(quantity=1, limit=1.2, **more) -> LimitOrderRequest:
    legs = [OptionLegRequest(symbol=CALL, ratio_qty=1, side="buy", position_intent="buy_to_open"),
            OptionLegRequest(symbol=HIGHER, ratio_qty=1, side="sell",
                             position_intent="sell_to_open")]  # fmt: skip
    return LimitOrderRequest(qty=quantity, limit_price=limit, time_in_force="day",
                             order_class="mleg", legs=legs, **more)  # fmt: skip


def test_a_package_fills_in_whole_units(venue, client):
    order = client.submit_order(spread(3))
    whole(venue, CALL, "3")
    assert venue.venue.account.quantity(HIGHER) == -3
    order = client.get_orders(GetOrdersRequest(status="all", nested=True))[0]
    assert order.symbol is None
    assert [leg.filled_qty for leg in order.legs] == ["3", "3"]
    assert order.filled_avg_price == "1.2"


def test_a_package_that_does_not_match_rests(venue, client):
    client.submit_order(spread(3, 1.1))
    venue.tick()
    assert venue.venue.fills == []


def test_the_level_and_the_cover_count(venue, client):
    naked = buy(1, 2, CALL, side="sell")
    assert refusal(lambda: client.submit_order(naked)) == (403, 40310000)
    venue.venue.account.level = 2
    assert refusal(lambda: client.submit_order(spread())) == (403, 40310000)
    client.submit_order(buy(1, 3, CALL))
    venue.venue.account.level = 0
    assert refusal(lambda: client.submit_order(buy(1, 3, HIGHER))) == (403, 40310000)


def test_a_purpose_that_does_not_fit_is_refused(client):
    order = buy(1, 3, CALL, position_intent="buy_to_close")
    assert refusal(lambda: client.submit_order(order)) == (422, 42210000)


def test_a_trade_with_oneself_is_refused(venue, client):
    client.submit_order(buy(10))
    whole(venue)
    client.submit_order(buy(5, 499))
    assert refusal(lambda: client.submit_order(buy(5, 498, side="sell"))) == (403, 40310000)
    assert refusal(lambda: client.submit_order(buy(11, 520, side="sell"))) == (403, 40310000)


def test_a_replacement_is_a_new_order(client):
    old = client.submit_order(buy(limit=400))
    new = client.replace_order_by_id(old.id, ReplaceOrderRequest(limit_price=401))
    assert new.replaces == old.id
    assert client.get_order_by_id(old.id).status == "replaced"
    assert client.get_order_by_id(old.id).replaced_by == new.id
    client.cancel_order_by_id(new.id)
    assert client.get_order_by_id(new.id).status == "canceled"
    assert refusal(lambda: client.cancel_order_by_id(new.id)) == (422, 42210000)


def test_a_bracket_leaves_by_one_exit(venue, client):
    client.submit_order(MarketOrderRequest(
        symbol="SPY", qty=1, side="buy", time_in_force="gtc", order_class="bracket",
        take_profit={"limit_price": 510}, stop_loss={"stop_price": 490},
    ))  # fmt: skip
    venue.venue.prices.set("SPY", Decimal("489"), Decimal("489.02"))
    venue.tick()
    assert venue.venue.account.quantity("SPY") == 0
    (order,) = client.get_orders(GetOrdersRequest(status="all", nested=True))
    assert [leg.status for leg in order.legs] == ["canceled", "filled"]


def test_an_oco_cancels_the_other(venue, client):
    client.submit_order(buy(1))
    client.submit_order(buy(
        1, 510, side="sell", time_in_force="gtc", order_class="oco",
        take_profit={"limit_price": 510}, stop_loss={"stop_price": 490},
    ))  # fmt: skip
    venue.venue.prices.set("SPY", Decimal("511"), Decimal("511.02"))
    venue.tick()
    order = client.get_orders(GetOrdersRequest(status="all", nested=True))[0]
    assert (order.status, order.legs[0].status) == ("filled", "canceled")
    assert venue.venue.account.quantity("SPY") == 0


def test_a_trailing_stop_follows(venue, client):
    client.submit_order(buy(1))
    client.submit_order(TrailingStopOrderRequest(symbol="SPY", qty=1, side="sell",
                                                 time_in_force="gtc", trail_price=5))  # fmt: skip
    for bid in ("504", "510", "506"):
        venue.venue.prices.set("SPY", Decimal(bid), Decimal(bid) + 1)
        venue.tick()
    assert venue.venue.account.quantity("SPY") == 1
    venue.venue.prices.set("SPY", Decimal("505"), Decimal("506"))
    venue.tick()
    assert venue.venue.account.quantity("SPY") == 0


def test_expiry_is_told_on_the_next_morning(venue, client):
    client.submit_order(spread(1))
    assert venue.venue.account.quantity(HIGHER) == -1
    venue.venue.prices.set("SPY", Decimal("502"), Decimal("502.02"))
    venue.advance(9 * 3600)
    assert client.get("/account/activities", {"category": "non_trade_activity"})[-1][
        "activity_type"] == "FILL"  # fmt: skip
    assert venue.venue.account.quantity("SPY") == 100
    venue.advance(15 * 3600)
    told = client.get("/account/activities", {"activity_types": "OPEXC,OPTRD,OPEXP"})
    assert {one["activity_type"]: one["qty"] for one in told} == {
        "OPEXC": "-1", "OPTRD": "100", "OPEXP": "1",
    }  # fmt: skip


def test_day_orders_end_with_the_day_and_wait_for_the_morning(venue, client):
    client.submit_order(buy(limit=400))
    client.submit_order(buy(limit=401, time_in_force="gtc"))
    venue.advance(7 * 3600)
    assert not client.get_clock().is_open
    kept = client.get_orders(GetOrdersRequest(status="open"))
    assert [order.limit_price for order in kept] == ["401"]
    late = client.submit_order(buy(1))
    assert late.status == "accepted"
    venue.advance(17 * 3600)
    assert client.get_order_by_id(late.id).status == "filled"


def test_a_close_before_it_began_ends_no_order(venue):
    """Started in the evening, it must not end the day orders that come in after that."""
    evening = MORNING + dt.timedelta(hours=7)
    with closing(Alpaca(start=evening, always=True, rate=0)) as late:
        late.venue.prices.set("SPY", Decimal("499.99"), Decimal("500.01"))
        client = TradingClient(late.key, late.secret, url_override=late.address)
        kept = client.submit_order(buy(limit=400))
        late.tick()
        assert client.get_order_by_id(kept.id).status == "new"
        late.advance(24 * 3600)
        assert client.get_order_by_id(kept.id).status == "expired"


def test_the_rest_of_the_routes_answer(client):
    assert client.get_all_assets()
    assert client.get_asset("SPY").tradable
    assert client.get_calendar()[0].open.hour == 9
    assert client.get_portfolio_history().equity == [100_000.0]
    found = client.get_option_contracts(GetOptionContractsRequest(underlying_symbols=["SPY"]))
    assert found.next_page_token == "100"
    assert client.get_option_contract(CALL).strike_price == 500
    config = client.get_account_configurations()
    config.suspend_trade = True
    client.set_account_configurations(config)
    assert refusal(lambda: client.submit_order(buy()))[0] == 403


def test_wrong_keys_see_nothing(venue):
    stranger = TradingClient(venue.key, "wrong", url_override=venue.address)
    assert refusal(stranger.get_account) == (401, 40110000)


def test_the_rate_is_limited(venue, client):
    venue.rate = 3
    client._retry = 0
    statuses = [status_of(client.get_clock) for _ in range(8)]
    assert 429 in statuses
    with pytest.raises(APIError) as caught:
        client.get_clock()
    assert caught.value.status_code == 429
    headers = caught.value.response.headers
    assert headers["X-RateLimit-Remaining"] == "0"
    assert int(headers["X-RateLimit-Reset"]) >= time.time()


class Listener:
    """The client's stream in a thread."""

    def __init__(self, venue: Alpaca) -> None:
        self.stream = TradingStream(venue.key, venue.secret, url_override=venue.stream_address)
        self.heard: list = []
        self.stream.subscribe_trade_updates(self.hear)
        self.thread = threading.Thread(target=self.stream.run, daemon=True)
        self.thread.start()
        wait_for(lambda: venue.updates._listening)

    async def hear(self, update) -> None:
        self.heard.append(update)

    def close(self) -> None:
        self.stream.stop()
        self.thread.join(8)


def wait_for(what, seconds=8.0) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.01)


def test_the_stream_tells_and_is_one(venue, client):
    listener = Listener(venue)
    try:
        client.submit_order(buy(1))
        wait_for(lambda: len(listener.heard) >= 2)
        assert [one.event for one in listener.heard] == ["new", "fill"]
        assert (listener.heard[1].qty, listener.heard[1].position_qty) == (1.0, 1.0)
        asked = urllib.request.Request(f"{venue.address}/stream", headers={
            "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        })  # fmt: skip
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(asked)
        assert caught.value.code == 429
    finally:
        listener.close()


def test_the_stream_goes_wrong_as_told(venue, client):
    faults = venue.stream_faults
    listener = Listener(venue)
    try:
        faults.lost = 1.0
        client.submit_order(buy(1))
        faults.lost, faults.twice = 0.0, 1.0
        client.submit_order(buy(1, 400))
        wait_for(lambda: len(listener.heard) >= 2)
        assert [one.event for one in listener.heard] == ["new", "new"]
        assert len({one.order.id for one in listener.heard}) == 1
    finally:
        listener.close()


def test_market_data_by_rest(venue):
    keys = (venue.key, venue.secret)
    shares = StockHistoricalDataClient(*keys, url_override=venue.address)
    quote = shares.get_stock_latest_quote(StockLatestQuoteRequest(symbol_or_symbols="SPY"))["SPY"]
    assert (quote.bid_price, quote.ask_price) == (499.99, 500.01)
    assert shares.get_stock_snapshot(StockSnapshotRequest(symbol_or_symbols="SPY"))["SPY"]
    options = OptionHistoricalDataClient(*keys, url_override=venue.address)
    chain = options.get_option_chain(OptionChainRequest(underlying_symbol="SPY"))
    assert len(chain) == 5 * 2 * 21
    assert chain[CALL].latest_quote.ask_price == 2.10
    coins = CryptoHistoricalDataClient(*keys, url_override=venue.address)
    assert coins.get_crypto_latest_quote(CryptoLatestQuoteRequest(symbol_or_symbols="BTC/USD"))


def test_market_data_streams_options_packed(venue):
    address = f"ws://127.0.0.1:{venue.port}/v1beta1/indicative"
    stream = OptionDataStream(venue.key, venue.secret, url_override=address)
    heard: list = []

    async def hear(quote) -> None:
        heard.append(quote)

    stream.subscribe_quotes(hear, CALL)
    thread = threading.Thread(target=stream.run, daemon=True)
    thread.start()
    wait_for(lambda: venue.feeds._listeners)
    venue.tick()
    wait_for(lambda: heard)
    stream.stop()
    thread.join(8)
    assert (heard[0].symbol, heard[0].bid_price, heard[0].timestamp) == (CALL, 2.0, MORNING)


def test_the_same_seed_tells_the_same_story():
    def story(seed: int) -> dict:
        stand_in = Alpaca(start=MORNING, seed=seed, rate=0)
        try:
            client = TradingClient(stand_in.key, stand_in.secret, url_override=stand_in.address)
            stand_in.script.add("POST /v2/orders", "504_after", chance=0.3)
            client._retry = 0
            statuses = set()
            for number in range(20):
                order = MarketOrderRequest(symbol="SPY", qty=3, side="buy", time_in_force="day",
                                           client_order_id=str(number))  # fmt: skip
                statuses.add(status_of(lambda order=order: client.submit_order(order)))
                stand_in.tick()
            assert 504 in statuses
            return stand_in.venue.truth()
        finally:
            stand_in.close()

    assert story(7) == story(7)
    assert story(7) != story(8)


def test_the_controls_and_the_truth(venue, client):
    def control(what: str, **given) -> dict:
        asked = urllib.request.Request(f"{venue.address}/_sim/{what}", json.dumps(given).encode())
        with urllib.request.urlopen(asked) as answer:
            return json.load(answer)

    control("quote", symbol="SPY", bid="10", ask="11")
    venue.venue.filling = False
    order = client.submit_order(buy(4))
    control("fill", order_id=str(order.id), qty="3", prices={"SPY": "10.5"})
    truth = control("truth")
    assert truth["positions"] == {"SPY": "3"}
    assert truth["fills"][0]["price"] == "10.5"
    control("bust", execution_id=truth["fills"][0]["execution_id"])
    assert control("truth")["positions"] == {}
    control("faults", rules=[{"route": "GET /v2/clock", "what": "500", "times": 1}])
    with pytest.raises(APIError):
        client.get_clock()
    client.get_clock()
    control("advance", seconds=60)
    assert client.get_clock().timestamp == MORNING + dt.timedelta(minutes=1)
