"""Bugs that somebody could make: each replaces one function, and the simulation must find it.

A mutant is planted by its patch and taken out again before the log is judged, so that the judge is
never blind by the same bug. Who adds a law to the core, the runtime or a store adds a mutant that
breaks it, in the module of its floor.
"""

from tests.simulation import core_mutants, engine_mutants, store_mutants, worker_mutants
from tests.simulation.planting import MUTANTS, Mutant

__all__ = ["MUTANTS", "Mutant", "core_mutants", "engine_mutants", "store_mutants", "worker_mutants"]
