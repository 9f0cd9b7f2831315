"""One minute's row: what it says of a known chain, and what it says when something is missing."""

from dataclasses import replace

import numpy as np
import pytest

from market.features.analysis import analyze
from market.features.context import CryptoNights, MinuteView, Positions, Release
from market.features.observe import YEAR_MINUTES, observe
from market.features.registry import registry
from market.frames import Kind, Missing
from quant.chain import Chain

LADDER = np.arange(440.0, 561.0)


def look(view, session, positions=None):
    return observe(view, session, positions or Positions())


def test_a_row_has_every_registered_observation_and_no_other(make_chain, make_view, session):
    names = set(registry().observed_names(Kind.INTRADAY))
    full, _ = look(make_view(make_chain()), session)
    bare, _ = look(MinuteView(time=session.open, bar=None, chain=None), session)
    for row in (full, bare):
        assert set(row.values) == set(row.reasons) == names
        for name, value in row.values.items():
            assert np.isfinite(value) == (row.reasons[name] == Missing.OK), name


def test_volatilities_and_expected_moves_are_those_of_the_quotes(make_chain, make_view, session):
    row, _ = look(make_view(make_chain(minute=90)), session)
    assert row.values["iv_0dte"] == pytest.approx(0.2, abs=5e-4)
    assert row.values["iv_30d"] == pytest.approx(0.2, abs=5e-4)
    assert row.values["term_slope"] == pytest.approx(0.0, abs=1e-3)
    day = 500.0 * 0.2 * np.sqrt(390.0 / YEAR_MINUTES)
    left = 500.0 * 0.2 * np.sqrt(300.0 / YEAR_MINUTES)
    assert row.values["expected_move_day"] == pytest.approx(day, rel=5e-3)
    assert row.values["expected_move"] == pytest.approx(left, rel=5e-3)
    assert row.values["minutes_open"] == 90.0
    assert row.values["minutes_left"] == 300.0


def test_skew_is_put_less_call_volatility(make_chain, make_view, session):
    row, _ = look(make_view(make_chain(skew=0.3, reach=90)), session)
    flat, _ = look(make_view(make_chain(skew=0.0, reach=90)), session)
    assert row.values["skew_25d"] > 0.01
    assert flat.values["skew_25d"] == pytest.approx(0.0, abs=1e-3)


def test_exposures_are_those_of_the_profile(make_chain, make_view, session):
    chain = make_chain(calls=2000.0)
    row, _ = look(make_view(chain), session)
    profile = analyze(chain).profile
    assert row.values["gamma"] == profile.totals.gamma > 0.0
    assert row.values["charm_hour"] == 60.0 * profile.totals.charm_minute
    assert row.values["speed"] == profile.totals.speed
    assert row.values["zomma"] == profile.totals.zomma
    under = chain.strikes < profile.levels.put_wall
    assert row.values["gamma_under_put_wall"] == pytest.approx(
        np.nansum(profile.contracts.gamma[under])
    )
    today = chain.expiries == session.close
    assert row.values["gamma_0dte"] == pytest.approx(np.nansum(profile.contracts.gamma[today]))
    assert row.values["gamma_gross_0dte"] == pytest.approx(3.0 * row.values["gamma_0dte"], rel=0.02)
    assert 0.0 < row.values["abs_gamma_share"] < 1.0


@pytest.mark.parametrize(
    ("releases", "told", "why"),
    [
        (None, np.nan, Missing.NO_EVENTS),
        ((), np.nan, Missing.NO_RELEASE),
        ((-60, 30, 240), 60.0, Missing.OK),
        ((91,), np.nan, Missing.NO_RELEASE),
        ((90,), 0.0, Missing.OK),
    ],
)
def test_the_newest_release_is_told_and_none_ahead(
    make_chain, make_view, session, releases, told, why
):
    at = None if releases is None else tuple(release(session, m) for m in releases)
    row, _ = look(make_view(make_chain(minute=90)), replace(session, releases=at))
    np.testing.assert_equal(row.values["release_minutes"], told)
    assert row.reasons["release_minutes"] == why


def release(session, minute, *, fed=False):
    return Release(session.open + 60_000_000_000 * minute, fed)


def test_the_next_fed_decision_is_told_and_no_other_release(make_chain, make_view, session):
    view = make_view(make_chain(minute=90))
    other, fed, past = release(session, 200), release(session, 270, fed=True), release(session, 30)
    row, _ = look(view, replace(session, releases=(past, other, fed)))
    assert row.values["fed_minutes"] == 180.0
    row, _ = look(view, replace(session, releases=(past, other)))
    assert row.reasons["fed_minutes"] == Missing.NO_DECISION
    row, _ = look(view, session)
    assert row.reasons["fed_minutes"] == Missing.NO_EVENTS


