"""The boards over 5,000 bots and 5,000,000 trades, beside the query that everybody writes first.

Run: `python bench/leaderboard.py [bots] [trades]`. Starts a PostgreSQL of its own and throws it
away; the whole size takes some 20 minutes on two cores and 5 GB of disk. The peer groups the
trades by bot and sums what bots claim: it cannot compute profit from lots, so it is favoured.
"""

import datetime as dt
import multiprocessing
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]

from bench.support.house import databases  # noqa: E402

if TYPE_CHECKING:
    from django.db.models import QuerySet

BOTS = """
INSERT INTO leaderboard_bot (owner_mark, owner_name, name, kind, market, config_public, created,
                             head_seq, head_hash)
SELECT 'owner' || i / 2, '', 'bot ' || i, 'external', 'real', false, now() - interval '1 year',
       0, repeat('0', 64)
FROM generate_series(1, %s) AS i"""
VERSIONS = """
INSERT INTO leaderboard_configversion (bot_id, number, text, config_hash, created)
SELECT id, 1, '{}', repeat('0', 64), created FROM leaderboard_bot"""
TRADES = """
INSERT INTO leaderboard_trade (
    bot_id, version_id, seq, client_trade_id, received_at, action, symbol, legs, fee,
    reported_pnl, market, tier, reasons, evidence, source, reference, previous_hash, hash)
SELECT bot, version, seq, 't' || seq, %(start)s + seq * interval '365 days' / (n + 1),
       side, 'SPY', jsonb_build_array(jsonb_build_object(
           'action', side, 'symbol', 'SPY', 'kind', 'equity',
           'quantity', (1 + ((seq + 1) / 2 * 7 + bot) %% 9)::text,
           'price', round((480 + 40 * random())::numeric, 2)::text)),
       0.35, round((random() - 0.5)::numeric * 200, 2), 'real',
       CASE WHEN bot %% 2 = 0 THEN 'checked' ELSE 'self_reported' END,
       '[]', '{}', '', '', repeat('0', 64), repeat('0', 64)
FROM (
    SELECT v.bot_id AS bot, v.id AS version, s.n, seq,
           CASE seq %% 2 WHEN 1 THEN 'BUY' ELSE 'SELL' END AS side
    FROM leaderboard_configversion AS v
    JOIN sizes AS s ON s.bot = v.bot_id, generate_series(1, s.n) AS seq
    WHERE v.bot_id %% %(parts)s = %(part)s
) AS made"""
NAIVE = """
SELECT bot_id, count(*), sum(reported_pnl) AS pnl,
       avg(reported_pnl) / nullif(stddev_samp(reported_pnl), 0) AS sharpe
FROM leaderboard_trade WHERE received_at > %s AND market = 'real'
GROUP BY bot_id ORDER BY pnl DESC LIMIT 100"""
ROUNDS = 5
READS = 40


