"""JSON bodies that the platform can hold: no endless nesting, no text that no table stores."""

from __future__ import annotations

import re
from collections.abc import Mapping
from io import BytesIO
from typing import IO, Any

import orjson
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

_ODD = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_ODD_BYTES = re.compile(_ODD.pattern.encode())


class NotPlainError(ValueError):
    """A body that has to be read with care: `HeldJSONParser` reads it, or says what is wrong."""


def plain_json(body: bytes) -> Any:
    """Return what a body holds, the same as `HeldJSONParser` does; NotPlainError for odd ones."""
    try:
        if _ODD_BYTES.search(body):
            raise NotPlainError
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise NotPlainError from None


class HeldJSONParser(JSONParser):
    """Refuses what would fail later: recursion, NUL characters, halves of surrogate pairs."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the parsed body, or raise ParseError."""
        body = stream.read()
        try:
            data = super().parse(BytesIO(body), media_type, parser_context)
            if _ODD.search(body.decode("utf-8", "replace")):
                _check_text(data)
        except RecursionError:
            raise ParseError("The JSON is nested too deeply; flatten it.") from None
        return data


def _check_text(value: Any, path: str = "") -> None:
    if isinstance(value, str):
        if "\x00" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
            raise ParseError(f"{path or '/'}: a text holds a NUL or half a surrogate pair.")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_text(key, path)
            _check_text(item, f"{path}/{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_text(item, f"{path}/{index}")
