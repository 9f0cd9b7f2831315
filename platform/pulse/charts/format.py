"""Numbers and times as traders read them; the browser's `format.js` follows the same rules.

A missing number is "-", never 0. The minus is the real sign, so that columns align.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

MISSING: Final = "-"
MINUS: Final = "\N{MINUS SIGN}"
NEW_YORK: Final = ZoneInfo("America/New_York")
_STEPS: Final = ((1e12, "tn"), (1e9, "bn"), (1e6, "m"), (1e3, "k"))


def finite(value: Any) -> float | None:
    """Return `value` as a finite float, or None."""
    if value is None or isinstance(value, bool):
        return None
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None


def number(value: Any, places: int = 2, *, plus: bool = False) -> str:
    """Return `value` with `places` decimals and thousands apart."""
    found = finite(value)
    if found is None:
        return MISSING
    found = round(found, places)
    sign = MINUS if found < 0 else "+" if plus and found > 0 else ""
    return f"{sign}{abs(found):,.{places}f}"


def short(value: Any, *, plus: bool = False, digits: int = 3) -> str:
    """Return `value` in thousands, millions or billions with `digits` digits: `2.41bn`."""
    found = finite(value)
    if found is None:
        return MISSING
    for step, name in _STEPS:
        if abs(found) >= step * (1 - 0.5 * 10.0**-digits):
            return number(found / step, _places(found / step, digits), plus=plus) + name
    return number(found, _places(found, digits), plus=plus)


def _places(value: float, digits: int) -> int:
    """Return the decimals that leave `digits` digits in all."""
    whole = len(str(int(abs(value) * (1 + 0.5 * 10.0**-digits))))
    return max(0, digits - whole)


def significant(value: Any, digits: int = 3) -> str:
    """Return `value` with `digits` significant digits, small ones as a power of ten."""
    found = finite(value)
    if found is None:
        return MISSING
    if found == 0:
        return "0"
    size = math.floor(math.log10(abs(found)))
    if size >= 5:
        return short(found)
    if size < -4:
        mantissa, power = f"{abs(found):.{digits - 2}e}".split("e")
        sign = MINUS if found < 0 else ""
        return f"{sign}{mantissa}e{MINUS if int(power) < 0 else ''}{abs(int(power))}"
    return number(found, max(0, digits - 1 - size))


def percent(value: Any, places: int = 2, *, plus: bool = False) -> str:
    """Return `value`, already in percent, with its sign."""
    found = number(value, places, plus=plus)
    return found if found == MISSING else found + "%"


def side(value: Any) -> str:
    """Return the class of a number's sign."""
    found = finite(value)
    return "" if not found else "up" if found > 0 else "down"


def instant(value: Any) -> datetime | None:
    """Return an aware instant from a datetime or an ISO 8601 text."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def eastern(value: Any, pattern: str = "%H:%M:%S") -> str:
    """Return an instant on New York's clock."""
    found = instant(value)
    return found.astimezone(NEW_YORK).strftime(pattern) if found else MISSING


def span(minutes: Any) -> str:
    """Return a number of minutes as `1:27` hours and minutes."""
    found = finite(minutes)
    if found is None:
        return MISSING
    whole = max(0, round(found))
    return f"{whole // 60}:{whole % 60:02d}"


def age(seconds: Any) -> str:
    """Return an age in the largest unit that says enough."""
    found = finite(seconds)
    if found is None:
        return MISSING
    if found < 90:
        return f"{found:.0f} s"
    if found < 5400:
        return f"{found / 60:.0f} min"
    return f"{found / 3600:.0f} h" if found < 172_800 else f"{found / 86_400:.0f} days"
