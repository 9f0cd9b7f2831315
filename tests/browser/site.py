"""The site that the browser tests visit: the real application on a port, with a fixed market.

Run as a program: it makes a database of its own, users of each plan with a session, then prints
one line of JSON (cookie name, session keys) and serves until it is stopped. What the market says
follows a file, so that a test can ask for an empty or a broken market; signals to publish are read
from the standard input.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
"""Each process of a test run has a site of its own."""
DATABASE = f"pulse_browser_{WORKER}"
PEOPLE = {"free": "free", "pro": "pro", "plus": "pro_plus", "operator": "free",
          "buyer": "free", "late": "free"}  # fmt: skip
STATE = f"browser-state-{WORKER}.json"
LAB = {"seed": 5, "paths": 64, "tools": [1, 7, 24, 28, 31]}
"""Small runs of the validation lab: with and without a side, and of each plan."""
SEARCH = {
    "tools": [16, 17], "symbols": ["COIN/TST", "SHORT/TST"], "timeframes": ["5m"],
    "regimes": ["bull"], "trials": 16, "folds": 3, "seed": 1,
}  # fmt: skip
"""A search of the optimizer lab: one place passes, one does not, and two have too little data."""


def use_own_database() -> None:
    """Point the settings at a database that no other test touches."""
    from urllib.parse import quote

    import psycopg

    from pulse import embedded

    folder = str(embedded.Postgres(Path(os.environ["PULSE_VAR"])).sockets)
    with psycopg.connect(host=folder, user="postgres", dbname="postgres", autocommit=True) as link:
        link.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        link.execute(f"CREATE DATABASE {DATABASE}")
    os.environ["DATABASE_URL"] = f"postgres://postgres@/{DATABASE}?host={quote(folder)}"


def state() -> dict[str, Any]:
    path = Path(os.environ["PULSE_VAR"]) / STATE
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


def fix_market() -> None:
    """Let the selectors answer with the fixed market instead of what feeds stored."""
    from market import selectors, views
    from market.reach import Reach
    from record import remote
    from tests.browser import payloads

    def symbols() -> list[dict[str, Any]]:
        if state().get("empty"):
            return []
        return [
            {"symbol": name, "name": text, "simulated": name == "SPY", "live": name == "SPY",
             "run": 7}
            for name, text in payloads.NAMES.items()
        ]  # fmt: skip

    def exposure_state(symbol: str, reach: Reach) -> dict[str, Any] | None:
        if state().get("away") or symbol == "DULL" or reach.delay_s:
            return None
        return payloads.exposure() if symbol == "SPY" else payloads.no_interest(symbol)

    def call(task: str, *args: Any, user_id: int) -> dict[str, Any]:
        if state().get("away"):
            raise remote.Unavailable
        if task == "trading.portfolio":
            from trading.tasks import portfolio

            return portfolio(*args, user_id=user_id)
        if args[0] == "DULL" or (task == "market.vendor" and args[0] != "SPY"):
            return {"fault": "silent", "detail": "The snapshot carries nothing of the kind."}
        made = {
            "market.chain": lambda: payloads.chain_body(*args[1:3]),
            "market.surface": lambda: payloads.surface_body(args[1]),
            "market.contract": lambda: payloads.contract_body(*args[1:3]),
            "market.vendor": payloads.vendor_body,
            "market.exposure": lambda: (
                payloads.exposure() if args[0] == "SPY" else payloads.no_interest(args[0])
            ),
        }
        try:
            return made[task]()
        except LookupError as error:
            part = "contract" if task == "market.contract" else "expiry"
            return {"fault": part, "detail": str(error)}

    def owner() -> int:
        from accounts.models import User

        return User.objects.get(email="pro@pulse.example").pk

    def quote(symbol: str, reach: Reach, at: Any = None) -> dict[str, Any]:
        delay_s = int(state().get("delay_s", reach.delay_s)) if reach.delay_s else 0
        return payloads.quote(symbol, stale=bool(state().get("stale")), delay_s=delay_s)

    views.timeline = lambda symbol, reach, at: payloads.timeline(symbol, at)
    selectors.exposure_series = lambda symbol, reach: payloads.series(symbol)
    selectors.symbols = symbols
    selectors.exposure_state = exposure_state
    selectors.quote_payload = quote
    selectors.price_series = lambda run, reach: payloads.prices(last=302 - reach.delay_s // 60)
    selectors.feed_payload = lambda reach: (
        {"runs": [], "days": []} if state().get("empty") else payloads.runs(owner())
    )
    remote.call = call


def fix_signals() -> None:
    """Let the tools have fired as the fixed market says; who may see them stays as it is."""
    from tests.browser import payloads
    from tools_app import selectors as tools

    def signal_payloads(user: Any, *, limit: int = 50, **filters: Any) -> list[dict[str, Any]]:
        tiers = [tier.value for tier in tools.opened_tiers(user)]
        found = [s for s in payloads.signals() if s["tool"]["tier"] in tiers]
        if filters.get("tool"):
            found = [s for s in found if s["tool"]["slug"] == filters["tool"]]
        if filters.get("symbol"):
            found = [s for s in found if s["symbol"] == filters["symbol"]]
        return found[:limit]

    tools.signal_payloads = signal_payloads


def fix_bars() -> None:
    """Let no bars be stored while the market is empty."""
    from tools_app.optimize import source

    stored = source.symbols
    source.symbols = lambda: [] if state().get("empty") else stored()


def bring_foreign_tools() -> None:
    """Let two third parties bring tools before anybody asks for the catalogue; one is refused."""
    from tools_app import scaffold

    folder = Path(tempfile.mkdtemp(dir=os.environ["PULSE_VAR"]))
    for name, number in (("foreign_tool", 1000), ("refused_tool", 7)):
        scaffold.write(name, folder, number)
        sys.path.append(str(folder / name / "src"))
        info = folder / name / "src" / f"{name}-0.1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.0\n")
        (info / "entry_points.txt").write_text(f"[pulse.tools]\n{name} = {name}:TOOL\n")


def let_it_fail() -> None:
    """Count faults and a rest of the third party's tool in a run of its own."""
    from market.models import FeedRun, Instrument
    from tools_app.evaluation import with_fault, with_rest
    from tools_app.models import Cursor

    instrument = Instrument.objects.create(symbol="FOREIGN", kind="equity")
    run = FeedRun.objects.create(
        pk=900, symbol="FOREIGN", underlying=instrument, source="replay", simulated=False
    )
    counts = with_fault(None, 30, "no answer within 3 s; its process was ended")
    counts = with_fault(counts, 30, "ZeroDivisionError: no volume")
    counts = with_rest(counts, 30, "2026-11-20T15:04:05+00:00")
    Cursor.objects.create(run=run, kind="intraday", rows=90, tallies={"1000": counts})


