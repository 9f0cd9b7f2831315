"""`manage.py new_epoch`: run once after a restore from a backup."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from record import audit, streams


class Command(BaseCommand):
    help = "Declare that history was lost or restored: every live client begins from a snapshot."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--reason", required=True, help="why; it is kept in the audit trail")

    def handle(self, *_: Any, **options: Any) -> None:
        value = streams.new_epoch()
        audit.write(
            audit.OPERATORS,
            actor="manage.py",
            action="streams.new_epoch",
            subject="streams",
            detail={"epoch": value, "reason": options["reason"]},
        )
        self.stdout.write(f"New epoch {value}.")
