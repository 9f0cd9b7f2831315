"""The database itself refuses to change or remove audit entries."""

from django.db import migrations

from record.append_only import append_only


class Migration(migrations.Migration):
    dependencies = [("record", "0001_initial")]

    operations = [append_only("record_auditentry", "audit entries are")]
