"""Tradier, over its REST interface and its stream of account events."""
