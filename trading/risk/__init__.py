"""Whether an order may be: the gate before every order, its limits, and the breakers."""
