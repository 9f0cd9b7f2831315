"""Recorded bars from the importer to the verdict: hours, days and crypto minutes."""

from __future__ import annotations

import pytest

from tests.market.importing import run as import_market
from tools_app.models import OptimizeUnit, Trial
from tools_app.optimize import services, source

pytestmark = pytest.mark.django_db(transaction=True)


def test_recorded_bars_are_searched_and_each_place_gets_its_verdict(shared):
    data = shared / "data"
    lean = data / "lean" / "Data" / "equity" / "usa"
    goog = [lean / "daily" / "goog.zip", *sorted((lean / "minute" / "goog").glob("*_trade.zip"))]
    assert import_market("lean", *goog).status in {0, 3}
    import_market("bars", data / "crypto_bars" / "ETH_BTC-5m.feather")
    assert source.symbols() == ["ETH/BTC", "GOOG"]
    run = services.ask(
        tools=[16, 17, 18],
        symbols=["GOOG", "ETH/BTC"],
        timeframes=["5m", "1h", "1d"],
        regimes=["bull"],
        trials=3,
        folds=2,
        seed=1,
        lanes=0,
    )
    services.work(run.pk, lambda done, total: None)
    told = {(u.symbol, u.timeframe, u.tool_id): u for u in run.units.all()}
    assert len(told) == 18
    for place, unit in told.items():
        thin = place[:2] in {("GOOG", "5m"), ("GOOG", "1h"), ("ETH/BTC", "1d")}
        thin |= place in {("ETH/BTC", "1h", 16), ("ETH/BTC", "1h", 18)}
        assert unit.verdict == ("no data" if thin else "default"), (place, unit.reasons)
        assert unit.reasons[0].startswith("The default stays")
    assert "GOOG has 198 rows at 5m" in told["GOOG", "5m", 16].reasons[0]
    assert told["ETH/BTC", "1h", 17].figures["rows"] == 320
    assert Trial.objects.count() == 3 * 2 * 7
    assert not OptimizeUnit.objects.filter(verdict="deployed").exists()
