"""The data of the browser's price chart: stored minute bars with the marks of signals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pulse.charts.format import finite, instant

BARS = ("open", "high", "low", "close")


def seconds(at: Any) -> int | None:
    """Return an instant as whole seconds since the epoch."""
    found = instant(at)
    return None if found is None else int(found.timestamp())


def chart_of(
    prices: Mapping[str, Any] | None, signals: Iterable[Mapping[str, Any]] = ()
) -> dict[str, Any] | None:
    """Return `{bars, marks, simulated, date}`, None when there are no bars."""
    if not prices or not prices.get("time"):
        return None
    bars = [
        bar
        for index, at in enumerate(prices["time"])
        if (bar := _bar(seconds(at), [finite(prices[name][index]) for name in BARS])) is not None
    ]
    if not bars:
        return None
    first, last = bars[0]["time"], bars[-1]["time"]
    marks = [
        {
            "time": at,
            "side": signal["side"],
            "text": f"{signal['tool']['id']:02d}",
            "id": signal["id"],
        }
        for signal in signals
        if (at := seconds(signal["time"])) is not None and first <= at <= last
    ]
    return {
        "bars": bars,
        "marks": sorted(marks, key=lambda mark: int(mark["time"])),
        "simulated": bool(prices.get("simulated")),
        "date": prices.get("date"),
    }


def _bar(at: int | None, values: list[float | None]) -> dict[str, Any] | None:
    close = values[3]
    if at is None or close is None:
        return None
    filled = [close if value is None else value for value in values]
    return {"time": at, **dict(zip(BARS, filled, strict=True))}
