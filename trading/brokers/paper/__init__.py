"""The paper broker: orders rest here and fill by `quant.fills` on the rows of a market run.

`tickets`, `display` and `endings` are plain rules; `markets` finds the rows, `engine` walks an
account along them, `nights` ends options, `services` and `broker` are what the house asks.
"""
