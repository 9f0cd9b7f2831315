"""The database itself refuses to change or remove Stripe's events."""

from django.db import migrations

from record.append_only import append_only


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [append_only("accounts_stripeevent", "events of Stripe are")]
