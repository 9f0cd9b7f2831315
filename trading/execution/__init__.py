"""Between a stored order and a broker: who may send, what is sent once, and what was heard."""
