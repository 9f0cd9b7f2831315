"""Alpaca's data clients, unmodified, with an end to their waits and without repeats."""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from alpaca.common.exceptions import APIError
from alpaca.data.enums import Adjustment, CryptoFeed, DataFeed, OptionsFeed
from alpaca.data.historical import (
    CryptoHistoricalDataClient,
    OptionHistoricalDataClient,
    StockHistoricalDataClient,
)
from alpaca.data.live import CryptoDataStream, OptionDataStream, StockDataStream
from alpaca.data.requests import (
    CryptoLatestQuoteRequest,
    OptionChainRequest,
    StockBarsRequest,
    StockLatestQuoteRequest,
)
from alpaca.data.timeframe import TimeFrame, TimeFrameUnit
from alpaca.trading.client import TradingClient
from alpaca.trading.requests import GetOptionContractsRequest
from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException

from market.clock import to_ns
from market.vendors.book import Quoted

TIMEOUTS: Final = (3.0, 7.0)
_MOST_PAGES: Final = 10
_quiet = logging.getLogger(f"{__name__}.wire")
_quiet.setLevel(logging.CRITICAL)  # the library writes frames to its log, and one holds the keys
_quiet.propagate = False
Hear = Callable[[str, Quoted], None]
Trade = Callable[[float, float, int], None]
"""Price, size and instant (ns UTC) of a trade."""


class DataError(Exception):
    """The vendor gave no answer that can be used. `refused` when asking again will not help."""

    def __init__(self, reason: str, *, refused: bool = False) -> None:
        super().__init__(reason)
        self.refused = refused


@dataclass(frozen=True, slots=True, repr=False)
class DataAccess:
    """Where the data is, and what opens it; never logged."""

    key: str
    secret: str
    address: str
    stream_address: str
    stock_feed: str = "iex"
    option_feed: str = "indicative"
    contracts_address: str = ""
    """Where contracts are listed with their open interest; empty: nowhere."""

    def __repr__(self) -> str:
        return f"DataAccess({self.address})"


class _Ending(HTTPAdapter):
    def send(self, *args: Any, **more: Any) -> Any:
        return super().send(*args, **{**more, "timeout": TIMEOUTS})


class Rest:
    """Latest quotes by REST."""

    def __init__(self, access: DataAccess) -> None:
        opened: dict[str, Any] = {"url_override": access.address, "raw_data": True}
        self._access = access
        self._shares = StockHistoricalDataClient(access.key, access.secret, **opened)
        self._options = OptionHistoricalDataClient(access.key, access.secret, **opened)
        self._coins = CryptoHistoricalDataClient(access.key, access.secret, **opened)
        self._contracts = TradingClient(
            access.key, access.secret, raw_data=True, url_override=access.contracts_address or None
        )
        for client in (self._shares, self._options, self._coins, self._contracts):
            client._retry = 0
            client._session.trust_env = False
            client._session.mount("https://", _Ending())
            client._session.mount("http://", _Ending())

    def underlying(self, symbol: str) -> Quoted:
        """Return the newest quote of a share or a coin."""
        if "/" in symbol:
            coin = CryptoLatestQuoteRequest(symbol_or_symbols=symbol)
            found = _asked(lambda: self._coins.get_crypto_latest_quote(coin, CryptoFeed.US))
        else:
            share = StockLatestQuoteRequest(
                symbol_or_symbols=symbol, feed=DataFeed(self._access.stock_feed)
            )
            found = _asked(lambda: self._shares.get_stock_latest_quote(share))
        return quoted(found.get(symbol))

    def chain(self, symbol: str, *, last: dt.date, low: float, high: float) -> dict[str, Quoted]:
        """Return the newest quotes of options up to an expiry, with strikes between two."""
        request = OptionChainRequest(
            underlying_symbol=symbol, feed=OptionsFeed(self._access.option_feed),
            expiration_date_lte=last, strike_price_gte=low, strike_price_lte=high,
        )  # fmt: skip
        found = _asked(lambda: self._options.get_option_chain(request))
        return {
            name: quoted(shown["latestQuote"]) for name, shown in found.items()
            if isinstance(shown, dict) and shown.get("latestQuote")
        }  # fmt: skip

    def days(self, symbol: str, *, start: dt.date, end: dt.date) -> list[dict[str, Any]]:
        """Return a share's daily bars, raw, as Alpaca writes them."""
        request = StockBarsRequest(
            symbol_or_symbols=symbol, timeframe=TimeFrame(1, TimeFrameUnit.Day),
            start=dt.datetime.combine(start, dt.time()), end=dt.datetime.combine(end, dt.time.max),
            feed=DataFeed(self._access.stock_feed), adjustment=Adjustment.RAW,
        )  # fmt: skip
        found = _asked(lambda: self._shares.get_stock_bars(request)).get(symbol, [])
        return [one for one in found if isinstance(one, dict)]

    def interest(self, symbol: str, *, last: dt.date, low: float, high: float) -> dict[str, float]:
        """Return the open interest of contracts, of those of which it is told."""
        if not self._access.contracts_address:
            return {}
        found: dict[str, float] = {}
        page: str | None = None
        for _ in range(_MOST_PAGES):
            request = GetOptionContractsRequest(
                underlying_symbols=[symbol], expiration_date_lte=last, strike_price_gte=f"{low:g}",
                strike_price_lte=f"{high:g}", limit=10_000, page_token=page,
            )  # fmt: skip
            told = _asked(partial(self._contracts.get_option_contracts, request))
            for one in told.get("option_contracts") or ():
                with suppress(KeyError, TypeError, ValueError):
                    found[str(one["symbol"])] = max(float(one["open_interest"]), 0.0)
            page = told.get("next_page_token")
            if not page:
                break
        return found


