"""Tables to which rows are added alone: the database itself refuses to change or remove one."""

from __future__ import annotations

from django.db import migrations

_FORWARD = """
CREATE FUNCTION {table}_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '{what} append-only' USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER {table}_keeps_rows
    BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION {table}_stays();

-- Test databases are emptied between tests.
CREATE TRIGGER {table}_keeps_all
    BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT WHEN (current_database() NOT LIKE 'test\\_%')
    EXECUTE FUNCTION {table}_stays();
"""
_BACKWARD = """
DROP TRIGGER {table}_keeps_all ON {table};
DROP TRIGGER {table}_keeps_rows ON {table};
DROP FUNCTION {table}_stays();
"""


def append_only(table: str, what: str) -> migrations.RunSQL:
    """Return the migration that makes a table append-only.

    Parameters
    ----------
    table : str
        Its name in the database.
    what : str
        Subject and verb of the refusal: "audit entries are".
    """
    return migrations.RunSQL(_FORWARD.format(table=table, what=what), _BACKWARD.format(table=table))
