"""Lists runs with all their rows, newest first; every search begins in an index where it can."""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import merge
from itertools import islice
from typing import TypeVar

from attrs import evolve, frozen

from eventflow.core.projection import Projection
from eventflow.core.values import Status
from eventflow.store.contract import RunPage, RunQuery
from eventflow_sqlite.chosen import chunks, places, select_in
from eventflow_sqlite.rows import (
    SELECT_JOBS,
    SELECT_RUNS,
    SELECT_STAGES,
    Row,
    job,
    label,
    microseconds,
    run,
    stage,
)
from eventflow_sqlite.session import transaction

T = TypeVar("T")

_RUNS = SELECT_RUNS + "WHERE run IN ({})"
_STAGES = SELECT_STAGES + "WHERE run IN ({}) ORDER BY run, stage_group, stage"
_JOBS = SELECT_JOBS + "WHERE run IN ({}) ORDER BY run, scheduled, stage"
_HAS_LABEL = "EXISTS (SELECT 1 FROM labels AS o WHERE o.label = ? AND o.run = r.run)"


def list_runs(connection: sqlite3.Connection, query: RunQuery) -> RunPage:
    """List one page of runs, all as of one moment."""
    with transaction(connection, "BEGIN"):
        found = _newest(connection, query, query.limit + 1)
        page = found[: query.limit]
        items = tuple(_projections(connection, page))
    more = len(found) > len(page) and page
    return RunPage(items, str(page[-1]) if more else None)


@frozen
class Search:
    """Conditions that are all to hold, with their arguments, and the column that tells the run."""

    source: str = "runs AS r"
    column: str = "r.run"
    clauses: tuple[str, ...] = ()
    arguments: tuple[object, ...] = ()

    def where(self, clause: str, *arguments: object) -> "Search":
        """Add a condition with its arguments."""
        return evolve(
            self,
            clauses=(*self.clauses, clause),
            arguments=(*self.arguments, *arguments),
        )

    def sql(self) -> str:
        """Write the query; it takes one argument more: how many runs are wanted."""
        where = " AND ".join(self.clauses) or "true"
        return (
            f"SELECT {self.column} FROM {self.source} WHERE {where} "  # noqa: S608 - all ours
            f"ORDER BY {self.column} DESC LIMIT ?"
        )


def searches(query: RunQuery) -> list[Search]:
    """Give the searches whose answers together are the answer, each newest first."""
    return [_narrowed(start, query) for start in _starts(query)]


def _starts(query: RunQuery) -> Iterator[Search]:
    """Begin with what singles out the fewest runs."""
    if query.run_ids is not None:
        for chunk in chunks(set(query.run_ids)):
            yield _of_statuses(Search().where(f"r.run_id IN ({places(chunk)})", *chunk), query)
    elif query.metadata:
        yield _of_statuses(_labelled(query), query)
    elif query.statuses is None and query.workflow_id is None:
        yield Search()
    else:
        # Runs of one status stand in an index newest first, so that a page costs what it holds.
        for status in set(Status if query.statuses is None else query.statuses):
            yield Search().where("r.status = ?", status.value)


def _of_statuses(search: Search, query: RunQuery) -> Search:
    if query.statuses is None:
        return search
    statuses = [status.value for status in query.statuses]
    return search.where(f"r.status IN ({places(statuses)})", *statuses)


def _labelled(query: RunQuery) -> Search:
    """Begin with the runs that have the first label; CROSS JOIN keeps the order of the tables."""
    search = Search(source="labels AS l CROSS JOIN runs AS r ON r.run = l.run", column="l.run")
    first, *others = (label(key, value) for key, value in query.metadata.items())
    search = search.where("l.label = ?", first)
    for other in others:
        search = search.where(_HAS_LABEL, other)
    return search


def _narrowed(search: Search, query: RunQuery) -> Search:
    if query.run_ids is not None:
        for key, value in query.metadata.items():
            search = search.where(_HAS_LABEL, label(key, value))
    if query.workflow_id is not None:
        search = search.where("r.workflow_id = ?", query.workflow_id)
    if query.created_from is not None:
        search = search.where("r.created_at >= ?", microseconds(query.created_from))
    if query.created_before is not None:
        search = search.where("r.created_at < ?", microseconds(query.created_before))
    if query.called_models:
        search = search.where("r.ai IS NOT NULL")
    if query.after is not None:
        search = search.where(f"{search.column} < ?", int(query.after))
    return search


def _newest(connection: sqlite3.Connection, query: RunQuery, limit: int) -> list[int]:
    found = [
        connection.execute(search.sql(), (*search.arguments, limit)).fetchall()
        for search in searches(query)
    ]
    return [row[0] for row in islice(merge(*found, reverse=True), limit)]


def _projections(connection: sqlite3.Connection, page: Sequence[int]) -> Iterator[Projection]:
    runs = {row[0]: run(row) for row in select_in(connection, _RUNS, page)}
    stages = _grouped(select_in(connection, _STAGES, page), stage)
    jobs = _grouped(select_in(connection, _JOBS, page), job)
    for number in page:
        yield Projection(runs[number], tuple(stages[number]), tuple(jobs[number]))


def _grouped(rows: Iterable[Row], read: Callable[[Row], T]) -> defaultdict[int, list[T]]:
    groups: defaultdict[int, list[T]] = defaultdict(list)
    for row in rows:
        groups[row[0]].append(read(row))
    return groups