def test_cryptos_nights_predict_the_gap_by_their_beta(make_chain, make_view, session):
    past = 0.03 * np.random.default_rng(1).standard_normal(120)
    nights = CryptoNights(overnight=0.04, past=past, gaps=0.2 * past)
    row, _ = look(make_view(make_chain()), replace(session, crypto=nights))
    assert row.values["crypto_gap"] == pytest.approx(0.008)
    noise = 0.01 * np.random.default_rng(2).standard_normal(120)
    blind = nights._replace(gaps=noise)
    row, _ = look(make_view(make_chain()), replace(session, crypto=blind))
    assert row.values["crypto_gap_t"] < 3.0
    row, _ = look(make_view(make_chain()), session)
    assert row.reasons["crypto_gap"] == row.reasons["crypto_gap_t"] == Missing.NO_CRYPTO


def test_put_flow_counts_puts_alone_and_every_contract_as_volume(make_chain, make_view, session):
    chain = make_chain()
    bought = np.where(chain.is_call, 5.0, 2.0)
    row, _ = look(make_view(chain, option_flow=bought), session)
    assert row.values["put_flow"] == 2.0 * np.count_nonzero(~chain.is_call)
    row, _ = look(make_view(chain), session)
    assert row.reasons["put_flow"] == Missing.NO_TRADES


def test_a_quote_off_the_smile_is_told_in_half_spreads(make_chain, make_view, session):
    chain = make_chain(reach=90)
    row, _ = look(make_view(chain), session)
    assert abs(row.values["mispricing"]) < 1.0
    where = np.flatnonzero(~chain.is_call & (chain.strikes == 497.0))[-1]
    bids, asks = np.array(chain.bids), np.array(chain.asks)
    bids[where] *= 0.97
    asks[where] *= 0.97
    row, _ = look(make_view(replace(chain, bids=bids, asks=asks)), session)
    assert row.values["mispricing"] > 1.0, "a cheap quote reads positive"


def test_near_quotes_give_depth_spread_and_count(make_chain, make_view, session):
    chain = make_chain()
    row, _ = look(make_view(chain), session)
    thin = replace(chain, bid_sizes=0.5 * chain.bid_sizes, ask_sizes=0.5 * chain.ask_sizes)
    half, _ = look(make_view(thin), session)
    assert half.values["option_depth"] == pytest.approx(0.5 * row.values["option_depth"])
    one_sided = replace(chain, bids=np.where(chain.strikes > chain.spot, 0.0, chain.bids))
    fewer, _ = look(make_view(one_sided), session)
    assert fewer.values["quote_count"] < row.values["quote_count"]


def test_an_analysis_that_is_there_already_changes_nothing(make_chain, make_view, session):
    view = make_view(make_chain(), option_flow=np.ones(len(make_chain())))
    alone, _ = observe(view, session, Positions())
    given, _ = observe(view, session, Positions(), analyze(view.chain))
    assert alone == given or all(
        a == b or (np.isnan(a) and np.isnan(b))
        for a, b in zip(alone.values.values(), given.values.values(), strict=True)
    )


def test_thick_and_thin_open_interest_around_spot(make_chain, make_view, session):
    held = np.full(LADDER.size, 1000.0)
    held[(LADDER > 500.0) & (LADDER < 506.0)] = 100.0
    held[LADDER == 506.0] = 9000.0
    held[LADDER == 495.0] = 9000.0
    row, _ = look(make_view(make_chain(calls=held, puts=held, spot=500.4)), session)
    assert row.values["heavy_above"] == 506.0
    assert row.values["heavy_below"] == 495.0
    assert row.values["magnet_strike"] == 495.0
    assert row.values["thin_above"] < 0.2 < row.values["thin_below"]


def test_a_side_without_strikes_is_empty(make_chain, make_view, session):
    chain = replace(make_chain(), spot=499.9)
    whole, _ = look(make_view(chain), session)
    holed, _ = look(make_view(chain.select(np.abs(chain.strikes - 502.0) > 2.0)), session)
    assert whole.values["thin_above"] == pytest.approx(1.0)
    assert holed.values["thin_above"] == 0.0
    assert holed.values["thin_below"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"chain": None}, Missing.NO_CHAIN),
        ({"stale": True}, Missing.STALE_QUOTE),
    ],
)
def test_without_a_usable_chain_the_reason_is_told(make_chain, make_view, session, change, why):
    row, _ = look(replace(make_view(make_chain()), **change), session)
    for name in ("iv_0dte", "iv_30d", "gamma", "zero_gamma", "thin_above", "squeeze_gamma"):
        assert row.reasons[name] == why, name
    assert row.reasons["close"] == Missing.OK


def test_without_open_interest_only_what_needs_it_is_missing(make_chain, make_view, session):
    chain = make_chain(calls=np.nan, puts=np.nan)
    row, _ = look(make_view(chain), session)
    for name in ("gamma", "gamma_0dte", "vanna", "zero_gamma", "thin_above", "magnet_strike"):
        assert row.reasons[name] == Missing.NO_OPEN_INTEREST, name
    for name in ("iv_0dte", "iv_30d", "expected_move", "otm_call_volume"):
        assert row.reasons[name] == Missing.OK, name


