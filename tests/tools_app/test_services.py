"""Evaluation of runs on the real database: each signal once, whatever is repeated."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from market import framestore
from market.clock import MINUTE, from_ns
from market.frames import Kind, Missing
from market.framestore import Observed
from market.models import FeedRun, Instrument
from pulse.charts.scorecards import outcome
from record.models import StreamEvent
from tools_app import payloads, services
from tools_app.contract import THRESHOLD, Condition, Scope, Tier, Tool, Verdict
from tools_app.models import Cursor, Outcome, Signal
from tools_app.registry import Catalogue

pytestmark = pytest.mark.django_db(transaction=True)
OPEN = 1_710_509_400 * 1_000_000_000  # 2024-03-15 13:30 UTC
ROWS = 30
HORIZON, PAUSE = 12, 3


def compute(inputs, settings):
    """Fires while the minute's close is above 100, long."""
    close = inputs["close"]
    degree = np.where(np.isnan(close), np.nan, (close > 100.0).astype(float))
    return Verdict(
        (Condition("close", close, "price", degree, 100.0, "above"),), np.ones_like(close)
    )


def tool(number: int, tier: Tier, slug: str) -> Tool:
    return Tool(
        id=number, slug=slug, name=slug.title(), tier=tier, family="test", hypothesis="h",
        source="s", formula="f", kind=Kind.INTRADAY, scope=Scope.ONE, inputs=("close",),
        params=(THRESHOLD,), window=1, horizon=HORIZON, horizon_unit="minutes", direction="long",
        judged_on="intraday", blind_spots="all", compute=compute,
    )  # fmt: skip


@pytest.fixture
def run(monkeypatch) -> FeedRun:
    framestore.forget_schemas()
    made = Catalogue([tool(1, Tier.FREE, "open-one"), tool(6, Tier.PRO, "dear-one")])
    for module in (
        "services.catalogue",
        "payloads.catalogue",
        "selectors.catalogue",
        "views.catalogue_of",
    ):
        monkeypatch.setattr(f"tools_app.{module}", lambda: made)
    instrument = Instrument.objects.create(symbol="TEST", kind="equity")
    return FeedRun.objects.create(
        symbol="TEST", underlying=instrument, source="replay", simulated=False, state="running"
    )


def store_rows(run: FeedRun, closes: list[float], first: int = 0) -> None:
    rows = []
    for minute, close in enumerate(closes, first + 1):
        at = OPEN + minute * MINUTE
        known = np.isfinite(close)
        rows.append(
            Observed(
                kind=Kind.INTRADAY,
                session_date=from_ns(OPEN).date(),
                time=at,
                values={"close": close},
                reasons={"close": Missing.OK if known else Missing.NO_BAR},
            )
        )
    framestore.write_rows(run, rows)


def closes() -> list[float]:
    rng = np.random.default_rng(11)
    values = 100.0 + rng.standard_normal(ROWS)
    values[7] = np.nan
    return values.tolist()


def outcomes(run: FeedRun) -> list[tuple]:
    rows = Outcome.objects.filter(signal__run=run).order_by("signal__tool_id", "signal__time")
    fields = ("scale", "stop", "target", "done", "result", "rows", "price", "gain", "best")
    return list(rows.values_list(*fields, "worst", "stop_row", "target_row"))


def signals(run: FeedRun) -> list[tuple]:
    rows = Signal.objects.filter(run=run).order_by("tool_id", "time")
    return list(rows.values_list("tool_id", "time", "score", "side", "price", "reasons"))


def test_a_signal_is_stored_where_a_tool_begins_to_fire(run):
    store_rows(run, closes())
    made = services.evaluate_run(run.pk)
    above = np.nan_to_num(np.array(closes()), nan=0.0) > 100.0
    begins = np.flatnonzero(above & ~np.concatenate([[False], above[:-1]]))
    expected: list[int] = []
    for row in begins.tolist():
        if not expected or row - expected[-1] >= PAUSE:
            expected.append(row)
    assert len(expected) < begins.size
    assert made == 2 * len(expected) == Signal.objects.count()
    first = Signal.objects.order_by("time").first()
    assert first.reasons[0]["label"] == "close"
    assert first.price == first.reasons[0]["value"]


def test_repeating_the_evaluation_makes_no_second_signal(run):
    store_rows(run, closes())
    services.evaluate_run(run.pk)
    before = signals(run)
    events = StreamEvent.objects.count()
    assert services.evaluate_run(run.pk) == 0
    Cursor.objects.update(through=None)  # as after a lost cursor: every row again
    assert services.evaluate_run(run.pk) == 0
    assert signals(run) == before
    assert StreamEvent.objects.count() == events == len(before)


def test_row_by_row_gives_what_one_go_gives(run):
    values = closes()
    for minute, close in enumerate(values):
        store_rows(run, [close], first=minute)
        services.evaluate_run(run.pk)
    stepwise, followed = signals(run), outcomes(run)
    tallies = Cursor.objects.get(run=run, kind="intraday").tallies
    again = FeedRun.objects.create(
        symbol="TEST", underlying=run.underlying, source="replay", simulated=False
    )
    store_rows(again, values)
    services.evaluate_run(again.pk)
    assert signals(again) == stepwise
    assert outcomes(again) == followed
    assert Cursor.objects.get(run=again, kind="intraday").tallies == tallies


def test_two_workers_at_once_make_each_signal_once(run):
    store_rows(run, closes())
    counts: list[int] = []

    def work() -> None:
        counts.append(services.evaluate_run(run.pk))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == Signal.objects.count() == StreamEvent.objects.count()
    assert sorted(counts)[:3] == [0, 0, 0]


