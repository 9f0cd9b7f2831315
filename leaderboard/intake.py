"""What taking reports reads and writes: one round trip to the database each.

A report is the call that bots make most, so its statements are written out here. The reads are
separate statements of one message: each sees what was committed before the lock was had.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import orjson
from django.db import connection

from leaderboard.claims import plain
from leaderboard.models import Bot, ConfigVersion, Heartbeat, Trade
from record import streams

_BOT: Final = ("id", "owner_id", "kind", "market", "delisted_at", "head_seq", "head_hash")
_VERSION: Final = ("id", "bot_id", "number", "config_hash")
_BEAT: Final = ("id", "bot_id", "first_at", "last_at", "every_s", "status")
_GIVEN: Final = (
    ("bot_id", "bigint"), ("version_id", "bigint"), ("seq", "bigint"), ("client_trade_id", "text"),
    ("received_at", "timestamptz"), ("executed_at", "timestamptz"), ("action", "text"),
    ("symbol", "text"), ("legs", "jsonb"), ("fee", "numeric"), ("reported_pnl", "numeric"),
    ("market", "text"), ("tier", "text"), ("reasons", "jsonb"), ("evidence", "jsonb"),
    ("source", "text"), ("reference", "text"), ("previous_hash", "text"), ("hash", "text"),
)  # fmt: skip
"""Columns of a trade, with the types that JSON is read as."""
_JSON: Final = frozenset(name for name, kind in _GIVEN if kind == "jsonb")
_TRADE: Final = ("id", *(name for name, _ in _GIVEN))

_NAMES: Final = ", ".join(name for name, _ in _GIVEN)
_OPEN: Final = f"""
    SELECT {", ".join(_BOT)} FROM leaderboard_bot WHERE id = ANY(%s)
    ORDER BY id FOR UPDATE {{skip}};
    SELECT DISTINCT ON (bot_id) {", ".join(_VERSION)} FROM leaderboard_configversion
    WHERE bot_id = ANY(%s) ORDER BY bot_id, number DESC;
    SELECT {", ".join(_BEAT)} FROM leaderboard_heartbeat WHERE bot_id = ANY(%s);
    SELECT id, {_NAMES} FROM leaderboard_trade
    JOIN unnest(%s::bigint[], %s::text[]) AS asked(bot_id, client_trade_id)
    USING (bot_id, client_trade_id)
"""  # noqa: S608 - names of columns, from above
_STORE: Final = f"""
    INSERT INTO leaderboard_trade ({_NAMES})
    SELECT given.* FROM jsonb_to_recordset(%s::jsonb)
    AS given({", ".join(f"{name} {kind}" for name, kind in _GIVEN)})
    RETURNING bot_id, seq, id;
    UPDATE leaderboard_bot SET head_seq = made.seq, head_hash = made.hash
    FROM unnest(%s::bigint[], %s::bigint[], %s::text[]) AS made(bot, seq, hash)
    WHERE id = made.bot;
    UPDATE leaderboard_heartbeat SET last_at = GREATEST(last_at, %s) WHERE bot_id = ANY(%s)
"""  # noqa: S608
_BEFORE_EVENTS: Final = 3
"""Statements that stand before those of the events."""


class Opened(NamedTuple):
    """A bot that is locked, with what its next trades follow."""

    bot: Bot
    version: ConfigVersion
    beat: Heartbeat | None
    known: dict[str, Trade]
    """Those of the reported ids that are stored already."""


class Fresh(NamedTuple):
    """What is to be stored of a bot: its trades, and the event that tells of them."""

    bot: Bot
    trades: Sequence[Trade]
    event: streams.Appending | None


def open_bots(
    asked: Sequence[tuple[int, str]], bots: Sequence[int], *, skip_locked: bool = False
) -> dict[int, Opened]:
    """Lock bots, in the order of their numbers, and read what reports need of them.

    Parameters
    ----------
    asked : sequence of (int, str)
        Bot and client_trade_id of each report that could be read.
    bots : sequence of int
        What is not there is left out.
    skip_locked : bool
        Leave out what somebody else has locked, too, in place of waiting.
    """
    wanted = list(set(bots))
    owners, ids = [bot for bot, _ in asked], [name for _, name in asked]
    sql = _OPEN.format(skip="SKIP LOCKED" if skip_locked else "")
    with connection.cursor() as cursor:
        cursor.execute(sql, [wanted, wanted, wanted, owners, ids])
        found = cursor.fetchall()
        versions, beats, trades = (_next(cursor) for _ in range(3))
    alias = connection.alias
    newest = {row[1]: ConfigVersion.from_db(alias, _VERSION, row) for row in versions}
    heard = {row[1]: Heartbeat.from_db(alias, _BEAT, row) for row in beats}
    opened = {
        row[0]: Opened(Bot.from_db(alias, _BOT, row), newest[row[0]], heard.get(row[0]), {})
        for row in found
    }
    for row in trades:
        trade = _trade(alias, row)
        if trade.bot_id in opened:
            opened[trade.bot_id].known[trade.client_trade_id] = trade
    return opened


def _next(cursor: Any) -> list[Any]:
    cursor.nextset()
    rows: list[Any] = cursor.fetchall()
    return rows


def _trade(alias: str, row: Sequence[Any]) -> Trade:
    values = [json.loads(value) if name in _JSON else value
              for name, value in zip(_TRADE, row, strict=True)]  # fmt: skip
    return Trade.from_db(alias, _TRADE, values)


def store(fresh: Sequence[Fresh], now: dt.datetime) -> None:
    """Store sealed trades, the heads of the chains, the signs of life, and the events."""
    bots = [one.bot for one in fresh]
    numbers = [bot.pk for bot in bots]
    trades = [trade for one in fresh for trade in one.trades]
    # The order of the channels is the order of locks: see `streams.append_many`.
    events = sorted((one.event for one in fresh if one.event is not None), key=_channel)
    params: list[Any] = [
        orjson.dumps([_given(trade) for trade in trades]).decode(),
        numbers, [bot.head_seq for bot in bots], [bot.head_hash for bot in bots],
        now, numbers,
    ]  # fmt: skip
    for event in events:
        params += event.params
    with connection.cursor() as cursor:
        cursor.execute(";".join([_STORE, *(event.sql for event in events)]), params)
        ids = {(bot, seq): pk for bot, seq, pk in cursor.fetchall()}
        for _ in range(_BEFORE_EVENTS - 1):
            cursor.nextset()
        told = [_next(cursor)[0] for _ in events]
    streams.appended(events, told)
    for trade in trades:
        trade.pk = ids[trade.bot_id, trade.seq]
        trade._state.adding = False


def _channel(event: streams.Appending) -> str:
    return event.channel


def _given(trade: Trade) -> dict[str, Any]:
    pnl = trade.reported_pnl
    return {
        "bot_id": trade.bot_id,
        "version_id": trade.version_id,
        "seq": trade.seq,
        "client_trade_id": trade.client_trade_id,
        "received_at": trade.received_at,
        "executed_at": trade.executed_at,
        "action": trade.action,
        "symbol": trade.symbol,
        "legs": trade.legs,
        "fee": plain(trade.fee),
        "reported_pnl": None if pnl is None else plain(pnl),
        "market": trade.market,
        "tier": trade.tier,
        "reasons": trade.reasons,
        "evidence": trade.evidence,
        "source": trade.source,
        "reference": trade.reference,
        "previous_hash": trade.previous_hash,
        "hash": trade.hash,
    }
