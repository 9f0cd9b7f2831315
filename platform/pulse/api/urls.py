"""Version 1 of the REST interface: every app's routes under one prefix."""

from django.urls import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = []
