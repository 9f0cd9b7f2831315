"""The database itself refuses to change or remove what was received and published."""

from django.db import migrations

from record.append_only import append_only


class Migration(migrations.Migration):
    dependencies = [("leaderboard", "0001_initial")]

    operations = [
        append_only("leaderboard_configversion", "configurations are"),
        append_only("leaderboard_trade", "the log of trades is"),
        append_only("leaderboard_publishedday", "published days are"),
        append_only("leaderboard_chainhead", "published heads are"),
    ]
