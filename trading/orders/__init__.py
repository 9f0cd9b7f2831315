"""Orders: what was wanted, what was sent and what the venue said."""
