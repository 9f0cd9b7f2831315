"""Price and all Greeks of the contracts in a CSV file."""

from __future__ import annotations

import csv
import datetime as dt
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from market.clock import NEW_YORK
from quant.fields import FIELDS

SHOWN = 20


class Command(BaseCommand):
    help = (
        "Compute price and all Greeks of the contracts in a CSV file. Columns: spot, strike, "
        "right, expiry (or years), iv (or price), and as needed rate, yield, style, root, occ, at; "
        "docs/quant.md says what each means. The answer repeats the rows with the figures added. "
        "Rows that cannot be read are named, and the exit status is 1."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="CSV file, header first")
        parser.add_argument("--out", type=Path, help="write here instead of to standard output")
        parser.add_argument("--names", help=f"comma-separated; default all: {', '.join(FIELDS)}")
        parser.add_argument("--raw", action="store_true", help="raw derivatives, not market units")
        parser.add_argument("--at", help="ISO instant at which time is measured; default now")

    def handle(self, *_args: Any, **given: Any) -> None:
        from market.contract_files import ContractFile, opened
        from market.contracts import TableError

        names = _names(given["names"])
        now = _instant(given["at"])
        path: Path = given["file"]
        out: Path | None = given["out"]
        if out is not None and out.resolve() == path.resolve():
            raise CommandError("--out: is the file of contracts itself; name another.")
        try:
            with opened(path) as file:
                table = ContractFile(file, names, raw=given["raw"], now=now)
                faults = self._write(table, out)
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}") from None
        except TableError as error:
            raise CommandError(f"{path}: {error}") from None
        if faults:
            sys.exit(1)

    def _write(self, table: Any, out: Path | None) -> int:
        """Write the answer, whole or not at all where it goes to a file; return the faults."""
        if out is None:
            return self._rows(table, sys.stdout)
        unfinished = out.with_name(f".{out.name}.part")
        try:
            with unfinished.open("w", encoding="utf-8", newline="") as file:
                faults = self._rows(table, file)
            unfinished.replace(out)
        finally:
            unfinished.unlink(missing_ok=True)
        return faults

    def _rows(self, table: Any, file: IO[str]) -> int:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table.header)
        rows = faults = 0
        for part in table.parts():
            writer.writerows(part.rows)
            rows += len(part.rows)
            for fault in part.faults:
                faults += 1
                if faults <= SHOWN:
                    self.stderr.write(f"line {fault.line}: {fault.field}: {fault.message}")
        if faults > SHOWN:
            self.stderr.write(f"... and {faults - SHOWN} more; the column fault names each.")
        self.stderr.write(f"{rows - faults} of {rows} contracts computed, {faults} refused.")
        return faults


def _names(text: str | None) -> tuple[str, ...]:
    if text is None:
        return FIELDS
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in FIELDS:
            raise CommandError(f"--names: {name!r} is no field; choose from {', '.join(FIELDS)}.")
    return tuple(dict.fromkeys(names))


def _instant(text: str | None) -> dt.datetime:
    if text is None:
        return timezone.now()
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"--at: {text!r} is no ISO 8601 instant.") from None
    return found if found.tzinfo else found.replace(tzinfo=NEW_YORK)
