"""The desk: what people and programs see of their accounts, and what they ask of them."""
