"""Strategies that run here: an entry, a structure, a size and exits, as one configuration.

`config`, `structures`, `sizers`, `exits` and `course` are plain rules; `seeing` gathers what a
decision is made on, `services` decides once a row and places the orders.
"""
