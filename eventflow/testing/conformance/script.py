"""Random scripts for stores: what to ask, as plain data, and how Hypothesis draws it."""

from decimal import Decimal
from typing import TypeAlias

from attrs import frozen
from hypothesis import strategies as st

from eventflow.core.values import JSON, Status
from eventflow.store.contract import RunQuery
from eventflow.testing.builders import at

RUNS = ("run-1", "run-2", "RUN-1", "run-3", 'NULL,{"\\\n}')
WORKFLOWS = (("one", (("a",),)), ("two", (("b", "a"), ("c",))))
PRIORITIES = (5, 5, 1, 10)
PRICES = (None, Decimal("0.1"), Decimal("0.000000000000000000001"))
METADATA: tuple[dict[str, JSON], ...] = (
    {},
    {"k": 1},
    {"k": True},
    {"k": {"b": 1, "a": [None]}},
    {"k": "\0"},
)


@frozen
class Write:
    """Write the next thing that makes sense for a run; `choice` picks among what does."""

    run_id: str
    choice: int
    key: str | None


@frozen
class Clash:
    """Append a note to a run at a version that is off by so many."""

    run_id: str
    off: int


@frozen
class Repeat:
    """Give an earlier operation again; `back` counts from the last one."""

    back: int


@frozen
class Append:
    """Append a batch."""

    parts: tuple[Write | Clash | Repeat, ...]


@frozen
class Due:
    """List what is due so many seconds from now."""

    seconds: float
    workflows: dict[str, tuple[str, ...]] | None
    limit: int


@frozen
class Renew:
    """Renew the claim of a stage for so many seconds, under a token that is off by so many."""

    run_id: str
    stage: str
    off: int
    seconds: float
    leased: bool


@frozen
class ListRuns:
    """List runs, page by page."""

    query: RunQuery


@frozen
class Read:
    """Read some runs beyond a version, and the log beyond a position."""

    run_ids: tuple[str, ...]
    after: int
    limit: int


Step: TypeAlias = Append | Due | Renew | ListRuns | Read

_runs = st.sampled_from(RUNS)
_stages = st.sampled_from("abc")
_seconds = st.sampled_from([0.0, -5.0, 0.000001, 1.0, 2.0, 30.0, 60.0, 90.0, 1_000_000.0])
_keys = st.sampled_from([None, None, None, "", "key", "KEY", "key\0"])
_writes = st.builds(Write, _runs, st.integers(0, 11), _keys)
_parts = (
    _writes
    | _writes
    | _writes
    | st.builds(Clash, _runs, st.sampled_from([-2, -1, 1, 2]))
    | st.builds(Repeat, st.integers(1, 5))
)
appends = st.builds(Append, st.lists(_parts, min_size=1, max_size=5).map(tuple))
_filters = st.dictionaries(
    st.sampled_from(["one", "two", "three"]), st.lists(_stages, max_size=3).map(tuple)
)
_queries = st.builds(
    RunQuery,
    run_ids=st.none() | st.lists(_runs, max_size=3),
    statuses=st.none() | st.lists(st.sampled_from(Status), max_size=3),
    workflow_id=st.sampled_from([None, None, "one", "two", "three"]),
    metadata=st.sampled_from([{}, *METADATA]),
    created_from=st.none() | _seconds.map(at),
    created_before=st.none() | _seconds.map(at),
    called_models=st.booleans(),
    limit=st.integers(1, 3),
)
dues = st.builds(Due, _seconds, st.none() | _filters, st.integers(1, 5))
_offs = st.sampled_from([0, 0, 0, 1, -1])
renewals = st.builds(Renew, _runs, _stages, _offs, _seconds, st.booleans())
queries = st.builds(ListRuns, _queries)
reads = st.builds(
    Read, st.lists(_runs, max_size=3).map(tuple), st.integers(0, 5), st.integers(1, 9)
)
_steps = appends | appends | appends | dues | renewals | queries | reads


def scripts() -> st.SearchStrategy[tuple[Step, ...]]:
    """Draw scripts of some dozen steps."""
    return st.lists(_steps, min_size=12, max_size=36).map(tuple)
