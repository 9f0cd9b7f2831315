"""How large a run of chance is: small with each commit, larger where the environment says so."""

import os


def size(name: str, usual: int) -> int:
    """Return the number that the environment variable gives, or the usual one."""
    return int(os.environ.get(name, str(usual)))
