"""The tier of a trade: decided at receipt, from what the server itself had stored."""

import datetime as dt
from decimal import Decimal

import pytest

from leaderboard import reports, services, trust
from leaderboard.models import Bot, Trade
from market.models import FeedRun
from market.store import write_snapshots

from .conftest import CALL, NOON, PUT, snapshot, trade
from .test_claims import spread

SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def simulated(ana) -> Bot:
    return services.register(ana, name="sim", config={}, market="simulated")[0]


def one(bot, body, now=NOON) -> Trade:
    return reports.report(bot.pk, [body], now=now)[0].trade


def test_inside_the_quote_it_is_checked(bot, real_market):
    found = one(bot, trade())
    assert (found.tier, found.market, found.reasons) == ("checked", "real", [])
    assert found.evidence["quotes"] == [
        {
            "symbol": CALL, "bid": 4.9, "ask": 5.0, "bid_size": 12.0, "ask_size": 20.0,
            "volume": None, "time": "2026-11-20T17:00:00+00:00", "age_s": 30.0,
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("more", "now", "says"),
    [
        ({"price": "5.01"}, NOON, ""),
        ({"price": "5.02"}, NOON, "price 5.02 of SPY261218C00500000 lies outside"),
        ({"price": "4.89"}, NOON, ""),
        ({"price": "4.88"}, NOON, "outside the stored bid and offer, 4.9 to 5"),
        ({"quantity": "20"}, NOON, ""),
        ({"quantity": "21"}, NOON, "The size 21 of SPY261218C00500000 is above 20, displayed"),
        ({"action": "SELL_CALL", "quantity": "12"}, NOON, ""),
        ({"action": "SELL_CALL", "quantity": "13"}, NOON, "is above 12, displayed"),
        ({"executed_at": "2026-11-20T17:00:25Z"}, NOON, ""),
        ({"executed_at": "2026-11-20T17:00:24Z"}, NOON, "dated 6 s before its receipt; 5 s"),
        ({"executed_at": "2026-11-20T17:00:36Z"}, NOON, "dated 6 s after its receipt"),
        ({}, NOON + 60 * SECOND, ""),
        ({}, NOON + 61 * SECOND, "was 91 s old at receipt; 90 s are the most"),
        ({"symbol": "SPY261218C00510000"}, NOON, "had no quote of SPY261218C00510000"),
        ({"action": "BUY", "symbol": "QQQ"}, NOON, "had no quote of QQQ"),
        ({"action": "BUY", "symbol": "SPY", "price": "500", "quantity": "500"}, NOON, ""),
        (
            {"action": "BUY", "symbol": "SPY", "price": "500", "quantity": "501"},
            NOON,
            "above 500, 10% of the volume of the last interval",
        ),
    ],
)
def test_each_condition_at_its_boundary(bot, real_market, more, now, says):
    found = one(bot, trade(**more), now)
    assert found.tier == ("self_reported" if says else "checked"), found.reasons
    assert says in " ".join(found.reasons)


def test_a_closed_market_checks_nothing(bot, spy):
    evening = dt.datetime(2026, 11, 20, 22, 0, 30, tzinfo=dt.UTC)
    write_snapshots([snapshot(evening - 30 * SECOND)])
    found = one(bot, trade(), evening)
    assert found.reasons == [f"The market of {CALL} was closed at receipt."]


def test_every_leg_of_a_spread_is_held_against_its_own_quote(bot, real_market):
    assert one(bot, spread()).tier == "checked"
    legs = [dict(leg) for leg in spread()["legs"]]
    legs[1]["price"] = "5.50"
    found = one(bot, spread(client_trade_id="s2", legs=legs))
    assert found.reasons == [
        f"The price 5.5 of {PUT} lies outside the stored bid and offer, 5.1 to 5.3."
    ]


def test_a_quote_that_came_later_helps_nobody(bot, spy):
    write_snapshots([snapshot(NOON + 10 * SECOND)])
    assert "had no quote" in one(bot, trade()).reasons[0]


def test_a_simulated_market_has_its_own_clock(simulated, run_of):
    run_of()
    found = one(simulated, trade(executed_at="2025-03-05T17:00:00Z"))
    assert (found.tier, found.market, found.reasons) == ("checked", "simulated", [])
    # At 60 times real time, five seconds of ours are five minutes there.
    late = one(simulated, trade(2, executed_at="2025-03-05T16:55:00Z"))
    assert late.tier == "checked"
    later = one(simulated, trade(3, executed_at="2025-03-05T16:54:59Z"))
    assert later.reasons == ["It is dated 5 min before its receipt; 300 s are the most."]
    ours = one(simulated, trade(4, executed_at=NOON.isoformat()))
    assert "after its receipt" in ours.reasons[0]


def test_a_paused_simulation_is_a_closed_market(simulated, run_of):
    run = run_of()
    FeedRun.objects.filter(pk=run.pk).update(state="paused")
    assert "was closed at receipt" in one(simulated, trade()).reasons[0]


def test_a_replayed_day_is_told_apart(simulated, run_of):
    run_of("replay")
    found = one(simulated, trade())
    assert (found.tier, found.market) == ("checked", "replayed")


def test_real_and_simulated_quotes_never_mix(bot, simulated, run_of, real_market):
    assert "was closed at receipt" in one(simulated, trade()).reasons[0]
    run_of()
    assert one(bot, trade()).market == "real"


class Desk:
    """A source as the trading core has one: executions by owner and reference."""

    def __init__(self) -> None:
        self.fills: dict[tuple[int, str], trust.Confirmation] = {}

    def fill(self, owner: int, reference: str, *legs: trust.Seen) -> None:
        self.fills[owner, reference] = trust.Confirmation(legs, NOON)

    def confirm(self, owner: int | None, reference: str) -> trust.Confirmation | None:
        return self.fills.get((owner or 0, reference))


@pytest.fixture
def desk():
    made = Desk()
    trust.register_source("desk", tier="server_priced", confirm=made.confirm)
    trust.register_source("broker", tier="broker_verified", confirm=made.confirm)
    yield made
    for name in ("desk", "broker"):
        trust.unregister_source(name)


def by(source: str, reference: str = "f-1") -> dict[str, object]:
    return {"execution": {"source": source, "reference": reference}}


@pytest.mark.parametrize(
    ("source", "tier"), [("desk", "server_priced"), ("broker", "broker_verified")]
)
def test_a_source_gives_its_tier(bot, desk, source, tier):
    desk.fill(bot.owner_id, "f-1", trust.Seen(CALL, Decimal(2), Decimal("4.95")))
    found = one(bot, trade(**by(source)))
    assert (found.tier, found.source, found.reference) == (tier, source, "f-1")
    assert found.reasons == []


def test_an_execution_stands_behind_one_trade(bot, desk, person):
    desk.fill(bot.owner_id, "f-1", trust.Seen(CALL, Decimal(2), Decimal("4.95")))
    rows = reports.report(bot.pk, [trade(1, **by("desk")), trade(2, **by("desk"))], now=NOON)
    assert [row.trade.tier for row in rows] == ["server_priced", "self_reported"]
    assert "stands behind another trade" in rows[1].trade.reasons[0]
    again = one(bot, trade(3, **by("desk")))
    assert "stands behind another trade" in again.reasons[0]


def test_what_a_source_did_not_see_falls_back_to_the_rule(bot, desk, real_market, person):
    desk.fill(bot.owner_id, "f-1", trust.Seen(CALL, Decimal(2), Decimal("4.90")))
    other = one(bot, trade(**by("desk")))
    assert other.tier == "checked"
    assert other.reasons == [f"desk saw something else: {CALL} 2 at 4.9, not 2 at 4.95."]
    unknown = one(bot, trade(2, **by("desk", "f-9")))
    assert unknown.reasons == ["desk knows no such execution of this owner."]
    nobody = one(bot, trade(3, **by("nobody")))
    assert nobody.reasons == ["There is no source 'nobody' that could confirm an execution."]
    foreign = services.register(person("bob"), name="b", config={})[0]
    theirs = one(foreign, trade(**by("desk")))
    assert theirs.reasons == ["desk knows no such execution of this owner."]


def test_a_source_that_fails_does_not_lose_the_trade(bot, desk, real_market):
    def fails(owner, reference):
        raise OSError("away")

    trust.register_source("away", tier="server_priced", confirm=fails)
    try:
        found = one(bot, trade(**by("away")))
    finally:
        trust.unregister_source("away")
    assert found.tier == "checked"
    assert found.reasons == ["away could not be asked for the execution."]


def test_a_source_cannot_give_what_only_the_rule_gives(desk):
    with pytest.raises(ValueError, match="not checked"):
        trust.register_source("x", tier="checked", confirm=desk.confirm)
    with pytest.raises(ValueError, match="registered already"):
        trust.register_source("desk", tier="broker_verified", confirm=desk.confirm)


def test_a_symbol_that_is_live_is_no_simulation(bot, simulated, run_of, real_market):
    """A bot of simulated markets has no market there; one of real markets has the recorded one."""
    run_of("live", session_date=dt.date(2025, 3, 5))
    found = one(simulated, trade())
    assert (found.tier, found.market) == ("self_reported", "simulated")
    assert (one(bot, trade()).tier, one(bot, trade(2)).market) == ("checked", "real")
