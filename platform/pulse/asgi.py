"""ASGI entry: pages, REST and sockets."""

import os

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pulse.settings")
pages = get_asgi_application()

from record.live.socket import live_application  # noqa: E402 - needs the apps to be loaded

application = ProtocolTypeRouter({"http": pages, "websocket": live_application()})
