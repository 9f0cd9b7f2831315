"""The badge of a tool: unproven, proven, retired, by a rule that is printed with its numbers.

Proven means: more than a random tool would show. A record is looked at after fixed numbers of
sessions, as it stood then, so that looking every minute changes nothing. At each review the edge
is tested one-sided (`quant.clustered`), and it has to have earned its costs on the record. The
chances of error of all reviews there will ever be sum to 4 %, so by Boole's inequality a random
tool is called proven, ever, in 4 % of cases at most, and of 1,000 such tools hardly ever more
than 5 % are. Nearly all of it is spent at 250 sessions.

Why not more power: for daily returns with an annual Sharpe ratio of 2 over 250 sessions the lemma
of Neyman and Pearson leaves no test at 5 % more than 63.9 % (`most_power`). A ratio of 2 after
costs is more than 2 before them; a random tool pays those costs as well, and that difference is
evidence. `bench/badge_rates.py` measures both.

Retired means: after its proof the record speaks for no edge. Page's cumulated sum (1954) of the
log likelihood of no edge against the edge as proven, one of an annual ratio of `WATCHED` at most,
starts at the proof and alarms at `ALARM`, where no edge is twenty times as likely.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy.special import ndtr, ndtri

from quant.clustered import chance_of_sum, cluster_sums
from tools_app.scorecards import YEAR, Record

REVIEWS = ((60, 0.00025), (125, 0.00225), (250, 0.035))
LATER = 0.00125
"""Level at 500 sessions; it halves each time that the sessions double, so all sum to 4 %."""
LEVEL = 0.05
LEAST_SIGNALS, LEAST_CLUSTERS = 30, 15
ALARM = 3.0
WATCHED = 2.0
"""Annual Sharpe ratio: a larger edge at its proof was part luck, and is not demanded ever after."""


class Badge(StrEnum):
    """What a record has shown so far."""

    UNPROVEN = "unproven"
    PROVEN = "proven"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Judged:
    """A badge with its criterion in words."""

    badge: Badge
    criterion: str


def reviews() -> Iterator[tuple[int, float]]:
    """Yield after how many sessions a record is reviewed, and at which level; without end."""
    yield from REVIEWS
    sessions, level = 2 * REVIEWS[-1][0], LATER
    while True:
        yield sessions, level
        sessions, level = 2 * sessions, level / 2.0


def most_power(ratio: float, sessions: int, level: float = LEVEL) -> float:
    """Return the most power that any test of daily returns has, normal ones with a known spread.

    Parameters
    ----------
    ratio : float
        Annual Sharpe ratio, 252 sessions a year.
    sessions : int
    level : float
        Chance of error allowed.
    """
    return float(ndtr(ratio * np.sqrt(sessions / 252.0) + ndtri(level)))


def judge(record: Record) -> Judged:
    """Return the badge that a record has earned, with the criterion and its numbers."""
    said = f"No review yet: {record.sessions} of {REVIEWS[0][0]} sessions watched."
    for sessions, level in reviews():
        if sessions > record.sessions:
            return Judged(Badge.UNPROVEN, f"{said} Next review at {sessions} sessions.")
        then = record.first(sessions)
        sums = cluster_sums(then.edge, then.cluster)
        if then.score.size < LEAST_SIGNALS or sums.size < LEAST_CLUSTERS:
            said = (
                f"At {sessions} sessions: {then.score.size} signals in {sums.size} independent "
                f"stretches; {LEAST_SIGNALS} and {LEAST_CLUSTERS} are needed."
            )
            continue
        p, net = chance_of_sum(sums), float(then.net.mean())
        said = _told(then, sessions, p, level, net)
        if p <= level and net > 0.0:
            return _kept(record, then, sums, said)
    raise AssertionError("the reviews have no end")


def _told(then: Record, sessions: int, p: float, level: float, net: float) -> str:
    unit = "usual variances" if then.volatility else "basis points"
    earned = net if then.volatility else net * 1e4
    return (
        f"At {sessions} sessions, {then.score.size} signals: a random tool shows such an edge "
        f"with p {p:.3g}, at most {level:.3g} is needed; average after costs {earned:+.2f} {unit}, "
        "above 0 is needed."
    )


def _kept(record: Record, then: Record, proof: np.ndarray, said: str) -> Judged:
    """Return proven, or retired where the record after the proof refutes it."""
    since = record.session >= then.sessions
    spread = float(proof.std(ddof=1))
    ratio = min(float(proof.mean()) / spread, WATCHED * float(np.sqrt(record.block / YEAR)))
    later = cluster_sums(record.edge[since], record.cluster[since]) / spread
    highest, cumulated = 0.0, 0.0
    for value in later.tolist():
        cumulated = max(0.0, cumulated + 0.5 * ratio * ratio - ratio * value)
        highest = max(highest, cumulated)
    told = f"{later.size} independent stretches since: evidence against it {highest:.1f}"
    if highest >= ALARM:
        return Judged(Badge.RETIRED, f"{said} {told}, retired from {ALARM}.")
    return Judged(Badge.PROVEN, f"{said} {told} of {ALARM} that retire it.")
