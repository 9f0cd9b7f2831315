"""Trades as they arrive: each stored once, sealed to the one before, its tier decided then."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from django.db import connection, transaction
from django.utils import timezone

from leaderboard import chain, intake, services, trust
from leaderboard.claims import Claim, ClaimError, differing, facts, plain, read
from leaderboard.models import Bot, Heartbeat, Trade
from leaderboard.quotes import Grounds
from record.gathering import Gathering

log = structlog.get_logger("pulse.leaderboard")
MOST_ROWS: Final = 1_000
STORED, REPEATED, CONFLICT, REFUSED = "stored", "repeated", "conflict", "refused"


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one reported trade."""

    index: int
    client_trade_id: str
    status: str
    trade: Trade | None = None
    faults: Mapping[str, str] = field(default_factory=dict)
    differences: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)


def report(
    bot_id: int,
    bodies: Sequence[Any],
    *,
    owner: int | None = None,
    now: dt.datetime | None = None,
    hosted: bool = False,
) -> list[Row]:
    """Take reported trades in their order and return what became of each.

    A row that cannot be read is refused and the others are stored. The same id with the same body
    is answered with what is stored; with another body it is a conflict and nothing changes.

    Parameters
    ----------
    bot_id : int
    bodies : sequence of objects
        At most `MOST_ROWS`.
    owner : int or None
        Whose bot it has to be; None asks nobody's.
    now : datetime or None
        The receipt; the server's clock when it is left out.
    hosted : bool
        Whether the house reports for a bot that runs here, which nobody else may.

    Raises
    ------
    Bot.DoesNotExist
        When there is no such bot of this owner.
    BotError
        When the bot is delisted, and HostedError when it runs here.
    """
    job = _Job(bot_id, bodies, owner, now, hosted=hosted)
    if len(bodies) == 1 and now is None and not job.confirms and not connection.in_atomic_block:
        _gathering.do(job)
    if job.rows is None and job.error is None:
        with transaction.atomic():
            _take([job])
    if job.error is not None:
        raise job.error
    return job.rows or []


class _Job:
    """Reports of one call, and what became of them: rows or an error, neither when undecided."""

    def __init__(
        self,
        bot_id: int,
        bodies: Sequence[Any],
        owner: int | None,
        now: dt.datetime | None,
        *,
        hosted: bool = False,
    ) -> None:
        self.hosted = hosted
        self.bot_id, self.bodies, self.owner, self.now = bot_id, bodies, owner, now
        self.claims = [_read(body) for body in bodies]
        self.rows: list[Row] | None = None
        self.error: Exception | None = None

    @property
    def asked(self) -> list[tuple[int, str]]:
        """The ids that are reported."""
        return [(self.bot_id, one.client_trade_id) for one in self.claims
                if isinstance(one, Claim)]  # fmt: skip

    @property
    def confirms(self) -> bool:
        """Whether a source is asked, which may take its time."""
        return any(isinstance(one, Claim) and one.execution for one in self.claims)


def _take(jobs: Sequence[_Job], *, leave: bool = False) -> None:
    """Take the reports of several calls in one transaction.

    With `leave` those are left undecided for which others would have to wait: the bot is locked,
    or it tells of more than its trades, which takes its channel's lock before others' turn.
    """
    now = jobs[0].now or timezone.now()
    asked = [one for job in jobs for one in job.asked]
    opened = intake.open_bots(asked, [job.bot_id for job in jobs], skip_locked=leave)
    takers: dict[int, _Taker] = {}
    grounds = Grounds(now)
    for job in jobs:
        found = opened.get(job.bot_id)
        if leave and (found is None or _is_heard(found.beat, now)):
            continue
        if found is None or (job.owner is not None and found.bot.owner_id != job.owner):
            job.error = Bot.DoesNotExist()
            continue
        try:
            services.refuse_delisted(found.bot)
            if not job.hosted:
                services.refuse_hosted(found.bot)
        except services.BotError as error:
            job.error = error
            continue
        taker = takers.setdefault(job.bot_id, _Taker(found, grounds))
        job.rows = [taker.take(index, claim, body) for index, (claim, body) in
                    enumerate(zip(job.claims, job.bodies, strict=True))]  # fmt: skip
    fresh = [kept for taker in takers.values() if (kept := taker.kept()) is not None]
    if fresh:
        intake.store(fresh, now)


