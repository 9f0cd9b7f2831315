"""`manage.py verify_audit`: check every audit chain; exit status 1 when one is broken."""

import sys
from collections import defaultdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from record import audit


class Command(BaseCommand):
    help = "Check every audit chain against its hashes, its head and hashes noted elsewhere."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--expect",
            action="append",
            default=[],
            metavar="CHAIN/SEQ=HASH",
            help="a hash noted at an earlier run, kept outside the database; may be repeated",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        report = audit.verify(anchors(options["expect"]))
        for name, head in report.heads.items():
            self.stdout.write(f"{name}/{head.seq}={head.hash}")
        for fault in report.faults:
            self.stderr.write(str(fault))
        verdict = "sound" if report.sound else f"{len(report.faults)} faults"
        self.stdout.write(f"{report.entries} entries in {len(report.heads)} chains: {verdict}.")
        if not report.sound:
            sys.exit(1)


def anchors(lines: list[str]) -> dict[str, dict[int, str]]:
    """Read `chain/seq=hash` lines, as this command prints them."""
    found: dict[str, dict[int, str]] = defaultdict(dict)
    for line in lines:
        place, _, noted = line.partition("=")
        chain, _, seq = place.rpartition("/")
        if not chain or not seq.isdecimal() or len(noted) != len(audit.GENESIS):
            raise CommandError(f"{line!r} is not like CHAIN/SEQ=HASH")
        found[chain][int(seq)] = noted
    return found
