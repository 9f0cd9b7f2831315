"""What every page's shell shows."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

THEMES = ("system", "dark", "light")
DENSITIES = ("normal", "compact")
UPDOWN = ("safe", "classic")


def _choice(request: HttpRequest, name: str, allowed: tuple[str, ...]) -> str:
    value = request.COOKIES.get(name, allowed[0])
    return value if value in allowed else allowed[0]


def shell(request: HttpRequest) -> dict[str, Any]:
    """Return the preferences that cookies carry and the mode of the installation."""
    return {
        "theme": _choice(request, "theme", THEMES),
        "density": _choice(request, "density", DENSITIES),
        "updown": _choice(request, "updown", UPDOWN),
        "demo": settings.MODE != "production" and settings.DEMO_LOGINS,
        "request_id": getattr(request, "request_id", ""),
    }
