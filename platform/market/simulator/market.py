"""A simulated market, session by session, with the daily bars and the basket before each."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from market.simulator.bars import DailyBar, MinuteBars
from market.simulator.basket import basket_closes
from market.simulator.companions import crypto_nights, proxy_closes
from market.simulator.config import FULL_SESSION, SimulatorConfig
from market.simulator.daily import DailyPaths, DailyState, simulate_history
from market.simulator.listing import HORIZON_DAYS, MarketSession
from market.simulator.paths import IntradayPaths, advance, simulate_session
from market.simulator.session import MINUTE_NS, SimulatedSession
from quant.arrays import BoolArray, FloatArray

KEPT_WALKS = 4


@dataclass(frozen=True, slots=True, eq=False)
class DailyHistory:
    """Daily bars, oldest first, each (n,); units as in `DailyBar`."""

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    month_vol: FloatArray
    spread: FloatArray

    def __len__(self) -> int:
        return int(self.close.size)


@dataclass(frozen=True, slots=True, eq=False)
class WalkedSession:
    """What is kept of a session that was walked: its last price, bar, and the state it left."""

    close: float
    bar: DailyBar
    after: DailyState


class SimulatedMarket:
    """A sequence of sessions on dates that the caller gives.

    A session is found by walking the sessions before it minute by minute, without their chains,
    once; of each, its bar and the state that it left are kept. Equal configurations and calendars
    give equal bits in any order.

    Parameters
    ----------
    config : SimulatorConfig
    calendar : sequence of (date, open_ns, close_ns)
        Consecutive sessions, first to last. Expiries fall on them, so the last 60 days of the
        calendar can be listed but not played: `len` says how many sessions can.
    walked : sequence of WalkedSession
        The first sessions as `walked` of an equal market gave them, so as not to walk them again.

    Raises
    ------
    ValueError
        When the calendar is not increasing, or too short for a single session.
    """

    def __init__(
        self,
        config: SimulatorConfig,
        calendar: Sequence[tuple[dt.date, int, int]],
        walked: Sequence[WalkedSession] = (),
    ) -> None:
        self.config = config
        self.calendar = tuple(MarketSession(*row) for row in calendar)
        horizon = dt.timedelta(days=HORIZON_DAYS)
        self._playable = sum(row.date + horizon <= self.calendar[-1].date for row in self.calendar)
        self._check_calendar()
        self._path = np.array([config.path], dtype=np.int64)
        history, state = simulate_history(config, self._path)
        self._history: DailyPaths = history
        self._states: list[DailyState] = [state, *(one.after for one in walked)]
        self._closes: list[float] = [one.close for one in walked]
        self._bars: list[DailyBar] = [one.bar for one in walked]
        self._recent: dict[int, IntradayPaths] = {}

    def _check_calendar(self) -> None:
        for before, after in zip(self.calendar, self.calendar[1:], strict=False):
            if not (before.date < after.date and before.close_ns <= after.open_ns):
                raise ValueError(f"the calendar does not increase at {after.date}")
        for row in self.calendar:
            minutes, rest = divmod(row.close_ns - row.open_ns, MINUTE_NS)
            if rest or not 1 <= minutes <= FULL_SESSION:
                raise ValueError(
                    f"the session of {row.date} is not 1 to {FULL_SESSION} whole minutes"
                )
        if not len(self):
            raise ValueError(f"the calendar is not longer than {HORIZON_DAYS} days")

    def __len__(self) -> int:
        return self._playable

    def session(self, index: int) -> SimulatedSession:
        """Return a session.

        Raises
        ------
        IndexError
            When the calendar does not reach 60 days beyond it.
        """
        self._walk_to(index)
        walked = self._recent[index] if index in self._recent else self._walk(index)
        return SimulatedSession(
            self.config,
            self.calendar,
            index=index,
            state=self._states[index],
            walked=walked,
        )

    def walked(self, index: int) -> WalkedSession:
        """Return what is kept of a session, walking up to it where need be."""
        self._walk_to(index)
        return WalkedSession(self._closes[index], self._bars[index], self._states[index + 1])

    def sessions(self, start: int = 0) -> Iterator[SimulatedSession]:
        """Yield the sessions from one on, as far as the calendar reaches."""
        for index in range(start, len(self)):
            yield self.session(index)

    def _walk_to(self, index: int) -> None:
        """Walk the paths of all sessions up to one."""
        if not 0 <= index < len(self):
            raise IndexError(f"session {index} is not within [0, {len(self)})")
        for at in range(len(self._bars), index + 1):
            state, walked = self._states[at], self._walk(at)
            self._closes.append(float(walked.spot[0, -1]))
            self._bars.append(MinuteBars(self.config, state, walked).daily_bar())
            self._states.append(advance(self.config, self._path, state, walked, session=at))

    def _walk(self, index: int) -> IntradayPaths:
        """Walk one session from the state before it, and keep it with the few last walked."""
        row = self.calendar[index]
        walked = simulate_session(
            self.config,
            self._path,
            self._states[index],
            session=index,
            minutes=(row.close_ns - row.open_ns) // MINUTE_NS,
        )
        self._recent[index] = walked
        if len(self._recent) > KEPT_WALKS:
            del self._recent[next(iter(self._recent))]
        return walked

    def daily_history(self, count: int, *, before: int = 0) -> DailyHistory:
        """Return the `count` daily bars before a session, the last one its previous close.

        Raises
        ------
        ValueError
            When more are asked for than there are.
        """
        self._check_count(count, before)
        past = {name: getattr(self._history, name)[0] for name in DailyHistory.__slots__}
        past = {name: _listed(name, column) for name, column in past.items()}
        if before:
            self._walk_to(before - 1)
        bars = self._bars[:before]
        columns = {
            name: np.append(column, [getattr(bar, name) for bar in bars])[-count:]
            for name, column in past.items()
        }
        return DailyHistory(**columns)

    def basket(self, names: int, days: int, *, before: int = 0) -> FloatArray:
        """Return closes of `names` that move with the underlying, (names, days), $.

        The last column is the close before a session. Dates are those of `daily_history`.
        """
        self._check_count(days, before)
        returns, variances, stress = self._daily_moves(before)
        closes = basket_closes(
            self.config,
            self._path,
            returns=returns[None, :],
            variances=variances[None, :],
            stress=stress[None, :],
            names=names,
            anchor=self.config.history_sessions - 1,
        )
        return np.round(closes[0, :, -days:], 2)

    def crypto(self, days: int, *, before: int, gap: float) -> FloatArray:
        """Return crypto's overnight returns of the `days` sessions before one, and of its own.

        `gap` is that session's opening gap. (days + 1,), oldest first.
        """
        gaps = np.append(self.gaps(before), gap)
        return crypto_nights(self.config, gaps)[-days - 1 :]

    def gaps(self, before: int) -> FloatArray:
        """Return the log opening gaps of the sessions before one, from the history's second on."""
        whole = self.daily_history(self.config.history_sessions + before, before=before)
        gaps: FloatArray = np.log(whole.open[1:] / whole.close[:-1])
        return gaps

    def proxies(self, days: int, *, before: int = 0) -> FloatArray:
        """Return closes of credit, bonds and the dollar, (3, days), $; dates as `daily_history`."""
        self._check_count(days, before)
        returns, _, stress = self._daily_moves(before)
        return proxy_closes(self.config, returns, stress)[:, -days:]

    def _daily_moves(self, before: int) -> tuple[FloatArray, FloatArray, BoolArray]:
        """Return the close-to-close log returns before a session, their variances, and stress."""
        if before:
            self._walk_to(before - 1)
        past, states = self._history, self._states[:before]
        closes = np.append(past.close[0], self._closes[:before])
        first = np.log(past.close[0, 0] / past.open[0, 0])
        returns = np.append(first, np.diff(np.log(closes)))
        variances = np.append(past.variance[0], [float(state.variance[0]) for state in states])
        stress = np.append(past.stress[0], [bool(state.stress[0]) for state in states])
        return returns, variances, stress

    def _check_count(self, count: int, before: int) -> None:
        if not 0 <= before <= len(self):
            raise ValueError(f"session {before} is not within [0, {len(self)}]")
        most = self.config.history_sessions + before
        if not 1 <= count <= most:
            raise ValueError(f"{count} daily bars are not within [1, {most}]")


def _listed(name: str, column: FloatArray) -> FloatArray:
    """Round a column of history as sessions show it: prices in cents, whole shares."""
    if name in ("open", "high", "low", "close"):
        return np.round(column, 2)
    return np.rint(column) if name == "volume" else column
