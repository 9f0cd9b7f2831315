"""`manage.py audit_ledger`: prove the books; exit status 1 when something differs."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from trading.audit import differences
from trading.models import Account


class Command(BaseCommand):
    help = "Prove journal, balances, positions, fills, orders and holds against one another."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("accounts", nargs="*", type=int, metavar="ID", help="default all")
        parser.add_argument("--all", action="store_true", help="every difference, not the first")

    def handle(self, *_: Any, **options: Any) -> None:
        wanted = Account.objects.order_by("pk").values_list("pk", flat=True)
        if options["accounts"]:
            wanted = wanted.filter(pk__in=options["accounts"])
            missing = set(options["accounts"]) - set(wanted)
            if missing:
                raise CommandError(f"There is no account {min(missing)}.")
        wrong = 0
        for account_id in wanted:
            found = differences(account_id)
            wrong += bool(found)
            for one in found if options["all"] else found[:1]:
                self.stderr.write(f"account {account_id}: {one}")
        verdict = f"{wrong} do not balance" if wrong else "proven"
        self.stdout.write(f"Books of {len(wanted)} accounts: {verdict}.")
        if wrong:
            sys.exit(1)
