"""Orders that this house filled: they give a reported trade its tier, once, and to their owner."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.utils import timezone

from leaderboard import confirming, reports, selectors, services
from leaderboard.claims import plain
from leaderboard.models import Bot, Trade
from leaderboard.ranking import log
from tests.trading.conftest import ana as trader
from tests.trading.conftest import filled, open_account
from tests.trading.paper.conftest import Tape, intent, option, paper, send, tape
from trading import confirmed
from trading.ledger.services import Source, deposit
from trading.models import Account, Fill, Order
from trading.orders import services as orders
from trading.orders.venue import apply

__all__ = ["open_account", "paper", "tape"]

CALL, PUT = option("C", 500), option("P", 500)
QUOTES = {CALL: (2.40, 2.50, 50, 3), PUT: (1.40, 1.50, 50, 3)}
ana = trader


@pytest.fixture
def market(tape) -> Tape:
    made = tape([CALL, PUT])
    made.row(1)
    return made


@pytest.fixture
def account(market, paper) -> Account:
    return paper()


@pytest.fixture
def bot(ana) -> Bot:
    return services.register(ana, name="sim", config={}, market="simulated")[0]


def bought(market, account, *legs, quantity: str = "2", **more) -> Order:
    order = send(account, intent("one", *(legs or [(CALL, 1)]), quantity=quantity, **more))
    market.row(2, QUOTES)
    order.refresh_from_db()
    return order


def told(order, *, number: int = 1, price: str = "2.50", quantity: str = "2", source: str = "paper",
         **more) -> dict:  # fmt: skip
    execution = {"source": source, "reference": str(order.pk)}
    return {"client_trade_id": f"t{number}", "action": "BUY_CALL", "symbol": CALL,
            "quantity": quantity, "price": price, "execution": execution} | more  # fmt: skip


def report(bot, body, now: dt.datetime | None = None) -> Trade:
    return reports.report(bot.pk, [body], now=now)[0].trade


def test_a_trade_that_names_an_order_on_paper_is_server_priced(market, account, bot):
    order = bought(market, account, limit_price="2.50")
    found = report(bot, told(order))
    assert (found.tier, found.market, found.reasons) == ("server_priced", "simulated", [])
    fee = plain(Fill.objects.get(order=order).fee.quantize(confirmed.PLACES))
    assert found.evidence == {"at": market.at(2).isoformat(), "fee": fee}


@pytest.mark.parametrize(("said", "counts"), [(None, "seen"), ("0", "seen"), ("7", "7")])
def test_what_was_filled_here_costs_what_it_cost(market, account, bot, said, counts):
    """A bot that leaves its fees out would rank above those that pay theirs."""
    order = bought(market, account, limit_price="2.50")
    paid = Fill.objects.get(order=order).fee
    assert paid > 0
    trade = report(bot, told(order) if said is None else told(order, fee=said))
    assert trade.tier == "server_priced"
    (row,) = log.read(bot.pk, after=0, most=9)
    assert row.fee == (paid.quantize(confirmed.PLACES) if counts == "seen" else Decimal(counts))
    shown = selectors.performance(bot, services.newest(bot))
    assert shown.fees == row.fee


def test_one_order_stands_behind_one_trade(market, account, bot, ana):
    order = bought(market, account, limit_price="2.50")
    assert report(bot, told(order)).tier == "server_priced"
    again = report(bot, told(order, number=2))
    assert again.tier != "server_priced"
    assert "behind another trade" in again.reasons[0]


def test_another_persons_order_is_nobodys(market, account, person):
    order = bought(market, account, limit_price="2.50")
    foreign = services.register(person("bob"), name="b", config={}, market="simulated")[0]
    found = report(foreign, told(order))
    assert found.tier != "server_priced"
    assert found.reasons[0] == "paper knows no such execution of this owner."


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"price": "2.49"}, f"{CALL} 2 at 2.5, not 2 at 2.49"),
        ({"quantity": "3"}, f"{CALL} 2 at 2.5, not 3 at 2.5"),
        ({"fee": "-1000"}, "A fee of -1000 is money that was received"),
        ({"executed_at": "2026-01-05T14:30:30Z"}, "it was at 2026-01-05 14:32:00"),
    ],
)
def test_what_was_not_so_is_not_confirmed(market, account, bot, more, why):
    order = bought(market, account, limit_price="2.50")
    found = report(bot, told(order, **more))
    assert found.tier != "server_priced"
    assert why in found.reasons[0]


def test_an_order_that_may_still_fill_confirms_nothing_yet(market, account, bot):
    order = bought(market, account, quantity="5", limit_price="2.50")
    assert order.state == "partially_filled"
    assert "no such execution" in report(bot, told(order, quantity="3")).reasons[0]
    market.row(3, {CALL: (2.30, 2.44, 9, 9)})
    assert confirmed.average(order.legs.get()) == Decimal("2.5")
    assert report(bot, told(order, number=2, quantity="5")).tier == "server_priced"


def test_an_average_is_rounded_to_eight_decimals(market, account, bot):
    order = send(account, intent("one", (CALL, 1), quantity="7", kind="market"))
    market.row(2, QUOTES)
    market.row(3, {CALL: (2.40, 2.51, 9, 9)})
    order.refresh_from_db()
    assert order.state == "filled"
    assert report(bot, told(order, quantity="7", price="2.50571429")).tier == "server_priced"


def test_every_leg_of_a_package_is_confirmed(market, account, bot):
    order = bought(market, account, (CALL, 1), (PUT, -1), limit_price="1.20")
    execution = {"source": "paper", "reference": str(order.pk)}
    legs = [
        {"action": "BUY_CALL", "symbol": CALL, "quantity": "2", "price": "2.50"},
        {"action": "SELL_PUT", "symbol": PUT, "quantity": "2", "price": "1.40"},
    ]
    body = {"client_trade_id": "s", "action": "SPREAD", "legs": legs, "execution": execution}
    assert report(bot, body | {"legs": [legs[0], legs[1] | {"price": "1.39"}]}).tier != (
        "server_priced"
    )
    assert report(bot, body | {"client_trade_id": "s2"}).tier == "server_priced"


@pytest.mark.parametrize(("speed", "most"), [(1.0, 60), (60.0, 5), (10.0, 6)])
def test_what_is_told_late_could_be_chosen(market, account, bot, speed, most):
    """Both sides are bought, and the one that went well is told: a fast market goes far soon."""
    market.run.speed = speed
    order = bought(market, account, limit_price="2.50")
    known = Fill.objects.get(order=order).entry.booked_at
    late = known + dt.timedelta(seconds=most + 1)
    assert f"{most + 1} s before this report; {most} s" in report(bot, told(order), late).reasons[0]
    just = known + dt.timedelta(seconds=most)
    assert report(bot, told(order, number=2), just).tier == "server_priced"


def test_the_house_tells_of_all_that_it_trades_however_late(market, account, bot):
    bot.kind = Bot.Kind.HOSTED
    bot.save()
    order = bought(market, account, limit_price="2.50")
    late = timezone.now() + dt.timedelta(hours=1)
    found = reports.report(bot.pk, [told(order)], now=late, hosted=True)[0].trade
    assert found.tier == "server_priced"


def test_a_simulated_order_is_no_trade_on_real_markets(market, account, ana):
    real = services.register(ana, name="real", config={})[0]
    order = bought(market, account, limit_price="2.50")
    found = report(real, told(order))
    assert (found.tier, found.market) == ("self_reported", "real")
    assert "a simulated market" in found.reasons[0]


def test_a_replayed_day_is_for_practice(tape, paper, ana, bot):
    replay = tape([CALL, PUT], source="replay", owner=ana.pk)
    replay.row(1)
    account = paper(market=f"replay:{replay.run.pk}")
    order = bought(replay, account, limit_price="2.50")
    assert order.state == "filled"
    assert report(bot, told(order)).tier != "server_priced"


def test_an_order_on_the_live_market_counts_on_real_ones(tape, paper, ana):
    day = dt.date(2026, 11, 27)
    call = option("C", 500, day=day)
    live = tape([call], source="live", day=day)
    live.row(1)
    order = send(paper(market="live:SIM"), intent("one", (call, 1), limit_price="2.50"))
    live.row(2, {call: (2.40, 2.50, 50, 3)})
    found = confirming.paper(ana.pk, str(order.pk))
    assert found is not None
    assert (found.market, found.at) == ("real", live.at(2))


@pytest.mark.parametrize("reference", ["", "x", "-1", "9" * 30, "²", "0", "1.0", " 1", "1\n"])
def test_a_reference_that_is_no_order(db, ana, reference):
    assert confirmed.server_priced(ana.pk, reference) is None
    assert confirmed.broker_verified(ana.pk, reference) is None
    assert confirmed.server_priced(None, "1") is None


def test_one_order_has_one_name(market, account, bot):
    """Told again as 07 and 007, a fill that went well would count three times."""
    order = bought(market, account, limit_price="2.50")
    found = []
    for number, zeros in enumerate(("", "0", "00")):
        body = told(order, number=number)
        body["execution"]["reference"] = f"{zeros}{order.pk}"
        found.append(report(bot, body).tier)
    assert found.count("server_priced") == 1


def test_a_brokers_fills_verify_a_trade(market, account, ana):
    bot = services.register(ana, name="real", config={})[0]
    practice = report(bot, told(bought(market, account, limit_price="2.50"), source="live"))
    assert practice.tier == "self_reported"
    live = Account.objects.create(owner=ana, name="live", mode="live", broker="venue")
    deposit(live.pk, Decimal(10_000), Source("test", "first", timezone.now()))
    wanted = intent("one", (CALL, 1), quantity="2", limit_price="2.50")
    order = orders.place(live.pk, wanted, actor="ana").order
    name = orders.begin_send(live.pk, order.pk)
    for half in ("a", "b"):
        apply(live.pk, filled(half, name, "1", "2.50", symbol=CALL))
    found = report(bot, told(order, number=2, source="live"))
    assert (found.tier, found.market) == ("broker_verified", "real")
    assert report(bot, told(order, number=3, source="paper")).tier == "self_reported"