def _asked(ask: Callable[[], Any]) -> dict[str, Any]:
    try:
        found = ask()
    except APIError as error:
        refused = error.status_code in (400, 401, 403, 404, 422)
        raise DataError(f"it answered {error.status_code}", refused=refused) from None
    except (RequestException, ValueError, KeyError, TypeError) as error:
        raise DataError(f"no answer: {type(error).__name__}") from None
    if not isinstance(found, dict):
        raise DataError("the answer is no table of symbols")
    return found


def quoted(given: Any) -> Quoted:
    """Return a quote as Alpaca writes it; DataError when it is none. No size counts as 0."""
    if not isinstance(given, dict):
        raise DataError("the answer has no quote")
    try:
        return Quoted(
            float(given["bp"]), float(given["ap"]), float(given.get("bs") or 0),
            float(given.get("as") or 0), _instant(given["t"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError):
        raise DataError("a quote cannot be read") from None


def _instant(given: Any) -> int:
    if isinstance(given, str):
        return to_ns(dt.datetime.fromisoformat(given))
    found: int = given.to_unix_nano()
    return found


class Stream:
    """Quotes as they come, in a thread; connects anew when nothing comes for `silence_s`.

    With `trade` trades come as well.
    """

    def __init__(
        self, access: DataAccess, symbols: Sequence[str], hear: Hear, trade: Trade | None = None,
        *, silence_s: float = 10.0,
    ) -> None:  # fmt: skip
        self._hear = hear
        self._trade = trade
        self._stream = self._made(access, symbols, silence_s)
        self._stream.subscribe_quotes(self._on_quote, *symbols)
        if trade is not None:
            self._stream.subscribe_trades(self._on_trade, *symbols)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _made(self, access: DataAccess, symbols: Sequence[str], silence_s: float) -> Any:
        base, first = access.stream_address, symbols[0]
        kind: Any = StockDataStream
        path = f"/v2/{access.stock_feed}"
        if "/" in first:
            kind, path = CryptoDataStream, "/v1beta3/crypto/us"
        elif len(first) > 10:
            kind, path = OptionDataStream, f"/v1beta1/{access.option_feed}"
        more = {"ping_interval": 10, "ping_timeout": 20, "max_queue": 1024, "logger": _quiet}
        return kind(
            access.key, access.secret, raw_data=True, url_override=base + path,
            data_timeout=silence_s, websocket_params=more,
        )  # fmt: skip

    async def _on_quote(self, given: Any) -> None:
        with suppress(DataError):  # one that cannot be read is as good as none
            self._hear(str(given.get("S")), quoted(given))

    async def _on_trade(self, given: Any) -> None:
        with suppress(KeyError, TypeError, ValueError):
            assert self._trade is not None  # noqa: S101 - told the type checker
            self._trade(float(given["p"]), float(given["s"]), _instant(given["t"]))

    def _run(self) -> None:
        # The client's own end raises where the loop is closed already.
        with suppress(RuntimeError):
            self._stream.run()

    def close(self) -> None:
        """End it."""
        with suppress(Exception):
            self._stream.stop()
        self._thread.join(6)
