"""Rows judged as they come, by what a process keeps, and by whole sessions: the same to the bit."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction

from market import calendars, framestore
from market.clock import from_ns, local_date
from market.features.session import ObservedRows
from market.frames import Kind, Missing
from market.framestore import Observed
from market.models import FeedRun, Instrument
from market.simulator import SimulatedMarket, SimulatorConfig
from tools_app import judging, services
from tools_app.evaluation import params_digest
from tools_app.models import Cursor, Outcome, ParameterSet, Signal
from tools_app.registry import catalogue
from tools_app.rehearsal import intraday_rows

pytestmark = pytest.mark.django_db(transaction=True)
ROWS = 390


@pytest.fixture(scope="module")
def minutes() -> ObservedRows:
    """Return the minutes of a simulated session in which many tools fire."""
    days = calendars.sessions(dt.date(2026, 1, 5), dt.date(2026, 6, 30))
    market = SimulatedMarket(
        SimulatorConfig(seed=7), [(day.date, day.open_ns, day.close_ns) for day in days]
    )
    return intraday_rows(market.session(0), "SIM")


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch) -> list[int]:
    """Begin as a new process does, and note each time that a session is read whole."""
    framestore.forget_schemas()
    monkeypatch.setattr(judging, "_kept", judging._Kept())
    whole: list[int] = []
    read = judging._rows_to_judge

    def noted(*args):
        whole.append(1)
        return read(*args)

    monkeypatch.setattr(judging, "_rows_to_judge", noted)
    return whole


def feed(*, simulated: bool = True) -> FeedRun:
    instrument, _ = Instrument.objects.get_or_create(symbol="SIM", defaults={"kind": "equity"})
    return FeedRun.objects.create(
        symbol="SIM",
        underlying=instrument,
        source="simulator",
        simulated=simulated,
        state="running",
    )


def store(run: FeedRun, seen: ObservedRows, first: int, last: int) -> None:
    framestore.write_rows(
        run,
        [
            Observed(
                kind=Kind.INTRADAY,
                session_date=local_date(int(seen.time[row])),
                time=int(seen.time[row]),
                values={name: float(column[row]) for name, column in seen.columns.items()},
                reasons={name: Missing(codes[row]) for name, codes in seen.reasons.items()},
            )
            for row in range(first, last)
        ],
    )


def play(run: FeedRun, seen: ObservedRows, steps: list[int]) -> None:
    """Store rows up to each step and evaluate after it."""
    for first, last in zip([0, *steps[:-1]], steps, strict=True):
        store(run, seen, first, last)
        services.evaluate_run(run.pk)


def found(run: FeedRun) -> list[object]:
    signals = Signal.objects.filter(run=run).order_by("tool_id", "time")
    outcomes = Outcome.objects.filter(signal__run=run).order_by("signal__tool_id", "signal__time")
    cursor = Cursor.objects.get(run=run, kind="intraday")
    rows = dict(run.frame_rows.values_list("pk", "time"))
    return [
        [
            (*rest, rows[row])
            for row, *rest in signals.values_list(
                "row_id", "tool_id", "time", "score", "threshold", "side", "volatility", "price",
                "reasons", "params_digest",
            )
        ],
        list(outcomes.values_list("done", "result", "rows", "gain", "scale", "stop", "quarters")),
        (cursor.through, cursor.rows, cursor.tallies),
    ]  # fmt: skip


STEPS = [120, 121, 122, 125, 133, 134, 160, *range(161, ROWS + 1)]


def test_row_by_row_is_what_one_go_says(minutes, nothing_kept):
    once = feed()
    play(once, minutes, [ROWS])
    assert len(nothing_kept) == 1
    assert len({tool for tool, *_ in found(once)[0]}) >= 8
    stepwise = feed()
    play(stepwise, minutes, STEPS)
    assert found(stepwise) == found(once)
    assert len(nothing_kept) == 3, "the first rows, and the 26 that came at once"


def test_another_process_and_a_step_that_was_undone_change_nothing(minutes, monkeypatch):
    once, other = feed(), feed()
    play(once, minutes, [150])
    play(other, minutes, [140])
    store(other, minutes, 140, 143)
    with transaction.atomic():
        services.evaluate_run(other.pk)
        transaction.set_rollback(True)
    services.evaluate_run(other.pk)
    store(other, minutes, 143, 147)
    mine = judging._kept
    monkeypatch.setattr(judging, "_kept", judging._Kept())
    services.evaluate_run(other.pk)
    monkeypatch.setattr(judging, "_kept", mine)
    store(other, minutes, 147, 150)
    services.evaluate_run(other.pk)
    assert found(other) == found(once)


def test_a_tool_that_fails_at_a_row_is_counted_and_seen_whole_again(
    minutes, monkeypatch, nothing_kept
):
    run = feed()
    play(run, minutes, [200])
    tool = next(one for one in catalogue() if one.slug == "htf-sweep")
    answer = judging.LiveFrame.answer

    def failing(self, asked):
        if asked is tool:
            raise ZeroDivisionError("no range")
        return answer(self, asked)

    with monkeypatch.context() as patch:
        patch.setattr(judging.LiveFrame, "answer", failing)
        store(run, minutes, 200, 201)
        services.evaluate_run(run.pk)
    told = Cursor.objects.get(run=run, kind="intraday").tallies[str(tool.id)]
    assert told["faults"] == {"ZeroDivisionError: no range": 1}
    assert told["rows"] == 201
    store(run, minutes, 201, 202)
    services.evaluate_run(run.pk)
    assert len(nothing_kept) == 2
    assert Cursor.objects.get(run=run, kind="intraday").rows == 202


def test_a_set_that_is_deployed_meanwhile_judges_from_the_next_row(minutes, nothing_kept):
    tool = catalogue().get(17)
    loose = tool.settings({"volume": 1.0, "tight": 8.0, "beyond": 0.0, "threshold": 0.4})
    runs = [feed(simulated=False), feed(simulated=False)]
    for run in runs:
        play(run, minutes, [200])
    for regime in ("bull", "bear", "sideways"):
        ParameterSet.objects.create(
            tool_id=17, symbol="SIM", timeframe="1m", regime=regime, tool_version=tool.version,
            deployed=True, params=loose, until=from_ns(int(minutes.time[0])),
        )  # fmt: skip
    once, stepwise = runs
    store(once, minutes, 200, 300)
    services.evaluate_run(once.pk)
    for row in range(200, 300):
        store(stepwise, minutes, row, row + 1)
        services.evaluate_run(stepwise.pk)
    assert found(stepwise)[0] == found(once)[0]
    assert params_digest(tool, loose) in {row[8] for row in found(once)[0] if row[0] == 17}
    assert len(nothing_kept) == 3, "both beginnings, and the hundred rows at once"


def test_no_more_sessions_are_kept_than_there_is_room_for(minutes, monkeypatch):
    monkeypatch.setattr(judging, "KEPT", 2)
    runs = [feed() for _ in range(3)]
    for run in runs:
        play(run, minutes, [50])
    assert [key[0] for key in judging._kept._all] == [run.pk for run in runs[1:]]
