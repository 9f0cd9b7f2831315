"""The Django project: settings, servers, supervisor, health."""
