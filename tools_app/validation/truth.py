"""Does a validation find what is there, and nothing where nothing is?

With the effects on, the tools below must recover what the simulator plants; with the effects off
no family of tools may look significant more often than the level of its test; with the effects
reversed, the sign of what they find reverses, where it can.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from market.frames import Kind
from quant.performance import wilson
from tools_app.validation.blocks import Tally
from tools_app.validation.table import family_p, ratio

FOUND, SILENT = 2.0, 4.0
"""Standard errors from which an effect is recovered, and below which a null is silent."""
LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class Expected:
    """A tool that must recover a planted effect, and why its sign stays where it cannot reverse."""

    tool_id: int
    effect: str
    stays: str = ""


EXPECTED = (
    Expected(
        6,
        "moves extend under short dealer gamma",
        "reversed, the long gamma that is left after a broken pin extends moves instead",
    ),
    Expected(7, "hedging of charm pulls spot"),
    Expected(8, "hedging of vanna pushes spot after volatility moved"),
    Expected(9, "moves extend under short dealer gamma"),
    Expected(10, "moves extend under short dealer gamma"),
    Expected(
        12,
        "spot is drawn to heavy long-gamma strikes",
        "reversed, spot runs from the strike to either side, and the tool reads towards it",
    ),
    Expected(13, "short gamma and vanna together"),
    Expected(14, "quiet is followed by a storm"),
    Expected(1, "trends persist from session to session"),
    Expected(3, "falling liquidity is followed by losses"),
    Expected(4, "funds that target volatility sell after it rose"),
    Expected(5, "when correlation breaks upward, the fall goes on"),
)
"""What is planted, and who must find it."""

TOO_WEAK = {
    11: "the vacuum is planted, but its break is seldom and its edge within a basis point",
    15: "the purchase is planted, but spot reaches the zone too seldom to tell",
}
"""Tools that read a planted condition whose effect is too small to be demanded."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one tool found, in standard errors, with the effects on, off and reversed.

    A tool without a side is measured against the same days with the effects off; its null then
    has no figure of its own (NaN).
    """

    expected: Expected
    on: float
    off: float
    reversed: float

    @property
    def recovered(self) -> bool:
        """Whether the effect is found where it is."""
        return self.on > FOUND

    @property
    def silent(self) -> bool:
        """Whether nothing is found where nothing is."""
        return math.isnan(self.off) or abs(self.off) < SILENT

    @property
    def reverses(self) -> bool | None:
        """Whether the sign reverses; None where it cannot."""
        return None if self.expected.stays else self.reversed < -FOUND

    @property
    def holds(self) -> bool:
        """Whether all of it is as expected."""
        return self.recovered and self.silent and self.reverses is not False


def findings(
    on: Mapping[int, Tally], off: Mapping[int, Tally], reverse: Mapping[int, Tally]
) -> list[Finding]:
    """Return what every expected tool among those given found."""
    found = []
    for expected in EXPECTED:
        if expected.tool_id not in on:
            continue
        one, null, other = (part[expected.tool_id] for part in (on, off, reverse))
        found.append(
            Finding(expected, _score(one), _score(null), _score(other))
            if null.sided
            else Finding(expected, _score(one, null), math.nan, _score(other, null))
        )
    return found


def _score(tally: Tally, null: Tally | None = None) -> float:
    """Return the gain a signal before costs, less the null's, in standard errors over paths."""
    value, error = ratio(tally.gross, tally.signals)
    if null is not None:
        less, other = ratio(null.gross, null.signals)
        value, error = value - less, math.hypot(error, other)
    return value / error if error > 0.0 else math.nan


@dataclass(frozen=True, slots=True)
class FamilyRate:
    """How often a family of worthless tools looked significant, after correction for all tries."""

    significant: int
    families: int

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the rate."""
        return wilson(self.significant, self.families)


def family_rate(chances: Iterable[float]) -> FamilyRate:
    """Count the families whose best tool looked significant at `LEVEL`."""
    known = [chance for chance in chances if math.isfinite(chance)]
    return FamilyRate(sum(chance < LEVEL for chance in known), len(known))


def null_families(
    tallies: Mapping[Kind, Sequence[Tally]], families: int, *, draws: int = 1000
) -> list[float]:
    """Return the chance that SPA gives the best of all tools, for each of many families.

    Each family is all tools on its own share of the paths, which are independent of all others.
    Tools of minutes and of days are one family: twice the smaller of their two chances, at most 1.
    """
    found = []
    for number in range(families):
        chances = []
        for same in tallies.values():
            paths = same[0].signals.size
            span = slice(number * paths // families, (number + 1) * paths // families)
            chances.append(family_p([part_of(tally, span) for tally in same], number, draws))
        known = [chance for chance in chances if math.isfinite(chance)]
        found.append(min(1.0, len(known) * min(known)) if known else math.nan)
    return found


def part_of(tally: Tally, span: slice) -> Tally:
    """Return what a tool did on some of the paths; scores and sides are those of all."""
    arrays = {
        name: getattr(tally, name)[span] for name in ("signals", "wins", "gain", "gross", "base")
    }
    return replace(tally, **arrays)
