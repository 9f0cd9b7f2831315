"""A stand-in for Tradier, on the same made-up market as the one for Alpaca."""
