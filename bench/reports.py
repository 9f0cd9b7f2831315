"""Reports of trades through the whole REST stack, beside a plain view of Django REST framework.

Both applications run by WSGI under the same server (granian, one worker with the same threads), on
one durable PostgreSQL and one Redis, and take turns within a run. The peer is what a developer
writes first: CreateAPIView, ModelSerializer, a hashed key, DRF's throttle over the cache
(`bench/support/plain_drf`), with connections to the database that stay open, as ours. Ours checks
the trade against 1,000 stored quotes, seals it to the chain and tells the owner's pages besides.
"CPU ms" is the server's processor time of one report, which other work on the machine blurs least.
Each connection reports for bots of its own: a bot's trades are one chain, taken one by one.

Goals: single reports at 3 times the peer's rate; a batch of 1,000 in under 300 ms.

    python bench/reports.py [--rounds 5] [--seconds 4] [--threads 8]
"""

from __future__ import annotations

import argparse
import datetime as dt
import itertools
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]

from bench.support.calls import Make, Tally, calls, post  # noqa: E402
from bench.support.house import databases  # noqa: E402

AT_ONCE, BOTS, MANY = 8, 32, 1_000
GOAL, GOAL_MS = 3.0, 300.0
WARM_S = 1.5
PEER = "plain DRF"
APPLICATIONS = {"pulse": "pulse.wsgi", PEER: "bench.support.plain_drf.wsgi"}
Callers = list[tuple[str, int]]
"""A key and the bot that it reports for, each."""
_numbers = itertools.count()


# --- the market and the callers -------------------------------------------------------------------
def symbols(now: dt.datetime) -> list[str]:
    """Return 1,000 contracts of SPY that live on."""
    from market.occ import Contract

    days = [now.date() + dt.timedelta(days=30 + 7 * week) for week in range(10)]
    strikes = range(475, 525)
    return [
        Contract("SPY", day, right, 1000 * strike).symbol
        for day in days
        for strike in strikes
        for right in "CP"
    ]


def quote(contracts: list[str]) -> None:
    """Store a snapshot of this instant, as the feed does once a minute."""
    import numpy as np
    from django.utils import timezone

    from market import occ
    from market.clock import to_ns
    from market.snapshot import SnapshotData, make_layout
    from market.store import write_snapshots

    parsed = [occ.parse(one) for one in contracts]
    layout, _ = make_layout(
        "SPY",
        roots=[one.root for one in parsed],
        expiries=[one.expiry for one in parsed],
        is_call=[one.right == "C" for one in parsed],
        strikes=[float(one.strike) for one in parsed],
    )
    flat = np.ones(len(parsed))
    columns = {
        "bids": 4.9 * flat,
        "asks": 5.1 * flat,
        "bid_sizes": 50 * flat,
        "ask_sizes": 50 * flat,
    }
    now = to_ns(timezone.now())
    data = SnapshotData(
        "SPY", "bench", now, now, 499.99, 500.01, 500.0, layout, columns, {"volume": 5e4}
    )
    write_snapshots([data])


def our_callers(count: int) -> Callers:
    """Make people of the largest plan, each with a bot and its key."""
    from accounts.keys.services import key_create
    from accounts.models import User
    from leaderboard import services

    made = []
    for number in range(count):
        owner = User.objects.create_user(f"bench-{number}@pulse.example", plan="pro_plus")
        bot, _ = services.register(owner, name="bench", config={"number": number})
        key = key_create(owner, name="bench", scopes=["read", "report"], bot=bot.pk)
        made.append((key.text, bot.pk))
    return made


