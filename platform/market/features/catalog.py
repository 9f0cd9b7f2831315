"""What each observation column means: the documentation of the stored rows.

Exposures are the dealers', in $ of delta, under the naive assumption that dealers are long every
call and short every put; what that assumption cannot see is told on each tool's page.
"""

from __future__ import annotations

from market.features.registry import ColumnRegistry
from market.frames import Column, Kind

_BAR = "underlying"
_QUOTES = "option quotes"
_BOOK = "option quotes, open interest"
_TRADES = "signed option trades"

INTRADAY: tuple[tuple[str, str, str, str], ...] = (
    ("open", "price", _BAR, "first price of the minute"),
    ("high", "price", _BAR, "highest price of the minute"),
    ("low", "price", _BAR, "lowest price of the minute"),
    ("close", "price", _BAR, "last price of the minute"),
    ("volume", "shares", _BAR, "shares traded in the minute"),
    ("dollar_volume", "$", _BAR, "volume times the mean of high, low and close"),
    ("spread", "share", _BAR, "bid-ask spread over its middle at the minute's end"),
    ("minutes_open", "min", "calendar", "minutes since the open"),
    ("minutes_left", "min", "calendar", "minutes to the close"),
    (
        "release_minutes",
        "min",
        "event calendar",
        "minutes since the newest scheduled release of the day: FOMC, consumer prices, payrolls",
    ),
    (
        "fed_minutes",
        "min",
        "event calendar",
        "minutes to the next scheduled decision of the Fed that day",
    ),
    ("previous_close", "price", "daily bar", "last price of the session before"),
    ("peer_close", "price", "paired index", "price of the paired index"),
    (
        "advancing_share",
        "share",
        "basket",
        "share of the basket's names above their last close",
    ),
    (
        "off_exchange_share",
        "share",
        "consolidated tape",
        "share of the minute's volume in prints that the tape marks as off-exchange",
    ),
    (
        "crypto_gap",
        "share",
        "crypto prices",
        "opening gap of the index, in logs, that crypto's return since the last close predicts",
    ),
    ("crypto_gap_t", "", "crypto prices", "size of the t statistic of that prediction's beta"),
    (
        "short_strike",
        "price",
        "account",
        "short strike of the account, of today's expiry, that is nearest to spot",
    ),
    (
        "policy_entry",
        "",
        "approved model",
        "the newest approved decision tree: 1 enters long, -1 short, 0 stays out",
    ),
    (
        "iv_0dte",
        "vol",
        _QUOTES,
        "at-the-money implied volatility of today's expiry, on the calendar clock of 525,600 "
        "minutes a year (about twice the figure on a clock of trading hours)",
    ),
    ("iv_30d", "vol", _QUOTES, "at-the-money implied volatility of 30 days"),
    ("skew_25d", "vol", _QUOTES, "25-delta put less 25-delta call implied volatility, 30 days"),
    (
        "term_slope",
        "vol",
        _QUOTES,
        "30-day implied volatility less that of the first expiry at least five days away",
    ),
    ("expected_move", "$", _QUOTES, "one standard deviation of spot to today's expiry"),
    (
        "expected_move_day",
        "$",
        _QUOTES,
        "one standard deviation of spot over a whole session at the present 0DTE volatility",
    ),
    ("gamma", "$/1 %", _BOOK, "dealers' net gamma exposure: their delta's gain for +1 % spot"),
    ("gamma_gross", "$/1 %", _BOOK, "sum of the sizes of all contracts' gamma exposures"),
    ("vanna", "$/vol pt", _BOOK, "dealers' net vanna exposure: delta's gain for +1 vol point"),
    ("charm_hour", "$/h", _BOOK, "dealers' net charm exposure: delta's gain in an hour"),
    (
        "speed",
        "$/1 %/1 %",
        _BOOK,
        "dealers' net speed exposure: what net gamma gains for +1 % spot, the dollar value of a "
        "share as it is",
    ),
    ("zomma", "$/1 %/vol pt", _BOOK, "net zomma exposure: net gamma's gain for +1 vol point"),
    ("zero_gamma", "price", _BOOK, "spot nearest to here at which net gamma changes sign"),
    (
        "vol_trigger",
        "price",
        _BOOK,
        "our proxy: the strike with the largest net gamma at or just below zero gamma",
    ),
    ("call_wall", "price", _BOOK, "strike with the largest gamma of calls"),
    ("put_wall", "price", _BOOK, "strike with the largest gamma of puts"),
    ("gamma_under_put_wall", "$/1 %", _BOOK, "dealers' net gamma at the strikes below put_wall"),
    ("abs_gamma_strike", "price", _BOOK, "strike with the largest gross gamma"),
    ("abs_gamma_share", "share", _BOOK, "that strike's share of all gross gamma"),
    ("gamma_0dte", "$/1 %", _BOOK, "net gamma exposure of today's expiry"),
    ("gamma_gross_0dte", "$/1 %", _BOOK, "gross gamma exposure of today's expiry"),
    ("charm_hour_0dte", "$/h", _BOOK, "net charm exposure of today's expiry"),
    (
        "thin_above",
        "",
        _BOOK,
        "nearest expiry's open interest per strike just above spot, over the median around spot; "
        "0: no strike there",
    ),
    ("thin_below", "", _BOOK, "the same just below spot"),
    (
        "heavy_above",
        "price",
        _BOOK,
        "next strike above spot with at least twice the median open interest around spot",
    ),
    ("heavy_below", "price", _BOOK, "next such strike at or below spot"),
    ("magnet_strike", "price", _BOOK, "the heavy strike of today's expiry nearest to spot"),
    ("magnet_share", "share", _BOOK, "that strike's share of today's gross gamma"),
    (
        "otm_call_volume",
        "contracts",
        "option trades",
        "contracts traded in the minute in calls above spot, within two daily standard deviations "
        "and eight days",
    ),
    (
        "otm_call_flow",
        "contracts",
        _TRADES,
        "contracts of those calls that customers bought less those they sold, this session",
    ),
    (
        "squeeze_gamma",
        "$/1 %",
        _TRADES,
        "gamma that dealers hold in those calls from this session's signed trades, valued with "
        "spot at each strike; negative when they sold",
    ),
    ("squeeze_strike", "price", _TRADES, "mean strike of the calls they are short of, by gamma"),
    ("option_volume", "contracts", "option trades", "contracts traded in the minute"),
    (
        "put_flow",
        "contracts",
        _TRADES,
        "puts that customers bought less those they sold in the minute",
    ),
    (
        "mispricing",
        "half-spreads",
        _QUOTES,
        "largest miss of a liquid quote against the arbitrage-free smiles of the next 65 days, in "
        "half-spreads; positive where the quote is below the smile",
    ),
    ("sabr_rho", "", _QUOTES, "correlation of the SABR smile nearest to 30 days"),
    (
        "option_spread",
        "share",
        _QUOTES,
        "median bid-ask over its middle of the nearest expiry within a daily deviation of spot",
    ),
    ("option_depth", "contracts", _QUOTES, "contracts displayed on both sides of those quotes"),
    ("quote_count", "contracts", _QUOTES, "how many of those contracts have two sides"),
    (
        "wall_kept",
        "",
        _TRADES,
        "dealers' gamma at abs_gamma_strike with this session's signed trades, over that by open "
        "interest alone; below 1 where customers bought",
    ),
)

