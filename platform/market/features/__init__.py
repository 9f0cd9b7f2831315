"""Features: what is computed from market data for the tools. No Django in here.

`observe` and `daily` make one row from one instant (what is stored); `derived` and
`derived_daily` add causal columns over the rows when a frame is assembled (never stored);
`catalog` documents the observations; `registry` holds all of it and takes more by registration.
"""
