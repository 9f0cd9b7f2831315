"""Pages of trading without a browser: forms, filters, files, and whose things they show."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal

import pytest
from django.utils import timezone

from market.models import FeedRun, Instrument
from record.live import topics
from record.models import StreamEvent
from tests.trading.conftest import says as venue_says
from trading.execution import services as execution
from trading.execution.selectors import state_of
from trading.execution.states import Standing
from trading.ledger import services as ledger
from trading.ledger.services import Source
from trading.models import Account, Order
from trading.orders.machine import News
from trading.orders.telling import channel_of
from trading.orders.venue import apply

pytestmark = pytest.mark.django_db
OPENING = {"name": "first", "cash": "25,000.50", "market": "simulator:SIM", "method": "fifo"}


@pytest.fixture
def simulator(db) -> FeedRun:
    one = Instrument.objects.create(symbol="SIM", kind="equity", simulated=True)
    return FeedRun.objects.create(
        symbol="SIM", underlying=one, source="simulator", state="running", speed=1.0,
        params={"seed": 7}, simulated=True, heartbeat_at=timezone.now(),
    )  # fmt: skip


def text(answer) -> str:
    return answer.content.decode()


def rows(answer) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(b"".join(answer).decode())))


# --- accounts -----------------------------------------------------------------------------------
@pytest.mark.usefixtures("simulator")
def test_a_paper_account_is_opened_armed_and_shown(web, ana):
    assert "No account yet" in text(web.get("/trading/"))
    answer = web.post("/trading/open", OPENING)
    account = Account.objects.get(owner=ana)
    assert (answer.status_code, answer.url) == (302, f"/trading/accounts/{account.pk}/")
    assert state_of(account.pk).state == Standing.ARMED
    page = text(web.get(answer.url))
    assert "25,000.50" in page
    assert "Armed" in page


@pytest.mark.usefixtures("simulator")
@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"name": " "}, "Give a name of 1 to 60 characters."),
        ({"cash": "much"}, "Give a number, such as 1250.50."),
        ({"cash": "1"}, "Give 100 to 100000000 dollars, in whole cents."),
        ({"market": "simulator:NONE"}, "No simulator has run for"),
        ({"market": "x\x00"}, "Give simulator:SYMBOL"),
        ({"method": "lifo"}, "Choose one of the two."),
    ],
)
def test_what_cannot_be_opened_is_marked_at_its_field(web, more, says):
    answer = web.post("/trading/open", {**OPENING, **more})
    assert answer.status_code == 400
    assert says in text(answer)
    assert "aria-invalid" in text(answer)
    assert not Account.objects.exists()


@pytest.mark.usefixtures("simulator")
def test_the_plan_limits_paper_accounts_on_page_and_rest(as_, ana):
    ana.plan = "free"
    ana.save()
    web = as_(ana)
    first = web.post("/api/v1/accounts", {**OPENING, "cash": "500"}, "application/json")
    assert (first.status_code, first.json()["cash"]) == (201, "500")
    assert first.json()["standing"]["state"] == "armed"
    again = web.post(
        "/api/v1/accounts", {**OPENING, "name": "b", "cash": "500"}, "application/json"
    )
    assert (again.status_code, again.json()["code"]) == (403, "plan_required")
    assert "all are open" in text(web.get("/trading/"))
    assert web.post("/trading/open", {**OPENING, "name": "b"}).status_code == 400
    odd = web.post("/api/v1/accounts", {**OPENING, "cash": "x"}, "application/json")
    assert odd.json()["errors"][0]["path"] == "/cash"


def test_the_owner_decides_on_the_standing_with_a_reason(web, account):
    address = f"/trading/accounts/{account.pk}/standing"
    assert web.post(address, {"to": "arm", "reason": " "}).status_code == 400
    assert web.post(address, {"to": "fly", "reason": "why not"}).status_code == 400
    assert web.post(address, {"to": "arm", "reason": "ready"}).status_code == 302
    execution.step(account.pk, Standing.HALTED, actor="risk", reason="a loss")
    assert "Reconcile and go on" in text(web.get(f"/trading/accounts/{account.pk}/"))
    assert web.post(address, {"to": "arm", "reason": "again"}).status_code == 400
    assert web.post(address, {"to": "go_on", "reason": "looked at it"}).status_code == 302
    assert state_of(account.pk).state == Standing.RECONCILING


# --- lists and files ----------------------------------------------------------------------------
def test_the_standing_follows_with_the_parts_and_keeps_what_is_typed(web, account):
    shown = [f'id="standing-{part}"' for part in ("badge", "why", "acts")]
    page = text(web.get(f"/trading/accounts/{account.pk}/"))
    assert all(page.count(one) == 1 for one in shown)
    assert "hx-swap-oob" not in page
    parts = text(web.get(f"/trading/accounts/{account.pk}/", headers={"HX-Request": "true"}))
    assert all(f'{one} hx-swap-oob="true"' in parts for one in shown)
    assert 'name="reason"' not in parts


def test_buttons_are_not_drawn_again_under_the_hand(web, ana, account):
    address = f"/trading/accounts/{account.pk}/"

    def acts(seen: str) -> str:
        given = {"seen": seen}
        return text(web.get(address, given, headers={"HX-Request": "true"}))

    assert 'name="seen" value="disabled"' in text(web.get(address))
    assert "standing-acts" not in acts("disabled")
    execution.step(account.pk, Standing.ARMED, actor=f"user {ana.pk}", reason="ready")
    execution.step(account.pk, Standing.HALTED, actor="risk", reason="a loss")
    drawn = acts("armed")
    assert drawn.index("Disable the account") < drawn.index("Reconcile and go on")
    late = {"to": "go_on", "reason": "enough", "seen": "armed"}
    assert "otherwise than the page showed" in text(web.post(f"{address}standing", late))
    assert state_of(account.pk).state == Standing.HALTED
    safe = {"to": "disable", "reason": "enough", "seen": "armed"}
    assert web.post(f"{address}standing", safe).status_code == 302
    assert state_of(account.pk).state == Standing.DISABLED


def test_a_form_that_was_refused_leads_to_pages_that_can_be_asked_for(web, eve, account, at_venue):
    order, _ = at_venue(account)
    for path, form in (
        ("ticket/send", {"account": account.pk, "underlying": "SPY"}),
        (f"accounts/{account.pk}/standing", {"to": "fly", "reason": "x"}),
        (f"accounts/{account.pk}/agree", {"what": "?"}),
        (f"orders/{order.pk}/replace", {"quantity": "some", "intent_id": "r"}),
        ("open", {"name": ""}),
        ("risk/stop", {}),
        ("connections/create", {}),
    ):  # fmt: skip
        who = eve if "connections" in path else web
        answer = who.post(f"/trading/{path}", form)
        assert answer.status_code == 400, path
        page = text(answer)
        asked = re.findall(r'hx-get="([^"?]*)', page)
        asked += re.findall(r'<form method="get" action="([^"]*)"', page)
        asked += re.findall(r'href="(/trading/[^"?#]*)', page)
        assert asked
        for address in set(asked):
            # What only a larger plan has says so: 403.
            assert who.get(address).status_code in (200, 403), f"{path} leads to {address}"


def test_filters_hold_for_table_and_file(web, account, open_account, bought, at_venue):
    other = open_account("second")
    for number in range(3):
        bought(account, f"b{number}")
    at_venue(other, "open")
    assert text(web.get("/trading/orders/")).count('scope="row"') == 4
    for query, count in (
        ("state=open", 1), ("state=filled", 3), (f"account={other.pk}", 1), ("symbol=spy", 4),
        ("symbol=Q", 0), ("days=1", 4), ("state=odd&account=x&days=9", 4),
    ):  # fmt: skip
        assert len(rows(web.get(f"/trading/orders/orders.csv?{query}"))) == count, query
    assert "No order fits" in text(web.get("/trading/orders/?symbol=Q"))
    fills = rows(web.get(f"/trading/history/trades.csv?account={account.pk}&side=buy"))
    assert [row["cash"] for row in fills] == ["-990.35"] * 3
    assert {row["reason"] for row in fills} == {"the offer of 12:00"}
    assert rows(web.get("/trading/history/trades.csv?side=sell")) == []
    # By the real clock: a market's may be of another day, as theirs is.
    assert len(rows(web.get("/trading/history/trades.csv?days=1"))) == 3
    assert "the offer of 12:00" in text(web.get("/trading/history/"))


def test_older_rows_are_a_page_away(web, account, bought, monkeypatch):
    from trading.desk import lists

    monkeypatch.setattr(lists, "SHOWN", 2)
    monkeypatch.setattr(lists, "_CHUNK", 2)
    made = [bought(account, f"b{number}").pk for number in range(5)]
    page = text(web.get("/trading/orders/?state=filled"))
    assert f"state=filled&amp;before={made[3]}" in page
    older = text(web.get(f"/trading/orders/?state=filled&before={made[3]}"))
    assert f"/trading/orders/{made[2]}/" in older
    assert f"/trading/orders/{made[3]}/" not in older
    assert 'id="refresh"' not in older, "what is old does not move under the reader"
    assert [int(row["id"]) for row in rows(web.get("/trading/orders/orders.csv"))] == made[::-1]
    lines = rows(web.get(f"/trading/ledger/ledger.csv?account={account.pk}&kind=fill"))
    assert [row["cash"] for row in lines] == [
        "95048.25", "96038.6", "97028.95", "98019.3", "99009.65",
    ]  # fmt: skip


def test_the_ledger_hides_holds_until_asked(web, account, bought):
    bought(account)
    page = text(web.get("/trading/ledger/"))
    assert "99,009.65" in page
    assert "house" not in page
    assert "house" in text(web.get(f"/trading/ledger/?account={account.pk}&kind=all"))
    assert len(rows(web.get("/trading/ledger/ledger.csv"))) == 2


def test_pages_say_what_is_missing_before_anything_is_there(web):
    for path, says in (
        ("orders", "No order yet"), ("positions", "Nothing is held"),
        ("history", "Nothing was filled yet"), ("ledger", "No account, no ledger"),
    ):  # fmt: skip
        assert says in text(web.get(f"/trading/{path}/"))


# --- one order ----------------------------------------------------------------------------------
def test_an_order_is_cancelled_and_replaced_from_its_page(web, account, at_venue):
    order, _ = at_venue(account)
    page = f"/trading/orders/{order.pk}/"
    assert "Accepted by the broker" in text(web.get(page))
    odd = web.post(f"{page}replace", {"quantity": "some", "intent_id": "r"})
    assert odd.status_code == 400
    assert "Give a number" in text(odd)
    odd = web.post(f"{page}replace", {"limit_price": "-1", "intent_id": "r"})
    assert "Give a price above 0." in text(odd)
    made = web.post(f"{page}replace", {"limit_price": "98", "intent_id": "r"})
    new = Order.objects.get(replaces=order)
    assert made.url == f"/trading/orders/{new.pk}/"
    assert web.post(f"{page}replace", {"limit_price": "98", "intent_id": "r"}).url == made.url
    web.post(f"{page}cancel")
    order.refresh_from_db()
    assert order.state == "cancel_pending"


def test_an_order_that_ends_takes_its_buttons_along(web, account, at_venue):
    order, name = at_venue(account)
    page, gone = f"/trading/orders/{order.pk}/", '<div id="change" hx-swap-oob="true" hidden></div>'
    parts = {"HX-Request": "true"}
    assert 'aria-labelledby="change-h"' in text(web.get(page))
    assert "change" not in text(web.get(page, headers=parts)), "what is typed stays"
    apply(account.pk, venue_says(News.CANCELED, "ended", name))
    assert gone in text(web.get(page, headers=parts))
    whole = text(web.get(page))
    assert 'aria-labelledby="change-h"' not in whole
    assert gone not in whole


def test_what_is_anothers_is_not_there(eve, account, at_venue):
    order, _ = at_venue(account)
    mine, missing = (order.pk, account.pk), (order.pk + 999, account.pk + 999)
    answers = []
    for order_id, account_id in (mine, missing):
        answers.append([
            eve.get(f"/trading/orders/{order_id}/"),
            eve.post(f"/trading/orders/{order_id}/cancel"),
            eve.post(f"/trading/orders/{order_id}/replace", {"quantity": "1"}),
            eve.get(f"/trading/accounts/{account_id}/"),
            eve.post(f"/trading/accounts/{account_id}/standing", {"to": "arm", "reason": "x"}),
        ])  # fmt: skip
    for theirs, none in zip(*answers, strict=True):
        assert theirs.status_code == none.status_code == 404
    assert rows(eve.get(f"/trading/ledger/ledger.csv?account={account.pk}")) == []
    assert rows(eve.get(f"/trading/orders/orders.csv?account={account.pk}")) == []
    order.refresh_from_db()
    assert order.state == "accepted"


# --- live ---------------------------------------------------------------------------------------
def test_every_event_is_told_to_the_owner_in_its_transaction(ana, account, bought):
    order = bought(account)
    channel = channel_of(ana.pk)
    told = list(StreamEvent.objects.filter(stream__channel=channel).order_by("seq"))
    assert [one.data["event"] for one in told] == [
        one.kind for one in order.events.order_by("pk")
    ]  # fmt: skip
    assert told[-1].data == {
        "order": order.pk, "state": "filled", "filled": "10", "account": account.pk,
        "event": "fill", "alert": "",
    }  # fmt: skip
    topic = topics.registered()["orders"]
    assert topic.snapshot(channel) == {}


def test_a_snapshot_holds_the_open_orders(ana, account, at_venue):
    order, _ = at_venue(account)
    assert topics.registered()["orders"].snapshot(channel_of(ana.pk)) == {
        str(order.pk): {
            "order": order.pk, "state": "accepted", "filled": "0", "account": account.pk,
            "event": "", "alert": "",
        }
    }  # fmt: skip


def test_no_cell_is_a_formula(web, account, at_venue):
    """What a broker or somebody with a key wrote is computed by no spreadsheet."""
    order, _ = at_venue(account)
    Order.objects.filter(pk=order.pk).update(reason='=HYPERLINK("http://evil.example","x")')
    order.legs.update(ratio=-1, symbol="@SUM(1)")
    (row,) = rows(web.get("/trading/orders/orders.csv"))
    assert row["reason"].startswith("'=HYPERLINK")
    assert row["instruments"] == "'-1x@SUM(1)"
    assert (row["quantity"], row["limit_price"]) == ("10", "100")
    ledger.withdraw(account.pk, Decimal(3), Source("test", "+1+1", timezone.now()))
    first = rows(web.get(f"/trading/ledger/ledger.csv?account={account.pk}"))[0]
    assert (first["change"], first["external_id"]) == ("-3", "'+1+1")
