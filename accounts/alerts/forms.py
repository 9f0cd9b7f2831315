"""The form of a rule; what a channel asks for stands with its kind."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final
from zoneinfo import available_timezones

from django import forms

from accounts.alerts.models import AlertChannel, AlertRule
from accounts.alerts.rules import DIGESTS, SOURCES
from accounts.alerts.tools import ListedTool
from accounts.alerts.wording import SIDES, SOURCE_NAMES, minutes

MOST_SYMBOLS: Final = 50
_SYMBOL: Final = re.compile(r"[A-Z0-9.^/-]{1,32}")
_PAIRS: Final = (("session_from", "session_to"), ("quiet_from", "quiet_to"))


class RuleForm(forms.Form):
    """What a rule wants, where it tells and when."""

    name = forms.CharField(max_length=60, label="Name")
    channels = forms.MultipleChoiceField(label="Send to", widget=forms.CheckboxSelectMultiple)
    tools = forms.TypedMultipleChoiceField(
        label="Tools", coerce=int, required=False, widget=forms.CheckboxSelectMultiple
    )
    symbols = forms.CharField(
        label="Symbols",
        required=False,
        max_length=600,
        help_text="SPY, QQQ; leave it empty for all.",
    )
    sides = forms.TypedMultipleChoiceField(
        label="Sides",
        coerce=int,
        required=False,
        choices=[(side, name.capitalize()) for side, name in SIDES.items()],
        widget=forms.CheckboxSelectMultiple,
    )
    sources = forms.MultipleChoiceField(
        label="Signals of",
        choices=[(source, SOURCE_NAMES[source].capitalize()) for source in SOURCES],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one source."},
    )
    least_score = forms.FloatField(
        label="Least score", min_value=0.0, max_value=1.0, help_text="0 takes every signal."
    )
    session_from = forms.TimeField(label="Market time from", required=False)
    session_to = forms.TimeField(label="Market time to", required=False)
    quiet_from = forms.TimeField(label="Quiet from", required=False)
    quiet_to = forms.TimeField(label="Quiet to", required=False)
    time_zone = forms.CharField(label="Time zone of the quiet hours", max_length=64)
    digest_minutes = forms.TypedChoiceField(
        label="Send",
        coerce=int,
        choices=[(n, f"A digest every {minutes(n)}" if n else "At once") for n in DIGESTS],
    )
    follow_up = forms.BooleanField(label="Also say what came of each signal", required=False)

    def __init__(
        self,
        *args: Any,
        own: Iterable[AlertChannel],
        listed: Iterable[ListedTool],
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        channels, tools = self.fields["channels"], self.fields["tools"]
        channels.choices = [(str(row.pk), row.name) for row in own]  # type: ignore[attr-defined]
        channels.error_messages["required"] = "Choose at least one channel."
        tools.choices = [  # type: ignore[attr-defined]
            (tool.id, f"{tool.id:02d} {tool.name}") for tool in listed
        ]

    def clean_symbols(self) -> list[str]:
        """Return the symbols in capitals, each once."""
        words = re.split(r"[,;\s]+", self.cleaned_data["symbols"].upper())
        symbols = list(dict.fromkeys(filter(None, words)))
        bad = [word for word in symbols if not _SYMBOL.fullmatch(word)]
        if bad:
            raise forms.ValidationError(f"{bad[0]} is no symbol; write them as SPY, QQQ.")
        if len(symbols) > MOST_SYMBOLS:
            raise forms.ValidationError(f"Give at most {MOST_SYMBOLS} symbols.")
        return symbols

    def clean_time_zone(self) -> str:
        """Return a time zone that the platform knows."""
        zone = str(self.cleaned_data["time_zone"])
        if zone not in available_timezones():
            raise forms.ValidationError("Choose a time zone of the list, Europe/Berlin say.")
        return zone

    def clean(self) -> dict[str, Any]:
        """Hours have both ends or none."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        for start, end in _PAIRS:
            if (values.get(start) is None) != (values.get(end) is None):
                missing = end if values.get(end) is None else start
                if missing not in self.errors:
                    self.add_error(missing, "Give both ends, or leave both empty.")
        return values

    def values(self) -> dict[str, Any]:
        """Return the fields of the rule."""
        kept = {name: value for name, value in self.cleaned_data.items() if name != "channels"}
        # Everything chosen is no choice: tools that are added later belong to it.
        for name in ("tools", "sides"):
            if len(kept[name]) == len(self.fields[name].choices):  # type: ignore[attr-defined]
                kept[name] = []
        return kept

    def channel_ids(self) -> list[int]:
        """Return the ids of the channels chosen."""
        return [int(value) for value in self.cleaned_data["channels"]]


def initial_of(rule: AlertRule) -> dict[str, Any]:
    """Return what the form of a stored rule begins with."""
    names = (
        "name", "sides", "sources", "least_score", "session_from", "session_to", "quiet_from",
        "quiet_to", "time_zone", "digest_minutes", "follow_up", "tools",
    )  # fmt: skip
    return {
        **{name: getattr(rule, name) for name in names},
        "symbols": ", ".join(rule.symbols),
        "channels": [str(pk) for pk in rule.channels.values_list("pk", flat=True)],
    }


def initial_new(channels: Iterable[AlertChannel], tool: ListedTool | None) -> dict[str, Any]:
    """Return what the form of a new rule begins with, of one tool when it is named."""
    return {
        "name": tool.name if tool else "",
        "tools": [tool.id] if tool else [],
        "channels": [str(channel.pk) for channel in channels],
        "sources": list(SOURCES),
        "least_score": 0,
        "time_zone": "America/New_York",
        "digest_minutes": 0,
        "follow_up": True,
    }
