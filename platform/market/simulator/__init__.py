"""A market made of known parts: whole sessions with their chains, and many paths at once.

`SimulatedMarket` plays sessions; `paths.iterate_paths` walks any number of independent ones as
arrays. Both are the same walk. What is planted, and what takes it away, says `scenarios.PLANTED`.
"""

from market.simulator.bars import DailyBar
from market.simulator.config import SimulatorConfig
from market.simulator.listing import Contracts, MarketSession
from market.simulator.market import DailyHistory, SimulatedMarket, WalkedSession
from market.simulator.session import SimulatedSession, SimulatedSnapshot

__all__ = [
    "Contracts",
    "DailyBar",
    "DailyHistory",
    "MarketSession",
    "SimulatedMarket",
    "SimulatedSession",
    "SimulatedSnapshot",
    "SimulatorConfig",
    "WalkedSession",
]
