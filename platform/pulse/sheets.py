"""What CSV files share: lines handed back as they are made, and cells that are never formulas."""

from __future__ import annotations

import re
from typing import Any, Final

_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""With what a spreadsheet begins to compute, or to look for something to compute."""


class Echo:
    """A file that hands back what is written, for `csv`."""

    def write(self, text: str) -> str:
        """Return the text."""
        return text


def safe_cell(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def cell(value: Any) -> Any:
    """Return a value as a cell: nothing as an empty one, numbers as they are, other text safe."""
    if value is None:
        return ""
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return safe_cell(value)
    return value
