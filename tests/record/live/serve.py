"""Serves the live application with Pulse's server, for the tests' own database and Redis.

python serve.py PORT DATABASE
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "platform"), str(ROOT), str(Path(__file__).parent)]


def main() -> None:
    port, database = int(sys.argv[1]), sys.argv[2]
    os.environ["DJANGO_SETTINGS_MODULE"] = "pulse.settings"
    from django.conf import settings

    settings.DATABASES["default"]["NAME"] = database
    import django

    django.setup()
    from people import TOPICS, gate

    from pulse.server import make_server
    from record.live import topics
    from record.live.socket import live_application

    topics.set_gate(gate)
    for prefix, options in TOPICS.items():
        topics.register(prefix, **options)
    make_server(live_application(), host="127.0.0.1", port=port).run()


if __name__ == "__main__":
    main()
