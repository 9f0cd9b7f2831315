"""A strategy as one configuration: read with every fault named, written in one form, hashed.

The hash is that of its canonical JSON, as every bot's is, so the same strategy has the same hash
wherever it is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from quant.account_classes import Structure
from record.canonical import canonical, digest
from tools_app.consensus import AGREEMENT, CONFIDENCE

FORMAT: Final = "pulse.strategy/1"
STRUCTURES: Final = (Structure.DEBIT_VERTICAL, Structure.CREDIT_VERTICAL, Structure.LONG_OPTION)
SIZINGS: Final = ("fixed", "volatility", "kelly")
MOST_TOOLS: Final = 20
_DAY: Final = 1_440.0


class ConfigError(ValueError):
    """A configuration that cannot be: `faults` has what to change by field."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {text}" for name, text in faults.items()))
        self.faults = dict(faults)


@dataclass(frozen=True, slots=True)
class EntryRules:
    """Which tools vote and when that is enough: see `tools_app.consensus`."""

    tools: tuple[int, ...]
    weights: Mapping[int, float] = field(default_factory=dict)
    vetoes: tuple[int, ...] = ()
    agreement: float = AGREEMENT
    confidence: float = CONFIDENCE


@dataclass(frozen=True, slots=True)
class StructureRules:
    """What is opened: legs by the size of their delta, at an expiry by its distance.

    Attributes
    ----------
    kind : str
        One of `STRUCTURES`.
    near, far : float
        |delta| of the leg nearer to the money, and of the one farther out.
    days, least_days, most_days : float
        Calendar days to the settlement: what is looked for, and its bounds.
    interest : float
        Least open interest of a leg.
    widest : float
        Most that half the width of the package's market may be, as a share of its middle.
    """

    kind: str = Structure.DEBIT_VERTICAL.value
    near: float = 0.50
    far: float = 0.30
    days: float = 2.0
    least_days: float = 0.5
    most_days: float = 7.0
    widest: float = 0.10
    interest: float = 100.0


@dataclass(frozen=True, slots=True)
class SizingRules:
    """How many: `share` of equity at risk; or so many ranges; or a share of the full Kelly bet.

    Attributes
    ----------
    kind : str
        "fixed", "volatility" or "kelly".
    share : float
        Of equity that a trade may lose; with "kelly" the share of the full bet.
    ranges : float
        With "volatility": the stop's distance in average true ranges.
    chance : float
        With "kelly": of winning, as it is believed.
    most : int
        Units at most.
    """

    kind: str = "fixed"
    share: float = 0.01
    ranges: float = 1.0
    chance: float = 0.5
    most: int = 10


@dataclass(frozen=True, slots=True)
class ExitRules:
    """When a trade is left, results as shares of what it can lose; None: this rule is off.

    Attributes
    ----------
    stop : float
        Loss; a hard stop is never off.
    trail, trail_from : float or None, float
        Fall from the best result, once that was at least `trail_from`.
    take : float or None
        Profit.
    minutes : float or None
        After the entry.
    before_close : float
        Minutes before the last trade or the session's close, whichever is first.
    """

    stop: float = 0.5
    trail: float | None = 0.3
    trail_from: float = 0.3
    take: float | None = 0.8
    minutes: float | None = 180.0
    before_close: float = 20.0


@dataclass(frozen=True, slots=True)
class PaceRules:
    """How often: trades of a session, minutes from one's end to the next, minutes for an entry."""

    trades: int = 5
    rest: float = 15.0
    patience: float = 2.0


