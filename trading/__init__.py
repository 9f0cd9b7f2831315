"""Money: brokerage accounts, their ledger and their orders."""
