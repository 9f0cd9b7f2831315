"""OCC symbols are read strictly and written back the same."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market import occ

contracts = st.builds(
    occ.Contract,
    root=st.from_regex(r"[A-Z][A-Z0-9]{0,5}", fullmatch=True).filter(str.isascii),
    expiry=st.dates(dt.date(2000, 1, 1), dt.date(2099, 12, 31)),
    right=st.sampled_from("CP"),
    strike_thousandths=st.integers(1, 99_999_999),
)


@given(contracts)
def test_symbols_round_trip_in_both_forms(contract: occ.Contract) -> None:
    assert occ.parse(contract.symbol) == contract
    assert occ.parse(contract.padded) == contract
    assert len(contract.padded) == 21


@given(st.text(max_size=24))
def test_any_text_is_a_symbol_or_refused(text: str) -> None:
    try:
        contract = occ.parse(text)
    except occ.OccError:
        return
    assert text in (contract.symbol, contract.padded)


@pytest.mark.parametrize(
    "text",
    [
        "", "SPY", "SPY250230C00565000", "spy250509C00565000", "SPY250509X00565000",
        "SPY250509C0056500", "SPY250509C00000000", "TOOLONG250509C00565000", "SPY 250509C00565000",
        "7SPY250509C00565000", "SPY25０509C00565000", "SPY250509C00565000\n",
    ],
)  # fmt: skip
def test_what_is_not_a_symbol_is_refused(text: str) -> None:
    with pytest.raises(occ.OccError):
        occ.parse(text)


def test_strike_in_currency_becomes_thousandths() -> None:
    contract = occ.from_parts("SPXW", dt.date(2018, 1, 5), "P", 2732.5)
    assert contract.symbol == "SPXW180105P02732500"
    assert contract.strike == Decimal("2732.5")


@pytest.mark.parametrize("strike", [70.7142, float("nan"), float("inf"), -5.0])
def test_strike_that_no_symbol_can_hold_is_refused(strike: float) -> None:
    with pytest.raises(occ.OccError):
        occ.from_parts("AAPL", dt.date(2014, 6, 6), "C", strike)


@pytest.mark.parametrize(
    ("root", "underlying", "settles", "american"),
    [
        ("SPX", "SPX", "am", False),
        ("SPXW", "SPX", "pm", False),
        ("SPY", "SPY", "pm", True),
        ("GOOG", "GOOG", "pm", True),
        ("GOOG1", "GOOG1", "pm", True),
        ("VIX", "VIX", "am", False),
    ],
)
def test_root_says_how_it_settles(root: str, underlying: str, settles: str, american: bool) -> None:
    rule = occ.rule(root)
    assert rule.settles == settles
    assert rule.american is american
    assert rule.underlying == underlying or root == "GOOG1"
