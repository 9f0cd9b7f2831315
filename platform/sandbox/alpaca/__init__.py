"""A stand-in for Alpaca: its REST and its streams, one account, made-up prices, faults."""
