"""Switches: what stops trading, and the latch that stops it when nothing else works."""
