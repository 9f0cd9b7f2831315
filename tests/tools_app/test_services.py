"""Evaluation of runs on the real database: each signal once, whatever is repeated."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from django.db import connection

from market import framestore
from market.clock import MINUTE, from_ns
from market.frames import Kind, Missing
from market.framestore import Observed
from market.models import FeedRun, Instrument
from record.models import StreamEvent
from tools_app import services
from tools_app.contract import THRESHOLD, Condition, Scope, Tier, Tool, Verdict
from tools_app.models import Cursor, Signal
from tools_app.registry import Catalogue

pytestmark = pytest.mark.django_db(transaction=True)
OPEN = 1_710_509_400 * 1_000_000_000  # 2024-03-15 13:30 UTC
ROWS = 30


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
        params=(THRESHOLD,), window=1, horizon=5, horizon_unit="minutes", direction="long",
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


def signals(run: FeedRun) -> list[tuple]:
    rows = Signal.objects.filter(run=run).order_by("tool_id", "time")
    return list(rows.values_list("tool_id", "time", "score", "side", "price", "reasons"))


def test_a_signal_is_stored_where_a_tool_begins_to_fire(run):
    store_rows(run, closes())
    made = services.evaluate_run(run.pk)
    above = np.nan_to_num(np.array(closes()), nan=0.0) > 100.0
    begins = int(np.count_nonzero(above & ~np.concatenate([[False], above[:-1]])))
    assert made == 2 * begins == Signal.objects.count()
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
    stepwise = signals(run)
    tallies = Cursor.objects.get(run=run, kind="intraday").tallies
    again = FeedRun.objects.create(
        symbol="TEST", underlying=run.underlying, source="replay", simulated=False
    )
    store_rows(again, values)
    services.evaluate_run(again.pk)
    assert signals(again) == stepwise
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
