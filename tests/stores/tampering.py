"""Ways to tamper with a database behind the back of every guard, for tests of any store."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeAlias

from attrs import evolve, frozen
from hypothesis import strategies as st

from eventflow.engine.keys import key_of_creation
from eventflow.errors import Alteration
from eventflow.store.blobs import key_of
from eventflow.store.contract import Operation
from eventflow.testing.builders import Author, at

Row: TypeAlias = dict[str, Any]


class Tables(dict[str, list[Row]]):
    """Whole tables by name, which are too long to be shown."""

    def __repr__(self) -> str:
        return "<tables>"


def difference(before: Tables, after: Tables) -> list[str]:
    """Tell what was done, for whoever reads that it was not noticed."""
    rows = [(table, row) for table in before for row in before[table] if row not in after[table]]
    added = [(table, row) for table in after for row in after[table] if row not in before[table]]
    return [f"- {row}" for row in rows] + [f"+ {row}" for row in added]


COLUMNS = (
    *("position", "run_id", "version", "type", "schema", "data", "recorded_at", "actor"),
    *("op_id", "hash"),
)


class Database(Protocol):
    """A database that tells and takes whole tables."""

    def read(self) -> Tables:
        """Give all rows of all tables that hold events and what is derived from them."""
        ...

    def write(self, tables: Tables) -> bool:
        """Put these rows in the place of all others; tell whether the database takes them."""
        ...


def operations() -> list[Operation]:
    """Write the lives of five runs, in turns: ended, failed, suspended, claimed and pending."""
    ended, failed, suspended, claimed, pending = (Author(f"run-{n}") for n in range(5))
    groups = [["a", "b"], ["c"]]
    created = ended.create(groups=groups, key="1", metadata={"k": 1}, value={"x": [1, 2]})
    return [
        evolve(created, idempotency_key=key_of_creation("1")),
        suspended.create(),
        ended.claim("a", now=at(1)),
        ended.note("seen", now=at(1), actor=None),
        suspended.claim(now=at(1)),
        ended.claim("b", now=at(2)),
        failed.create(priority=9, now=at(2)),
        failed.claim(now=at(3)),
        ended.complete("b", now=at(3)),
        suspended.suspend(now=at(3)),
        failed.fail(now=at(4)),
        ended.complete("a", now=at(4)),
        ended.claim("c", now=at(5)),
        claimed.create(now=at(5)),
        ended.complete("c", now=at(6)),
        pending.create(now=at(6)),
        ended.rewind("c", now=at(7)),
        ended.note("again", now=at(7), count=3),
        claimed.claim(now=at(8)),
        failed.cancel(now=at(9)),
        pending.note("last", now=at(9)),
    ]


LARGE = b"larger than an event may be"
"""A blob that one run refers to."""


def operation_with_blob() -> Operation:
    """Write the beginning of a run that refers to a blob."""
    return Author("run-blob").create(value={"$blob": key_of(LARGE), "size": len(LARGE)})


BLOBS: tuple[tuple[str, Alteration, Row | None], ...] = (
    *(
        (f"byte {place}", Alteration.ALTERED, {"data": LARGE[:place] + b"?" + LARGE[place + 1 :]})
        for place in range(len(LARGE))
    ),
    ("longer", Alteration.ALTERED, {"data": LARGE + b"?"}),
    ("shorter", Alteration.ALTERED, {"data": LARGE[:-1]}),
    ("empty", Alteration.ALTERED, {"data": b""}),
    ("renamed", Alteration.MISSING, {"key": key_of(b"?")}),
    ("gone", Alteration.MISSING, None),
)
"""What can be done to a blob: what it is called, what is to be said of it, and what changes."""


def other_than(value: object, draw: Callable[[st.SearchStrategy[Any]], Any]) -> object:
    """Give another value of the same kind, most often one that differs in the least."""
    match value:
        case None:
            return draw(st.sampled_from(["", "mallory"]))
        case bool():
            return not value
        case bytes():
            place = draw(st.integers(0, len(value) - 1))
            changed = bytearray(value)
            changed[place] ^= 1 << draw(st.integers(0, 7))
            return draw(st.sampled_from([bytes(changed), value + b" ", value[:-1]]))
        case int():
            return value + draw(st.sampled_from([-1, 1, 2, 1_000]))
        case datetime():
            # The first time of all stands for minus infinity: nothing is before it.
            least = -1 if value.year > 1 else 1
            return value + timedelta(microseconds=draw(st.sampled_from([least, 1, 10**6])))
        case str():
            return draw(st.sampled_from([value + "x", value[:-1], value.upper() + "!"]))
        case _:
            raise AssertionError(value)


@st.composite
def altered(draw: st.DrawFn, tables: Tables) -> Tables:
    """Change one column of one event."""
    event = draw(st.sampled_from(tables["events"]))
    column = draw(st.sampled_from(COLUMNS))
    event[column] = other_than(event[column], draw)
    return tables


@st.composite
def deleted(draw: st.DrawFn, tables: Tables) -> Tables:
    """Delete some events that stand side by side."""
    events = tables["events"]
    first = draw(st.integers(0, len(events) - 1))
    del events[first : first + draw(st.sampled_from([1, 1, 2, 5]))]
    return tables


@st.composite
def inserted(draw: st.DrawFn, tables: Tables) -> Tables:
    """Insert a copy of an event somewhere, as it is or numbered to fit."""
    events = tables["events"]
    copied = dict(draw(st.sampled_from(events)))
    of_run = [event for event in events if event["run_id"] == copied["run_id"]]
    copied["position"] = draw(
        st.sampled_from([len(events) + 1, len(events) + 9, copied["position"], 0, -3])
    )
    copied["version"] = draw(st.sampled_from([copied["version"], len(of_run) + 1]))
    copied["run_id"] = draw(st.sampled_from([copied["run_id"], "run-x", "run-0"]))
    events.append(copied)
    return tables


@st.composite
def shifted(draw: st.DrawFn, tables: Tables) -> Tables:
    """Delete an event, or insert a copy of one, and number all that come behind it again."""
    events = tables["events"]
    place = draw(st.integers(0, len(events) - 1))
    chosen = dict(events[place])
    step = draw(st.sampled_from([-1, 1]))
    behind = events[place:] if step > 0 else events[place + 1 :]
    for event in behind:
        event["position"] += step
        if event["run_id"] == chosen["run_id"]:
            event["version"] += step
    if step > 0:
        events.insert(place, chosen)
    else:
        del events[place]
    return tables


@st.composite
def swapped(draw: st.DrawFn, tables: Tables) -> Tables:
    """Let two events change places, or only some of what they hold."""
    events = tables["events"]
    first, second = draw(
        st.lists(st.sampled_from(events), min_size=2, max_size=2, unique_by=lambda e: e["position"])
    )
    what = draw(
        st.sampled_from(
            [("data",), ("hash",), ("data", "type"), ("version",), COLUMNS[3:], ("run_id",)]
        )
    )
    if first["run_id"] == second["run_id"]:
        what = draw(st.sampled_from([what, ("position",), ("position", "version")]))
    for column in what:
        first[column], second[column] = second[column], first[column]
    return tables


@st.composite
def drifted(draw: st.DrawFn, tables: Tables, columns: Sequence[tuple[str, str]]) -> Tables:
    """Change a column of a row that is derived, or delete such a row."""
    table, column = draw(st.sampled_from(columns))
    row = draw(st.sampled_from(tables[table]))
    if draw(st.integers(0, 4)) == 0:
        tables[table].remove(row)
    else:
        row[column] = other_than(row[column], draw)
    return tables


@st.composite
def rows_drifted(draw: st.DrawFn, tables: Tables) -> Tables:
    """Change, delete or double some of the rows that are derived, whichever they are."""
    for _ in range(draw(st.integers(1, 4))):
        table = draw(st.sampled_from([name for name in tables if name != "events"]))
        if not tables[table]:
            continue
        row = draw(st.sampled_from(tables[table]))
        column = draw(st.sampled_from(sorted(row)))
        way = draw(st.sampled_from(["change", "delete", "double"]))
        if way == "delete":
            tables[table].remove(row)
        elif way == "double":
            tables[table].append(row | {column: other_than(row[column], draw)})
        else:
            row[column] = other_than(row[column], draw)
    return tables


def drifts(tables: Tables) -> st.SearchStrategy[Tables]:
    """Tamper with the rows alone."""
    return st.builds(deepcopy, st.just(tables)).flatmap(rows_drifted)


def settled(tables: Tables) -> dict[str, list[Row]]:
    """Leave out what the workers move, and the order of the rows."""
    moved = ("ready", "held_until")
    return {
        table: sorted(
            ({name: row[name] for name in row if name not in moved} for row in rows), key=str
        )
        for table, rows in tables.items()
    }


def tampered(tables: Tables, columns: Sequence[tuple[str, str]]) -> st.SearchStrategy[Tables]:
    """Tamper with a database in any of these ways."""
    ways = (altered, deleted, inserted, shifted, swapped)
    return st.one_of(
        *(st.builds(deepcopy, st.just(tables)).flatmap(way) for way in ways),
        st.builds(deepcopy, st.just(tables)).flatmap(lambda copy: drifted(copy, columns)),
    )


@frozen
class Named:
    """One way to tamper, and what is to be said of it."""

    title: str
    tamper: Callable[[Tables], object]
    run_id: str
    version: int
    how: Alteration

    def applied(self, tables: Tables) -> Tables:
        """Tamper with a copy."""
        copied = deepcopy(tables)
        self.tamper(copied)
        return copied


def _changed(position: int, **columns: object) -> Callable[[Tables], object]:
    return lambda tables: tables["events"][position - 1].update(columns)


def _deleted(*positions: int) -> Callable[[Tables], object]:
    def tamper(tables: Tables) -> None:
        events = tables["events"]
        events[:] = [event for event in events if event["position"] not in positions]

    return tamper


def _deleted_and_closed_up(position: int) -> Callable[[Tables], object]:
    def tamper(tables: Tables) -> None:
        gone = tables["events"].pop(position - 1)
        for event in tables["events"][position - 1 :]:
            event["position"] -= 1
            event["version"] -= event["run_id"] == gone["run_id"]

    return tamper


def _doubled(position: int) -> Callable[[Tables], object]:
    def tamper(tables: Tables) -> None:
        events = tables["events"]
        events.insert(position, dict(events[position - 1]))
        for event in events[position:]:
            event["position"] += 1
            event["version"] += event["run_id"] == events[position - 1]["run_id"]

    return tamper


def _swapped(first: int, second: int, *columns: str) -> Callable[[Tables], object]:
    def tamper(tables: Tables) -> None:
        one, other = tables["events"][first - 1], tables["events"][second - 1]
        for column in columns:
            one[column], other[column] = other[column], one[column]

    return tamper


def _row(table: str, column: str, value: object) -> Callable[[Tables], object]:
    """Change the row of run-0, or its first stage or job."""
    return lambda tables: tables[table][0].update({column: value})


_CONTENT = COLUMNS[3:]

NAMED = (
    Named("data", _changed(16, data=b"{}"), "run-0", 8, Alteration.ALTERED),
    Named("actor", _changed(7, actor=None), "run-0", 5, Alteration.ALTERED),
    Named("operation", _changed(36, op_id="x"), "run-4", 3, Alteration.ALTERED),
    Named("missing", _deleted(16), "run-0", 8, Alteration.MISSING),
    Named("first missing", _deleted(1), "run-0", 1, Alteration.MISSING),
    Named("last of a run missing", _deleted(17), "run-2", 5, Alteration.MISSING),
    Named("last of all missing", _deleted(36), "run-4", 3, Alteration.MISSING),
    Named("closed up", _deleted_and_closed_up(6), "run-0", 4, Alteration.MISSING),
    Named("inserted", _doubled(6), "run-0", 5, Alteration.INSERTED),
    Named("swapped", _swapped(8, 11, *_CONTENT), "run-0", 6, Alteration.REORDERED),
    Named("swapped versions", _swapped(6, 11, "version"), "run-0", 4, Alteration.REORDERED),
    Named("swapped positions", _swapped(6, 11, "position"), "run-0", 4, Alteration.REORDERED),
    Named(
        "both",
        lambda t: [_changed(7, type="x")(t), _changed(4, type="x")(t)],
        "run-2",
        1,
        Alteration.ALTERED,
    ),
    Named("row", _row("runs", "status", "failed"), "run-0", 18, Alteration.DRIFTED),
    Named("version", _row("runs", "version", 30), "run-0", 19, Alteration.MISSING),
    Named("stage", _row("stages", "attempt", 3), "run-0", 18, Alteration.DRIFTED),
    Named("job", _row("jobs", "token", 3), "run-0", 18, Alteration.DRIFTED),
    Named("no row", lambda tables: tables["runs"].pop(0), "run-0", 1, Alteration.DRIFTED),
    Named("no run", _row("runs", "status", "mended"), "run-0", 1, Alteration.DRIFTED),
)
"""Alterations of the log that `operations` write."""
