"""The ticket and its preview, on a simulated market with the real gate."""

from __future__ import annotations

import json
import re
from decimal import Decimal

import pytest
from django.test import Client

from market import framestore, selectors, store
from market.reach import WHOLE
from tests.browser.trading import make_market, option
from trading.desk import opening
from trading.desk.marks import Marks
from trading.execution import services as execution
from trading.execution.states import Standing
from trading.models import Account, Order

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
CONDOR = {
    "side0": "buy", "right0": "put", "expiry0": "2026-12-18", "strike0": "575", "ratio0": "1",
    "side1": "sell", "right1": "put", "expiry1": "2026-12-18", "strike1": "585", "ratio1": "1",
    "side2": "sell", "right2": "call", "expiry2": "2026-12-18", "strike2": "615", "ratio2": "1",
    "side3": "buy", "right3": "call", "expiry3": "2026-12-18", "strike3": "625", "ratio3": "1",
    "underlying": "sim", "quantity": "1", "kind": "limit", "time_in_force": "day",
    "limit_price": "-3.32", "intent_id": "typed",
}  # fmt: skip


@pytest.fixture
def sim(ana) -> Account:
    framestore.forget_schemas()
    store.forget_layouts()
    run = make_market()
    account = opening.open_armed(
        ana, name="sim", cash=Decimal(50_000), market=f"simulator:{run.symbol}", method="fifo"
    )
    for standing in (Standing.RECONCILING, Standing.LIVE):
        execution.step(account.pk, standing, actor="execution", reason="agrees")
    return account


def text(answer) -> str:
    return answer.content.decode()


def body(of: Account, **more) -> dict:
    legs = [{"symbol": option("P", 575), "ratio": 1}, {"symbol": option("P", 585), "ratio": -1}]
    return {
        "account": of.pk, "legs": legs, "quantity": "1", "limit_price": "-1.65", **more,
    }  # fmt: skip


def ask(client, given):
    return client.post("/api/v1/orders/preview", json.dumps(given), content_type="application/json")


def test_a_shape_is_a_whole_ticket_with_its_preview(web, sim):
    page = text(web.get(f"/trading/ticket/?account={sim.pk}&shape=condor"))
    for strike in ("575", "585", "615", "625"):
        assert f'value="{strike}"' in page
    assert 'value="-3.32"' in page
    assert "makes at most $332.00 and loses at most $668.00" in page
    assert "581.68 and 618.32" in page
    assert "It would pass" in page
    assert not Order.objects.exists(), "a look stores nothing"


@pytest.mark.parametrize(
    ("asked", "time"),
    [("underlying=btc/usd", "gtc"), ("underlying=SPY", "day"),
     ("underlying=btc/usd&time_in_force=ioc", "ioc")],
)  # fmt: skip
def test_coins_have_no_day(web, sim, asked, time):
    page = text(web.get(f"/trading/ticket/?account={sim.pk}&{asked}"))
    assert f'<option value="{time}" selected>' in page


def test_a_pair_of_coins_is_called_by_its_name_and_has_no_options(web, sim):
    page = text(web.get(f"/trading/ticket/?account={sim.pk}&underlying=BTC/USD&shape=shares"))
    assert "Nothing was placed" not in page, "nothing was sent"
    assert "Not an order yet" in page
    assert "shape=shares" in page
    assert "shape=condor" not in page
    assert '<option value="share" selected>Coins</option>' in page
    assert '<option value="call"' not in page
    assert "Shares</option>" not in page


def test_an_unknown_market_is_said_once(web, sim):
    """Most rules cannot be judged then: the first says why, the others are named."""
    asked = {"account": str(sim.pk), "underlying": "BTC/USD", "side0": "buy", "right0": "share",
             "ratio0": "1", "quantity": "1", "kind": "limit", "limit_price": "5"}  # fmt: skip
    page = text(web.get("/trading/ticket/", asked))
    assert page.count("banner-critical") == 2
    assert "this account does not follow it" in page
    assert re.search(r"\d\d more rules cannot be judged without their facts", page)


def test_another_underlying_brings_its_own_fields_along(web, sim):
    asked = {**CONDOR, "account": str(sim.pk), "drawn": "SPY", "time_in_force": "day"}
    same = text(web.get("/trading/ticket/", {**asked, "drawn": "SIM"}, headers=HTMX))
    assert "ticket-legs" not in same, "what is being typed is left alone"
    part = text(web.get("/trading/ticket/", asked, headers=HTMX))
    assert part.count('hx-swap-oob="true"') == 3
    assert '<input type="hidden" name="drawn" value="SIM">' in part
    assert '<option value="2026-12-18" selected>' in part, "what is listed stays"
    assert 'value="575"' in part
    moved = text(web.get("/trading/ticket/", {**asked, "expiry0": "2027-01-15"}, headers=HTMX))
    assert '<option value="2026-12-18" selected>' in moved, "an expiry that is not listed does not"
    coins = text(web.get("/trading/ticket/", {**asked, "underlying": "btc/usd"}, headers=HTMX))
    assert '<option value="gtc" selected>' in coins
    assert '<option value="share" selected>Coins</option>' in coins
    chosen = {**asked, "underlying": "btc/usd", "time_in_force": "ioc"}
    assert '<option value="ioc" selected>' in text(
        web.get("/trading/ticket/", chosen, headers=HTMX)
    )


def test_an_underlying_that_is_being_typed_moves_nothing(web, sim):
    asked = {**CONDOR, "account": str(sim.pk), "drawn": "SIM", "underlying": ""}
    assert "ticket-legs" not in text(web.get("/trading/ticket/", asked, headers=HTMX))


