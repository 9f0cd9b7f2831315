"""Compiled loops over arrays. Nothing here is imported before it is used: compiling takes time.

Each kernel serves the ordinary case at full speed and leaves the rest to a plain reference beside
it, which is also what the tests hold it against.
"""
