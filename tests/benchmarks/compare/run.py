"""`make compare`: measures eventflow beside its peers, and writes the page and its plots anew.

Each contender is a process of its own on a database of its own; the contenders of a match take
turns, round by round, so that all of them see the same machine.
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from importlib.metadata import version
from itertools import count
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from attrs import frozen

from tests.benchmarks import importing
from tests.benchmarks.compare.contender import Task
from tests.benchmarks.compare.matches import BARE, EVENTFLOW, Match, matches
from tests.benchmarks.compare.page import Growth, Result, Results, write_page
from tests.benchmarks.compare.plots import draw
from tests.postgres_server import running_server

MODULES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        EVENTFLOW: ("with_eventflow",),
        BARE: ("with_eventflow", "--bare"),
        "DBOS": ("with_dbos",),
        "DBOS, queued": ("with_dbos", "--queue"),
        "procrastinate": ("with_procrastinate",),
        "pgqueuer": ("with_pgqueuer",),
        "eventsourcing": ("with_eventsourcing",),
    }
)
DATABASES: Mapping[str, str] = MappingProxyType({"sqlite": "SQLite", "postgresql": "PostgreSQL"})
PAGE = Path("docs/explanation/compared-with-peers.md")
PEERS = ("dbos", "eventsourcing", "pgqueuer", "procrastinate")
LONGEST = 300.0
"""Seconds that one turn of one contender may take."""


@frozen
class Databases:
    """Makes empty databases."""

    folder: Path
    server: str
    numbers: Iterator[int]

    def fresh(self, kind: str) -> str:
        """Give the URL of an empty database."""
        name = f"compared_{next(self.numbers)}"
        if kind == "sqlite":
            return f"sqlite:///{self.folder}/{name}.db"
        asyncio.run(_create(self.server, name))
        return urlunsplit(urlsplit(self.server)._replace(path=f"/{name}"))


async def _create(server: str, name: str) -> None:
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()


def turn(match: Match, contender: str, databases: Databases, share: float) -> list[float]:
    """Let one contender take its turn, and give what it measured."""
    task = Task(
        url=databases.fresh(match.database),
        measure=match.measure,
        count=max(10, round(match.counts[contender] * share)),
        in_flight=match.in_flight,
    )
    module, *options = MODULES[contender]
    command = [sys.executable, "-m", f"tests.benchmarks.compare.{module}", task.written()]
    done = subprocess.run(
        [*command, *options], capture_output=True, text=True, timeout=LONGEST, check=False
    )
    if done.returncode:
        raise SystemExit(f"{contender} failed at {match.title}:\n{done.stderr[-2_000:]}")
    values: list[float] = json.loads(done.stdout.splitlines()[-1])
    return values


def result_of(match: Match, databases: Databases, rounds: int, share: float) -> Result:
    """Let the contenders of a match take turns."""
    values: dict[str, list[float]] = {contender: [] for contender in match.counts}
    for number in range(rounds):
        for contender, measured in values.items():
            print(f"{match.title}: {contender}, round {number + 1} of {rounds}", flush=True)
            measured.extend(turn(match, contender, databases, share))
    scale = 1e3 if match.unit == "ms" else 1.0
    return Result(
        match.id,
        match.title,
        match.unit,
        {name: statistics.median(found) * scale for name, found in values.items()},
        {name: (min(found) * scale, max(found) * scale) for name, found in values.items()},
    )


def growth_on(kind: str, databases: Databases, quick: bool) -> list[Growth]:  # noqa: FBT001 - as it was typed
    """Let `eventflow bench` measure what grows with a store, and with a run."""
    command = [sys.executable, "-m", "eventflow", "bench", "--json", "--store"]
    command += [databases.fresh(kind), "--only", "growth", "--only", "histories"]
    print(f"what grows with a store, and with a run: {DATABASES[kind]}", flush=True)
    done = subprocess.run(
        [*command, *(["--quick"] if quick else [])], stdout=subprocess.PIPE, check=True
    )
    return [
        Growth(f"{each['name']}, {DATABASES[kind]}", each["grown"])
        for each in json.loads(done.stdout)["figures"]
        if each["grown"] is not None
    ]


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round of each")
    parser.add_argument("--page", type=Path, default=PAGE)
    given = parser.parse_args()
    rounds, share = (1, 0.2) if given.quick else (3, 1.0)
    before = os.getloadavg()[0]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(running_server(fsync=True)).url()
        databases = Databases(folder, server, count(1))
        found = [result_of(match, databases, rounds, share) for match in matches()]
        grown = [each for kind in DATABASES for each in growth_on(kind, databases, given.quick)]
    print("importing eventflow", flush=True)
    imported = statistics.median(importing.measured().processor)
    results = Results(
        results=found,
        growths=grown,
        imported=imported,
        versions={name: version(name) for name in PEERS},
        python=platform.python_version(),
        processors=os.cpu_count() or 1,
        load=(before, os.getloadavg()[0]),
        rounds=rounds,
    )
    write_page(given.page, results)
    draw(results, given.page.parent / "images")


if __name__ == "__main__":
    main()
