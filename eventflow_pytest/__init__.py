"""The pytest plugin of eventflow; it imports eventflow only when a test uses one of its fixtures.

It is a package of its own because importing any part of eventflow imports eventflow, which is too
much for the start of every test session of whoever has it installed.
"""

import importlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from eventflow.testing import ManualClock
    from eventflow.testing.fixtures import Golden, OpenRuntime, Replay, StoreOfTest

__all__ = [
    "eventflow_clock",
    "eventflow_golden",
    "eventflow_replay",
    "eventflow_runtime",
    "eventflow_store",
]

MARKER = "eventflow_store"

_written = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the command line."""
    group = parser.getgroup("eventflow")
    group.addoption(
        "--eventflow-record",
        action="store_true",
        help="write the golden histories of the tests that run, instead of comparing with them",
    )
    group.addoption(
        "--eventflow-store",
        default="memory",
        metavar="STORE",
        help="the store of tests that are not marked with one: memory (default), sqlite, or a URL",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Announce the marker."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(store, ...): the store that eventflow_store and eventflow_runtime use: memory, "
        "sqlite, or a URL; with several, the test runs once on each",
    )
    config.stash[_written] = []


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test on each of the stores that it is marked with."""
    marker = metafunc.definition.get_closest_marker(MARKER)
    if marker is None or MARKER not in metafunc.fixturenames:
        return
    if not marker.args or marker.kwargs:
        raise pytest.UsageError(
            f'{metafunc.definition.nodeid}: name a store, as in @pytest.mark.{MARKER}("sqlite")'
        )
    metafunc.parametrize(MARKER, marker.args, indirect=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the process that shows the summary what was written here, if it is another (xdist)."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[MARKER] = session.config.stash[_written]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:  # noqa: ANN401 - of xdist, if that is there
    """Take what was written in another process."""
    output: dict[str, list[str]] = getattr(node, "workeroutput", {})
    node.config.stash[_written].extend(output.get(MARKER, []))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say which golden histories were written."""
    written = config.stash[_written]
    if written:
        terminalreporter.section("eventflow")
        paths = sorted(set(written))
        one = len(paths) == 1
        what = (
            "1 golden history; look at it"
            if one
            else f"{len(paths)} golden histories; look at them"
        )
        terminalreporter.line(f"wrote {what}:")
        for path in paths:
            terminalreporter.line(f"  {path}")


@pytest.fixture
def eventflow_clock() -> "ManualClock":
    """The time of the test, which moves only when the test moves it."""
    clock: ManualClock = _fixtures().ManualClock()
    return clock


@pytest.fixture
def eventflow_store(request: pytest.FixtureRequest) -> "Iterator[StoreOfTest]":
    """The empty store of the test: `async with eventflow_store as store`, or `eventflow_store.url`.

    It is in memory, unless the marker `eventflow_store` or `--eventflow-store` names another.
    """
    name = getattr(request, "param", None) or request.config.getoption("--eventflow-store")
    folder = request.getfixturevalue("tmp_path")
    store: StoreOfTest = _fixtures().StoreOfTest.named(name, folder)
    yield store
    store.refuse_open()


@pytest.fixture
def eventflow_runtime(
    eventflow_store: "StoreOfTest", eventflow_clock: "ManualClock"
) -> "OpenRuntime":
    """Opens runtimes on the store and the clock of the test, as if each were a process of its own.

    Write `async with eventflow_runtime(workflow) as runtime`; it takes what
    `eventflow.testing.runtime` takes.
    """
    opened: OpenRuntime = _fixtures().OpenRuntime(eventflow_store, eventflow_clock)
    return opened


@pytest.fixture
def eventflow_replay(request: pytest.FixtureRequest) -> "Replay":
    """Replays a history, or a file beside the test, and fails the test at any divergence.

    Write `eventflow_replay("run.ndjson", workflow)`; it takes what `eventflow.testing.replay`
    takes, and gives the report. It needs no plugin for coroutines, and works with one.
    """
    replay: Replay = _fixtures().Replay(request.path.parent)
    return replay


@pytest.fixture
def eventflow_golden(request: pytest.FixtureRequest) -> "Golden":
    """Compares histories with golden ones, which `--eventflow-record` writes.

    Write `eventflow_golden(history)`, or `eventflow_golden(history, "name")` if there are several.
    """
    golden: Golden = _fixtures().Golden(
        folder=request.path.parent / "golden" / request.path.stem,
        test=_name_on_any_store(request.node),
        record=request.config.getoption("--eventflow-record"),
        written=request.config.stash[_written],
    )
    return golden


def _name_on_any_store(test: pytest.Item) -> str:
    """Name a test without the store that it is marked with: its history is the same on each."""
    parameters = getattr(test, "callspec", None)
    if parameters is None or MARKER not in parameters.params:
        return test.name
    rest = f"-{parameters.id}-".replace(f"-{parameters.params[MARKER]}-", "-", 1).strip("-")
    return test.name.removesuffix(f"[{parameters.id}]") + (f"[{rest}]" if rest else "")


def _fixtures() -> Any:  # noqa: ANN401 - a module that is imported as late as can be
    return importlib.import_module("eventflow.testing.fixtures")
