"""Locks by name: one at a time, given back whatever happens."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import DatabaseError, connection

from record.locks import alone

pytestmark = pytest.mark.django_db(transaction=True)


def elsewhere(name: str) -> bool:
    """Whether another connection gets the lock."""

    def taken() -> bool:
        try:
            with alone(name) as mine:
                return mine
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(taken).result()


def test_one_at_a_time_by_name():
    with alone("a") as mine:
        assert mine
        assert not elsewhere("a")
        assert elsewhere("b")
    assert elsewhere("a")


def test_whatever_fails_gives_it_back():
    with pytest.raises(ZeroDivisionError), alone("a"):
        raise ZeroDivisionError
    assert elsewhere("a")
    with pytest.raises(DatabaseError), alone("a"), connection.cursor() as cursor:
        cursor.execute("SELECT 1 / 0")
    assert elsewhere("a")


def test_a_connection_that_breaks_gives_it_back():
    with pytest.raises(DatabaseError), alone("a"), connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert elsewhere("a")
