"""The boards: what a log folds into, whatever the pieces in which it came."""

import datetime as dt
import threading
from decimal import Decimal

import numpy as np
import psycopg
import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from leaderboard import reports, services
from leaderboard.claims import Leg
from leaderboard.models import Bucket, Cell, ConfigVersion, Folded, Mark, Standing
from leaderboard.ranking import selectors
from leaderboard.ranking import services as ranking
from leaderboard.ranking.audit import audit
from leaderboard.ranking.fold import Tallies
from leaderboard.running import Run
from market.store import write_snapshots

from .conftest import CALL, NOON, snapshot, trade

DAY = dt.timedelta(days=1)
MINUTE = dt.timedelta(minutes=1)
D = Decimal


def unknown(name, at):
    return None


def tell(bot, *bodies, now=NOON):
    return [row.trade for row in reports.report(bot.pk, list(bodies), now=now)]


def stand(bot, tier="self_reported", hours=0, version=1):
    return Standing.objects.get(
        cell__bot=bot, cell__version__number=version, tier=tier, hours=hours
    )


def test_profit_is_computed_here_and_a_claimed_one_moves_nothing(bot):
    tell(bot, trade(1, price="5", fee="1"), now=NOON)
    tell(bot, trade(2, action="SELL_CALL", price="6", fee="1", pnl="99999"), now=NOON + MINUTE)
    ranking.refresh(now=NOON + 2 * MINUTE)
    found = stand(bot)
    assert (found.pnl, found.fees, found.trades, found.closings) == (D(198), D(2), 2, 1)
    assert found.win_rate == 1.0
    assert found.return_share == pytest.approx(198 / 100_000)
    assert found.exposure == pytest.approx(60 / 86_400)


def test_a_trade_counts_on_the_boards_of_its_tier_and_below(bot, real_market):
    tell(bot, trade(1, price="4.95"), trade(2, price="9"))
    ranking.refresh(now=NOON)
    cells = {cell.tier: (cell.trades, cell.below) for cell in Cell.objects.filter(bot=bot)}
    assert cells == {"self_reported": (2, 0), "checked": (1, 1)}
    # Half of its trades are below the tier: whoever hides trades there does not rank.
    assert stand(bot, "checked").get_group_display() == "excluded"
    assert stand(bot).get_group_display() == "provisional"


def test_a_replayed_day_ranks_nowhere_and_a_simulated_one_on_its_own_clock(ana, run_of):
    run_of()
    simulated = services.register(ana, name="sim", config={}, market="simulated")[0]
    tell(simulated, trade(1))
    ranking.refresh(now=NOON)
    cell = Cell.objects.get(bot=simulated, tier="checked")
    assert (cell.market, cell.first_at.date()) == ("simulated", dt.date(2025, 3, 5))
    assert Bucket.objects.filter(cell=cell, span="d").get().start.date() == dt.date(2025, 3, 5)


def test_a_replayed_trade_opens_no_cell(ana, run_of):
    run_of("replay")
    simulated = services.register(ana, name="sim", config={}, market="simulated")[0]
    tell(simulated, trade(1))
    ranking.refresh(now=NOON)
    assert not Cell.objects.filter(bot=simulated).exists()
    assert Folded.objects.get(bot=simulated).seq == 1


def test_a_simulation_that_is_not_there_gives_no_clock_and_no_place(ana, spy):
    simulated = services.register(ana, name="sim", config={}, market="simulated")[0]
    assert tell(simulated, trade(1))[0].evidence["market_time"] is None
    ranking.refresh(now=NOON)
    assert not Cell.objects.filter(bot=simulated).exists()
    assert ranking.refresh(now=NOON).bots == 0


