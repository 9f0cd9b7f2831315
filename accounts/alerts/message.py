"""What a message says, made once from a payload; each kind of channel dresses it its own way."""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from zoneinfo import ZoneInfo

from accounts.alerts.rules import source_of

NEW_YORK: Final = ZoneInfo("America/New_York")
LISTED: Final = 20
"""Signals that a digest names; it counts the others."""
SOURCE_WORDS: Final = {
    "simulated": "Simulated market",
    "replay": "Replay of a recorded day",
    "live": "Live market",
}
_RESULTS: Final = {
    "stop": "the stop was reached first",
    "target": "the target was reached first",
    "horizon": "neither stop nor target was reached within the horizon",
    "unknown": "not known, the run ended before the horizon",
}
HYPOTHETICAL: Final = "A signal of a rule, not advice. Hypothetical: no order was placed."

Payload = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its identity, its words, and the series behind its picture."""

    id: str
    type: str
    title: str
    source: str = ""
    side: int = 0
    facts: tuple[tuple[str, str], ...] = ()
    lines: tuple[str, ...] = ()
    link: str = ""
    series: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    data: Payload = field(default_factory=dict)

    @property
    def foot(self) -> str:
        """The source and what the message is not."""
        return f"{self.source}. {HYPOTHETICAL}" if self.source else "Pulse alerts."

    @property
    def text(self) -> str:
        """All of it as plain text."""
        facts = [f"{name}: {value}" for name, value in self.facts]
        parts = (self.title, "\n".join(facts), "\n".join(self.lines), self.link, self.foot)
        return "\n\n".join(filter(None, parts))

    def chart(self) -> bytes | None:
        """Draw the recent prices with the signal as a PNG; None when there are too few."""
        from accounts.alerts import chart

        return chart.draw(self.series, side=self.side, title=self.title)


def identity(key: str) -> str:
    """Return the id under which a message goes out, the same at every try."""
    return "msg_" + hashlib.sha256(key.encode()).hexdigest()[:32]


def of_signal(key: str, signal: Payload, *, site: str = "") -> Message:
    """Return the message of a signal."""
    return Message(
        id=identity(key),
        type="signal.created",
        title=_headline(signal),
        source=SOURCE_WORDS[source_of(signal)],
        side=signal["side"],
        facts=_facts(signal),
        lines=tuple(str(reason["text"]) for reason in signal["reasons"]),
        link=_link(site, signal),
        series=signal.get("prices") or {},
        data=_data(signal),
    )


def of_outcome(key: str, signal: Payload, *, site: str = "") -> Message:
    """Return the message that says what became of a signal."""
    outcome = signal["outcome"]
    horizon = outcome["horizon"]
    facts = [
        ("At the signal", _price(signal["price"])),
        ("At the end", _price(outcome["price"])),
        ("Change in its direction", _percent(outcome["gain"])),
    ]
    if signal["side"]:
        facts += [("Best", _percent(outcome["best"])), ("Worst", _percent(outcome["worst"]))]
    else:
        facts[-1] = ("Moved more than usual by", _percent(outcome["gain"]))
    facts.append(("Horizon", f"{horizon['value']} {horizon['unit']}"))
    return Message(
        id=identity(key),
        type="signal.outcome",
        title=f"What came of it: {_headline(signal)}",
        source=SOURCE_WORDS[source_of(signal)],
        side=signal["side"],
        facts=tuple(facts),
        lines=(f"Result: {_RESULTS[outcome['result'] or 'unknown']}.",),
        link=_link(site, signal),
        data=_data(signal),
    )


def of_digest(key: str, parts: Sequence[Payload], *, site: str = "") -> Message:
    """Return one message for several; each part is a payload with its `told` kind."""
    lines = [
        f"{clock_of(part['time'])} {'ended, ' if part['told'] == 'outcome' else ''}"
        f"{_headline(part)}, {_summary(part)}"
        for part in parts[:LISTED]
    ]
    if len(parts) > LISTED:
        lines.append(f"and {len(parts) - LISTED} more")
    sources = dict.fromkeys(SOURCE_WORDS[source_of(part)] for part in parts)
    return Message(
        id=identity(key),
        type="digest",
        title=f"{len(parts)} messages since the last digest",
        source=", ".join(sources),
        lines=tuple(lines),
        link=f"{site}/account/alerts/" if site else "",
        data={"parts": [_data(part) for part in parts]},
    )


def of_test(key: str, name: str, *, site: str = "") -> Message:
    """Return the message of the send-test button."""
    return Message(
        id=identity(key),
        type="test",
        title="Test of your alert channel",
        lines=(f"The channel {name} works. Signals that your rules name will arrive here.",),
        link=f"{site}/account/alerts/" if site else "",
        data={"channel": name},
    )


def of_warning(key: str, given: Payload, *, site: str = "") -> Message:
    """Return the message that warns of what somebody holds."""
    return Message(
        id=identity(key),
        type="position.warning",
        title=given["title"],
        lines=(given["text"],),
        link=f"{site}{given['path']}" if site else "",
        data=dict(given),
    )


def _headline(signal: Payload) -> str:
    tool = signal["tool"]
    return f"{tool['id']:02d} {tool['name']}: {signal['symbol']} {_side(signal)}"


def _side(signal: Payload) -> str:
    if signal["side"]:
        return "long" if signal["side"] > 0 else "short"
    return {1: "long volatility", -1: "short volatility"}.get(signal["volatility"], "warning")


def _facts(signal: Payload) -> tuple[tuple[str, str], ...]:
    outcome = signal.get("outcome") or {}
    facts = [
        ("Score", f"{signal['score']:.2f} (fires at {signal['threshold']:.2f})"),
        ("Spot", _price(signal["price"])),
        ("Market time", clock_of(signal["time"])),
    ]
    if outcome.get("stop") is not None and outcome.get("target") is not None:
        facts.append(
            ("Measured against", f"stop {outcome['stop']:.2f}, target {outcome['target']:.2f}")
        )
    facts += [
        (str(item["label"]), f"{_large(item['value'])} {item['unit']}".strip())
        for item in signal.get("greeks") or ()
        if item["value"] is not None
    ]
    return tuple(facts)


def _summary(part: Payload) -> str:
    if part["told"] == "outcome":
        outcome = part["outcome"]
        return f"{outcome['result'] or 'unknown'}, {_percent(outcome['gain'])}"
    return f"score {part['score']:.2f}, spot {_price(part['price'])}"


def _data(signal: Payload) -> Payload:
    return {name: value for name, value in signal.items() if name not in ("prices", "told")}


def _link(site: str, signal: Payload) -> str:
    return f"{site}/tools/{signal['tool']['slug']}/" if site else ""


def clock_of(time: str) -> str:
    """Return an instant on New York's clock."""
    return f"{dt.datetime.fromisoformat(time).astimezone(NEW_YORK):%Y-%m-%d %H:%M} ET"


def _price(value: float | None) -> str:
    return "not known" if value is None else f"{value:,.2f}"


def _percent(value: float | None) -> str:
    """Say a log return as the percentage that it is."""
    return "not known" if value is None else f"{100.0 * math.expm1(value):+.2f} %"


def _large(value: float) -> str:
    for size, word in ((1e9, "bn"), (1e6, "m"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:,.2f} {word}"
    return f"{value:,.2f}"
