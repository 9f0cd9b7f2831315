"""The ledger: what happened to an account, as balanced entries that are never changed."""
