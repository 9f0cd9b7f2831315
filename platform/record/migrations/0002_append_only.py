"""The database itself refuses to change or remove audit entries."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION record_audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit entries are append-only' USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER record_audit_keeps_rows
    BEFORE UPDATE OR DELETE ON record_auditentry
    FOR EACH ROW EXECUTE FUNCTION record_audit_is_append_only();

-- Test databases are emptied between tests.
CREATE TRIGGER record_audit_keeps_all
    BEFORE TRUNCATE ON record_auditentry
    FOR EACH STATEMENT WHEN (current_database() NOT LIKE 'test\\_%')
    EXECUTE FUNCTION record_audit_is_append_only();
"""
BACKWARD = """
DROP TRIGGER record_audit_keeps_all ON record_auditentry;
DROP TRIGGER record_audit_keeps_rows ON record_auditentry;
DROP FUNCTION record_audit_is_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("record", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
