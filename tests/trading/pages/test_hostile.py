"""Numbers and names that were made to break the desk: an answer that names the field, soon."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from market import occ
from trading.ledger.book import LedgerError, fits
from trading.risk import limits
from trading.strategies import config
from trading.switches.latch import Latch

from .test_ticket import CONDOR, body, sim

__all__ = ["sim"]
pytestmark = pytest.mark.django_db
HUGE = ("1e30", "1e999999", "1e999999999999", "0e-999999999999", "-0", "sNaN", "-Infinity",
        "1e-30", "\u0661\u0662", "9" * 60)  # fmt: skip
"""An exact integer of a million digits takes minutes, and holds the whole process."""
NAMES = ("A" * 80, "\u0390" * 32, "<script>alert(1)</script>", "=1+1", "\ufb03" * 30, "SPY\u202e")


@pytest.fixture(autouse=True)
def latch(settings, tmp_path: Path) -> None:
    settings.PULSE_LATCH = str(tmp_path / "latch.json")
    Latch(Path(settings.PULSE_LATCH)).prepare()


@pytest.mark.parametrize("field", ["quantity", "limit_price", "strike1", "ratio1", "stop_price"])
def test_a_ticket_of_any_number_is_answered(web, sim, field):
    for number in HUGE:
        _asks(web, sim, number, field)


def _asks(web, sim, number, field):
    given = {**CONDOR, "account": str(sim.pk), field: number}
    if field == "stop_price":
        given |= {"kind": "stop"}
    assert web.get("/trading/ticket/", given).status_code == 200
    assert web.post("/trading/ticket/send", given).status_code in (302, 400)


@pytest.mark.parametrize("field", ["quantity", "limit_price"])
def test_one_leg_of_any_number_is_answered(web, sim, field):
    """Of one option the price has steps, which are looked at first."""
    for number in HUGE:
        _asks_for_one(web, sim, number, field)


def _asks_for_one(web, sim, number, field):
    leg = {name: value for name, value in CONDOR.items() if not name.endswith(("1", "2", "3"))}
    given = {**leg, "account": str(sim.pk), "limit_price": "1.65", field: number}
    assert web.get("/trading/ticket/", given).status_code == 200
    assert web.post("/trading/ticket/send", given).status_code in (302, 400)
    sent = body(sim, legs=body(sim)["legs"][:1], **{"limit_price": "1.65", field: number})
    for path in ("/api/v1/orders/preview", "/api/v1/orders"):
        answer = web.post(path, json.dumps(sent), content_type="application/json")
        assert answer.status_code in (200, 201, 400)


def test_the_largest_order_is_shown(web, sim):
    """What it costs and pays has more digits than either number."""
    most = "99999999999999999999"
    leg = {name: value for name, value in CONDOR.items() if not name.endswith(("1", "2", "3"))}
    given = {**leg, "account": str(sim.pk), "quantity": most, "limit_price": most}
    for right in ("put", "share"):
        asked = {**given, "right0": right}
        assert web.get("/trading/ticket/", asked).status_code == 200
        assert web.post("/trading/ticket/send", asked).status_code in (302, 400)


def test_what_is_typed_elsewhere_may_be_any_number(web, account, at_venue):
    order, _ = at_venue(account)
    for number in HUGE:
        for field in ("quantity", "limit_price"):
            answer = web.post(f"/trading/orders/{order.pk}/replace", {field: number})
            assert answer.status_code in (302, 400)
        for name in ("contracts", "order_loss"):
            given = {"name": name, "value": number}
            assert web.post(f"/trading/risk/{account.pk}/limit", given).status_code in (302, 400)
        form = {"name": "x", "cash": number, "market": "simulator:SIM", "method": "fifo"}
        assert web.post("/trading/open", form).status_code == 400


def test_a_name_that_no_table_holds_is_no_instrument(web, sim):
    for name in NAMES:
        _names(web, sim, name)


def _names(web, sim, name):
    given = {**CONDOR, "account": str(sim.pk), "underlying": name, "right0": "share", "side1": "",
             "side2": "", "side3": "", "limit_price": "1"}  # fmt: skip
    page = web.get("/trading/ticket/", given)
    assert page.status_code == 200
    assert b"<script>alert" not in page.content
    assert web.post("/trading/ticket/send", given).status_code in (302, 400)
    sent = body(sim, legs=[{"symbol": name[:32], "ratio": 1}], limit_price="1")
    answer = web.post("/api/v1/orders", json.dumps(sent), content_type="application/json")
    assert answer.status_code in (201, 400)
    assert b"<script>alert" not in web.get("/trading/orders/").content


@pytest.mark.parametrize("number", ["1e999999", "0e-999999999999", "1e-999999999", "1e20"])
def test_the_books_hold_no_such_number(number):
    with pytest.raises(LedgerError):
        fits("cash", Decimal(number))


def test_a_limit_is_compared_before_it_is_counted():
    with pytest.raises(limits.LimitError, match="at most"):
        limits.check("contracts", Decimal("1e999999999"), "pro")


def test_a_strike_of_a_million_digits_is_no_strike():
    with pytest.raises(occ.OccError):
        occ.from_parts("SPY", occ.parse("SPY261218C00500000").expiry, "C", Decimal("1e999990"))


@pytest.mark.parametrize("number", [10**400, -(10**400)])
def test_a_strategy_has_no_number_beyond_all(number):
    with pytest.raises(config.ConfigError, match="exit/stop"):
        config.read({"symbol": "SPY", "entry": {"tools": [1]}, "exit": {"stop": number}})