def test_a_new_configuration_begins_an_empty_record_and_counts_as_a_try(bot):
    tell(bot, trade(1), trade(2, action="SELL_CALL", price="6"))
    ranking.refresh(now=NOON)
    assert stand(bot).trials == 1
    services.configure(bot.pk, config={"strategy": "other"})
    ranking.refresh(now=NOON)
    assert stand(bot).trials == 2
    tell(bot, trade(3), now=NOON + MINUTE)
    ranking.refresh(now=NOON + MINUTE)
    assert (stand(bot).trades, stand(bot, version=2).trades) == (2, 1)
    assert stand(bot, version=2).pnl == 0


def test_stated_capital_is_part_of_the_configuration_and_never_below_what_was_at_work(ana):
    def share(name, config, quantity="2"):
        made = services.register(ana, name=name, config=config)[0]
        tell(made, trade(1, price="5", quantity=quantity))
        tell(made, trade(2, action="SELL_CALL", price="6", quantity=quantity), now=NOON + MINUTE)
        ranking.refresh(now=NOON + MINUTE)
        return stand(made).return_share

    assert share("plain", {}) == pytest.approx(200 / 100_000)
    assert share("large", {"capital": 1_000_000}) == pytest.approx(200 / 1_000_000)
    # A dollar of stated capital makes no return of 20,000 %: 1,000 dollars were at work.
    assert share("tiny", {"capital": 1}) == pytest.approx(200 / 1_000)
    assert share("odd", {"capital": "many"}) == pytest.approx(200 / 100_000)


def test_what_is_open_is_valued_at_the_servers_price_of_each_midnight(bot, real_market):
    tell(bot, trade(1, price="4.95"))
    later = NOON + DAY
    ranking.refresh(now=later)
    rows = Bucket.objects.filter(cell__bot=bot, cell__tier="checked", span="d")
    assert [(row.start.day, row.profit) for row in rows] == [(20, D(0))]  # mid 4.95 by then
    ranking.refresh(now=NOON + 2 * DAY)
    write_snapshots([snapshot(NOON + 2 * DAY, source="test")])
    assert Mark.objects.filter(instrument=CALL).count() == 2
    assert audit(bot, now=NOON + 2 * DAY) == []


def test_a_mark_once_looked_up_holds_for_ever(bot, real_market):
    tell(bot, trade(1, price="5"))
    ranking.refresh(now=NOON + DAY)
    before = stand(bot).pnl
    assert before == D("-10")  # two contracts at the mid of 4.95
    write_snapshots([snapshot(NOON + dt.timedelta(hours=3), call=7.0)])
    ranking.refresh(now=NOON + DAY + MINUTE)
    assert stand(bot).pnl == before
    assert audit(bot, now=NOON + DAY + MINUTE) == []


def test_windows_move_on_without_any_trade(bot):
    tell(bot, trade(1, price="5"), trade(2, action="SELL_CALL", price="6"))
    ranking.refresh(now=NOON)
    assert stand(bot, hours=24).pnl == 200
    ranking.refresh(now=NOON + DAY + dt.timedelta(hours=1))
    assert stand(bot, hours=24).days == 0
    assert stand(bot, hours=168).pnl == 200
    ranking.refresh(now=NOON + 7 * DAY)
    assert stand(bot, hours=168).days == 0
    assert stand(bot).pnl == 200


def test_two_runs_at_once_and_a_repeated_one_change_nothing(bot):
    tell(bot, trade(1, price="5"), trade(2, action="SELL_CALL", price="6"))
    ranking.refresh(now=NOON)
    before = list(Standing.objects.values_list())
    assert ranking.refresh(now=NOON).trades == 0
    assert list(Standing.objects.values_list()) == before


def test_an_absurd_size_ends_at_the_columns_width_and_stops_nobody(bot, ana):
    other = services.register(ana, name="other", config={})[0]
    tell(bot, trade(1, price="99999999999", quantity="999999999999999"))
    tell(bot, trade(2, price="0", quantity="999999999999999", action="SELL_CALL"))
    tell(other, trade(1, price="5"), trade(2, action="SELL_CALL", price="6"))
    ranking.refresh(now=NOON)
    assert stand(other).pnl == 200
    assert stand(bot).pnl == D(-(10**15))


