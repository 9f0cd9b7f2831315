"""The picture of a message: recent prices, with the signal marked, as a PNG."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from accounts.alerts.message import clock_of

SIZE: Final = (800, 320)
_BACK, _LINE, _GRID, _INK = "#121722", "#7db2ff", "#2c3649", "#b3bccb"
_MARKS: Final = {1: "#4ea8ff", -1: "#ff8f4a", 0: "#b69cff"}
_LEFT, _RIGHT, _TOP, _BOTTOM = 16, 96, 48, 36


def draw(series: Mapping[str, Sequence[Any]], *, side: int, title: str) -> bytes | None:
    """Draw `series` (`close` with one `time` each, the last at the signal); None below 2 prices."""
    closes = [
        float(value) if value is not None and math.isfinite(value) else math.nan
        for value in series.get("close") or ()
    ]
    times = [str(time) for time in series.get("time") or ()]
    known = [(at, close) for at, close in enumerate(closes) if not math.isnan(close)]
    if len(known) < 2 or len(times) != len(closes):
        return None
    # Loaded here: the web process never draws.
    from PIL import Image, ImageDraw, ImageFont

    low, high = min(c for _, c in known), max(c for _, c in known)
    reach = (high - low) or max(abs(high), 1.0) * 1e-4
    width, height = SIZE
    step = (width - _LEFT - _RIGHT) / (len(closes) - 1)

    def place(at: int, close: float) -> tuple[float, float]:
        share = (close - low) / reach
        return _LEFT + at * step, height - _BOTTOM - share * (height - _TOP - _BOTTOM)

    image = Image.new("RGB", SIZE, _BACK)
    pen = ImageDraw.Draw(image)
    small, large = ImageFont.load_default(15), ImageFont.load_default(19)
    for level in (low, low + reach / 2, low + reach):
        y = place(0, level)[1]
        pen.line([(_LEFT, y), (width - _RIGHT + 8, y)], fill=_GRID)
        pen.text((width - _RIGHT + 14, y), f"{level:,.2f}", fill=_INK, font=small, anchor="lm")
    pen.line([place(at, close) for at, close in known], fill=_LINE, width=3, joint="curve")
    x, y = place(*known[-1])
    _mark(pen, x, y, side)
    pen.text((_LEFT, 14), title, fill="#e8ecf3", font=large)
    pen.text((_LEFT, height - 24), clock_of(times[known[0][0]]), fill=_INK, font=small)
    last = clock_of(times[known[-1][0]])
    pen.text((width - _RIGHT, height - 24), last, fill=_INK, font=small, anchor="ra")
    kept = io.BytesIO()
    image.save(kept, "PNG", optimize=True)
    return kept.getvalue()


def _mark(pen: Any, x: float, y: float, side: int) -> None:
    """Mark the signal: a triangle in its direction, a diamond when it has none."""
    color, r = _MARKS[side], 9.0
    if side:
        tip = y - side * 2 * r
        pen.polygon([(x, tip), (x - r, y), (x + r, y)], fill=color)
    else:
        pen.polygon([(x, y - r), (x - r, y), (x, y + r), (x + r, y)], fill=color)
