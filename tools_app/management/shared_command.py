"""What commands that start shared work have in common: processes, the bar, cancelling."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tools_app.models import SharedRun
from tools_app.sharing import LANES, Shared, State

BAR = 30
TELL_S = 1.0


class SharedCommand(BaseCommand):
    """Starts a run, works on it here and with whoever takes a share, and shows how far it is.

    Attributes
    ----------
    shared : Shared
    kind : str
        Of `tools_app.worker.KINDS`.
    """

    shared: Shared[Any, Any]
    kind: str

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add who works."""
        parser.add_argument(
            "--processes",
            type=int,
            default=os.cpu_count() or 1,
            help="here, beside the workers that take a share; 0 leaves it to them",
        )
        parser.add_argument("--no-workers", action="store_true", help="ask no other worker")

    def lanes(self, options: dict[str, Any]) -> int:
        """Return how many jobs other workers are sent."""
        if options["no_workers"] and options["processes"] < 1:
            raise CommandError("--processes: give at least 1 where no worker is asked")
        return 0 if options["no_workers"] else LANES

    def complete(self, run: SharedRun, processes: int) -> None:
        """Work on a run, and stay until it is done; CommandError when it was cancelled."""
        if run.state == State.DONE:
            return
        command = [sys.executable, "-m", "tools_app.worker", self.kind, str(run.pk)]
        helpers = [subprocess.Popen(command) for _ in range(processes)]  # noqa: S603 - fixed words
        try:
            self._watch(run, helpers)
        except KeyboardInterrupt:
            self.shared.cancel(run.pk)
            raise CommandError(
                "Cancelled. What is computed is kept: the same command goes on from there."
            ) from None
        finally:
            for helper in helpers:
                helper.terminate()
                helper.wait()
            self.stderr.write("")

    def _watch(self, run: SharedRun, helpers: list[subprocess.Popen[bytes]]) -> None:
        start, begun = time.monotonic(), self.shared.progress(run.pk)[0]
        while run.state == State.RUNNING:
            self._bar(run, begun, time.monotonic() - start)
            time.sleep(TELL_S)
            alone = bool(helpers) and all(helper.poll() is not None for helper in helpers)
            run.refresh_from_db()
            if alone and self.shared.is_left(run):
                raise CommandError("The processes here ended early; the log says why.")
        self._bar(run, begun, time.monotonic() - start)
        if run.state == State.CANCELLED:
            raise CommandError("Cancelled from elsewhere. The same command goes on from there.")

    def _bar(self, run: SharedRun, begun: int, seconds: float) -> None:
        done, total = self.shared.progress(run.pk)
        filled = BAR * done // max(total, 1)
        mine = done - begun
        left = f"{(total - done) * seconds / mine:,.0f} s left" if mine else "starting"
        bar = "#" * filled + "." * (BAR - filled)
        rate = self.rate(run, mine / seconds if seconds else 0.0)
        self.stderr.write(f"\r[{bar}] {done}/{total} {rate}, {left}    ", ending="")
        self.stderr.flush()

    def rate(self, run: SharedRun, parts_a_second: float) -> str:
        """Return what a part is, and how fast they come."""
        return f"{self.shared.unit}, {60.0 * parts_a_second:,.1f} a minute"
