"""Tools proven or not: simulated paths, truth tests, and the statistics of both."""
