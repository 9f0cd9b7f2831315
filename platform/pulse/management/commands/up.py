"""`manage.py up`: the whole platform under one supervisor."""

import http.client
import os
import signal
import sys
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from pulse import preparation, supervisor
from pulse.embedded import ServerFailedError
from pulse.supervisor import AlreadyRunningError, Supervisor, say

STEP_S = 600
MANAGE = (sys.executable, "-W", "ignore", "manage.py")


class Command(BaseCommand):
    help = "Run the servers, the web, the feed, the workers and the beat; Ctrl-C stops all."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8000")))
        parser.add_argument("--no-feed", action="store_true", help="without the simulator")
        parser.add_argument("--seed", type=int, default=21, help="seed of the simulator")
        parser.add_argument("--warm", type=int, default=140, help="minutes played at once at first")
        parser.add_argument("--speed", type=float, default=60.0, help="market minutes a minute")

    def handle(self, *_: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("`up` is for one machine; production runs docker/compose.yaml.")
        live_symbols()  # before anything is started
        try:
            with supervisor.locked(settings.VAR_DIR / "run" / "up.lock"):
                self.run(options)
        except AlreadyRunningError:
            state = supervisor.read_state(settings.VAR_DIR) or {}
            raise CommandError(
                f"Pulse already runs here: {state['address']}"
                if state.get("address")
                else "Another command of this checkout has the servers on; let it end, or stop it."
            ) from None
        except (supervisor.StepFailedError, ServerFailedError) as error:
            raise CommandError(str(error)) from None

    def run(self, options: dict[str, Any]) -> None:
        """Start everything in order, then watch until Ctrl-C."""
        began = time.monotonic()
        house = Supervisor(settings.VAR_DIR, settings.BASE_DIR)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, house.request_stop)
        try:
            house.start_servers()
            self.prepare(house)
            port = supervisor.free_port(options["port"])
            house.address = f"http://localhost:{port}"
            house.add("web", *MANAGE, "serve", "--port", str(port))
            # Alone first: on two cores everything else at once would keep people waiting.
            if house.wait_for(lambda: serves(port), 60):
                self.welcome(house, time.monotonic() - began)
            self.start_others(house, options)
            house.watch()
        finally:
            house.stop()

    def prepare(self, house: Supervisor) -> None:
        """Migrate, seed the demo and gather the static files, when any of that changed."""
        stamp = settings.VAR_DIR / "postgres" / "pulse-prepared"
        now = preparation.fingerprint()
        if not os.environ.get("DATABASE_URL") and preparation.read(stamp) == now:
            say("prepare", "nothing changed")
            return
        house.run_through("prepare", *MANAGE, "prepare", seconds=STEP_S)
        if stamp.parent.exists() and not house.stopping:
            stamp.write_text(now)

    def start_others(self, house: Supervisor, options: dict[str, Any]) -> None:
        """Start the workers, the beat, execution and the feeds."""
        # The web is served meanwhile; once compiled, this takes two seconds.
        house.run_through("numerics", sys.executable, "-m", "quant.warm", seconds=STEP_S)
        if house.stopping:
            return
        celery = (sys.executable, "-W", "ignore", "-m", "celery", "-A", "pulse")
        worker = (*celery, "worker", "--loglevel", "WARNING", "--without-gossip")
        house.add("live", *worker, "-Q", "live", "-P", "threads", "-c", "2", "-n", "live@%h")
        # What must not wait for long work has a worker of its own.
        quick = "execution,alerts"
        house.add("quick", *worker, "-Q", quick, "-P", "threads", "-c", "4", "-n", "quick@%h")
        house.add("bulk", *worker, "-Q", "bulk,ml", "-P", "solo", "-n", "bulk@%h")
        house.add("beat", *celery, "beat", "--loglevel", "WARNING", "--pidfile", "")
        house.add("execute", *MANAGE, "execute")
        house.add("watchdog", *MANAGE, "execute", "--watchdog")
        if not options["no_feed"]:
            house.add(
                "feed", *MANAGE, "feed", "--source", "simulator",
                "--seed", str(options["seed"]), "--speed", str(options["speed"]),
                "--warm", str(options["warm"]),
            )  # fmt: skip
        house.add("replay", *MANAGE, "feed", "--serve")
        for symbol in live_symbols():
            name = symbol.replace("/", "-").lower()
            house.add(f"record-{name}", *MANAGE, "record", symbol)
            house.add(f"live-{name}", *MANAGE, "feed", "--source", "live", "--symbol", symbol)

    def welcome(self, house: Supervisor, seconds: float) -> None:
        """Print the address and the demo logins."""
        lines = [f"Pulse is served at {house.address} after {seconds:.1f} s."]
        if settings.DEMO_LOGINS:
            from accounts.demo import DEMO_PASSWORD, DEMO_USERS

            lines.append(f"Demo logins, all with the password {DEMO_PASSWORD}:")
            lines += [f"  {user.email:<26} {user.says}" for user in DEMO_USERS]
        lines.append("Logs are in var/log. Ctrl-C stops everything.")
        for line in lines:
            say("", line)


def live_symbols() -> list[str]:
    """Return the symbols to record and to play live; CommandError without the house's keys."""
    symbols = list(dict.fromkeys(one.strip().upper() for one in settings.LIVE_SYMBOLS if one))
    if symbols and not (settings.ALPACA_DATA_KEY and settings.ALPACA_DATA_SECRET):
        raise CommandError("PULSE_LIVE needs ALPACA_DATA_KEY and ALPACA_DATA_SECRET")
    return symbols


def serves(port: int) -> bool:
    """Return whether the web process answers."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        link.request("GET", "/health")
        return link.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        link.close()