def store_scorecards() -> None:
    """Give the tools a record on two sources; none has run live."""
    from tests.browser import payloads
    from tools_app.scoring import store_record

    for tool_id, source, record, day in payloads.records():
        store_record(tool_id, source, record, as_of=day)


def make_people() -> dict[str, str]:
    """Create one user of each plan and return their session keys."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    from accounts.models import User

    found = {}
    for name, plan in PEOPLE.items():
        extra = {"is_staff": name == "operator", "is_superuser": name == "operator"}
        user = User.objects.create_user(
            f"{name}@pulse.example", "pulse-demo-2026", plan=plan, **extra
        )
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.save()
        found[name] = session.session_key
    return found


def make_runs() -> dict[str, int]:
    """Run the validation lab with and without the effects, and leave a third run unfinished."""
    from accounts.models import User
    from tools_app.validation import services

    owner = User.objects.get(email="pro@pulse.example").pk
    found = {}
    for effect in ("on", "off"):
        run = services.ask(**LAB, effect=effect, lanes=0)
        services.work(run.pk, lambda done, total: None)
        found[effect] = run.pk
    halted = services.ask(**{**LAB, "paths": 3000, "effect": "off"}, owner=owner, lanes=0)
    services.SHARED.cancel(halted.pk)
    return {**found, "halted": halted.pk}


def store_bars() -> None:
    """Store bars of a coin whose breakouts go on after high volume, and some hundred of another."""
    from market.bars import BarRow, write_bars
    from market.clock import from_ns
    from market.models import Instrument
    from tests.tools_app.optimize import planted
    from tools_app import costs

    # What is planted is as small as what a stock can show, so the cost is a stock's.
    costs.CRYPTO = costs.MINUTES
    for symbol, scenes in (("COIN/TST", 150), ("SHORT/TST", 3)):
        one = Instrument.objects.create(symbol=symbol, kind="crypto")
        bars = planted.planted(scenes, 3)
        columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
        write_bars(
            BarRow(one.pk, "trade", 300, from_ns(time), from_ns(time), *prices, "test")
            for time, *prices in zip(
                bars.times.tolist(), *(column.tolist() for column in columns), strict=True
            )
        )


def make_searches() -> dict[str, int]:
    """Search parameters to the end once, and leave a second search unfinished."""
    from accounts.models import User
    from tools_app.optimize import services

    owner = User.objects.get(email="plus@pulse.example").pk
    done = services.ask(**SEARCH, lanes=0)
    services.work(done.pk, lambda count, total: None)
    halted = services.ask(**{**SEARCH, "seed": 9}, owner=owner, lanes=0)
    services.SHARED.cancel(halted.pk)
    return {"done": done.pk, "halted": halted.pk}


def work(lab: str, run_id: int) -> None:
    """Take every job of a validation or a search, as a worker does."""
    from record import jobs
    from tools_app.optimize.services import SHARED as SEARCHES
    from tools_app.validation.services import SHARED as VALIDATIONS

    shared = {"lab": VALIDATIONS, "optimizer": SEARCHES}[lab]
    run = shared.runs.objects.get(pk=run_id)
    for job in shared.lanes_of(run).order_by("pk"):
        jobs.run(job.pk)


def sell(values: dict[str, str]) -> None:
    """Let billing use a stand-in for Stripe, or, without values, be off again."""
    from django.conf import settings

    from accounts.billing import catalogue
    from accounts.billing.client import client

    for name in ("STRIPE_API_BASE", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"):
        setattr(settings, name, values.get(name, ""))
    if values:
        catalogue.sync(client())


def do_promised() -> None:
    """Do what the outbox holds, as a worker would."""
    from celery import current_app

    from record import outbox
    from record.models import OutboxRow

    current_app.loader.import_default_modules()
    promised = OutboxRow.objects.filter(state="pending", task__startswith="accounts.stripe")
    for row in promised.values_list("pk", flat=True):
        outbox.run(row)


def obey(commands: Any) -> None:
    """Do what arrives as lines of JSON.

    Append `{"channel", "key", "data"}`, work on `{"work": run, "lab": name}`, sell through a
    stand-in of `{"stripe": settings}`, do all of the outbox, `{"outbox": true}`, or rank,
    `{"rank": true}`.
    """
    from django.db import connection, transaction

    from leaderboard.ranking import services as ranking
    from record import streams

    for line in commands:
        told = json.loads(line)
        if "work" in told:
            work(told["lab"], told["work"])
        elif "stripe" in told:
            sell(told["stripe"])
        elif "outbox" in told:
            do_promised()
        elif "rank" in told:
            ranking.refresh()
        else:
            with transaction.atomic():
                streams.append(**told)
        connection.close()


def main() -> None:
    sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]
    os.environ["PULSE_MODE"] = "test"
    os.environ["PULSE_THIRD_PARTY_TOOLS"] = "1"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pulse.settings")
    use_own_database()
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    from tests.browser.alerts import make_alerts
    from tests.browser.boards import make_boards
    from tests.browser.bots import make_bots
    from tests.browser.keys import make_keys
    from tests.browser.strategies import make_strategies
    from tests.browser.trading import make_trading

    call_command("migrate", verbosity=0, interactive=False)
    fix_market()
    fix_signals()
    fix_bars()
    bring_foreign_tools()
    let_it_fail()
    store_scorecards()
    store_bars()
    sessions = make_people()
    told = {
        "cookie": settings.SESSION_COOKIE_NAME,
        "sessions": sessions,
        "lab": make_runs(),
        "searches": make_searches(),
    }
    make_alerts("pro@pulse.example")
    make_keys("pro@pulse.example")
    make_bots("pro@pulse.example")
    make_trading("pro@pulse.example")
    make_strategies("pro@pulse.example")
    make_boards()
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    threading.Thread(target=obey, args=(sys.stdin,), daemon=True).start()
    call_command("serve", port=int(sys.argv[1]))


if __name__ == "__main__":
    main()