def build(bots: int, trades: int, now: dt.datetime) -> None:
    """Make bots of skewed activity, and their trades over a year that ends now."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(BOTS, [bots])
        cursor.execute(VERSIONS)
        cursor.execute(
            "CREATE TABLE sizes AS SELECT id AS bot, 2 * greatest(1, "
            "(%s / 2 * 0.5 / power(id, 0.5) / sqrt(%s))::int) AS n FROM leaderboard_bot",
            [trades, bots],
        )
        parts = 20
        start = now - dt.timedelta(days=365)
        for part in range(parts):
            cursor.execute(TRADES, {"start": start, "parts": parts, "part": part})
        cursor.execute(
            "UPDATE leaderboard_bot SET head_seq = n FROM sizes WHERE bot = leaderboard_bot.id"
        )
        cursor.execute("ANALYZE leaderboard_trade")


def fold_all(place: int, count: int, now: dt.datetime) -> None:
    """Fold every bot of one of `count` processes."""
    import django

    django.setup()
    from leaderboard.models import Bot
    from leaderboard.ranking import services

    clocks = services.clocks_at(now)
    for bot in Bot.objects.order_by("pk").values_list("pk", flat=True):
        if bot % count == place:
            while services.fold(bot, clocks):
                pass


def percentile(times: list[float], share: float) -> float:
    """Return a percentile of times."""
    return sorted(times)[min(int(len(times) * share), len(times) - 1)]


def timed(found: "QuerySet[Any, Any]", times: list[float]) -> list[tuple[Any, ...]]:
    """Run a query until its rows are in Python, and note how long that took."""
    from django.db import connection

    sql, params = found.query.sql_with_params()
    with connection.cursor() as cursor:
        began = time.perf_counter()
        cursor.execute(sql, params)
        rows = cursor.fetchall()
        times.append(time.perf_counter() - began)
    return rows


def reads(now: dt.datetime) -> None:
    """Print the board's query beside the naive one, in turns."""
    from django.db import connection, reset_queries

    from leaderboard.ranking import selectors
    from leaderboard.ranking.models import METRICS

    whole: list[float] = []
    inner: list[float] = []
    for hours, title in ((24, "24 h"), (720, "30 d"), (0, "all")):
        since = now - dt.timedelta(hours=hours or 24 * 366)
        naive: list[float] = []
        ours: list[float] = []
        alike: list[float] = []
        for _ in range(ROUNDS):
            with connection.cursor() as cursor:
                began = time.perf_counter()
                cursor.execute(NAIVE, [since])
                cursor.fetchall()
                naive.append(time.perf_counter() - began)
            for number in range(READS):
                metric = METRICS[number % len(METRICS)]
                query = selectors.board_query(metric=metric, hours=hours, tier="self_reported")
                rows = timed(query.values_list("cell", "trades", "pnl", "sharpe")[:100], alike)
                timed(query[:100], ours)
                began = time.perf_counter()
                selectors.payloads(
                    selectors.board(metric=metric, hours=hours, tier="self_reported")
                )
                whole.append(time.perf_counter() - began)
        inner += ours
        slow = statistics.median(naive)
        print(f"{title:5} naive GROUP BY {slow * 1e3:8.1f} ms, {len(rows)} rows of 4 columns")
        for name, times in (("the same 4 columns", alike), ("all that a board shows", ours)):
            print(
                f"      {name:22} {statistics.median(times) * 1e3:5.2f} ms, p95 "
                f"{percentile(times, 0.95) * 1e3:5.2f} ms   "
                f"1/{slow / statistics.median(times):,.0f} (goal 1/500)"
            )
    print(
        f"all metrics and windows: query p95 {percentile(inner, 0.95) * 1e3:.2f} ms (goal 10), "
        f"as JSON with names p95 {percentile(whole, 0.95) * 1e3:.1f} ms"
    )
    reset_queries()


def freshness(now: dt.datetime) -> None:
    """Print how long a report takes to its places on the boards, for small and large bots."""
    from leaderboard import reports
    from leaderboard.models import Bot, Standing
    from leaderboard.ranking import services

    times = []
    for number, bot in enumerate(Bot.objects.order_by("pk").values_list("pk", flat=True)[:1000:50]):
        body = {"client_trade_id": f"new-{number}", "action": "BUY", "symbol": "SPY"}
        before = Standing.objects.get(cell__bot=bot, hours=0, tier="self_reported").trades
        began = time.perf_counter()
        reports.report(bot, [body | {"quantity": "1", "price": "500"}])
        services.refresh()
        times.append(time.perf_counter() - began)
        after = Standing.objects.get(cell__bot=bot, hours=0, tier="self_reported").trades
        assert after == before + 1
    print(
        f"report to rank: median {statistics.median(times) * 1e3:.0f} ms, longest "
        f"{max(times) * 1e3:.0f} ms, and 2 s at most until the task begins (goal 5 s)"
    )


def main(bots: int, trades: int) -> None:
    from django.db import connection, connections
    from django.utils import timezone

    from leaderboard.models import Bot, Bucket, Standing, Trade
    from leaderboard.ranking import services
    from leaderboard.ranking.audit import audit

    now = timezone.now()
    began = time.perf_counter()
    build(bots, trades, now)
    count = Trade.objects.count()
    print(
        f"{bots:,} bots, {count:,} trades, made in {time.perf_counter() - began:.0f} s", flush=True
    )
    connections.close_all()
    began = time.perf_counter()
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=fold_all, args=(place, 2, now)) for place in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    took = time.perf_counter() - began
    buckets = Bucket.objects.count()
    print(
        f"folded by two processes in {took:.0f} s ({count / took:,.0f} trades/s): {buckets:,} "
        f"buckets, {Standing.objects.count():,} standings",
        flush=True,
    )
    began = time.perf_counter()
    services.refresh(budget_s=600)
    print(f"the rest, and windows that moved on: {time.perf_counter() - began:.1f} s", flush=True)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    reads(now)
    freshness(now)
    sample = Bot.objects.order_by("?")[:20]
    wrong = sum(bool(audit(bot)) for bot in sample)
    print(f"audit of {len(sample)} bots drawn at random: {wrong} differ from a recomputation")


if __name__ == "__main__":
    with databases():
        sizes = [int(text) for text in sys.argv[1:3]]
        main(*(sizes + [5_000, 5_000_000][len(sizes) :]))
