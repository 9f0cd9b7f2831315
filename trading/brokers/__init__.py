"""Brokers behind one protocol. Each translates; none decides, and none but paper has tables."""
