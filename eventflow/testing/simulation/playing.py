"""Runs one seed from beginning to end, and says what was wrong with it."""

import gc
import sys
from collections.abc import Generator, MutableMapping
from contextlib import contextmanager
from logging import WARNING
from typing import Any

import structlog
from attrs import frozen

from eventflow.errors import StoreUnavailable
from eventflow.store.memory import MemoryStore
from eventflow.testing.simulation.crew import Crew
from eventflow.testing.simulation.line import Server, true_time
from eventflow.testing.simulation.scenario import Scenario, scenario
from eventflow.testing.simulation.workload import Theatre
from eventflow.testing.simulation.world import Stuck, World

ALARMS = frozenset(
    {
        "run.unreadable",
        "stage.not_reported",
        "worker.failed",
        "worker.heartbeat_failed",
        "worker.scan_failed",
    }
)
"""What no worker should ever have to log, unless the store is away."""


@frozen
class Played:
    """A simulation that is over.

    Attributes:
        scenario: What was to happen.
        world: What happened, step by step.
        crew: Who was there.
        findings: What was wrong before the log was looked at.
    """

    scenario: Scenario
    world: World
    crew: Crew
    findings: tuple[str, ...]


def play(seed: int) -> Played:
    """Let everything happen that a seed stands for."""
    drawn = scenario(seed)
    world = World(f"world {seed}")
    server = Server(world, MemoryStore(now=lambda: true_time(world)))
    theatre = Theatre(drawn.concurrency)
    crew = Crew(world, server, drawn, theatre)
    findings: list[str] = []
    with _listening(findings), _no_collection():
        crew.begin()
        try:
            world.run()
        except Stuck as error:
            findings.append(str(error))
        world.destroy()
    findings += [*crew.findings, *theatre.findings, *crew.promises.broken]
    return Played(drawn, world, crew, tuple(findings))


@contextmanager
def _no_collection() -> Generator[None]:
    """Let no garbage be collected: what it frees depends on what was played before."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def _listening(findings: list[str]) -> Generator[None]:
    """Read all logs instead of printing them, and take alarms for findings."""

    def listen(_: object, __: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        error = sys.exception()
        if entry["event"] in ALARMS and not isinstance(error, StoreUnavailable):
            findings.append(f"{entry} {error!r}")
        raise structlog.DropEvent

    before = structlog.get_config() if structlog.is_configured() else None
    structlog.configure(
        processors=[listen], wrapper_class=structlog.make_filtering_bound_logger(WARNING)
    )
    try:
        yield
    finally:
        structlog.reset_defaults() if before is None else structlog.configure(**before)
