"""The public scenarios (docs/scenarios.md), run by our engine and by the slow reference."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal as D  # noqa: N817
from pathlib import Path

import numpy as np
import pytest

from quant import assignment, fee_rates, fees, fills, option_life
from quant.fill_types import Books, Force, Kind, Orders, Packages, Reason, Rules, State, Trigger
from tests.quant import slow_fills as slow

FOLDER = Path(__file__).parents[1] / "scenarios"
SECOND = 10**9
COLUMNS = ("bid", "ask", "bid_size", "ask_size", "last", "volume")


def cases(kind):
    found = []
    for path in sorted(FOLDER.glob("*.json")):
        text = json.loads(path.read_text(encoding="utf-8"))
        assert text["format"] == 1
        if text["kind"] == kind:
            found += [
                pytest.param(case, id=f"{path.stem}: {case['name']}") for case in text["cases"]
            ]
    return found


def known(value):
    return np.nan if value is None else float(value)


def book_of(rows):
    full = [row + [None] * (8 - len(row)) for row in rows]
    times = [row[0] * SECOND for row in full]
    return Books.of(
        times,
        *[[known(row[1 + i]) for row in full] for i in range(6)],
        quoted=[
            time if row[7] is None else row[7] * SECOND
            for row, time in zip(full, times, strict=True)
        ],
    )


def rules_of(case):
    given = dict(case.get("rules", {}))
    trigger = Trigger[given.pop("trigger", "quote").upper()]
    return Rules(trigger=trigger, **{name: float(value) for name, value in given.items()})


def moment(order, name):
    return order[name] * SECOND if name in order else fills.NEVER


def check_end(outcome, expected):
    state, reason = outcome.progress.state[0], outcome.progress.reason[0]
    assert State(state).name.lower() == expected["state"]
    assert Reason(reason).name.lower() == expected.get("reason", "none")
    assert outcome.progress.left[0] == pytest.approx(float(expected["left"]))


@pytest.mark.parametrize("case", cases("orders"))
def test_an_order(case):
    order = case["order"]
    numbers = ("limit", "stop", "trail", "trail_share", "tick", "wide_tick", "wide_from", "lot",
               "sigma", "daily_volume")  # fmt: skip
    outcome = fills.run(
        book_of(case["book"]),
        Orders.of(
            side={"buy": 1, "sell": -1}[order["side"]],
            quantity=float(order["quantity"]),
            kind=Kind[order.get("kind", "limit").upper()],
            force=Force[order.get("force", "gtc").upper()],
            sent=order.get("sent", 0) * SECOND,
            latency=order.get("latency", 0) * SECOND,
            until=moment(order, "until"),
            cancel_at=moment(order, "cancel_at"),
            **{name: float(order[name]) for name in numbers if name in order},
        ),
        rules_of(case),
    )
    check_end(outcome, case["expect"])
    f = outcome.fills
    got = [
        [int(time) // SECOND, price, quantity, Reason(reason).name.lower()]
        for time, price, quantity, reason in zip(f.time, f.price, f.quantity, f.reason, strict=True)
    ]
    want = [[t, float(p), float(q), reason] for t, p, q, reason in case["expect"]["fills"]]
    assert [[t, pytest.approx(p), pytest.approx(q), r] for t, p, q, r in want] == got


SOUND = [one for one in cases("orders") if one.values[0]["expect"]["state"] != "rejected"]


@pytest.mark.parametrize("case", SOUND)
def test_the_slow_reference_agrees_on_a_sound_order(case):
    order = dict(case["order"])
    words = {name: order.pop(name) for name in ("side", "kind", "force") if name in order}
    whole = {name: order.pop(name) * SECOND for name in ("sent", "latency", "until", "cancel_at")
             if name in order}  # fmt: skip
    rules = dict(case.get("rules", {}))
    trigger = rules.pop("trigger", "quote")
    rows = []
    for given in case["book"]:
        row = given + [None] * (8 - len(given))
        values = {
            name: None if row[1 + i] is None else D(str(row[1 + i]))
            for i, name in enumerate(COLUMNS)
        }
        quoted = None if row[7] is None else row[7] * SECOND
        rows.append(slow.Row(row[0] * SECOND, **values, quoted=quoted))
    end = slow.run(
        rows,
        slow.Order(
            side=1 if words.pop("side") == "buy" else -1,
            **words,
            **whole,
            **{name: D(str(value)) for name, value in order.items()},
        ),
        slow.Way(trigger=trigger, **{name: D(str(value)) for name, value in rules.items()}),
    )
    expected = case["expect"]
    assert (end.state, end.reason) == (expected["state"], expected.get("reason", "none"))
    assert end.left == D(str(expected["left"]))
    assert [[f.time // SECOND, f.price, f.quantity, f.reason] for f in end.fills] == [
        [t, D(str(p)), D(str(q)), reason] for t, p, q, reason in expected["fills"]
    ]


@pytest.mark.parametrize("case", cases("packages"))
def test_a_package(case):
    given = case["package"]
    outcome = fills.run_packages(
        Books.stack([book_of(rows) for rows in case["books"]]),
        Packages.of(
            units=given["units"],
            legs=[given["legs"]],
            limit=known(given.get("limit")),
            force=Force[given.get("force", "gtc").upper()],
            whole=given.get("whole", False),
            weight=[float(w) for w in given.get("weights", ["1"] * len(given["legs"]))],
        ),
        rules_of(case),
    )
    check_end(outcome, case["expect"])
    f = outcome.fills
    assert f.order.size == len(case["expect"]["fills"])
    for i, (time, net, units, prices) in enumerate(case["expect"]["fills"]):
        assert f.time[i] == time * SECOND
        assert f.price[i] == pytest.approx(float(net))
        assert f.quantity[i] == units
        assert f.legs[i, : len(prices)] == pytest.approx([float(price) for price in prices])


@pytest.mark.parametrize("case", cases("expiry"))
def test_an_expiry(case):
    position, expected = case["position"], case["expect"]
    settled = option_life.settle(
        is_call=position["right"] == "call",
        strike=float(position["strike"]),
        quantity=position["quantity"],
        settlement=float(case["settlement"]),
        multiplier=position.get("multiplier", 100),
        physical=position.get("physical", True),
        do_not_exercise=position.get("do_not_exercise", 0),
        exercise_anyway=position.get("exercise_anyway", 0),
        assigned=position.get("assigned"),
    )
    for name in ("exercised", "assigned", "expired", "shares"):
        assert getattr(settled, name) == expected.get(name, 0), name
    assert settled.cash == float(expected.get("cash", 0))
    booked = option_life.activities(
        settled, option="O", underlying="U", strike=D(position["strike"]),
        held=position["quantity"], day=dt.date(2026, 1, 5),
    )  # fmt: skip
    assert [[one.kind.value, one.quantity, one.amount] for one in booked] == [
        [kind, D(quantity), D(amount)] for kind, quantity, amount in expected["activities"]
    ]


@pytest.mark.parametrize("case", cases("early"))
def test_early_exercise(case):
    given = {name: value for name, value in case["given"].items() if name != "rule"}
    rule = {"dividend": assignment.dividend_due, "put": assignment.put_due}[case["given"]["rule"]]
    found = rule(**{name: float(value) for name, value in given.items()})
    assert bool(found) is case["expect"]


@pytest.mark.parametrize("case", cases("sweep"))
def test_a_sweep(case):
    rights, strikes, quantities = zip(*case["positions"], strict=True)
    found = assignment.swept(
        is_call=np.array(rights) == "call",
        strike=[float(strike) for strike in strikes],
        quantity=quantities,
        spot=float(case["spot"]),
        underlying=[0] * len(rights),
        shares=[case["shares"]],
        buying_power=case["buying_power"],
    )
    assert found.tolist() == case["expect"]


@pytest.mark.parametrize("case", cases("fees"))
def test_fees(case):
    trade = case["trade"]
    asset, day = fee_rates.Asset(trade["asset"]), dt.date.fromisoformat(trade["day"])
    given = {
        "side": {"buy": 1, "sell": -1}[trade["side"]],
        "quantity": D(str(trade["quantity"])),
        "price": D(trade["price"]),
        "multiplier": D(trade.get("multiplier", 1)),
        "maker": trade.get("maker", False),
    }
    due = fees.exact(fee_rates.ALPACA, day, asset, **given)
    assert due == {name: D(amount) for name, amount in case["expect"].items()}
    if "posted" in case:
        assert {name: fees.posted([amount]) for name, amount in due.items()} == {
            name: D(amount) for name, amount in case["posted"].items()
        }
    floats = {name: float(value) for name, value in given.items() if name != "maker"}
    array = fees.charges(fee_rates.ALPACA, day, asset, **floats, maker=given["maker"])
    assert float(array.total) == pytest.approx(float(sum(due.values())))


def test_there_are_enough_and_each_says_why():
    names = []
    for path in FOLDER.glob("*.json"):
        for case in json.loads(path.read_text(encoding="utf-8"))["cases"]:
            assert len(case["why"]) > 10, case["name"]
            names.append((path.stem, case["name"]))
    assert len(names) == len(set(names)) >= 60
