"""Alerts: rules that match signals, channels that carry them, deliveries with receipts."""
