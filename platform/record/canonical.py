"""JSON Canonicalization Scheme (RFC 8785): one text, and so one hash, for one value."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

SAFE_INTEGER: Final = 2**53 - 1
"""Largest whole number that every JSON reader keeps exactly (RFC 7493)."""
_MAX_DEPTH: Final = 200
_SIMPLE_DEPTH: Final = 20


class NotCanonicalError(ValueError):
    """The value has no canonical JSON form; the message says where and why."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why
        self._path: list[str] = []

    def inside(self, part: str) -> None:
        """Add a step to the place of the fault, from the inside out."""
        self._path.append(part)

    def __str__(self) -> str:
        place = "".join(reversed(self._path))
        return f"${place}: {self.why}" if place else self.why


def canonical(value: Any) -> bytes:
    """Return the canonical JSON of `value` as UTF-8.

    Takes None, bool, int, float, str, list, tuple and mappings with str keys. Refuses NaN and
    infinities, whole numbers that a double does not hold, lone surrogates and anything else.
    """
    try:
        return orjson.dumps(_simple(value), option=orjson.OPT_SORT_KEYS)
    except (_NotSimpleError, RecursionError, TypeError):
        return _canonical(value)


def _canonical(value: Any) -> bytes:
    parts: list[bytes] = []
    _write(value, parts, 0)
    return b"".join(parts)


class _NotSimpleError(Exception):
    """A value that a general writer may write in another way than the RFC, or not refuse."""


def _simple(value: Any, depth: int = 0) -> Any:
    """Return a value that orjson writes as the RFC wants it, which is most of them.

    Keys are ASCII, so their order is that of their bytes; doubles are of a size that everybody
    writes without exponent, whole ones as whole numbers.
    """
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return value
    if isinstance(value, str):
        return str(value)  # of an enumeration, its text
    if kind is dict and depth < _SIMPLE_DEPTH:
        if not all(type(key) is str and key.isascii() for key in value):
            raise _NotSimpleError
        return {key: _simple(item, depth + 1) for key, item in value.items()}
    if kind is list and depth < _SIMPLE_DEPTH:
        return [_simple(item, depth + 1) for item in value]
    if kind is int and -SAFE_INTEGER <= value <= SAFE_INTEGER:
        return value
    if kind is float and (value == 0 or 1e-4 <= abs(value) <= 1e15):
        return int(value) if value.is_integer() else value
    raise _NotSimpleError


def digest(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON of `value` in hexadecimal."""
    return hashlib.sha256(canonical(value)).hexdigest()


def loads(text: str | bytes) -> Any:
    """Read JSON strictly: no NaN, no repeated key, no lone surrogate.

    Whole numbers beyond 2**53 - 1 become floats, as JSON's readers elsewhere do.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        value = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_int=_integer
        )
    except NotCanonicalError:
        raise
    except (ValueError, RecursionError) as error:
        raise NotCanonicalError(f"not JSON: {error}") from None
    canonical(value)
    return value


def number(value: float) -> str:
    """Return a double as ECMAScript writes it (RFC 8785, section 3.2.2.3)."""
    if not math.isfinite(value):
        raise NotCanonicalError(f"{value} is not a JSON number")
    if value == 0:
        return "0"
    sign, (digits, exponent) = "-" if value < 0 else "", _shortest(abs(value))
    return sign + _place(digits, exponent)


def _shortest(value: float) -> tuple[str, int]:
    """Return the shortest digits d1..dk and n with value = 0.d1..dk * 10**n."""
    mantissa, _, power = repr(value).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    leading = len(whole + fraction) - len(digits)
    exponent = len(whole) - leading + (int(power) if power else 0)
    return digits.rstrip("0"), exponent


def _place(digits: str, n: int) -> str:
    """Set the point into digits as ECMAScript's Number::toString does."""
    k = len(digits)
    if k <= n <= 21:
        return digits + "0" * (n - k)
    if 0 < n <= 21:
        return f"{digits[:n]}.{digits[n:]}"
    if -6 < n <= 0:
        return "0." + "0" * -n + digits
    mantissa = digits if k == 1 else f"{digits[0]}.{digits[1:]}"
    return f"{mantissa}e{'+' if n > 0 else '-'}{abs(n - 1)}"


def _write(value: Any, parts: list[bytes], depth: int) -> None:
    if isinstance(value, str):
        parts.append(_string(value))
    elif value is None:
        parts.append(b"null")
    elif isinstance(value, bool):
        parts.append(b"true" if value else b"false")
    elif isinstance(value, int):
        if abs(value) > SAFE_INTEGER:
            raise NotCanonicalError(f"{value} is beyond 2**53 - 1; write it as text")
        parts.append(b"%d" % value)
    elif isinstance(value, float):
        parts.append(number(value).encode())
    elif depth == _MAX_DEPTH:
        raise NotCanonicalError(f"nested deeper than {_MAX_DEPTH}")
    elif isinstance(value, list | tuple):
        _write_array(value, parts, depth + 1)
    elif isinstance(value, Mapping):
        _write_object(value, parts, depth + 1)
    else:
        raise NotCanonicalError(f"{type(value).__name__} is not JSON")


def _write_array(value: list[Any] | tuple[Any, ...], parts: list[bytes], depth: int) -> None:
    mark, index = b"[", 0
    try:
        for index, item in enumerate(value):  # noqa: B007 - names the place of a fault
            parts.append(mark)
            _write(item, parts, depth)
            mark = b","
    except NotCanonicalError as error:
        error.inside(f"[{index}]")
        raise
    parts.append(b"]" if value else b"[]")


def _write_object(value: Mapping[Any, Any], parts: list[bytes], depth: int) -> None:
    mark, key = b"{", ""
    try:
        for key in _in_order(value):
            parts += (mark, _string(key), b":")
            _write(value[key], parts, depth)
            mark = b","
    except NotCanonicalError as error:
        error.inside(f".{key!a}" if not key.isidentifier() else f".{key}")
        raise
    parts.append(b"}" if value else b"{}")


def _in_order(keys: Iterable[Any]) -> list[str]:
    """Return keys sorted by their UTF-16 code units, which for ASCII is Python's own order."""
    names = list(keys)
    for name in names:
        if not isinstance(name, str):
            raise NotCanonicalError(f"the key {name!r} is not text")
    plain = all(map(str.isascii, names))
    return sorted(names, key=None if plain else _utf16)


def _utf16(key: str) -> bytes:
    return key.encode("utf-16-be", "surrogatepass")


def _string(value: str) -> bytes:
    # str() turns a subclass into plain text; orjson's escapes are those of the RFC.
    try:
        return orjson.dumps(str(value))
    except TypeError:
        raise NotCanonicalError("a lone surrogate is not text") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise NotCanonicalError(f"the key {twice!a} stands twice")
    return made


def _refuse_constant(name: str) -> float:
    raise NotCanonicalError(f"{name} is not a JSON number")


def _integer(text: str) -> int | float:
    if len(text) > 17:
        return float(text)
    value = int(text)
    return value if abs(value) <= SAFE_INTEGER else float(value)
