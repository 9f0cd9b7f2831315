"""How a test's committed rows go: only where there are any.

Django truncates every table of the house and makes all content types and permissions anew, which
takes about a second; almost all tables are empty, and what follows from the models alone may stay.
"""

from __future__ import annotations

from typing import Final

from django.db import connections, transaction
from django.test import TransactionTestCase

STAYS: Final = frozenset({"django_content_type", "auth_permission", "django_site"})
"""What migrating makes."""


def empty(case: TransactionTestCase) -> None:
    """Remove all rows, as `TransactionTestCase` does after a test.

    The locks wait for transactions that threads of the test have left open, as truncating does.
    """
    for name in case._databases_names(include_mirrors=False):
        link = connections[name]
        names = link.introspection.django_table_names(only_existing=True, include_views=False)
        tables = [link.ops.quote_name(one) for one in sorted(set(names) - STAYS)]
        filled = " UNION ALL ".join(
            f"SELECT {number} WHERE EXISTS (SELECT FROM {table})"
            for number, table in enumerate(tables)
        )
        with transaction.atomic(using=name), link.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE")
            cursor.execute(filled)
            found = [tables[number] for (number,) in cursor.fetchall()]
            # Neither foreign keys nor the guards of tables whose rows stay are asked.
            cursor.execute("SET LOCAL session_replication_role = replica")
            for table in found:
                cursor.execute(f"DELETE FROM {table}")
