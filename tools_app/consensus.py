"""Several tools, one answer: a weighted vote that can explain itself. Plain functions.

A tool that fires votes for what it reads. Its voice is its weight times its reliability, which
is the chance, by its record, that its signals beat the base rate: 0.5 before there is a record,
so that an unknown tool neither leads nor is silenced. The reading with the most voice times score
leads. It is entered when enough of the tools agree, when its confidence is enough, and when no
tool with a veto warns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from market.frames import Missing
from tools_app.contract import Evaluation
from tools_app.decisions import Entry, Reading
from tools_app.evaluation import FAILED

AGREEMENT, CONFIDENCE = 5 / 8, 0.55
NEUTRAL = 0.5


class Reliability(NamedTuple):
    """How often a tool's signals beat the base rate: the value, from how many, of which record."""

    value: float = NEUTRAL
    signals: int = 0
    source: str = ""

    @property
    def words(self) -> str:
        """Return where it comes from, in words."""
        if not self.signals:
            return "no finished signals yet, so neutral"
        return f"{self.signals} {self.source} signals"


class Stand(NamedTuple):
    """How a tool stands to the reading that leads."""

    counts: str
    text: str


@dataclass(frozen=True, slots=True)
class Vote:
    """What one tool says of the row, and how much it counts.

    Attributes
    ----------
    score : float
        NaN where it has none; `missing` then says why.
    reading : Reading or None
        None while it does not fire.
    """

    tool_id: int
    name: str
    score: float
    reading: Reading | None
    missing: str | None
    weight: float
    reliability: Reliability
    veto: bool = False

    @property
    def voice(self) -> float:
        """Weight times reliability; a tool with a veto has none."""
        return 0.0 if self.veto else self.weight * self.reliability.value

    @property
    def words(self) -> str:
        """Return its weight explained."""
        if self.veto:
            return "a veto: it has no vote, and when it fires nothing is entered"
        return (
            f"weight {self.weight:g} x reliability {self.reliability.value:.2f} "
            f"({self.reliability.words}) = {self.voice:.2f}"
        )


@dataclass(frozen=True, slots=True)
class Rules:
    """When a vote is enough: the share of tools that agree, and the weighted confidence."""

    agreement: float = AGREEMENT
    confidence: float = CONFIDENCE

    def needed(self, voters: int) -> int:
        """Return how many of so many tools have to agree."""
        return max(1, math.ceil(self.agreement * voters - 1e-9))


@dataclass(frozen=True, slots=True)
class Counted:
    """The vote counted: what leads, who agrees, what was needed, and the decision."""

    entry: Entry
    leader: Reading | None
    agreeing: int
    voters: int
    needed: int
    rules: Rules
    stands: Mapping[int, Stand]


def vote_of(
    tool_name: str, evaluation: Evaluation, weight: float, reliability: Reliability, *, veto: bool
) -> Vote:
    """Return a tool's vote from the last row of its evaluation."""
    code = Missing(int(evaluation.missing[-1]))
    fires = bool(evaluation.fires[-1])
    reading = Reading.of(int(evaluation.side[-1]), int(evaluation.volatility[-1]))
    return Vote(
        tool_id=evaluation.tool_id,
        name=tool_name,
        score=float(evaluation.score[-1]),
        reading=reading if fires else None,
        missing=None if code is Missing.OK else code.text,
        weight=weight,
        reliability=reliability,
        veto=veto,
    )


def counted(votes: Sequence[Vote], rules: Rules) -> Counted:
    """Count the votes.

    The confidence of a reading is the sum of voice times score of the tools that read so, over
    the voice of all tools that fire: between 0 and 1, lower for every tool that reads otherwise.
    """
    voters = [vote for vote in votes if not vote.veto]
    firing = [vote for vote in voters if vote.reading not in (None, Reading.WARNING)]
    support = _support(firing)
    leader = _leader(support)
    agreeing = [vote for vote in firing if vote.reading is leader]
    voice = math.fsum(vote.voice for vote in firing)
    confidence = support[leader] / voice if leader and voice > 0.0 else 0.0
    needed = rules.needed(len(voters))
    warned = [vote for vote in votes if vote.veto and vote.reading is not None]
    faults = _faults(leader, support, len(agreeing), len(voters), confidence, rules)
    faults = [f"{vote.name} warns, and it has a veto" for vote in warned] + faults
    verdict = leader if not faults else None
    return Counted(
        entry=Entry(verdict, min(confidence, 1.0), _sentences(verdict, faults, agreeing, votes)),
        leader=leader,
        agreeing=len(agreeing),
        voters=len(voters),
        needed=needed,
        rules=rules,
        stands={vote.tool_id: _stand(vote, leader) for vote in votes},
    )


def _support(firing: Sequence[Vote]) -> dict[Reading, float]:
    """Return the sum of voice times score by reading."""
    support: dict[Reading, float] = {}
    for vote in firing:
        if vote.reading is not None:
            support[vote.reading] = support.get(vote.reading, 0.0) + vote.voice * vote.score
    return support


