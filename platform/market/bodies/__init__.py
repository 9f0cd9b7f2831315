"""JSON bodies that numerics make: chain, exposure, surface, a contract, and a vendor's figures."""
