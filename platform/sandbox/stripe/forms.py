"""Stripe's form encoding: nested keys in brackets, lists by number or by empty brackets."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from sandbox.stripe.errors import StripeFault

_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_PART = re.compile(r"\[([^\[\]]*)\]")
_DEEPEST = 8

Params = dict[str, Any]


def parse(text: str) -> Params:
    """Return `a[b][0]=c` as nested dictionaries and lists; values stay texts."""
    root: Params = {}
    for key, value in parse_qsl(text, keep_blank_values=True):
        _put(root, _path(key), value)
    return {key: _listed(value) for key, value in root.items()}


def _path(key: str) -> list[str]:
    found = _KEY.fullmatch(key)
    if found is None or found[2].count("[") > _DEEPEST:
        raise StripeFault(f"Invalid parameter name: {key[:60]}", param=key[:60])
    return [found[1], *_PART.findall(found[2])]


def _put(root: Params, path: list[str], value: str) -> None:
    place = root
    for part in path[:-1]:
        place = place.setdefault(part or str(len(place)), {})
        if not isinstance(place, dict):
            raise StripeFault(f"Invalid parameter: {path[0]}", param=path[0])
    place[path[-1] or str(len(place))] = value


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {key: _listed(one) for key, one in value.items()}
    if inner and all(key.isdigit() for key in inner):
        return [inner[key] for key in sorted(inner, key=int)]
    return inner


def flag(value: Any, default: bool = False) -> bool:
    """Return a truth that was written as a text."""
    return default if value is None else str(value) == "true"


def whole(params: Params, name: str, default: int) -> int:
    """Return a whole number, or raise the error of a field that holds none."""
    text = params.get(name, default)
    try:
        return int(text)
    except (TypeError, ValueError):
        raise StripeFault(f"Invalid integer: {text}", param=name) from None


def listed(params: Params, name: str) -> list[Any]:
    """Return a list that may be left out."""
    found = params.get(name, [])
    if not isinstance(found, list):
        raise StripeFault("Invalid array", param=name)
    return found


def needed(params: Params, name: str) -> Any:
    """Return a value that must be given."""
    if name not in params:
        raise StripeFault(f"Missing required param: {name}.", param=name, code="parameter_missing")
    return params[name]
