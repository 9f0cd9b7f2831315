"""A small SVG writer: fluid figures whose text never shrinks, themed by classes alone.

Horizontal places are percentages of the figure's width and vertical ones are pixels, so one
figure serves a phone and a wide screen with the same type size. Labels stand outside, in the
gutters that the style sheet leaves beside the figure. Lines and areas sit in an inner
drawing that stretches; `vector-effect` keeps their stroke. No `style` is written: the content
security policy forbids it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from math import ceil, floor, isfinite, log10
from typing import Final

STRETCH: Final = 1000  # width of a stretched drawing, in its own units


def tag(name: str, *children: str, **attributes: object) -> str:
    """Return one element; `class_` and `text_anchor` become `class` and `text-anchor`."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_plain(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    body = "".join(children)
    return f"<{name}{written}>{body}</{name}>" if body else f"<{name}{written}/>"


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return str(value)


def text(content: str, **attributes: object) -> str:
    """Return a text element with its content escaped."""
    return tag("text", escape(content, quote=False), **attributes)


def percent(share: float) -> str:
    """Return a share of the width as SVG writes it."""
    return _plain(float(share) * 100) + "%"


def figure(label: str, *children: str, height: float, kind: str) -> str:
    """Return a whole figure: an image with `label` as its name."""
    return tag(
        "svg",
        *children,
        class_=f"fig fig-{kind}",
        role="img",
        aria_label=label,
        width="100%",
        height=height,
        xmlns="http://www.w3.org/2000/svg",
    )


def stretched(*children: str, height: float) -> str:
    """Return a drawing `STRETCH` wide that fills its place whatever its shape."""
    return tag(
        "svg",
        *children,
        width="100%",
        height=height,
        viewBox=f"0 0 {STRETCH} {_plain(float(height))}",
        preserveAspectRatio="none",
    )


def path(points: Iterable[tuple[float, float]], *, close: bool = False) -> str:
    """Return the `d` of a line through `points`."""
    written = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return f"M{written}{'Z' if close else ''}" if written else ""


def scaled(value: float, low: float, high: float) -> float:
    """Return where `value` lies between `low` and `high`, 0 to 1 for values inside."""
    return 0.5 if high == low else (value - low) / (high - low)


def nice_ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Return round values between `low` and `high`, about `about` of them."""
    width = high - low
    if not isfinite(width) or width <= max(abs(low), abs(high), 1e-291) * 1e-9:
        return [low]
    raw = width / max(1, about)
    power = 10.0 ** floor(log10(raw))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= raw * (1 - 1e-9))
    return [n * step for n in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]


def apart(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Return `places` moved as little as keeps them `gap` apart within `low` to `high`."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    moved = list(places)
    below = low - gap
    for index in order:
        moved[index] = max(places[index], below + gap)
        below = moved[index]
    above = high + gap
    for index in reversed(order):
        moved[index] = min(moved[index], above - gap)
        above = moved[index]
    return moved
