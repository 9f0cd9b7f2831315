"""Alpaca's market data: shares, option chains and coins, by stream and by REST."""
