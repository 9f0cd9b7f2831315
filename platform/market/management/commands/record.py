"""`manage.py record SYMBOL`: Alpaca's live data of a share with its options, or of a coin."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from market.feed.service import end_on_signals


class Command(BaseCommand):
    help = "Record a symbol's live market from Alpaca until stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("symbol", help="such as SPY, or BTC/USD")
        parser.add_argument("--every", type=float, default=5.0, help="seconds between snapshots")

    def handle(self, *_: Any, **options: Any) -> None:
        from market.vendors.alpaca.clients import DataAccess, DataError
        from market.vendors.alpaca.recorder import Recorder

        if not (settings.ALPACA_DATA_KEY and settings.ALPACA_DATA_SECRET):
            raise CommandError("set ALPACA_DATA_KEY and ALPACA_DATA_SECRET first")
        if not 1 <= options["every"] <= 60:
            raise CommandError("--every: give 1 to 60 seconds")
        access = DataAccess(
            settings.ALPACA_DATA_KEY, settings.ALPACA_DATA_SECRET,
            settings.ALPACA_DATA_BASE.rstrip("/"), settings.ALPACA_DATA_STREAM.rstrip("/"),
            settings.ALPACA_STOCK_FEED, settings.ALPACA_OPTION_FEED,
        )  # fmt: skip
        recorder = Recorder(options["symbol"].upper(), access, every=options["every"])
        try:
            recorder.run(end_on_signals())
        except DataError as error:
            raise CommandError(f"Alpaca refuses {options['symbol']}: {error}") from error
        self.stdout.write(f"{recorder.recorded} snapshots recorded")
