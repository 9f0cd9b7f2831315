"""WSGI entry of the peer."""

import os

import django_stubs_ext
from django.core.wsgi import get_wsgi_application

django_stubs_ext.monkeypatch()
os.environ["DJANGO_SETTINGS_MODULE"] = "bench.support.plain_drf.settings"
application = get_wsgi_application()
