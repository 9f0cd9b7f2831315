"""Deployed sets in live evaluation: at the rows they were found for, and nowhere else."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from market import calendars, framestore
from market.clock import MINUTE, from_ns
from market.features.assembly import assemble
from market.frames import Kind, Missing
from market.framestore import Observed
from market.models import FeedRun, Instrument
from tests.tools_app.lab import client_of, person
from tests.tools_app.optimize import planted
from tools_app import execution, services
from tools_app.evaluation import firings, params_digest
from tools_app.models import ParameterSet, Signal
from tools_app.optimize.deployed import digests
from tools_app.optimize.regimes import Regime, rows_in
from tools_app.registry import catalogue

pytestmark = pytest.mark.django_db(transaction=True)
SYMBOL, FIRST, SECOND = "SOLO", dt.date(2024, 3, 14), dt.date(2024, 3, 15)
ROWS = 390
NAMES = ("high", "low", "close", "volume")
BREAKOUT = 17
LOUD = {"volume": 1.1, "tight": 6.0, "beyond": 0.02}
MARKET = planted.planted(8, 21)


def closes_at(day: dt.date) -> slice:
    first = 0 if day == FIRST else ROWS
    return slice(first, first + ROWS)


def times_of(day: dt.date) -> np.ndarray:
    (session,) = calendars.sessions(day, day)
    return session.open_ns + MINUTE * np.arange(1, ROWS + 1)


def columns_of(day: dt.date) -> dict[str, np.ndarray]:
    return {name: getattr(MARKET, name)[closes_at(day)] for name in NAMES}


def store(run: FeedRun, day: dt.date, rows: slice) -> None:
    columns = columns_of(day)
    framestore.write_rows(
        run,
        [
            Observed(
                kind=Kind.INTRADAY,
                session_date=day,
                time=int(times_of(day)[row]),
                values={name: float(columns[name][row]) for name in NAMES},
                reasons=dict.fromkeys(NAMES, Missing.OK),
            )
            for row in range(ROWS)[rows]
        ],
    )


def feed(*, simulated: bool = False) -> FeedRun:
    framestore.forget_schemas()
    instrument, _ = Instrument.objects.get_or_create(symbol=SYMBOL, defaults={"kind": "equity"})
    source = "simulator" if simulated else "replay"
    return FeedRun.objects.create(
        symbol=SYMBOL, underlying=instrument, source=source, simulated=simulated, state="running"
    )


def deploy(after: int, **changed: object) -> ParameterSet:
    tool = catalogue().get(BREAKOUT)
    given = {
        "tool_id": tool.id,
        "symbol": SYMBOL,
        "timeframe": "1m",
        "regime": Regime.BULL.value,
        "tool_version": tool.version,
        "deployed": True,
        "params": tool.settings(LOUD),
        "until": from_ns(after),
    }
    return ParameterSet.objects.create(**given | changed)


def expected(until: int) -> list[tuple[dt.datetime, str]]:
    """Return when the tool begins to fire by the set in use there, and the set's digest."""
    tool = catalogue().get(BREAKOUT)
    first, second = (MARKET.close[closes_at(day)] for day in (FIRST, SECOND))
    bull = {
        FIRST: rows_in(Regime.BULL, first),
        SECOND: rows_in(Regime.BULL, np.concatenate([first, [np.nan], second]))[-ROWS:],
    }
    found = []
    for day in (FIRST, SECOND):
        time, columns = times_of(day), columns_of(day)
        frame = assemble(Kind.INTRADAY, SYMBOL, time, columns, None, NAMES)
        ours = bull[day] & (time > until)
        for params, rows in ((None, ~ours), (LOUD, ours)):
            digest = params_digest(tool, params)
            for firing in firings(tool.evaluate(frame, params)):
                if rows[firing.row]:
                    found.append((int(time[firing.row]), firing.side, digest))
    kept: list[tuple[int, int, str]] = []
    for one in sorted(found):
        again = kept and one[1] == kept[-1][1] and one[0] - kept[-1][0] < tool.pause * MINUTE
        if not again:
            kept.append(one)
    return [(from_ns(time), digest) for time, _, digest in kept]


