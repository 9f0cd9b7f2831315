"""Template tags of the account pages: form controls, and where the demo keeps its mail."""

from __future__ import annotations

from typing import Any

from django import template
from django.forms import BoundField
from django.utils.safestring import SafeString

from accounts import selectors
from accounts.agents import browser_name

register = template.Library()

register.filter("browser", browser_name)


@register.filter
def control(field: BoundField) -> SafeString:
    """Draw a form's control: its label names it, so the placeholder goes."""
    attrs: dict[str, Any] = {"placeholder": False}
    if field.field.widget.attrs.get("autocomplete") == "one-time-code":
        attrs |= {"inputmode": "numeric", "autocapitalize": "off", "spellcheck": "false"}
    return field.as_widget(attrs=attrs)


@register.filter
def is_check(field: BoundField) -> bool:
    """Return whether a control is one checkbox, whose label follows it."""
    return getattr(field.field.widget, "input_type", "") == "checkbox"


@register.simple_tag
def mail_folder() -> str:
    """Return where the demo writes its e-mails, empty when they are really sent."""
    return selectors.mail_folder()
