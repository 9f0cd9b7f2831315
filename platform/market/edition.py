"""Which edition of the numerics made a body: part of what names it in caches and ETags."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

import market
import quant
from market.selectors import Place
from market.store import snapshot_digest

_LENGTH = 12
_LIBRARIES = ("numpy", "scipy", "QuantLib")


@cache
def edition() -> str:
    """Return a digest of the sources and libraries that bodies are made by.

    The same snapshot under other formulas is another answer: without this a browser would keep
    the old one for as long as the snapshot is the newest.
    """
    digest = hashlib.sha256()
    for package in (quant, market):
        for folder in package.__path__:
            for path in sorted(Path(folder).rglob("*.py")):
                digest.update(path.read_bytes())
    for library in _LIBRARIES:
        digest.update(f"{library} {version(library)}".encode())
    return digest.hexdigest()[:_LENGTH]


def tag(name: str, place: Place, *parts: object) -> str:
    """Return the name of a body: which figures, of which snapshot, seen in which run, how."""
    run = None if place.run is None else place.run.pk
    held = snapshot_digest(place.id)
    spelled = ":".join(map(str, (edition(), name, place.id, held, run, place.delayed_s, *parts)))
    return hashlib.sha256(spelled.encode()).hexdigest()[:32]
