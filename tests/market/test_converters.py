"""Addresses of a symbol's pages."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from django.urls import resolve, reverse


@pytest.mark.parametrize("symbol", ["SPY", "BRK.B", "BTC/USD", "ETH/USDC"])
@pytest.mark.parametrize("page", ["exposure", "chain", "surface", "quality"])
def test_every_symbol_has_its_pages(page, symbol):
    found = resolve(reverse(f"market:{page}", args=[symbol]))
    assert (found.url_name, found.kwargs) == (page, {"symbol": symbol})


@pytest.mark.parametrize("symbol", ["SPY", "BTC/USD", "BTC%2FUSD"])
@pytest.mark.parametrize("part", ["snapshot", "chain", "surface", "exposure", "bars", "vendor"])
def test_every_symbol_is_asked_for_over_rest(symbol, part):
    found = resolve(unquote(f"/api/v1/market/{symbol}/{part}"))
    assert (found.url_name, found.kwargs) == (f"api-{part}", {"symbol": unquote(symbol)})


def test_a_contract_is_not_taken_for_a_coin():
    found = resolve(reverse("market:contract", args=["SPY", "SPY261218C00500000"]))
    assert found.kwargs == {"symbol": "SPY", "occ": "SPY261218C00500000"}