_DAY = "daily bar"
_CHAIN_CLOSE = "option quotes at the close"

DAILY: tuple[tuple[str, str, str, str], ...] = (
    ("open", "price", _DAY, "session's first price"),
    ("high", "price", _DAY, "session's highest price"),
    ("low", "price", _DAY, "session's lowest price"),
    ("close", "price", _DAY, "session's last price"),
    ("volume", "shares", _DAY, "shares traded in the session"),
    ("dollar_volume", "$", _DAY, "volume times the mean of high, low and close"),
    ("spread", "share", _DAY, "bid-ask spread over its middle"),
    ("iv_30d", "vol", _CHAIN_CLOSE, "at-the-money implied volatility of 30 days"),
    ("skew_25d", "vol", _CHAIN_CLOSE, "25-delta put less 25-delta call implied volatility"),
    (
        "term_slope",
        "vol",
        _CHAIN_CLOSE,
        "30-day implied volatility less that of the first expiry at least five days away",
    ),
    (
        "gamma",
        "$/1 %",
        "option quotes at the close, open interest",
        "dealers' net gamma exposure after the day's expiry",
    ),
    (
        "gamma_gross",
        "$/1 %",
        "option quotes at the close, open interest",
        "sum of the sizes of all contracts' gamma exposures",
    ),
    (
        "expiring_interest",
        "share",
        "open interest",
        "share of the open interest within 5 % of spot that expired at this close",
    ),
    (
        "event_sessions",
        "sessions",
        "event calendar",
        "whole sessions that still come before the next Fed decision or report, as far as the "
        "calendar is looked ahead",
    ),
    ("advancing_share", "share", "basket", "share of the basket's names that closed higher"),
    ("credit", "price", "credit proxy", "close of a fund of high-yield bonds"),
    ("bonds", "price", "rates proxy", "close of a fund of long Treasury bonds"),
    ("dollar", "price", "dollar proxy", "close of a fund that holds the dollar"),
    (
        "model_cell",
        "cell",
        "approved model",
        "likeliest cell of trend, volatility and liquidity: 9 trend + 3 volatility + liquidity, "
        "each 0 low, 1 middle, 2 high",
    ),
    ("model_cell_probability", "share", "approved model", "its filtered probability"),
    (
        "anomaly_p",
        "share",
        "approved model",
        "conformal p-value of the session's reconstruction error",
    ),
    ("forecast_low", "price", "approved model", "5 % forecast of this close, made the day before"),
    ("forecast_high", "price", "approved model", "95 % forecast of this close"),
    (
        "report_sessions",
        "sessions",
        "event calendar",
        "whole sessions that still come before the next company report",
    ),
    (
        "implied_report_move",
        "share",
        _CHAIN_CLOSE,
        "mean size of the move that the first expiry after the report prices for the report",
    ),
    (
        "past_report_move",
        "share",
        "daily bar, event calendar",
        "median size of the moves over the past reports, close to close, at least four",
    ),
    (
        "average_correlation",
        "",
        "basket",
        "mean pairwise correlation of the basket's daily returns over 60 sessions",
    ),
    (
        "first_eigen_share",
        "share",
        "basket",
        "share of the largest eigenvalue of that correlation matrix",
    ),
)


def register(registry: ColumnRegistry) -> None:
    """Register the observation columns."""
    for kind, table in ((Kind.INTRADAY, INTRADAY), (Kind.DAILY, DAILY)):
        for name, unit, source, description in table:
            registry.add_observation(
                Column(
                    name=name,
                    unit=unit,
                    source=source,
                    lookback=1,
                    description=description,
                    kind=kind,
                )
            )
