"""The optimizer: parameters per symbol, timeframe, regime and tool, deployed only on evidence."""
