"""What a table says in a sentence, by its numbers alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tools_app.validation.table import LEAST_SIGNALS

BY_LUCK: Final = 0.025
"""Share of worthless tools that lie above both of their 95 % intervals by luck, at the most."""
UNLIKELY: Final = 0.05
_STARTS: Final = {
    "on": "With the effects on",
    "off": "With the effects off",
    "reversed": "With the effects reversed",
}
Line = Mapping[str, Any]


def summary(effect: str, lines: Sequence[Line]) -> str:
    """Return what the lines of a run say together."""
    counts = Counter(line["verdict"] for line in lines if line["sided"])
    judged = sum(counts.values()) - counts["too few"]
    if not judged:
        said = (
            f"{_STARTS[effect]} nothing can be said yet: no tool with a side gave "
            f"{LEAST_SIGNALS} signals. More paths give more."
        )
    elif effect == "off":
        said = _with_nothing_planted(counts["edge"], counts["unproven"], judged)
    else:
        said = _with_effects(effect, counts, judged)
    return " ".join([said, *_left_out(lines)])


def _tools(count: int) -> str:
    return "1 tool" if count == 1 else f"{count} tools"


def _with_nothing_planted(edge: int, ahead: int, judged: int) -> str:
    start, luck = _STARTS["off"], _luck(judged)
    if edge:
        shows = "1 tool shows an edge" if edge == 1 else f"{edge} tools show an edge"
        return (
            f"{start} {shows} all the same, of {_tools(judged)} with a side. {luck} So what such a "
            "tool shows with the effects on cannot be put down to them."
        )
    said = f"{start} no tool shows an edge, of {_tools(judged)} with a side."
    if not ahead:
        return f"{said} None wins above its base rate and gains after costs, either."
    looks = "1 looks" if ahead == 1 else f"{ahead} look"
    return f"{said} {looks} ahead before the number of tries is counted. {luck}"


def _luck(judged: int) -> str:
    return (
        f"By luck alone, up to {BY_LUCK * judged:.1f} of {judged} would look ahead, and hardly one "
        "would pass as an edge."
    )


def _with_effects(effect: str, counts: Mapping[str, int], judged: int) -> str:
    edge = counts.get("edge", 0)
    parts = [f"{edge} tools show an edge" if edge > 1 else f"{edge or 'no'} tool shows an edge"]
    for verdict, one, more in (
        ("unproven", "is ahead but not proven", "are ahead but not proven"),
        ("loses", "loses", "lose"),
    ):
        if count := counts.get(verdict, 0):
            parts.append(f"{count} {one if count == 1 else more}")
    return f"{_STARTS[effect]} {', '.join(parts)}, of {_tools(judged)} with a side."


def _left_out(lines: Sequence[Line]) -> list[str]:
    few = sum(line["verdict"] == "too few" for line in lines)
    sideless = sum(line["verdict"] == "compare" for line in lines)
    said = []
    if few:
        says = "1 tool says" if few == 1 else f"{few} tools say"
        said.append(f"{says} nothing, with fewer than {LEAST_SIGNALS} signals.")
    if sideless:
        are = (
            "1 tool without a side is" if sideless == 1 else f"{sideless} tools without a side are"
        )
        said.append(f"{are} judged only between runs with the effects on and off.")
    return said


def family_words(p: float | None) -> str:
    """Say what the test of a whole family found."""
    if p is None:
        return "There is nothing to test: no tool with a side gave signals."
    said = (
        "Were all tools with a side worthless, the best of them would look as good with "
        f"probability {_probability(p)}."
    )
    return said if p >= UNLIKELY else f"{said} Luck is an unlikely reason."


def _probability(p: float) -> str:
    return "below 0.001" if p < 0.001 else f"{p:.3f}"
