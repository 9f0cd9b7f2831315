"""What an entry is on a board."""

from enum import IntEnum
from typing import Final


class Group(IntEnum):
    """A later group stands below every earlier one."""

    RANKED = 0
    PROVISIONAL = 1
    FLAGGED = 2
    IDLE = 3
    EXCLUDED = 4


NAMES: Final = {group.value: group.name.lower() for group in Group}
