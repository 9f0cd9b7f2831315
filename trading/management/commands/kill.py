"""`manage.py kill`: stop trading, also without a database, Redis or workers."""

import getpass
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from trading.actors import operator
from trading.execution import by_hand
from trading.scopes import EVERYTHING, KINDS, Scope, named
from trading.switches import press


class Command(BaseCommand):
    help = "Stop a scope: send nothing more and cancel what works. Ends with 1 if a part failed."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--scope", action="append", metavar="KIND:ID",
            help="global (the default), user:7, account:7, bot:7, strategy:7, symbol:SPY; again",
        )  # fmt: skip
        parser.add_argument("--reason", default="", help="needed to clear")
        parser.add_argument("--clear", action="store_true", help="let pass again; reconciles first")

    def handle(self, *_: Any, **options: Any) -> None:
        actor = operator(getpass.getuser())
        scopes = [_scope(one) for one in options["scope"] or []] or [EVERYTHING]
        reason = options["reason"].strip()
        if options["clear"] and not reason:
            raise CommandError("Clearing needs --reason.")
        if options["clear"]:
            told = [press.release(one, actor=actor, reason=reason) for one in scopes]
        else:
            reason = reason or "manage.py kill"
            told = [press.hold(one, actor=actor, reason=reason) for one in scopes]
            for scope, report in zip(scopes, told, strict=True):
                press.spread(scope, report, actor=actor, reason=reason)
                self.cancel_by_hand(scope, actor, report)
        for scope, report in zip(scopes, told, strict=True):
            self.tell(scope, report)
        if any(report.failed for report in told):
            sys.exit(1)

    def cancel_by_hand(self, scope: Scope, actor: str, report: press.Report) -> None:
        """Cancel at the brokers for the accounts that no execution process serves."""
        try:
            for account_id in press.accounts_in(scope).values_list("pk", flat=True):
                if account_id in by_hand.abandoned():
                    told = by_hand.cancel_open(
                        account_id, actor=actor, reason=f"switch {scope}", exits=True
                    )
                    report.done.append(f"{told.asked} cancels sent for account {account_id}")
                    report.failed += told.failed
        except DatabaseError as error:
            report.failed.append(
                f"cancel for accounts that no execution process serves: {str(error).strip()}"
            )

    def tell(self, scope: Scope, report: press.Report) -> None:
        """Print what was done and what was not."""
        for line in report.done:
            self.stdout.write(f"{scope}: done: {line}")
        for line in report.failed:
            self.stderr.write(f"{scope}: NOT DONE: {line}")


def _scope(text: str) -> Scope:
    kind, _, target = text.partition(":")
    if kind not in KINDS or (kind == "global") != (not target):
        raise CommandError(f"--scope {text}: give global, or one of {', '.join(KINDS[1:])}:ID.")
    return named(kind, target)
