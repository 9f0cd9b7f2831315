"""WSGI entry: the REST interface and pages without sockets."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pulse.settings")
os.environ.setdefault("PULSE_CONNECTION_S", "60")
application = get_wsgi_application()
