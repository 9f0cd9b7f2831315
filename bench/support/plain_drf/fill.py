"""Make the peer's tables, and keys with a bot each; print them as JSON: `[[key, bot], ...]`."""

import hashlib
import json
import os
import secrets
import sys


def main(count: int) -> None:
    import django
    import django_stubs_ext

    django_stubs_ext.monkeypatch()
    os.environ["DJANGO_SETTINGS_MODULE"] = "bench.support.plain_drf.settings"
    django.setup()
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.db import connection

    from bench.support.plain_drf.models import Bot, Key, Trade

    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        for model in (Key, Bot, Trade):
            editor.create_model(model)
    made = []
    for number in range(count):
        user = User.objects.create_user(f"peer-{number}")
        text = secrets.token_urlsafe(32)
        Key.objects.create(user=user, digest=hashlib.sha256(text.encode()).hexdigest())
        made.append([text, Bot.objects.create(owner=user, name=f"bot {number}").pk])
    print(json.dumps(made))


if __name__ == "__main__":
    main(int(sys.argv[1]))
