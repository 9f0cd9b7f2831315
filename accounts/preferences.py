"""How a person wants the pages to look: kept in cookies, so that the first paint is right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

KEEP_S: Final = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Preference:
    """One choice: the cookie's name and its values with their labels, the default first."""

    name: str
    label: str
    options: tuple[tuple[str, str], ...]
    help: str = ""

    def chosen(self, cookies: Mapping[str, str]) -> str:
        """Return the value that a browser's cookies carry, or the default."""
        value = cookies.get(self.name)
        return value if value in dict(self.options) else self.options[0][0]


PREFERENCES: Final = (
    Preference(
        "theme", "Theme", (("system", "As the system"), ("dark", "Dark"), ("light", "Light"))
    ),
    Preference("density", "Table rows", (("normal", "Normal"), ("compact", "Compact"))),
    Preference(
        "updown",
        "Colors of up and down",
        (("safe", "Blue and orange"), ("classic", "Teal and red")),
        help="Blue and orange stay apart with every kind of color vision.",
    ),
)


def asked(form: Mapping[str, str]) -> dict[str, str]:
    """Return the valid choices of a form by cookie name; what is not valid is left out."""
    return {
        preference.name: form[preference.name]
        for preference in PREFERENCES
        if form.get(preference.name) in dict(preference.options)
    }
