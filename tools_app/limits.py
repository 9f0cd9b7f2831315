"""What a third party's tool may take before it is stopped, and how long a failing one rests."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of every third party's tool; the settings of the platform may change them.

    Attributes
    ----------
    answer_s : float
        Seconds for one answer. A tool that takes longer is ended and started again.
    start_s : float
        Seconds for its process to start and to import it.
    memory_mb : int
        Address space of its process.
    faults : int
        So many faults in a row make it rest.
    pause_s, longest_pause_s : float
        Its first rest, doubled each time that the trial after it fails too, and the longest.
    """

    answer_s: float = 3.0
    start_s: float = 10.0
    memory_mb: int = 2048
    faults: int = 3
    pause_s: float = 30.0
    longest_pause_s: float = 3600.0


_chosen = [Limits()]


def limits() -> Limits:
    """Return the limits that hold now."""
    return _chosen[0]


def configure(chosen: Limits) -> None:
    """Let other limits hold from now on."""
    _chosen[0] = chosen
