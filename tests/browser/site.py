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
import threading
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DATABASE = "pulse_browser"
PEOPLE = {"free": "free", "pro": "pro", "operator": "free"}
STATE = "browser-state.json"


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

    def exposure_state(symbol: str) -> dict[str, Any] | None:
        if state().get("away") or symbol == "DULL":
            return None
        return payloads.exposure() if symbol == "SPY" else payloads.no_interest(symbol)

    def call(task: str, *args: Any, user_id: int) -> dict[str, Any]:
        if state().get("away"):
            raise remote.Unavailable
        if args[0] == "DULL" or (task == "market.vendor" and args[0] != "SPY"):
            return {"fault": "silent", "detail": "The snapshot carries nothing of the kind."}
        made = {
            "market.chain": lambda: payloads.chain_body(*args[1:3]),
            "market.surface": lambda: payloads.surface_body(args[1]),
            "market.contract": lambda: payloads.contract_body(*args[1:3]),
            "market.vendor": payloads.vendor_body,
            "market.exposure": payloads.exposure,
        }
        try:
            return made[task]()
        except LookupError as error:
            part = "contract" if task == "market.contract" else "expiry"
            return {"fault": part, "detail": str(error)}

    def owner() -> int:
        from accounts.models import User

        return User.objects.get(email="pro@pulse.example").pk

    views.timeline = payloads.timeline
    selectors.exposure_series = payloads.series
    selectors.symbols = symbols
    selectors.exposure_state = exposure_state
    selectors.quote_payload = lambda symbol, at=None: payloads.quote(
        symbol, stale=bool(state().get("stale"))
    )
    selectors.price_series = lambda run, day=None: payloads.prices()
    selectors.feed_payload = lambda: (
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


def obey(commands: Any) -> None:
    """Append the signals that arrive as lines of JSON: `{"channel", "key", "data"}`."""
    from django.db import connection, transaction

    from record import streams

    for line in commands:
        with transaction.atomic():
            streams.append(**json.loads(line))
        connection.close()


def main() -> None:
    sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]
    os.environ["PULSE_MODE"] = "test"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pulse.settings")
    use_own_database()
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)
    fix_market()
    fix_signals()
    sessions = make_people()
    told = {"cookie": settings.SESSION_COOKIE_NAME, "sessions": sessions}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    threading.Thread(target=obey, args=(sys.stdin,), daemon=True).start()
    call_command("serve", port=int(sys.argv[1]))


if __name__ == "__main__":
    main()
