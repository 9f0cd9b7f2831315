"""`manage.py import_events PATH`: scheduled events out of a CSV file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from market import eventbook
from market.imports import RejectFile, reject_path


class Command(BaseCommand):
    requires_system_checks = ()
    help = (
        "Import events from CSV with the columns kind, name, symbol, scheduled_at, known_at. "
        "Times without an offset are New York time. A true date takes the place of a rule's. "
        "Exit status: 0 all rows accepted, 3 some refused, 1 none accepted."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path)

    def handle(self, **given: Any) -> None:
        path: Path = given["path"]
        if not path.is_file():
            self.stderr.write(f"{path}: there is no such file")
            sys.exit(1)
        done = eventbook.import_csv(path)
        self.stdout.write(
            f"{done.new} events added, {done.repeated} known before, "
            f"{done.superseded} rule-made dates superseded, {len(done.rejects)} rows refused"
        )
        if not done.rejects:
            return
        report = RejectFile(reject_path(Path(settings.VAR_DIR), "events"))
        report.write(done.rejects)
        self.stdout.write(f"rejects report: {report.path}")
        sys.exit(3 if done.new + done.repeated else 1)
