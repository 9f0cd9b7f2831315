"""What the path of a LEAN file says: security type, market, resolution, symbol, day, tick."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from market import occ
from market.clock import NEW_YORK
from market.importers import fields
from market.importers.context import RefusedError

OPTIONS: Final = {"option": "equity", "indexoption": "index", "futureoption": "future"}
BARS: Final = ("equity", "index", "crypto")
TICKS: Final = ("quote", "trade", "openinterest")
INTERVALS: Final = {"minute": 60, "hour": 3_600, "daily": 86_400}
_ZONES = {
    "cme": dt.UTC,  # the first trade of Sunday's file is at 23:00, when Globex opens in UTC
    "comex": dt.UTC,
    "eurex": ZoneInfo("Europe/Berlin"),
    "hkfe": ZoneInfo("Asia/Hong_Kong"),
    "india": ZoneInfo("Asia/Kolkata"),
    "usa": NEW_YORK,
}
_MINUTE = re.compile(
    r"(\d{8})_(trade|quote|openinterest)(?:_(american|european))?\.zip(?:\.zip)?", re.ASCII
)
_LONG = re.compile(
    r"([a-z0-9.]+?)(?:_(\d{4}))?(?:_(trade|quote|openinterest))?(?:_(american|european))?\.zip",
    re.ASCII,
)
_MEMBER = re.compile(
    r"(?:(\d{8})_)?([a-z0-9.]+)_(?:minute_|hour_|daily_)?(quote|trade|openinterest)"
    r"_(american|european)_([a-z]+)_(\d+)_(\d{8})\.csv",
    re.ASCII,
)
_MULTIPLIERS = {"ES": 50.0}


@dataclass(frozen=True, slots=True)
class LeanFile:
    """One zip file of a LEAN data folder."""

    path: Path
    security: str
    market: str
    resolution: str
    ticker: str
    tick: str
    day: dt.date | None
    american: bool | None

    @property
    def interval(self) -> int:
        """Seconds of a bar."""
        return INTERVALS[self.resolution]

    @property
    def zone(self) -> dt.tzinfo:
        """Zone of the file's wall clock."""
        return dt.UTC if self.security == "crypto" else _ZONES.get(self.market, NEW_YORK)

    @property
    def scale(self) -> float:
        """Units of a price: 1/10,000 for equities and their options and for index options."""
        return 1e4 if self.security in ("equity", "option", "indexoption") else 1.0

    @property
    def symbol(self) -> str:
        """Symbol of the instrument, or of the underlying of the options."""
        ticker = self.ticker.upper()
        if self.security in OPTIONS:
            return occ.rule(ticker).underlying
        return f"{self.market.upper()}:{ticker}" if self.security == "crypto" else ticker

    @property
    def multiplier(self) -> float:
        """Units of the underlying per contract."""
        return _MULTIPLIERS.get(self.ticker.upper(), 100.0)

    @property
    def group(self) -> tuple[str, str, str, str, dt.date | None, Path]:
        """What the files of one chain and span have in common."""
        place = self.path.parent
        return (self.security, self.market, self.resolution, self.ticker, self.day, place)


def understand(path: Path) -> LeanFile:
    """Return what a path says; RefusedError when it is not the path of a LEAN file."""
    parts = [part.lower() for part in path.resolve().parts]
    types = [place for place, part in enumerate(parts) if part in (*OPTIONS, *BARS)]
    if not types or len(parts) < types[-1] + 4 or parts[types[-1] + 2] not in INTERVALS:
        raise RefusedError(
            "file", "is not in a LEAN folder (type/market/resolution/...)", path.name
        )
    at = types[-1]
    security, market, resolution = parts[at : at + 3]
    if resolution == "minute":
        match = _MINUTE.fullmatch(parts[-1])
        if match is None or len(parts) < at + 5:
            raise RefusedError("file", "is not named like a LEAN minute file", path.name)
        day = fields.date(match[1], "file")
        ticker, tick, style = parts[at + 3], match[2], match[3]
    else:
        match = _LONG.fullmatch(parts[-1])
        if match is None:
            raise RefusedError("file", "is not named like a LEAN file", path.name)
        day, ticker, tick, style = None, match[1], match[3] or "trade", match[4]
    if (security in OPTIONS) != (style is not None):
        raise RefusedError("file", "has an exercise style that its type does not", path.name)
    american = None if style is None else style == "american"
    return LeanFile(path, security, market, resolution, ticker, tick, day, american)


def contract_of(member: str, file: LeanFile) -> occ.Contract:
    """Return the contract that a member of an option zip is about."""
    match = _MEMBER.fullmatch(member.lower())
    if match is None:
        raise RefusedError("member", "is not named like a contract's file", member)
    day, ticker, tick, style, right, strike, expiry = match.groups()
    if file.day is not None and day is not None and fields.date(day, "member") != file.day:
        raise RefusedError("member", "is of another day than its zip file", member)
    if (ticker, tick, style == "american") != (file.ticker, file.tick, file.american):
        raise RefusedError("member", "is of another symbol, tick or style than its zip", member)
    call = fields.right(right, "right")
    thousandths, rest = divmod(int(strike), 10)
    if rest:
        raise RefusedError("strike", "is not a whole number of thousandths", strike)
    try:
        expires = fields.date(expiry, "expiry")
        return occ.Contract(ticker.upper(), expires, "C" if call else "P", thousandths)
    except occ.OccError as error:
        raise RefusedError("member", str(error), member) from error


def siblings(file: LeanFile) -> list[Path]:
    """Return the files that complete an option day: its other ticks, the underlying's bars."""
    if file.security not in OPTIONS or file.day is None:
        return []
    found = [
        path
        for tick in TICKS
        for path in sorted(file.path.parent.glob(f"{file.day:%Y%m%d}_{tick}_*"))
    ]
    root = file.path.resolve().parents[4]  # type/market/resolution/ticker/file
    folder = root / OPTIONS[file.security] / file.market / "minute" / file.symbol.lower()
    found += [folder / f"{file.day:%Y%m%d}_{tick}.zip" for tick in ("trade", "quote")]
    return [path for path in found if path.is_file()]
