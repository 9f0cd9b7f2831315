"""`manage.py seed_events`: the events whose dates follow rules."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from market import calendars, eventbook

FIRST, LAST = 2010, calendars.LAST.year - 1


class Command(BaseCommand):
    requires_system_checks = ()
    help = "Store rule-made events (expiries, payrolls). Running it again adds nothing twice."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--first", type=int, default=FIRST, help=f"first year ({FIRST})")
        parser.add_argument("--last", type=int, default=LAST, help=f"last year ({LAST})")

    def handle(self, **given: Any) -> None:
        first, last = given["first"], given["last"]
        if not calendars.FIRST.year < first <= last <= LAST:
            raise CommandError(f"years run from {calendars.FIRST.year + 1} to {LAST}")
        made = eventbook.seed(first, last)
        if given["verbosity"]:
            self.stdout.write(f"{made} events added, {first} to {last}")
