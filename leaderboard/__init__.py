"""Bots, their configurations and their trade logs."""