def made(run: FeedRun) -> list[tuple[dt.datetime, str]]:
    found = Signal.objects.filter(run=run, tool_id=BREAKOUT).order_by("time")
    return list(found.values_list("time", "params_digest"))


@pytest.mark.parametrize("step", [ROWS, 7])
def test_a_set_judges_the_later_rows_of_its_regime(step):
    until = int(times_of(FIRST)[150])
    deploy(until)
    run = feed()
    for day in (FIRST, SECOND):
        for first in range(0, ROWS, step):
            store(run, day, slice(first, first + step))
            services.evaluate_run(run.pk)
    tool = catalogue().get(BREAKOUT)
    told = made(run)
    assert told == expected(until)
    by_default, by_set = params_digest(tool), params_digest(tool, LOUD)
    assert {digest for _, digest in told} == {by_default, by_set}
    assert all(time > from_ns(until) for time, digest in told if digest == by_set)
    assert digests(tool) == {by_default, by_set}


@pytest.mark.parametrize(
    "changed",
    [
        {"deployed": False},
        {"tool_version": "0"},
        {"superseded": from_ns(int(times_of(FIRST)[0]))},
        {"timeframe": "5m"},
        {"symbol": "OTHER"},
        {"until": from_ns(int(times_of(SECOND)[-1]))},
    ],
)
def test_what_is_not_in_use_here_judges_nothing(changed):
    deploy(0, **changed)
    run = feed()
    store(run, FIRST, slice(None))
    services.evaluate_run(run.pk)
    assert {digest for _, digest in made(run)} == {params_digest(catalogue().get(BREAKOUT))}


def test_a_simulated_market_is_judged_by_the_defaults():
    deploy(0)
    run = feed(simulated=True)
    store(run, FIRST, slice(None))
    services.evaluate_run(run.pk)
    assert {digest for _, digest in made(run)} == {params_digest(catalogue().get(BREAKOUT))}


def test_running_a_tool_on_demand_tells_the_parameters_in_use():
    tool = catalogue().get(BREAKOUT)
    run = feed()
    FeedRun.objects.filter(pk=run.pk).update(session_date=FIRST)
    inside = np.flatnonzero(rows_in(Regime.BULL, MARKET.close[closes_at(FIRST)]))
    store(run, FIRST, slice(0, int(inside[-1]) + 1))
    assert execution.execute(BREAKOUT, symbol=SYMBOL, data=None)["params"] == tool.settings()
    deploy(0)
    told = execution.execute(BREAKOUT, symbol=SYMBOL, data=None)
    assert told["params"] == tool.settings(LOUD)
    frame = assemble(Kind.INTRADAY, SYMBOL, times_of(FIRST), columns_of(FIRST), None, NAMES)
    assert told["score"] == tool.evaluate(frame, LOUD).score[int(inside[-1])]


def test_the_parameters_in_use_stand_on_the_page_of_who_may_see_them():
    run = feed()
    FeedRun.objects.filter(pk=run.pk).update(session_date=FIRST)
    store(run, FIRST, slice(0, 60))
    tool = catalogue().get(BREAKOUT)
    params = tool.settings({"volume": 4.25})
    deploy(0, regime="bear", params=params, reasons=["It passed."])

    def page(plan: str) -> str:
        return client_of(person(plan)).get(f"/tools/{tool.slug}/?symbol={SYMBOL}").content.decode()

    shown = page("pro")
    assert f"In use on {SYMBOL}, by the minute" in shown
    assert "<code>volume</code> 4.25" in shown
    assert "It passed." in shown
    assert shown.count("The default is in use: no search has been made here.") == 2
    assert "4.25" not in page("free")
