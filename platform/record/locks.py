"""Locks by name, held by PostgreSQL itself: one at a time in the whole house."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

from django.db import DatabaseError, connection

_CLASS: Final = 0x4F4E45  # "ONE": separates these advisory locks from any other use


@contextlib.contextmanager
def alone(name: str) -> Iterator[bool]:
    """Try to be the only one who does something; give whether this is so, and never wait.

    The lock ends with the block, the process or the server, whatever comes first. Within one
    connection it may be taken again.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", [_CLASS, name])
        (taken,) = cursor.fetchone()
    try:
        yield taken
    finally:
        if taken:
            _give_back(name)


def _give_back(name: str) -> None:
    """Release it; a connection that is broken has released it already, or does so now."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", [_CLASS, name])
    except DatabaseError:
        connection.close()