def step(number, day, hour, side, quantity, price):
    return {
        "client_trade_id": f"t-{number}", "action": side, "symbol": "SPY",
        "quantity": str(quantity), "price": str(price), "fee": "0.35",
    }, NOON.replace(hour=hour) + day * DAY  # fmt: skip


steps = st.lists(
    st.tuples(
        st.integers(0, 4), st.integers(0, 23), st.sampled_from(["BUY", "SELL"]),
        st.integers(1, 9), st.decimals("1", "900", places=3),
    ),
    min_size=1, max_size=12,
)  # fmt: skip


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps, st.lists(st.integers(1, 4), min_size=12, max_size=12))
def test_however_the_log_is_cut_the_figures_are_those_of_the_whole(person, real_market, log, cuts):
    """Properties: incremental = recomputed, and profit = cash and what is open, exactly."""
    owner = person(f"owner{User.objects.count()}")
    bot = services.register(owner, name="otter", config={})[0]
    ordered = sorted(log, key=lambda one: (one[0], one[1]))
    for number, (day, hour, side, quantity, price) in enumerate(ordered):
        body, at = step(number, day, hour, side, quantity, price)
        tell(bot, body, now=at)
        if number % cuts[number] == 0:
            ranking.refresh(now=at)
    end = at + DAY
    ranking.refresh(now=end)
    assert audit(bot, now=end) == []
    cell = Cell.objects.get(bot=bot, tier="self_reported")
    whole = stand(bot)
    run = Run(unknown, lambda step: None)
    run.load(cell.state)
    value = run.book.value(run.marks) if run.marks else D(0)
    assert whole.pnl == run.book.cash + value
    days = Bucket.objects.filter(cell=cell, span="d")
    assert sum(row.profit for row in days) == whole.pnl


def test_a_dumped_run_goes_on_as_if_it_had_never_paused():
    random = np.random.default_rng(5)
    legs = [
        Leg("BUY" if random.random() < 0.5 else "SELL", "SPY", "equity",
            D(int(random.integers(1, 9))), D(int(random.integers(100, 900))) / 7)
        for _ in range(200)
    ]  # fmt: skip
    whole_steps, parts_steps = [], []
    whole = Run(unknown, whole_steps.append)
    parts = Run(unknown, parts_steps.append)
    for number, leg in enumerate(legs):
        at = NOON + number * MINUTE
        whole.trade(at, [leg], D("0.1"))
        again = Run(unknown, parts_steps.append)
        again.load(parts.dump()) if number else None
        parts = again
        parts.trade(at, [leg], D("0.1"))
    assert parts_steps == whole_steps
    assert parts.dump() == whole.dump()


def test_a_fall_is_found_whether_it_lies_in_a_bucket_or_across():
    tallies = Tallies(NOON - DAY)
    run = Run(unknown, tallies.note)
    for number, price in enumerate([100, 130, 90, 120]):
        run.trade(NOON + number * DAY, [Leg("BUY", "SPY", "equity", D(1), D(price))], D(0))
    assert [tally.fall for key, tally in tallies.found.items() if key[0] == "d"] == [
        D(0), D(0), D(80), D(0)
    ]  # fmt: skip


def test_an_audit_names_a_figure_that_was_altered(bot):
    tell(bot, trade(1, price="5"), trade(2, action="SELL_CALL", price="6"))
    ranking.refresh(now=NOON)
    assert audit(bot, now=NOON) == []
    Bucket.objects.filter(cell__bot=bot, span="d").update(profit=5000)
    found = audit(bot, now=NOON)
    assert [difference.where for difference in found] == ["v1 real self_reported d 2026-11-20 00"]
    assert stand(bot).pnl == 200  # an audit changes nothing