def test_without_an_expiry_today_todays_columns_say_so(make_chain, make_view, session):
    row, _ = look(make_view(make_chain(days=(1, 28, 63))), session)
    for name in ("iv_0dte", "expected_move", "gamma_0dte", "charm_hour_0dte", "magnet_strike"):
        assert row.reasons[name] == Missing.NOT_0DTE, name
    assert row.reasons["gamma"] == Missing.OK


def test_todays_expiry_is_over_at_the_close(make_chain, make_view, session):
    row, _ = look(make_view(make_chain(minute=390)), session)
    assert row.reasons["iv_0dte"] == Missing.NOT_0DTE
    assert row.reasons["gamma"] == Missing.OK


def test_a_minute_without_a_price_or_a_quote(make_chain, make_view, session):
    view = make_view(make_chain())
    row, _ = look(replace(view, bar=None), session)
    assert row.reasons["close"] == row.reasons["dollar_volume"] == Missing.NO_BAR
    index = replace(view.bar, volume=np.nan, bid=np.nan, ask=np.nan)
    row, _ = look(replace(view, bar=index), session)
    assert row.reasons["dollar_volume"] == Missing.NO_VOLUME
    assert row.reasons["spread"] == Missing.NO_QUOTE
    assert row.reasons["close"] == Missing.OK


def test_a_level_that_the_book_does_not_have_is_missing(make_chain, make_view, session):
    row, _ = look(make_view(make_chain(puts=0.0)), session)
    assert row.reasons["zero_gamma"] == Missing.NO_LEVEL
    assert row.reasons["vol_trigger"] == Missing.NO_LEVEL
    assert row.values["gamma"] > 0.0


def bought_above(chain: Chain, contracts: float) -> np.ndarray:
    """Return trades in which customers bought calls a little above spot, expiring today."""
    near = chain.is_call & (chain.strikes > chain.spot) & (chain.strikes <= chain.spot + 3.0)
    return np.where(near & (chain.expiries == chain.expiries.min()), contracts, 0.0)


def test_bought_calls_leave_dealers_short_gamma_above(make_chain, make_view, session):
    chain = make_chain()
    positions = Positions()
    for minute in (60, 61):
        chain = make_chain(minute=minute)
        view = make_view(chain, option_flow=bought_above(chain, 500.0))
        row, positions = observe(view, session, positions)
    assert row.values["otm_call_flow"] == 3000.0
    assert row.values["squeeze_gamma"] < 0.0
    assert 501.0 <= row.values["squeeze_strike"] <= 503.0
    sold = make_view(chain, option_flow=-2.0 * bought_above(chain, 1000.0))
    row, _ = observe(sold, session, positions)
    assert row.values["squeeze_gamma"] > 0.0
    assert row.reasons["squeeze_strike"] == Missing.NO_LEVEL


def test_a_wall_loses_the_gamma_that_customers_buy_back(make_chain, make_view, session):
    chain = make_chain(calls=np.where(LADDER == 500.0, 9000.0, 1000.0))
    wall = chain.strikes == 500.0
    for share, kept in ((0.0, 1.0), (0.25, 0.75), (-0.5, 1.5)):
        bought = np.where(wall, share * chain.open_interest, 0.0)
        row, _ = observe(make_view(chain, option_flow=bought), session, Positions())
        assert row.values["abs_gamma_strike"] == 500.0
        assert row.values["wall_kept"] == pytest.approx(kept)


def test_positions_follow_contracts_when_the_listing_changes(make_chain, make_view, session):
    before, after = make_chain(minute=60), make_chain(minute=61, days=(0, 3, 7, 28, 63))
    _, positions = observe(
        make_view(before, option_flow=bought_above(before, 500.0)), session, Positions()
    )
    row, _ = observe(make_view(after, option_flow=np.zeros(len(after))), session, positions)
    assert row.values["otm_call_flow"] == 1500.0


def test_trades_that_are_not_signed_leave_positions_unknown_from_then_on(
    make_chain, make_view, session
):
    chain = make_chain()
    signed = make_view(chain, option_flow=np.zeros(len(chain)))
    row, positions = observe(make_view(chain), session, Positions())
    assert row.reasons["squeeze_gamma"] == Missing.NO_TRADES
    assert row.reasons["otm_call_volume"] == Missing.OK
    row, _ = observe(signed, session, positions)
    assert row.reasons["squeeze_gamma"] == Missing.NO_TRADES


def test_the_same_minute_gives_the_same_bits(make_chain, make_view, session):
    rows = []
    for _ in range(2):
        chain = make_chain(skew=0.1)
        row, _ = look(make_view(chain, option_flow=bought_above(chain, 10.0)), session)
        rows.append(np.array(list(row.values.values())).tobytes())
    assert rows[0] == rows[1]
