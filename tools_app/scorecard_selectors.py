"""Reads of scorecards. Badge and sample size are for all, values for whom the tool is open."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from market.payloads import moment
from tools_app.badges import Badge
from tools_app.consensus import Reliability
from tools_app.contract import Tool
from tools_app.models import Scorecard
from tools_app.payloads import Payload, tool_ref
from tools_app.registry import catalogue
from tools_app.selectors import opened_tiers

Source = Scorecard.Source
ENOUGH = 30
"""Signals from which a source speaks for a tool."""
PREFERRED = (Source.LIVE, Source.REPLAYED, Source.SIMULATED)
SAMPLE = ("signals", "sessions", "sessions_with_signals", "left_out")
"""Figures that say how much there is and nothing of what it shows."""


def scorecards_for(
    user: Any, *, source: str = "", badge: str = "", symbol: str = ""
) -> list[Payload]:
    """Return the scorecards of all tools, in the order of the catalogue and the sources.

    Parameters
    ----------
    user
        What the plan does not open is left out of the figures.
    source, badge : str
        Only these; blank for all.
    symbol : str
        Blank for the cards of all symbols together.
    """
    cards = _cards(symbol=symbol)
    tiers = opened_tiers(user)
    found = [
        _payload(tool, card, opened=tool.tier in tiers)
        for tool in catalogue()
        for card in _of(cards, tool.id)
    ]
    return [
        card
        for card in found
        if (not source or card["source"] == source) and (not badge or card["badge"] == badge)
    ]


def scorecard_of(tool: Tool, user: Any, *, symbol: str = "") -> list[Payload]:
    """Return a tool's scorecard of each source, live first; a source without a record is empty."""
    opened = tool.tier in opened_tiers(user)
    cards = {card.source: card for card in _of(_cards(symbol=symbol, tools=[tool.id]), tool.id)}
    return [
        _payload(tool, cards[source], opened=opened) if source in cards else _empty(tool, source)
        for source in PREFERRED
    ]


def badges() -> dict[int, Payload]:
    """Return each tool's badge with the source that it was earned on.

    It is the badge of the most real source that has enough signals: live before replayed before
    simulated. What earned it in simulation only is called that.
    """
    cards = _cards()
    return {tool.id: _badge(_of(cards, tool.id)) for tool in catalogue()}


def badge_of(tool: Tool) -> Payload:
    """Return one tool's badge, as `badges` gives it."""
    return _badge(_of(_cards(tools=[tool.id]), tool.id))


def reliability_of(tool_ids: Sequence[int], symbol: str = "") -> dict[int, Reliability]:
    """Return how reliable tools are: live before replayed before simulated, where enough is known.

    A symbol's own record stands before that of all symbols in the same source. Without enough
    signals anywhere, the record with the most of them is given, which its prior keeps near 0.5.
    """
    own = _cards(symbol=symbol, tools=tool_ids) if symbol else {}
    whole = _cards(tools=tool_ids)
    return {
        tool_id: _reliability([*_of(own, tool_id), *_of(whole, tool_id)]) for tool_id in tool_ids
    }


def _reliability(cards: Sequence[Scorecard]) -> Reliability:
    real = sorted(cards, key=lambda card: PREFERRED.index(Source(card.source)))
    enough = [card for card in real if card.figures["signals"] >= ENOUGH]
    most = max(cards, key=_signals, default=None)
    chosen = enough[0] if enough else most
    if chosen is None or not _signals(chosen):
        return Reliability()
    return Reliability(
        float(chosen.figures["reliability"]["value"]), _signals(chosen), chosen.source
    )


def _badge(cards: Iterable[Scorecard]) -> Payload:
    for card in cards:
        if _signals(card) >= ENOUGH:
            return {"badge": card.badge, "source": card.source, "signals": _signals(card)}
    return {"badge": Badge.UNPROVEN.value, "source": None, "signals": 0}


def _signals(card: Scorecard) -> int:
    return int(card.figures["signals"])


Cards = dict[tuple[int, str], Scorecard]


def _cards(*, symbol: str = "", tools: Sequence[int] | None = None) -> Cards:
    """Return the card of each tool and source."""
    query = Scorecard.objects.filter(symbol=symbol.strip().upper())
    if tools is not None:
        query = query.filter(tool_id__in=tools)
    return {(card.tool_id, card.source): card for card in query}


def _of(cards: Cards, tool_id: int) -> list[Scorecard]:
    return [cards[tool_id, source] for source in PREFERRED if (tool_id, source) in cards]


def _payload(tool: Tool, card: Scorecard, *, opened: bool) -> Payload:
    return {
        **_head(tool, card.source, opened=opened),
        "symbol": card.symbol or None,
        "as_of": None if card.as_of is None else card.as_of.isoformat(),
        "computed": moment(card.computed),
        "badge": card.badge,
        **{name: card.figures[name] for name in SAMPLE},
        "criterion": card.criterion if opened else None,
        "figures": card.figures if opened else None,
    }


def _empty(tool: Tool, source: Scorecard.Source) -> Payload:
    return {
        **_head(tool, source, opened=True),
        "badge": Badge.UNPROVEN.value,
        **dict.fromkeys(SAMPLE, 0),
        "criterion": None,
        "figures": None,
    }


def _head(tool: Tool, source: str, *, opened: bool) -> Payload:
    return {
        "tool": tool_ref(tool),
        "source": source,
        "source_name": Source(source).label,
        "locked": not opened,
        "opens_with": None if opened else tool.tier.value,
    }
