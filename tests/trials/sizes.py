"""How large a run of chance is: small with each commit, larger where the environment says so."""

import os


def size(name: str, usual: int) -> int:
    """Return the number that the environment variable gives, or the usual one."""
    return int(os.environ.get(name, str(usual)))


def seeds(name: str, usual: int, each: int = 1) -> range:
    """Return the seeds of a run of so many, of which a seed makes `each`.

    `1000` is a run from the first seed on; `1000:2000` is the second half of one of 2000, so that
    processes share a large run and a later session goes on with it.
    """
    first, colon, last = os.environ.get(name, str(usual)).partition(":")
    start, end = (int(first), int(last)) if colon else (0, int(first))
    return range(start // each, max(start // each + 1, end // each))


def told(run: range) -> str:
    """Return in words which seeds a run had."""
    return f"seeds {run[0]} to {run[-1]}"
