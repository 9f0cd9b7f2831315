"""`manage.py import_market FORMAT PATH...`: recorded data into the store."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from market.importers import FORMATS
from market.importers.context import Options
from market.imports import Engine, Outcome, RejectFile, reject_path
from market.progress import ProgressBar

EPILOG = """
formats:
{formats}

exit status: 0 every row was accepted; 3 some rows were refused (see the rejects report);
1 nothing was imported, or a file failed.
"""


def pair(text: str) -> tuple[str, str]:
    name, mark, value = text.partition("=")
    if not mark or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


class Command(BaseCommand):
    requires_system_checks = ()  # needs no URLs; starts sooner
    help = "Import files of recorded market data. Files imported before are left alone."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        lines = "\n".join(f"  {name:14}{one.help}" for name, one in FORMATS.items())
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.epilog = EPILOG.format(formats=lines)
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("format", choices=sorted(FORMATS))
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
        parser.add_argument("--symbol", default="", help="symbol, where the file does not say it")
        parser.add_argument("--map", action="append", default=[], type=pair, metavar="FIELD=COLUMN",
                            help="generic: which column holds a field")  # fmt: skip
        parser.add_argument("--set", action="append", default=[], type=pair, metavar="FIELD=VALUE",
                            help="generic: a field that is the same in every row")  # fmt: skip
        parser.add_argument("--force", action="store_true", help="read files again")

    def handle(self, **given: Any) -> None:
        bar = ProgressBar(sys.stderr, _bytes(given["paths"]))
        rejects = RejectFile(reject_path(Path(settings.VAR_DIR), given["format"]))

        def say(line: str) -> None:
            bar.clear()
            self.stdout.write(line)

        options = Options(given["symbol"], dict(given["map"]), dict(given["set"]))
        importer = FORMATS[given["format"]]
        engine = Engine(importer, options, rejects, say, bar.update, given["force"])
        try:
            outcome = engine.run(given["paths"])
        except KeyboardInterrupt:
            bar.clear()
            raise CommandError("interrupted; files that were done stay imported") from None
        bar.clear()
        self.stdout.write(_summary(outcome))
        if rejects.rows:
            self.stdout.write(f"rejects report: {rejects.path}")
        if outcome.exit_status:
            sys.exit(outcome.exit_status)


def _bytes(paths: list[Path]) -> int:
    files = [f for path in paths for f in (path.rglob("*") if path.is_dir() else [path])]
    return sum(file.stat().st_size for file in files if file.is_file())


def _summary(outcome: Outcome) -> str:
    text = (
        f"{outcome.files} files: {outcome.accepted} rows accepted, {outcome.rejected} refused, "
        f"{outcome.skipped} left out, {outcome.repeated} files imported before"
    )
    return f"{text}, {outcome.failed} FAILED" if outcome.failed else text
