"""`manage.py audit_ranks`: recompute the boards from the log; exit status 1 when one differs."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from leaderboard.models import Bot
from leaderboard.ranking.audit import audit

MOST_TOLD = 20


class Command(BaseCommand):
    help = "Recompute every figure of the boards from the trade log and name what differs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("bots", nargs="*", type=int, metavar="ID", help="default all")

    def handle(self, *_: Any, **options: Any) -> None:
        bots = Bot.objects.filter(head_seq__gt=0).order_by("pk")
        if options["bots"]:
            bots = bots.filter(pk__in=options["bots"])
        wrong = 0
        for bot in bots:
            found = audit(bot)
            wrong += bool(found)
            for name, stored, right in found[:MOST_TOLD]:
                self.stderr.write(f"bot {bot.pk}, {name}: stored {stored}, recomputed {right}")
            if len(found) > MOST_TOLD:
                self.stderr.write(f"bot {bot.pk}: {len(found) - MOST_TOLD} more")
        verdict = f"{wrong} differ" if wrong else "as the log gives them"
        self.stdout.write(f"Standings of {bots.count()} bots: {verdict}.")
        if wrong:
            sys.exit(1)