def test_boards_are_ordered_by_group_then_metric_and_unknown_comes_last(ana):
    made = []
    for number, price in enumerate(["6", "7", "5.5"]):
        bot = services.register(ana, name=f"bot {number}", config={})[0]
        tell(bot, trade(1, price="5"), trade(2, action="SELL_CALL", price=price))
        made.append(bot)
    ranking.refresh(now=NOON)
    rows = selectors.board(metric="pnl", tier="self_reported")
    assert [(row.rank, row.standing.cell.bot_id) for row in rows] == [
        (1, made[1].pk), (2, made[0].pk), (3, made[2].pk)
    ]  # fmt: skip
    Standing.objects.filter(cell__bot=made[2], hours=0).update(group=0)
    rows = selectors.board(metric="pnl", tier="self_reported")
    assert [row.standing.cell.bot_id for row in rows] == [made[2].pk, made[1].pk, made[0].pk]
    assert selectors.board_counts("real", "self_reported")["provisional"] == 2
    for row in selectors.board(tier="self_reported"):
        assert selectors.place(row.standing) == row.rank


def test_places_are_noted_for_the_change_of_tomorrow(ana):
    bots = []
    for number, price in enumerate(["6", "7"]):
        bot = services.register(ana, name=f"bot {number}", config={})[0]
        tell(bot, trade(1, price="5"), trade(2, action="SELL_CALL", price=price))
        bots.append(bot)
    ranking.refresh(now=NOON)
    selectors.note_places()
    Standing.objects.filter(cell__bot=bots[1]).update(skill=3.0)
    changes = {
        row.standing.cell.bot_id: selectors.row_payload(row)["change"]
        for row in selectors.board(tier="self_reported")
    }
    assert sorted(changes.values()) in ([-1, 1], [0, 0])
    ranking.refresh(now=NOON + DAY)
    assert stand(bots[0]).yesterday is not None


@pytest.mark.django_db(transaction=True)
def test_a_change_waits_for_no_other_bot_of_its_owner(person):
    owner = person("two", "pro_plus")
    one, other = (services.register(owner, name=f"bot {n}", config={})[0] for n in range(2))
    for bot in (one, other):
        tell(bot, trade(1, price="5"), trade(2, action="SELL_CALL", price="6"))
    ranking.refresh(now=NOON)
    there = connection.settings_dict
    with (
        psycopg.connect(host=there["HOST"], user=there["USER"], dbname=there["NAME"]) as held,
        connection.cursor() as cursor,
    ):
        held.execute("SELECT 1 FROM leaderboard_bot WHERE id = %s FOR UPDATE", [other.pk])
        cursor.execute("SET lock_timeout = '2s'")
        try:
            assert services.configure(one.pk, config={"try": 1})[1]
        finally:
            cursor.execute("RESET lock_timeout")


@pytest.mark.django_db(transaction=True)
def test_owners_register_while_their_bots_are_ranked(person):
    """Both lock many cells: in one order, so neither waits for ever on the other."""
    owner = person("busy", "pro_plus")
    bots = [services.register(owner, name=f"bot {n}", config={})[0] for n in range(4)]
    for bot in bots:
        tell(bot, trade(1, price="5"), trade(2, action="SELL_CALL", price="6"))
    ranking.refresh(now=NOON)
    faults = []

    def work(job):
        try:
            job()
        except Exception as error:  # noqa: BLE001 - any of them fails the test
            faults.append(error)
        finally:
            connection.close()

    def configure():
        for number in range(15):
            services.configure(bots[number % 4].pk, config={"try": number})

    def rank():
        for number in range(15):
            ranking.refresh(now=NOON + number * MINUTE)

    threads = [threading.Thread(target=work, args=(job,)) for job in (configure, rank, configure)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert faults == []
    ranking.refresh(now=NOON + DAY)
    entries = ConfigVersion.objects.filter(bot__owner=owner).count()
    trials = Standing.objects.filter(cell__bot__owner=owner).values_list("trials", flat=True)
    assert set(trials) == {entries}
