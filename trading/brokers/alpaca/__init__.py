"""Alpaca, through its own client for Python. Nothing else imports that client."""
