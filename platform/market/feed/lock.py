"""One active feed per symbol, held by PostgreSQL itself."""

from __future__ import annotations

from django.db import DatabaseError, connection

_CLASS = 0x464545  # "FEE": separates these advisory locks from any other use


class SymbolLock:
    """An advisory lock on a connection of its own: it ends with the process or the server."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self._link = connection.copy()

    def acquire(self) -> bool:
        """Try to take the lock; return whether this process has it now."""
        self._link.close()
        with self._link.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", [_CLASS, self.symbol])
            return bool(cursor.fetchone()[0])

    def held(self) -> bool:
        """Return whether the session that holds the lock is still alive."""
        if self._link.connection is None:
            return False
        try:
            with self._link.cursor() as cursor:
                cursor.execute("SELECT 1")
        except DatabaseError:
            return False
        return True

    def release(self) -> None:
        """Give the lock back."""
        self._link.close()