def _is_heard(beat: Heartbeat | None, now: dt.datetime) -> bool:
    """Return whether a bot is heard of for the first time, or again."""
    return beat is None or services.is_late(beat, now)


def _together(jobs: list[_Job]) -> None:
    """Take single reports that came at the same time; what fails together is tried alone."""
    try:
        with transaction.atomic():
            _take(jobs, leave=True)
    except BaseException as error:
        for job in jobs:  # nothing of it is stored
            job.rows = job.error = None
        if len(jobs) == 1 or not isinstance(error, Exception):
            raise
        log.warning("reports_taken_one_by_one", reports=len(jobs), error=str(error))


_gathering: Final = Gathering(_together)


def _read(body: Any) -> Claim | ClaimError:
    try:
        return read(body)
    except ClaimError as error:
        return error


class _Taker:
    """Takes trades for one bot that is locked, and keeps all of them at once."""

    def __init__(self, opened: intake.Opened, grounds: Grounds) -> None:
        self.bot, self.version, self.beat, self.known = opened
        self.now, self.grounds = grounds.now, grounds
        self.fresh: list[Trade] = []
        self.used: set[tuple[str, str]] = set()

    def take(self, index: int, claim: Claim | ClaimError, body: Any) -> Row:
        """Return what becomes of one report."""
        if isinstance(claim, ClaimError):
            given = body.get("client_trade_id") if isinstance(body, Mapping) else None
            name = given[:64] if isinstance(given, str) else ""
            return Row(index, name, REFUSED, faults=claim.faults)
        there = self.known.get(claim.client_trade_id)
        if there is None:
            made = self.seal(claim)
            self.known[claim.client_trade_id] = made
            return Row(index, claim.client_trade_id, STORED, made)
        differences = differing(stored_facts(there), claim)
        status = CONFLICT if differences else REPEATED
        return Row(index, claim.client_trade_id, status, there, differences=differences)

    def seal(self, claim: Claim) -> Trade:
        """Return the next row of the chain."""
        verdict = trust.judge(self.bot, claim, self.grounds, self.spent)
        given = facts(claim)
        trade = Trade(
            bot=self.bot,
            version=self.version,
            seq=self.bot.head_seq + 1,
            client_trade_id=claim.client_trade_id,
            received_at=self.now,
            executed_at=claim.executed_at,
            action=claim.action,
            symbol=claim.symbol,
            legs=given["legs"],
            fee=claim.fee,
            reported_pnl=claim.pnl,
            market=verdict.market,
            tier=verdict.tier,
            reasons=verdict.reasons,
            evidence=verdict.evidence,
            source=verdict.source,
            reference=verdict.reference,
            previous_hash=self.bot.head_hash,
        )
        trade.hash = chain.hash_of(chain.row_of(trade, self.version.config_hash))
        self.bot.head_seq, self.bot.head_hash = trade.seq, trade.hash
        self.fresh.append(trade)
        if verdict.source:
            self.used.add((verdict.source, verdict.reference))
        return trade

    def spent(self, source: str, reference: str) -> bool:
        """Return whether an execution stands behind another trade."""
        if (source, reference) in self.used:
            return True
        return Trade.objects.filter(source=source, reference=reference).exists()

    def kept(self) -> intake.Fresh | None:
        """Return what is to be stored, None when nothing is new."""
        if not self.fresh:
            return None
        if _is_heard(self.beat, self.now):
            services.alive(self.bot, self.now)
        told = {"what": "trades", "through": self.bot.head_seq}
        return intake.Fresh(self.bot, self.fresh, services.telling(self.bot, told))


def stored_facts(trade: Trade) -> dict[str, Any]:
    """Return what a stored trade says, in the form of `claims.facts`."""
    at = trade.executed_at
    return {
        "action": trade.action,
        "symbol": trade.symbol,
        "legs": trade.legs,
        "fee": plain(trade.fee),
        "executed_at": None if at is None else at.astimezone(dt.UTC).isoformat(),
        "pnl": None if trade.reported_pnl is None else plain(trade.reported_pnl),
    }
