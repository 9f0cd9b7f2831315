"""Configurations as values: their canonical text and hash, and what differs between two."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from record.canonical import NotCanonicalError, canonical

MOST_BYTES: Final = 64 * 1024
FORMAT: Final = "pulse.bot/1"
"""Names the form of an exported configuration."""


class ConfigError(ValueError):
    """A configuration that cannot be held; the message says what to change."""


class HashError(ConfigError):
    """The hash that was given is not that of the configuration; `right` is."""

    def __init__(self, right: str) -> None:
        super().__init__(
            f"the hash of this configuration is {right}; it is the SHA-256 of its canonical JSON "
            "(RFC 8785)"
        )
        self.right = right


class Sealed(NamedTuple):
    """A configuration in its one form."""

    text: str
    hash: str


class Change(NamedTuple):
    """One place where two configurations differ; a side that lacks it is None."""

    path: str
    kind: str
    before: str | None
    after: str | None


def seal(config: Any, given: str | None = None) -> Sealed:
    """Return the canonical text and hash of a configuration.

    Raises
    ------
    HashError
        When `given` is a hash and not the right one.
    ConfigError
        When it is no object, has no canonical JSON or is too large.
    """
    if not isinstance(config, dict):
        raise ConfigError("give an object, such as {}")
    try:
        text = canonical(config)
    except NotCanonicalError as error:
        raise ConfigError(f"it has no canonical JSON: {error}") from error
    if len(text) > MOST_BYTES:
        raise ConfigError(f"it has {len(text):,} bytes; {MOST_BYTES:,} are the most")
    right = hashlib.sha256(text).hexdigest()
    if given and given.strip().lower() != right:
        raise HashError(right)
    return Sealed(text.decode(), right)


def differences(before: Any, after: Any) -> list[Change]:
    """Return where two configurations differ, by JSON pointer, in order."""
    return list(_differences("", before, after))


def _differences(path: str, before: Any, after: Any) -> Iterator[Change]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            yield from _at(f"{path}/{_escaped(key)}", key, before, after)
    elif canonical(before) != canonical(after):
        yield Change(path or "/", "changed", _shown(before), _shown(after))


def _at(path: str, key: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Change]:
    if key not in before:
        yield Change(path, "added", None, _shown(after[key]))
    elif key not in after:
        yield Change(path, "removed", _shown(before[key]), None)
    else:
        yield from _differences(path, before[key], after[key])


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _shown(value: Any) -> str:
    return canonical(value).decode()
