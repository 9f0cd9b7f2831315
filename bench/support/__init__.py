"""What the scripts of the numerics share: timing in turn, the table, and peers of their own."""
