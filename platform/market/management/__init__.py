"""Commands of the market app."""