@dataclass(frozen=True, slots=True)
class Config:
    """One version of a strategy."""

    symbol: str
    entry: EntryRules
    structure: StructureRules = field(default_factory=StructureRules)
    sizing: SizingRules = field(default_factory=SizingRules)
    exit: ExitRules = field(default_factory=ExitRules)
    pace: PaceRules = field(default_factory=PaceRules)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON that `read` takes."""
        entry = {
            **asdict(self.entry), "tools": list(self.entry.tools),
            "weights": {str(tool): weight for tool, weight in self.entry.weights.items()},
            "vetoes": list(self.entry.vetoes),
        }  # fmt: skip
        parts = {name: asdict(getattr(self, name)) for name in _PARTS}
        return {"format": FORMAT, "symbol": self.symbol, "entry": entry, **parts}

    @property
    def text(self) -> str:
        """Its canonical JSON."""
        return canonical(self.as_json()).decode()

    @property
    def hash(self) -> str:
        """SHA-256 of its canonical JSON."""
        return digest(self.as_json())


def read(given: Any, known_tools: Sequence[int] | None = None) -> Config:
    """Return the configuration that a value says; what it leaves out has its default.

    Parameters
    ----------
    given : object
        As `Config.as_json` gives it.
    known_tools : sequence of int, optional
        Tools that may be named; any without it.

    Raises
    ------
    ConfigError
        Naming every field that is wrong, as a path such as "exit/stop".
    """
    reader = _Reader(given)
    reader.only({"format", "symbol", "entry", *_PARTS})
    if reader.body.get("format", FORMAT) != FORMAT:
        reader.fault("format", f"give {FORMAT}")
    symbol = reader.body.get("symbol")
    if not (isinstance(symbol, str) and 0 < len(symbol.strip()) <= 12):
        reader.fault("symbol", "give the underlying, such as SPY")
        symbol = ""
    made = Config(
        symbol.strip().upper(), _entry(reader.part("entry"), known_tools),
        *(make(reader.part(name)) for name, make in _PARTS.items()),
    )  # fmt: skip
    if reader.faults:
        raise ConfigError(reader.faults)
    return made


def _entry(reader: _Reader, known_tools: Sequence[int] | None) -> EntryRules:
    reader.only({"tools", "weights", "vetoes", "agreement", "confidence"})
    tools = reader.numbers("tools")
    vetoes = reader.numbers("vetoes")
    if not 1 <= len(tools) <= MOST_TOOLS:
        reader.fault("tools", f"give 1 to {MOST_TOOLS} tools by their numbers")
    for name, some in (("tools", tools), ("vetoes", vetoes)):
        strange = [one for one in some if known_tools is not None and one not in known_tools]
        if strange:
            reader.fault(name, f"there is no tool {strange[0]} for you")
    if not set(vetoes) <= set(tools):
        reader.fault("vetoes", "give tools that are among the tools")
    elif tools and set(vetoes) == set(tools):
        reader.fault("vetoes", "leave one tool at least to vote")
    return EntryRules(
        tools, reader.weights(tools), vetoes,
        reader.number("agreement", AGREEMENT, 0.0, 1.0),
        reader.number("confidence", CONFIDENCE, 0.0, 1.0),
    )  # fmt: skip


def _structure(reader: _Reader) -> StructureRules:
    base = StructureRules()
    kind = reader.choice("kind", base.kind, [one.value for one in STRUCTURES])
    made = StructureRules(
        kind, reader.number("near", base.near, 0.02, 0.98),
        reader.number("far", base.far, 0.01, 0.97),
        reader.number("days", base.days, 0.0, 400.0),
        reader.number("least_days", base.least_days, 0.0, 400.0),
        reader.number("most_days", base.most_days, 0.0, 400.0),
        reader.number("widest", base.widest, 0.01, 0.5),
        reader.number("interest", base.interest, 0.0, 1e6),
    )  # fmt: skip
    reader.only_of(made)
    if made.kind != Structure.LONG_OPTION and made.far >= made.near:
        reader.fault("far", "give less than near: this leg is farther from the money")
    if not made.least_days <= made.days <= made.most_days:
        reader.fault("days", "give a number from least_days to most_days")
    return made


def _sizing(reader: _Reader) -> SizingRules:
    base = SizingRules()
    kind = reader.choice("kind", base.kind, SIZINGS)
    made = SizingRules(
        kind, reader.number("share", base.share, 0.0001, 0.5 if kind == "kelly" else 0.05),
        reader.number("ranges", base.ranges, 0.05, 10.0),
        reader.number("chance", base.chance, 0.0, 1.0),
        reader.whole("most", base.most, 1, 100),
    )  # fmt: skip
    reader.only_of(made)
    return made


def _exit(reader: _Reader) -> ExitRules:
    base = ExitRules()
    made = ExitRules(
        reader.number("stop", base.stop, 0.05, 1.0),
        reader.maybe("trail", base.trail, 0.05, 5.0),
        reader.number("trail_from", base.trail_from, 0.0, 10.0),
        reader.maybe("take", base.take, 0.05, 20.0),
        reader.maybe("minutes", base.minutes, 1.0, 30 * _DAY),
        reader.number("before_close", base.before_close, 5.0, 380.0),
    )  # fmt: skip
    reader.only_of(made)
    return made


def _pace(reader: _Reader) -> PaceRules:
    base = PaceRules()
    made = PaceRules(
        reader.whole("trades", base.trades, 1, 100),
        reader.number("rest", base.rest, 0.0, _DAY),
        reader.number("patience", base.patience, 1.0, 60.0),
    )
    reader.only_of(made)
    return made


_PARTS: Final[Mapping[str, Callable[[_Reader], Any]]] = {
    "structure": _structure,
    "sizing": _sizing,
    "exit": _exit,
    "pace": _pace,
}


class _Reader:
    """Reads the fields of one object and notes what is wrong with them."""

    def __init__(self, given: Any, faults: dict[str, str] | None = None, path: str = "") -> None:
        self.faults = {} if faults is None else faults
        self.path = path
        self.body: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
        if not isinstance(given, Mapping):
            self.faults[path.rstrip("/")] = "give an object"

    def part(self, name: str) -> _Reader:
        return _Reader(self.body.get(name, {}), self.faults, f"{self.path}{name}/")

    def fault(self, name: str, text: str) -> None:
        self.faults.setdefault(f"{self.path}{name}", text)

    def only(self, known: set[str]) -> None:
        for name in self.body:
            if name not in known:
                self.fault(str(name)[:40], f"there is no such field; there are {_list(known)}")

    def only_of(self, made: Any) -> None:
        self.only(set(asdict(made)))

    def number(self, name: str, default: float, least: float, most: float) -> float:
        value = self.body.get(name, default)
        fits = isinstance(value, int | float) and not isinstance(value, bool)
        if not fits or not least <= value <= most:  # false of NaN, too
            self.fault(name, f"give a number from {least:g} to {most:g}")
            return default
        return float(value)

    def maybe(self, name: str, default: float | None, least: float, most: float) -> float | None:
        if self.body.get(name, default) is None:
            return None
        return self.number(name, least if default is None else default, least, most)

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        value = self.number(name, float(default), float(least), float(most))
        if value != int(value):
            self.fault(name, "give a whole number")
        return int(value)

    def choice(self, name: str, default: str, known: Sequence[str]) -> str:
        value = self.body.get(name, default)
        if value not in known:
            self.fault(name, f"give one of {', '.join(known)}")
            return default
        return str(value)

    def numbers(self, name: str) -> tuple[int, ...]:
        """Return distinct whole numbers, ascending: their order says nothing."""
        value = self.body.get(name, [])
        fits = isinstance(value, list | tuple) and all(type(one) is int for one in value)
        if not fits or len(set(value)) != len(value):
            self.fault(name, "give a list of distinct numbers of tools")
            return ()
        return tuple(sorted(value))

    def weights(self, tools: Sequence[int]) -> dict[int, float]:
        """Return the weights that are not 1, which is what a tool without one has."""
        given = self.body.get("weights", {})
        named = {str(tool): tool for tool in tools}
        reader = _Reader(given, self.faults, f"{self.path}weights/")
        found = {}
        for name in reader.body:
            if name not in named:
                reader.fault(str(name)[:40], "give the number of one of the tools")
            elif (weight := reader.number(name, 1.0, 0.0, 10.0)) != 1.0:
                found[named[name]] = weight
        return dict(sorted(found.items()))


def _list(names: set[str]) -> str:
    return ", ".join(sorted(names))
