"""Hashes of keys: HMAC-SHA256 under a pepper that lives outside the database.

A key has 256 random bits, so a slow password hash would add nothing. The pepper's id stands with
each hash: a new pepper takes the new keys, and the older ones go on until they are rotated.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from django.conf import settings
from django.views.decorators.debug import sensitive_variables

from record.secrets import named_keys

PURPOSE: Final = "pulse.key-peppers.p1"


@lru_cache(maxsize=8)
def parse(text: str) -> Mapping[str, bytes]:
    """Return peppers by id, newest first; raise KeyringError when they cannot be read."""
    return named_keys(text, setting="PULSE_KEY_PEPPERS", purpose=PURPOSE)


def newest() -> str:
    """Return the id of the pepper that new keys take."""
    return next(iter(parse(settings.KEY_PEPPERS)))


@sensitive_variables()
def digest(text: str, pepper_id: str) -> str:
    """Return the hash of a key; raise KeyError when the pepper is gone."""
    pepper = parse(settings.KEY_PEPPERS)[pepper_id]
    return hmac.new(pepper, text.encode(), hashlib.sha256).hexdigest()


@sensitive_variables()
def matches(text: str, stored: str, pepper_id: str) -> bool:
    """Return whether a key has the stored hash, in constant time; never under a lost pepper."""
    known = pepper_id in parse(settings.KEY_PEPPERS)
    made = digest(text, pepper_id if known else newest())
    return hmac.compare_digest(made, stored) and known
