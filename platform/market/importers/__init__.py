"""Importers of recorded data: strict readers that import no Django and report what they refuse."""

from market.importers.context import Importer
from market.importers.lean import Lean

FORMATS: dict[str, Importer] = {importer.name: importer for importer in (Lean(),)}