def peer_callers(count: int) -> Callers:
    """Make the same for the peer, in a process with its settings."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.support.plain_drf.fill", str(count)],
        cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return [(key, bot) for key, bot in json.loads(done.stdout.splitlines()[-1])]


def trade(symbol: str) -> dict[str, Any]:
    """Return a report with an id that was never used."""
    at = dt.datetime.now(dt.UTC).isoformat()
    return {
        "client_trade_id": f"b-{next(_numbers)}",
        "action": "BUY_CALL" if symbol[-9] == "C" else "BUY_PUT", "symbol": symbol,
        "quantity": "2", "price": "4.95", "fee": "1.30", "executed_at": at,
    }  # fmt: skip


# --- servers --------------------------------------------------------------------------------------
def environment() -> dict[str, str]:
    """Return the environment of both applications."""
    return {**os.environ, "PYTHONPATH": f"{ROOT / 'platform'}{os.pathsep}{ROOT}"}


@contextmanager
def served(module: str, port: int, threads: int, log: Path) -> Iterator[psutil.Process]:
    """Run granian with an application until the block ends; yield its process."""
    with log.open("wb") as out:
        server = subprocess.Popen(
            [
                sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1",
                "--port", str(port), "--workers", "1", "--blocking-threads", str(threads),
                "--no-ws", "--log-level", "warning", f"{module}:application",
            ],
            cwd=ROOT, env=environment(), stdout=out, stderr=out,
        )  # fmt: skip
    try:
        wait_for(port, server, log)
        yield psutil.Process(server.pid)
    finally:
        server.terminate()
        server.wait(30)


def wait_for(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    """Return when a server takes connections."""
    import socket

    for _ in range(300):
        with socket.socket() as link:
            if link.connect_ex(("127.0.0.1", port)) == 0:
                return
        if server.poll() is not None:
            break
        time.sleep(0.1)
    raise SystemExit(log.read_text())


def spent(server: psutil.Process) -> float:
    """Return the seconds of processor that a server and its workers took so far."""
    times = [one.cpu_times() for one in (server, *server.children(recursive=True))]
    return sum(one.user + one.system for one in times)


# --- measuring ------------------------------------------------------------------------------------
def singles(port: int, callers: Callers, contracts: list[str]) -> Make:
    """Return what makes single reports: each connection goes round its own bots."""
    shares = [itertools.cycle(callers[number::AT_ONCE]) for number in range(AT_ONCE)]
    chosen = itertools.cycle(contracts)

    def make(number: int) -> bytes:
        key, bot = next(shares[number])
        return post(port, f"/api/v1/bots/{bot}/trade", key, trade(next(chosen)))

    return make


def batches(port: int, caller: tuple[str, int], contracts: list[str], count: int) -> list[Tally]:
    """Return the times of fresh batches and of the same sent again."""
    key, bot = caller
    fresh: list[float] = []
    again: list[float] = []
    for _ in range(count):
        body = {"trades": [trade(contracts[row % len(contracts)]) for row in range(MANY)]}
        request = post(port, f"/api/v1/bots/{bot}/trades", key, body)
        for kept in (fresh, again):
            kept.extend(once(port, request))
    return [Tally(0, fresh), Tally(0, again)]


def once(port: int, request: bytes) -> list[float]:
    """Return the seconds of one call, in a list."""
    return calls(port, lambda _: request, at_once=1, seconds=0, good=(200,)).seconds


def told(name: str, tallies: list[Tally], cpu: list[float]) -> float:
    """Print a row of the table and return the median rate."""
    rates = [one.a_second for one in tallies]
    took = sorted(one for tally in tallies for one in tally.seconds)
    at = [1e3 * took[int(len(took) * share)] for share in (0.5, 0.95, 0.99)]
    spread = f"{min(rates):,.0f}..{max(rates):,.0f}"
    print(
        f"{name:<12}{median(rates):>12,.0f}{spread:>16}{at[0]:>9.1f}{at[1]:>9.1f}{at[2]:>9.1f}"
        f"{len(took):>9,}{1e3 * sum(cpu) / len(took):>9.2f}"
    )
    return median(rates)


def told_batch(name: str, tally: Tally) -> float:
    """Print the times of batches and return their median in ms."""
    took = sorted(1e3 * one for one in tally.seconds)
    print(
        f"{name}: median {median(took):.0f} ms, p95 {took[int(len(took) * 0.95)]:.0f} ms, "
        f"min {took[0]:.0f} ms, n {len(took)}"
    )
    return median(took)


def machine() -> str:
    """Return what this ran on."""
    model = next(
        (line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
         if line.startswith("model name")), platform.machine(),
    )  # fmt: skip
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores ({model}), Python {platform.python_version()}, load {load:.1f}"


def measure(
    ports: dict[str, int], servers: dict[str, psutil.Process], options: argparse.Namespace
) -> None:
    """Run the rounds and print the figures."""
    from django.utils import timezone

    from market.models import Instrument

    Instrument.objects.create(symbol="SPY", kind="equity")
    contracts = symbols(timezone.now())
    quote(contracts)
    callers = {"pulse": our_callers(BOTS + 1), PEER: peer_callers(BOTS)}
    batcher = callers["pulse"].pop()
    makers: dict[str, Callable[[int], bytes]] = {
        name: singles(ports[name], callers[name], contracts) for name in APPLICATIONS
    }
    found: dict[str, list[Tally]] = {name: [] for name in APPLICATIONS}
    cpu: dict[str, list[float]] = {name: [] for name in APPLICATIONS}
    for turn in range(options.rounds + 1):
        quote(contracts)
        for name in APPLICATIONS:
            seconds = options.seconds if turn else WARM_S
            before = spent(servers[name])
            made = calls(ports[name], makers[name], at_once=AT_ONCE, seconds=seconds, good=(201,))
            if turn:
                found[name].append(made)
                cpu[name].append(spent(servers[name]) - before)
    quote(contracts)
    batches(ports["pulse"], batcher, contracts, 1)
    fresh, again = batches(ports["pulse"], batcher, contracts, options.batches)
    print(f"granian, 1 worker, {options.threads} threads; {AT_ONCE} connections; {machine()}")
    print(
        f"{'single':<12}{'reports/s':>12}{'min..max':>16}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}"
        f"{'n':>9}{'CPU ms':>9}"
    )
    rates = {name: told(name, tallies, cpu[name]) for name, tallies in found.items()}
    ratio = rates["pulse"] / rates[PEER]
    met = "met" if ratio >= GOAL else "NOT MET"
    print(f"ratio of rates: {ratio:.2f} (goal at least {GOAL:g}: {met})")
    ms = told_batch(f"batch of {MANY:,}, fresh ids", fresh)
    told_batch(f"batch of {MANY:,}, sent again", again)
    print(f"(goal under {GOAL_MS:g} ms: {'met' if ms < GOAL_MS else 'NOT MET'})")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--threads", type=int, default=8, help="of granian, for both")
    parser.add_argument("--batches", type=int, default=7)
    options = parser.parse_args()
    with ExitStack() as stack:
        var = stack.enter_context(databases(durable=True, mode="demo"))
        prepare()
        from pulse.supervisor import free_port

        ports: dict[str, int] = {}
        servers: dict[str, psutil.Process] = {}
        for name, module in APPLICATIONS.items():
            ports[name] = free_port(max(ports.values(), default=18_500) + 1)
            log = var / f"{module}.log"
            servers[name] = stack.enter_context(served(module, ports[name], options.threads, log))
        try:
            measure(ports, servers, options)
        except AssertionError:
            for module in APPLICATIONS.values():
                print((var / f"{module}.log").read_text()[-4000:], file=sys.stderr)
            raise


def prepare() -> None:
    """Make both databases."""
    from django.conf import settings
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE peer")
    os.environ["PEER_PGHOST"] = str(settings.DATABASES["default"]["HOST"])
    os.environ["PEER_REDIS"] = settings.REDIS_URL


if __name__ == "__main__":
    main()
