"""`manage.py verify_log`: walk the chains of bots' trades; exit status 1 when one was altered."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from leaderboard import chain
from leaderboard.models import Bot


class Command(BaseCommand):
    help = "Check the trade log of every bot, or of some, and name the first row that was altered."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("bots", nargs="*", type=int, metavar="ID", help="default all")

    def handle(self, *_: Any, **options: Any) -> None:
        bots = Bot.objects.order_by("pk")
        if options["bots"]:
            bots = bots.filter(pk__in=options["bots"])
        trades = altered = 0
        for bot in bots:
            found = chain.verify(bot)
            trades += found.trades
            if found.fault is not None:
                altered += 1
                self.stderr.write(f"bot {bot.pk}, trade {found.fault.seq} {found.fault.problem}")
        verdict = f"{altered} altered" if altered else "sound"
        self.stdout.write(f"{trades} trades of {bots.count()} bots: {verdict}.")
        if altered:
            sys.exit(1)
