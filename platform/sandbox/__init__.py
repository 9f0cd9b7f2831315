"""Stand-in servers that speak a vendor's protocol, for tests and for practising offline."""
