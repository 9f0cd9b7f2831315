"""The database itself refuses to change or remove a trial: what was tried cannot be forgotten."""

from django.db import migrations

from record.append_only import append_only


class Migration(migrations.Migration):
    dependencies = [("tools_app", "0001_initial")]

    operations = [append_only("tools_app_trial", "the ledger of trials is")]
