"""`manage.py chaos`: trade on a private stack while its processes are killed, and prove the books.

It makes a stack of its own in a folder of its own and touches nothing else. With `--plant` the
execution processes of the live accounts carry a bug, and the run must not pass.
"""

import contextlib
import json
import os
import shutil
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

MARK = "PULSE_CHAOS"
PLANTS = ("doubled", "lost", "resent")
PRIVATE = {
    "DATABASE_URL": "", "REDIS_URL": "", "PULSE_MODE": "demo", "PULSE_LIVE_TRADING": "true",
    "PULSE_DEMO_LOGINS": "false", "PULSE_LOG_LEVEL": "WARNING", "NUMBA_NUM_THREADS": "1",
}  # fmt: skip
OPTIONS = ("seed", "kills", "fills", "minutes", "paper", "live", "every_s", "kill_s", "speed",
           "plant")  # fmt: skip


class Command(BaseCommand):
    help = "Kill processes at random while accounts trade; prove that nothing is lost or doubled."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seed", type=int, default=1, help="of orders, kills and faults")
        parser.add_argument("--kills", type=int, default=250)
        parser.add_argument("--fills", type=int, default=20_000)
        parser.add_argument("--minutes", type=float, default=180.0, help="at most")
        parser.add_argument("--paper", type=int, default=12, help="paper accounts")
        parser.add_argument("--live", type=int, default=3, help="live accounts at a stand-in each")
        parser.add_argument("--every-s", type=float, default=1.5, help="between a driver's orders")
        parser.add_argument("--kill-s", type=float, default=12.0, help="least between two kills")
        parser.add_argument("--speed", type=float, default=30.0, help="of the simulated market")
        parser.add_argument("--plant", choices=("", *PLANTS), default="", help="a bug to be found")
        parser.add_argument("--folder", type=Path, help="default: chaos, beside other data")
        parser.add_argument("--role", choices=("execute", "coins"), help="for its own processes")
        parser.add_argument("--accounts", nargs="*", type=int, default=[])
        parser.add_argument("--at", nargs="*", default=[], metavar="ADDRESS")

    def handle(self, *_: Any, **options: Any) -> None:
        if options["role"] is not None:
            self.play(options)
        elif os.environ.get(MARK):
            self.run(options)
        else:
            self.begin(options)

    def begin(self, options: dict[str, Any]) -> None:
        """Become a process whose settings are those of a private stack."""
        if settings.PRODUCTION:
            raise CommandError("`chaos` kills processes; it is for a machine of developers.")
        folder = (options["folder"] or settings.VAR_DIR / "chaos").resolve()
        if folder.exists() and not (folder / MARK).exists():
            raise CommandError(f"{folder} is not of an earlier run; give another --folder.")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / MARK).touch()
        env = {**os.environ, **PRIVATE, "PULSE_VAR": str(folder), MARK: "1"}
        env["PULSE_LATCH"] = str(folder / "latch.json")
        sys.stdout.flush()
        os.execve(sys.executable, [sys.executable, *sys.argv], env)  # noqa: S606 - ourselves

    def run(self, options: dict[str, Any]) -> None:
        """Run, and end with 1 unless everything is proven."""
        from pulse import embedded
        from trading.chaos.run import Run, Size, lines

        embedded.adopt_orphans()
        size = Size(**{name: options[name] for name in OPTIONS})
        out = self.stdout
        with (settings.VAR_DIR / "house.log").open("w", buffering=1) as log:

            def say(text: str) -> None:
                out.write(text)
                out.flush()

            with contextlib.redirect_stdout(log):
                run = Run(size, settings.VAR_DIR, settings.BASE_DIR, say)
                for number in (signal.SIGINT, signal.SIGTERM):
                    signal.signal(number, run.stack.house.request_stop)
                report = run()
        path = settings.VAR_DIR / "report.json"
        path.write_text(json.dumps(report.as_json(), indent=1, default=str))
        for line in (*lines(report), f"report: {path}"):
            self.stdout.write(line)
        if not report.passed:
            sys.exit(1)

    def play(self, options: dict[str, Any]) -> None:
        """Be one of a run's own processes."""
        from trading.chaos import coins, plants

        if not os.environ.get(MARK):
            raise CommandError("--role is for the processes of a run.")
        if options["role"] == "execute":
            plants.PLANTS[options["plant"]]()
            call_command("execute", *(str(one) for one in options["accounts"]))
            return
        ended = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: ended.set())
        coins.play(options["at"], ended)
