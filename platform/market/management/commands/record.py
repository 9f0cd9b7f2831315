"""`manage.py record SYMBOL`: Alpaca's live data of a share with its options, or of a coin."""

import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from market.feed.lock import SymbolLock
from market.feed.service import end_on_signals
from market.models import Instrument

TAKEN_OVER_S = 10.0
"""So long an earlier recorder of the symbol may take to be gone."""


class Command(BaseCommand):
    help = (
        "Record a symbol's live market from Alpaca until stopped. "
        "Beside it, `feed --source live --symbol SYMBOL` makes rows and signals of it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("symbol", help="such as SPY, or BTC/USD")
        parser.add_argument("--every", type=float, default=1.0, help="seconds between snapshots")

    def handle(self, *_: Any, **options: Any) -> None:
        from market.vendors.alpaca.clients import DataAccess, DataError
        from market.vendors.alpaca.recorder import Recorder

        if not (settings.ALPACA_DATA_KEY and settings.ALPACA_DATA_SECRET):
            raise CommandError("set ALPACA_DATA_KEY and ALPACA_DATA_SECRET first")
        if not 1 <= options["every"] <= 60:
            raise CommandError("--every: give 1 to 60 seconds")
        symbol = options["symbol"].upper()
        if Instrument.objects.filter(symbol=symbol, simulated=True).exists():
            raise CommandError(f"{symbol} is a simulated one here; it has no live market")
        access = DataAccess(
            settings.ALPACA_DATA_KEY, settings.ALPACA_DATA_SECRET,
            settings.ALPACA_DATA_BASE.rstrip("/"), settings.ALPACA_DATA_STREAM.rstrip("/"),
            settings.ALPACA_STOCK_FEED, settings.ALPACA_OPTION_FEED,
            settings.ALPACA_CONTRACTS_BASE.rstrip("/"),
        )  # fmt: skip
        lock, until = SymbolLock(f"record {symbol}"), time.monotonic() + TAKEN_OVER_S
        while not lock.acquire():
            if time.monotonic() > until:
                raise CommandError(f"{symbol} is being recorded already")
            time.sleep(0.5)
        recorder = Recorder(symbol, access, every=options["every"])
        try:
            recorder.run(end_on_signals())
        except DataError as error:
            raise CommandError(f"Alpaca refuses {symbol}: {error}") from error
        finally:
            lock.release()
        self.stdout.write(f"{recorder.recorded} snapshots recorded")
