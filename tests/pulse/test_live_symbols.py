"""Which symbols `manage.py up` records and plays live."""

from __future__ import annotations

import pytest
from django.core.management.base import CommandError

from pulse.management.commands.up import live_symbols


def test_each_symbol_is_played_once(settings):
    settings.LIVE_SYMBOLS = ["spy", " BTC/USD ", "SPY", ""]
    settings.ALPACA_DATA_KEY, settings.ALPACA_DATA_SECRET = "key", "secret"
    assert live_symbols() == ["SPY", "BTC/USD"]


def test_without_the_houses_keys_nothing_is_started(settings):
    settings.ALPACA_DATA_KEY, settings.ALPACA_DATA_SECRET = "", ""
    settings.LIVE_SYMBOLS = []
    assert live_symbols() == []
    settings.LIVE_SYMBOLS = ["SPY"]
    with pytest.raises(CommandError, match="ALPACA_DATA_KEY"):
        live_symbols()
