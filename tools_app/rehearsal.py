"""Tools on simulated sessions, without a database: what studies, benches and tests share."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np

from market.features.assembly import assemble
from market.features.context import DailyBars, DailyContext, MinuteBar, MinuteView, SessionContext
from market.features.daily import BASKET_RETURNS, observe_daily
from market.features.session import ObservedRows, observe_session, stacked
from market.frames import Kind
from market.simulator import SimulatedMarket, SimulatedSession
from tools_app.contract import Evaluation, Tool
from tools_app.registry import catalogue

BASKET_NAMES = 20


class Onsets(NamedTuple):
    """How often a tool fired in one stretch of rows: `rows` that fired, `alarms` that began."""

    rows: int
    alarms: int
    scored: int


def views(session: SimulatedSession) -> Iterator[MinuteView]:
    """Yield a simulated session's minutes as features see them."""
    for shot in session.snapshots():
        bar = MinuteBar(
            open=shot.open,
            high=shot.high,
            low=shot.low,
            close=shot.last,
            volume=shot.volume,
            bid=shot.bid,
            ask=shot.ask,
        )
        yield MinuteView(
            time=shot.time,
            bar=bar,
            chain=shot.chain,
            option_flow=shot.net_customer_buys,
            peer=shot.peer,
            advancing=shot.advancing,
            off_exchange=shot.off_exchange,
        )


def intraday_rows(
    session: SimulatedSession, symbol: str, *, last: int | None = None
) -> ObservedRows:
    """Return a simulated session's observations, of all minutes or of the first ones alone."""
    return observe_session(known_at_open(session, symbol), islice(views(session), last))


def known_at_open(session: SimulatedSession, symbol: str) -> SessionContext:
    """Return what is known at a simulated session's open, without crypto's nights."""
    calendar = session.calendar
    return SessionContext(
        symbol=symbol,
        open=calendar.open_ns,
        close=calendar.close_ns,
        releases=(),
        previous_close=session.previous_close,
    )


def daily_rows(market: SimulatedMarket, sessions: int) -> ObservedRows:
    """Return the observations of the sessions of a market's history, as many as asked for.

    The history has bars and a basket, but no chains and no company reports. Its sessions are
    counted in days, for it has no dates.
    """
    history = market.daily_history(sessions)
    basket = market.basket(BASKET_NAMES, sessions)
    proxies = market.proxies(sessions)
    days = 86_400_000_000_000 * np.arange(1, sessions + 1, dtype=np.int64)
    bars = DailyBars(
        time=days,
        open=history.open,
        high=history.high,
        low=history.low,
        close=history.close,
        volume=history.volume,
        spread=history.spread,
    )
    rows = [
        observe_daily(
            DailyContext(
                symbol=market.config.symbol,
                bars=bars.first(end),
                basket=basket[:, max(0, end - BASKET_RETURNS - 1) : end],
                proxies=proxies[:, :end],
                decisions=(),
            )
        )
        for end in range(1, sessions + 1)
    ]
    return stacked(days, rows)


def evaluate_all(kind: Kind, symbol: str, rows: ObservedRows) -> dict[Tool, Evaluation]:
    """Return every tool of a kind on the rows given, with default parameters."""
    tools = [tool for tool in catalogue() if tool.kind == kind]
    names = {name: None for tool in tools for name in tool.columns}
    frame = assemble(kind, symbol, rows.time, rows.columns, rows.reasons, names)
    return {tool: tool.evaluate(frame) for tool in tools}


def onsets(evaluation: Evaluation) -> Onsets:
    """Count the rows that fired and the alarms: rows that fired after one that did not."""
    fires = evaluation.fires
    before = np.concatenate([[False], fires[:-1]])
    return Onsets(
        rows=int(fires.sum()),
        alarms=int((fires & ~before).sum()),
        scored=int(np.isfinite(evaluation.score).sum()),
    )
