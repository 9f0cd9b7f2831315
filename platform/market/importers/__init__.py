"""Importers of recorded data: strict readers that import no Django and report what they refuse."""

from market.importers.bars import Bars
from market.importers.cboe import Cboe
from market.importers.context import Importer
from market.importers.daily import Daily
from market.importers.datashop import Datashop
from market.importers.generic import Generic
from market.importers.ivols import Ivols
from market.importers.lean import Lean
from market.importers.trades import Trades
from market.importers.universe import LeanUniverse

_ALL: list[Importer] = [
    Lean(), LeanUniverse(), Datashop(), Cboe(), Ivols(), Daily(), Bars(), Trades(), Generic()
]  # fmt: skip
FORMATS: dict[str, Importer] = {importer.name: importer for importer in _ALL}
