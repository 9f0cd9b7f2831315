"""API keys and the rates of their callers."""