def test_an_account_at_a_broker_sees_the_prices_of_its_market(monkeypatch):
    looks = []
    monkeypatch.setattr(
        selectors, "newest_prices", lambda name, reach, *, real: looks.append((name, real))
    )
    paper, broker = Account(broker="paper"), Account(broker="alpaca")
    marks = Marks(WHOLE)
    for account in (paper, broker, paper, None, broker):
        marks.seen_by(account).seen_by(account).of("SPY")
    assert looks == [("SPY", False), ("SPY", True)], "each market is read once"


def test_htmx_gets_the_preview_alone(web, sim):
    address = f"/trading/ticket/?account={sim.pk}&shape=call"
    part = text(web.get(address, headers={"HX-Request": "true"}))
    assert "What the gate will say" in part
    assert "<form" not in part


def test_the_ticket_is_sent_once(web, sim):
    form = {**CONDOR, "account": str(sim.pk)}
    first, again = (web.post("/trading/ticket/send", form) for _ in range(2))
    order = Order.objects.get()
    assert first.url == again.url == f"/trading/orders/{order.pk}/"
    assert (order.state, order.intent_id) == ("pending", "typed")
    assert [leg.symbol for leg in order.legs.all()] == [
        option("P", 575), option("P", 585), option("C", 615), option("C", 625),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"strike0": "x"}, "Give a number."),
        ({"strike0": "0.00001"}, "There is no such contract"),
        ({"expiry1": "soon"}, "Choose an expiry."),
        ({"right2": "warrant"}, "Choose shares, call or put."),
        ({"side3": "hold"}, "Choose buy or sell."),
        ({"ratio3": "1.5"}, "Give a whole number above 0."),
        ({"quantity": "0.5"}, "A package is traded in whole units."),
        ({"limit_price": ""}, "A limit order needs a limit price."),
        ({f"side{place}": "" for place in range(4)}, "Choose a side for one leg at least."),
        ({"account": "999999"}, "You have no such account."),
        ({"strike1": "575"}, "Name each instrument once."),
    ],
)
def test_what_is_no_order_is_marked_and_keeps_what_was_typed(web, sim, more, says):
    answer = web.post("/trading/ticket/send", {**CONDOR, "account": str(sim.pk), **more})
    assert answer.status_code == 400
    assert says in text(answer)
    assert 'value="625"' in text(answer)
    assert not Order.objects.exists()


def test_without_an_account_the_ticket_says_what_is_needed(eve):
    assert "An order needs an account" in text(eve.get("/trading/ticket/"))


def test_a_preview_tells_every_rule_and_stores_nothing(web, sim):
    told = ask(web, body(sim)).json()
    assert told["allowed"] is True
    assert len(told["rules"]) > 30
    assert Decimal(told["hold"]) > 0
    assert set(told["greeks"]) == {"delta", "gamma", "vega", "theta"}
    far = ask(web, body(sim, quantity="50")).json()
    assert far["allowed"] is False
    assert far["refusals"][0]["rule"] == far["rule"]
    assert far["text"] in {one["text"] for one in far["refusals"]}
    assert not Order.objects.exists()
    assert sim.entries.count() == 1


def test_who_sees_the_market_late_is_not_told_what_follows_from_now(as_, ana, sim):
    ana.plan = "free"
    ana.save()
    told = ask(as_(ana), body(sim)).json()
    assert (told["greeks"], told["cost"], told["fees"], told["loss"]) == (None,) * 4
    assert told["live"] is False
    page = text(as_(ana).get(f"/trading/ticket/?account={sim.pk}&shape=call"))
    assert "15 minutes late" in page or "needs an account" not in page


def test_a_preview_is_of_ones_own_account_alone(eve, sim):
    theirs, none = ask(eve, body(sim)), ask(eve, body(sim, account=sim.pk + 99))
    assert theirs.status_code == none.status_code == 400
    assert theirs.content == none.content


def test_the_proposed_price_is_one_that_can_be_asked_for(web, sim):
    page = text(web.get(f"/trading/ticket/?account={sim.pk}&shape=call"))
    proposed = re.search(r'name="limit_price"[^>]* value="([\d.]+)"', page)
    assert proposed is not None
    assert Decimal(proposed[1]) >= 3
    assert Decimal(proposed[1]) % Decimal("0.05") == 0


def test_a_price_between_two_steps_is_refused_at_its_field(web, sim):
    legs = [{"symbol": option("C", 600), "ratio": 1}]
    answer = ask(web, body(sim, legs=legs, limit_price="9.02"))
    assert answer.status_code == 400
    assert "give 9.00 or 9.05" in json.dumps(answer.json())
    assert "limit_price" in json.dumps(answer.json())
    assert not Order.objects.exists()


def test_the_token_goes_with_what_is_sent_and_never_with_a_look(ana, sim):
    web = Client(enforce_csrf_checks=True)
    web.force_login(ana)
    page = text(web.get(f"/trading/ticket/?account={sim.pk}&shape=call"))
    form = page[page.index('id="ticket"') :].partition("</form>")[0]
    assert 'type="hidden" name="csrfmiddlewaretoken"' not in form, "a look is a GET"
    token = re.search(r'<button[^>]* name="csrfmiddlewaretoken" value="(\w+)">Send', form)
    assert token is not None
    given = {**CONDOR, "account": str(sim.pk)}
    assert web.post("/trading/ticket/send", given).status_code == 403
    assert not Order.objects.exists()
    sent = web.post("/trading/ticket/send", {**given, "csrfmiddlewaretoken": token[1]})
    assert sent.status_code == 302
    assert Order.objects.count() == 1
