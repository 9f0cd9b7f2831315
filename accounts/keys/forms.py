"""The forms of keys."""

from __future__ import annotations

import re
from typing import Any

from django import forms

from accounts.keys import rules
from record.access import READ, SCOPES


class KeyForm(forms.Form):
    """What a new key may do, where and how long."""

    name = forms.CharField(
        max_length=rules.MOST_NAME, label="Name", help_text="What uses it: laptop, trading bot, CI."
    )
    scopes = forms.MultipleChoiceField(
        label="What it may do",
        choices=[(scope, rules.SCOPE_WORDS[scope]) for scope in SCOPES],
        initial=[READ],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one."},
    )
    bot = forms.IntegerField(
        label="Bot",
        required=False,
        min_value=1,
        max_value=2**63 - 1,
        help_text="Number of the one bot that it acts for; leave it empty for all of yours.",
    )
    networks = forms.CharField(
        label="Networks",
        required=False,
        max_length=1200,
        help_text="Where it may be used from: 203.0.113.7, 2001:db8::/48. Empty: anywhere.",
    )
    days = forms.TypedChoiceField(
        label="Expires", coerce=int, choices=list(rules.LIFETIMES.items()), initial=90
    )

    def clean_networks(self) -> list[str]:
        """Return the networks as CIDR, each once."""
        words = filter(None, re.split(r"[,;\s]+", self.cleaned_data["networks"]))
        try:
            return rules.clean_networks(words)
        except rules.FieldError as error:
            raise forms.ValidationError(str(error)) from None

    def values(self) -> dict[str, Any]:
        """Return what the service takes."""
        return dict(self.cleaned_data)


class RotateForm(forms.Form):
    """How long the present secret goes on."""

    overlap = forms.TypedChoiceField(
        label="The present secret ends",
        coerce=int,
        choices=list(rules.OVERLAPS.items()),
        initial=86_400,
    )
