"""Cursor pagination: stable while rows arrive."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

_DIGITS = 18  # a bigint's, and no more


class NewestFirst(CursorPagination):
    """Pages of 50, newest first; `limit` asks for up to 500."""

    ordering = ("-id",)
    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 500

    def decode_cursor(self, request: Request) -> Cursor | None:
        """Return the cursor of a request; one that this house did not make is a 404."""
        cursor: Any = super().decode_cursor(request)
        place = None if cursor is None else cursor.position
        if place is not None and not (
            place.isascii() and place.isdecimal() and len(place) <= _DIGITS
        ):
            raise NotFound(self.invalid_cursor_message)
        return cursor  # type: ignore[no-any-return]
