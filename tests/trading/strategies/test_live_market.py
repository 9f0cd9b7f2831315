"""A strategy on the live market enters on rows of now alone."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from market.models import FeedRun
from tests.trading.conftest import ana
from tests.trading.paper.conftest import paper, tape
from tests.trading.strategies.conftest import account, make, market
from trading.strategies import deciding, seeing

__all__ = ["account", "ana", "make", "market", "paper", "tape"]


@pytest.mark.parametrize(
    ("source", "seconds", "stays"),
    [("live", 30, False), ("live", 200, True), ("simulator", 200, False)],
)
def test_a_row_that_the_market_has_left_behind_enters_nothing(market, make, source, seconds, stays):
    strategy = make()
    minute = seeing.newest(strategy.account.paper)
    run = FeedRun(source=source)
    late = seeing.Minute(
        minute.row, run, timezone.now() - dt.timedelta(seconds=seconds), minute.session, minute.kept
    )
    made = deciding.config.read(deciding.loads(deciding.newest(strategy).text))
    said = deciding._not_now(strategy, made, late)
    assert ("live market" in said) is stays