def _leader(support: Mapping[Reading, float]) -> Reading | None:
    """Return the reading with the most support; None without one or when two are level."""
    best = max(support.values(), default=0.0)
    leading = [reading for reading, value in support.items() if value == best]
    return leading[0] if best > 0.0 and len(leading) == 1 else None


def _faults(
    leader: Reading | None,
    support: Mapping[Reading, float],
    agreeing: int,
    voters: int,
    confidence: float,
    rules: Rules,
) -> list[str]:
    """Return why nothing is entered; empty when it is."""
    if leader is None:
        return [_no_leader(support)]
    faults = []
    needed = rules.needed(voters)
    if agreeing < needed:
        faults.append(f"{agreeing} of {voters} tools agree on {leader}, {needed} are needed")
    if confidence < rules.confidence:
        faults.append(f"the confidence is {confidence:.2f}, {rules.confidence:.2f} is needed")
    return faults


def _no_leader(support: Mapping[Reading, float]) -> str:
    if not support:
        return "no tool with a vote fires"
    if not any(support.values()):
        return "the tools that fire have no weight or no reliability"
    best = max(support.values())
    return (
        " and ".join(sorted(one for one, value in support.items() if value == best)) + " are level"
    )


def _sentences(
    verdict: Reading | None, faults: Sequence[str], agreeing: Sequence[Vote], votes: Sequence[Vote]
) -> tuple[str, ...]:
    if verdict is None:
        head = [f"Stay out: {faults[0]}.", *(f"Also, {fault}." for fault in faults[1:])]
    else:
        names = ", ".join(vote.name for vote in agreeing)
        head = [f"Enter {verdict}: {names} agree."]
    silent = [vote for vote in votes if vote.missing is None and vote.reading is None]
    if silent:
        head.append(f"Below their thresholds: {', '.join(vote.name for vote in silent)}.")
    head += [f"{vote.name} has no score: {vote.missing}." for vote in votes if vote.missing]
    return tuple(head)


def _stand(vote: Vote, leader: Reading | None) -> Stand:
    if vote.missing is not None:
        return Stand("no score", f"no score: {vote.missing}")
    if vote.reading is None:
        return Stand("silent", f"score {vote.score:.2f}, below its threshold")
    if vote.veto:
        return Stand("veto", f"fires with {vote.score:.2f} and stops the entry")
    if vote.reading is Reading.WARNING:
        return Stand("warns", f"warns with {vote.score:.2f}, which is no vote for a side")
    stand = "agrees" if vote.reading is leader else "disagrees"
    return Stand(stand, f"reads {vote.reading} with {vote.score:.2f}")


@dataclass(frozen=True, slots=True)
class Consensus:
    """The vote as an entry controller for the tools given."""

    names: Mapping[int, str]
    weights: Mapping[int, float] = field(default_factory=dict)
    reliability: Mapping[int, Reliability] = field(default_factory=dict)
    vetoes: Set[int] = frozenset()
    rules: Rules = field(default_factory=Rules)

    def abstention(self, tool_id: int, why: str) -> Vote:
        """Return the vote of a tool that has no evaluation."""
        return Vote(
            tool_id=tool_id,
            name=self.names[tool_id],
            score=math.nan,
            reading=None,
            missing=why,
            weight=self.weights.get(tool_id, 1.0),
            reliability=self.reliability.get(tool_id, Reliability()),
            veto=tool_id in self.vetoes,
        )

    def votes(self, evaluations: Sequence[Evaluation]) -> list[Vote]:
        """Return every tool's vote on the last row."""
        return [
            vote_of(
                self.names[one.tool_id],
                one,
                self.weights.get(one.tool_id, 1.0),
                self.reliability.get(one.tool_id, Reliability()),
                veto=one.tool_id in self.vetoes,
            )
            for one in evaluations
        ]

    def ballot(self, evaluations: Sequence[Evaluation]) -> list[Vote]:
        """Return every tool's vote in the order of the names; who did not answer abstains."""
        cast = {vote.tool_id: vote for vote in self.votes(evaluations)}
        return [cast.get(tool) or self.abstention(tool, FAILED) for tool in self.names]

    def entry(self, evaluations: Sequence[Evaluation]) -> Entry:
        """Return the decision on the last row; a tool without an answer never makes it easier."""
        votes = self.ballot(evaluations)
        result = counted(votes, self.rules)
        return replace(result.entry, seen=_seen(votes, result))


def _seen(votes: Sequence[Vote], result: Counted) -> dict[str, Any]:
    """Return what an entry was decided on, as JSON."""
    return {
        "leads": result.leader,
        "agreeing": result.agreeing,
        "voters": result.voters,
        "needed": result.needed,
        "confidence": result.entry.confidence,
        "votes": [
            {
                "tool": vote.tool_id,
                "name": vote.name,
                "score": None if math.isnan(vote.score) else vote.score,
                "reads": vote.reading,
                "voice": vote.voice,
                "stand": result.stands[vote.tool_id].counts,
            }
            for vote in votes
        ],
    }