def test_signals_go_to_the_channel_of_their_tier(run):
    store_rows(run, [99.0, 101.0])
    services.evaluate_run(run.pk, arrived=12.5)
    channels = dict(StreamEvent.objects.values_list("stream__channel", "data"))
    assert set(channels) == {"signals:free", "signals:pro"}
    assert channels["signals:pro"]["tool"]["slug"] == "dear-one"
    assert channels["signals:pro"]["arrived"] == 12.5


def test_missing_inputs_are_counted_by_reason(run):
    store_rows(run, closes())
    services.evaluate_run(run.pk)
    tally = Cursor.objects.get(run=run, kind="intraday").tallies["1"]
    assert tally["rows"] == ROWS
    assert tally["missing"] == {"no price this period": 1}
    assert tally["scored"] == ROWS - 1


def test_a_tools_page_counts_what_it_did_in_each_run(run, client):
    from accounts.models import User

    store_rows(run, closes())
    services.evaluate_run(run.pk)
    client.force_login(User.objects.create_user("free@test.example"))
    opened = client.get("/tools/open-one/").content.decode()
    assert "In the newest runs" in opened
    assert "no price this period: 1" in opened
    assert f'data-label="Scored">{ROWS - 1}<' in opened
    locked = client.get("/tools/dear-one/").content.decode()
    assert "In the newest runs" not in locked


def test_a_signal_is_followed_to_its_horizon(run):
    """Five minutes above 100 after a zigzag that makes half a per cent the usual step."""
    before = [99.0 * (1.005 if minute % 2 else 1.0) for minute in range(12)]
    after = [100.5, 100.6, 100.7] + [100.8] * HORIZON
    store_rows(run, before + after[:5])
    services.evaluate_run(run.pk)
    waiting = Outcome.objects.get(signal__tool_id=1)
    assert not waiting.done
    steps = np.diff(np.log([*before, 100.5]))
    assert waiting.scale == pytest.approx(np.sqrt(np.mean(steps**2) * HORIZON))
    assert waiting.stop < 100.5 < waiting.target
    store_rows(run, after[5:], first=len(before) + 5)
    services.evaluate_run(run.pk)
    done = Outcome.objects.get(signal__tool_id=1)
    assert (done.done, done.result, done.rows) == (True, "horizon", HORIZON)
    assert done.price == 100.8
    assert done.gain == pytest.approx(np.log(100.8 / 100.5))
    assert services.evaluate_run(run.pk) == 0


def test_a_stop_that_was_reached_is_told_with_its_minute(run):
    before = [99.0 * (1.001 if minute % 2 else 1.0) for minute in range(12)]
    store_rows(run, before + [100.5, 100.6, 95.0] + [101.0] * HORIZON)
    services.evaluate_run(run.pk)
    first = Outcome.objects.filter(signal__tool_id=1).order_by("signal__time").first()
    assert (first.result, first.stop_row, first.target_row) == ("stop", 2, None)
    told = payloads.signal_payload(first.signal)
    assert outcome(told["outcome"], told["side"]).startswith("stop after 2 min")


def test_a_run_that_ends_early_closes_what_it_followed(run):
    store_rows(run, [99.0] * 5 + [101.0])
    services.evaluate_run(run.pk)
    FeedRun.objects.filter(pk=run.pk).update(state="stopped")
    services.evaluate_run(run.pk)
    assert set(Outcome.objects.values_list("done", "result")) == {(True, "unknown")}


def broken(inputs, settings):
    raise ZeroDivisionError("no volume")


def nonsense(inputs, settings):
    close = inputs["close"]
    return Verdict(
        (Condition("close", close, "price", np.full(close.size, 7.0)),), np.ones_like(close)
    )


def test_a_tool_that_fails_is_counted_and_stops_no_other(run, monkeypatch):
    made = Catalogue(
        [
            tool(1, Tier.FREE, "open-one"),
            replace(tool(2, Tier.FREE, "broken-one"), compute=broken),
            replace(tool(3, Tier.FREE, "odd-one"), compute=nonsense),
        ]
    )
    for module in ("services", "payloads"):
        monkeypatch.setattr(f"tools_app.{module}.catalogue", lambda: made)
    store_rows(run, closes())
    assert services.evaluate_run(run.pk) > 0
    tallies = Cursor.objects.get(run=run, kind="intraday").tallies
    assert tallies["1"]["faults"] == {}
    assert tallies["2"]["faults"] == {"ZeroDivisionError: no volume": 1}
    assert tallies["2"]["missing"] == {"the tool failed": ROWS}
    assert list(tallies["3"]["faults"]) == ["the condition 'close' has a degree outside 0..1"]
    assert set(Signal.objects.values_list("tool_id", flat=True)) == {1}


def test_the_counts_of_a_run_name_what_each_tool_lacked(run, monkeypatch):
    made = Catalogue([tool(1, Tier.FREE, "open-one"), tool(2, Tier.FREE, "second-one")])
    command = "tools_app.management.commands.tool_counts.catalogue"
    monkeypatch.setattr(command, lambda: made)
    out = StringIO()
    with pytest.raises(CommandError, match="--run"):
        call_command("tool_counts")
    store_rows(run, closes())
    services.evaluate_run(run.pk)
    call_command("tool_counts", run=run.pk, stdout=out)
    lines = out.getvalue().splitlines()
    assert lines[0] == f"run {run.pk}, TEST, replay, recorded prices"
    assert re.fullmatch(r" 1 open-one +30 +29 +\d+   no price this period 1", lines[2])
    assert lines[3].endswith("no row of its kind yet")
