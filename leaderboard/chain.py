"""The chain of a bot's trades: each row sealed to the one before, walked to find what changed."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from leaderboard.claims import plain
from leaderboard.models import GENESIS, Bot, Trade
from record.canonical import NotCanonicalError, canonical

_CHUNK: Final = 2_000


@dataclass(frozen=True, slots=True)
class Fault:
    """The first row of a chain that is not as it was written."""

    seq: int
    problem: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a walk over a chain found."""

    trades: int
    seq: int
    hash: str
    fault: Fault | None


def row_of(trade: Trade, config_hash: str) -> dict[str, Any]:
    """Return what the hash of a trade covers: everything that was stored of it."""
    return {
        "bot": trade.bot_id,
        "seq": trade.seq,
        "previous_hash": trade.previous_hash,
        "config_hash": config_hash,
        "client_trade_id": trade.client_trade_id,
        "received_at": _instant(trade.received_at),
        "executed_at": None if trade.executed_at is None else _instant(trade.executed_at),
        "action": trade.action,
        "symbol": trade.symbol,
        "legs": trade.legs,
        "fee": plain(trade.fee),
        "pnl": None if trade.reported_pnl is None else plain(trade.reported_pnl),
        "market": trade.market,
        "tier": trade.tier,
        "reasons": trade.reasons,
        "evidence": trade.evidence,
        "source": trade.source,
        "reference": trade.reference,
    }


def hash_of(row: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a row's canonical JSON."""
    return hashlib.sha256(canonical(row)).hexdigest()


def _instant(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).isoformat(timespec="microseconds")


def verify(bot: Bot, upto: tuple[int, str] | None = None) -> Verdict:
    """Walk the chain of a bot and name the first row that is not as it was written.

    It is held against the head that was noted with the bot and the heads that were published.
    """
    seq, head = upto or (bot.head_seq, bot.head_hash)
    published = dict(bot.published_heads.values_list("seq", "hash"))
    trades = bot.trades.filter(seq__lte=seq).select_related("version").order_by("seq")
    hashes = {
        version.pk: hashlib.sha256(version.text.encode()).hexdigest()
        for version in bot.versions.all()
    }
    found = _walk(trades.iterator(_CHUNK), hashes, published)
    if found.fault is None and (found.seq, found.hash) != (seq, head):
        fault = Fault(found.seq + 1, f"is missing: the chain was noted to end at {seq}")
        if found.seq >= seq:
            fault = Fault(seq, "is not the row that was noted as the end of the chain")
        return Verdict(found.trades, found.seq, found.hash, fault)
    return found


def _walk(
    trades: Iterable[Trade], hashes: Mapping[int, str], published: Mapping[int, str]
) -> Verdict:
    seq, last, count = 0, GENESIS, 0
    for trade in trades:
        problem = _problem(trade, seq, last, hashes, published)
        if problem:
            where = seq + 1 if trade.seq != seq + 1 else trade.seq
            return Verdict(count, seq, last, Fault(where, problem))
        seq, last, count = trade.seq, trade.hash, count + 1
    return Verdict(count, seq, last, None)


def _problem(
    trade: Trade, seq: int, last: str, hashes: Mapping[int, str], published: Mapping[int, str]
) -> str:
    if trade.seq != seq + 1:
        return f"is missing: {trade.seq} follows {seq}"
    if trade.previous_hash != last:
        return "does not follow the row before it"
    config_hash = hashes[trade.version_id]
    if config_hash != trade.version.config_hash:
        return f"has a configuration, version {trade.version.number}, that was altered"
    try:
        right = hash_of(row_of(trade, config_hash))
    except NotCanonicalError:
        right = ""
    if right != trade.hash:
        return "does not match its hash"
    if published.get(trade.seq, trade.hash) != trade.hash:
        return "is not the row whose hash was published"
    return ""
