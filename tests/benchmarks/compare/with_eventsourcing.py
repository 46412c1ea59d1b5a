"""The eventsourcing library: streams of seven events, each appended alone, and nothing executed."""

import time
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

from tests.benchmarks.compare.contender import Task, main

EVENTS = 7


class Counter(Aggregate):
    """Something that changes."""

    def __init__(self) -> None:
        self.value = 0

    @event("Added")
    def add(self, value: int) -> None:
        """Add a number."""
        self.value += value


class Counters(Application[UUID]):
    """Appends the events of counters."""

    def one(self) -> None:
        """Create a counter and change it until it has seven events."""
        counter = Counter()
        self.save(counter)
        for _ in range(EVENTS - 1):
            counter.add(1)
            self.save(counter)


def environment(url: str) -> dict[str, Any]:
    """Configure the library for a database."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return {
            "PERSISTENCE_MODULE": "eventsourcing.sqlite",
            "SQLITE_DBNAME": parts.path.removeprefix("/"),
        }
    query = parse_qs(parts.query)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": parts.path.removeprefix("/"),
        "POSTGRES_HOST": unquote(parts.netloc.rpartition("@")[2].rpartition(":")[0])
        or query["host"][0],
        "POSTGRES_PORT": str(parts.port or query.get("port", ["5432"])[0]),
        "POSTGRES_USER": parts.username or query.get("user", ["postgres"])[0],
        "POSTGRES_PASSWORD": parts.password or "unused",
    }


def measured(task: Task) -> list[float]:
    """Tell how many events a second are appended."""
    application = Counters(environment(task.url))
    application.one()
    started = time.perf_counter()
    for _ in range(task.count):
        application.one()
    seconds = time.perf_counter() - started
    application.close()
    return [EVENTS * task.count / seconds]


if __name__ == "__main__":
    main(measured)
