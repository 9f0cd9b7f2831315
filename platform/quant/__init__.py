"""Numerics on arrays: option prices and Greeks, implied volatility, exposures, regime filters.

Everything here is a pure function of NumPy arrays (float64, broadcasting): no Django, no clock,
no input or output, and no argument is ever modified. Bad values inside arrays raise nothing and
warn about nothing; they come back as NaN together with a `quant.status.Status` byte.
"""
