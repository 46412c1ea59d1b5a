"""The pytest plugin, as other projects use it: in a session of its own, beside other plugins."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from eventflow.testing import runtime
from tests.architecture.sources import ROOT
from tests.testing.workflows import stumbling

pytest_plugins = ["pytester"]

WORKFLOW = """
import asyncio

import eventflow as ef
import pytest
from eventflow.store.memory import MemoryStore

@ef.stage(retry=ef.Retry(max_attempts=2, initial=600.0))
async def stumble(ctx: ef.StageContext[int]) -> int:
    if ctx.attempt == 1:
        raise ConnectionError("try again later")
    return ctx.input + 10

workflow = ef.define_workflow("stumbling", input=int).pipe(stumble).build()
"""


@pytest.fixture
def session(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project of its own, which has eventflow installed and treats warnings as errors."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "stores")]))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyprojecttoml(
        """
        [tool.pytest]
        strict = true
        filterwarnings = ["error"]
        asyncio_mode = "auto"
        asyncio_default_fixture_loop_scope = "function"
        """
    )
    return pytester


def run(
    session: pytest.Pytester, *options: str, plugins: tuple[str, ...] = ("pytest_asyncio.plugin",)
) -> pytest.RunResult:
    """Run the tests of the project with a few plugins only, which is quicker."""
    named = [each for plugin in ("eventflow_pytest", *plugins) for each in ("-p", plugin)]
    return session.runpytest_subprocess("-p", "no:cacheprovider", *named, *options)


def test_fixtures_serve_plain_tests_and_coroutines(session: pytest.Pytester) -> None:
    """A runtime, its store and its clock are one virtual world, with and without a loop plugin."""
    session.makepyfile(
        WORKFLOW
        + """
async def play(eventflow_runtime, eventflow_clock, eventflow_store):
    async with eventflow_runtime(workflow) as first, eventflow_runtime(start=False) as second:
        history = await first.play(workflow, 5)
        assert (eventflow_clock.now() - history[0].recorded_at).total_seconds() == 600
        assert await second.run(history.run_id).result() == 15
    async with eventflow_store as store:
        assert isinstance(store, MemoryStore)
        assert len(await store.read([history.run_id])) == len(history)

def test_plain(eventflow_runtime, eventflow_clock, eventflow_store):
    asyncio.run(play(eventflow_runtime, eventflow_clock, eventflow_store))

async def test_coroutine(eventflow_runtime, eventflow_clock, eventflow_store):
    await play(eventflow_runtime, eventflow_clock, eventflow_store)
"""
    )
    run(session).assert_outcomes(passed=2)


def test_nothing_but_pytest_is_needed(session: pytest.Pytester) -> None:
    """Without a plugin for coroutines, a test calls `asyncio.run` itself."""
    session.makepyprojecttoml("[tool.pytest]\nstrict = true")
    session.makepyfile(
        WORKFLOW
        + """
def test_plain(eventflow_runtime):
    async def play():
        async with eventflow_runtime(workflow) as runtime:
            return (await runtime.play("stumbling", 1)).state().output
    assert asyncio.run(play()) == 11
"""
    )
    run(session, plugins=()).assert_outcomes(passed=1)


def test_the_store_is_chosen_by_a_marker_or_an_option(session: pytest.Pytester) -> None:
    """A marker with several stores runs the test on each; an option is for unmarked tests."""
    session.makepyfile(
        WORKFLOW
        + """
async def kind(eventflow_store, eventflow_runtime):
    async with eventflow_runtime(workflow) as runtime:
        await runtime.play(workflow, 5)
    return eventflow_store.url.partition("://")[0]

@pytest.mark.eventflow_store("memory", "sqlite")
async def test_both(eventflow_store, eventflow_runtime, request):
    assert await kind(eventflow_store, eventflow_runtime) in request.node.name

@pytest.mark.eventflow_store("sqlite:///{name}.db")
async def test_url(eventflow_store, eventflow_runtime):
    assert await kind(eventflow_store, eventflow_runtime) == "sqlite"
    assert "{name}" not in eventflow_store.url

async def test_unmarked(eventflow_store, eventflow_runtime):
    assert await kind(eventflow_store, eventflow_runtime) == "sqlite"

@pytest.mark.eventflow_store("memory")
def test_of_something_else():
    pass
"""
    )
    run(session, "--eventflow-store", "sqlite").assert_outcomes(passed=5)


def test_a_marker_without_a_store_is_an_error(session: pytest.Pytester) -> None:
    """It says how to write it."""
    session.makepyfile(
        """
        import pytest

        @pytest.mark.eventflow_store
        def test(eventflow_store):
            pass
        """
    )
    run(session).stdout.fnmatch_lines(['*name a store, as in @pytest.mark.eventflow_store("sqli*'])


def test_a_store_that_does_not_exist_is_an_error(session: pytest.Pytester) -> None:
    """It says what there is."""
    session.makepyfile(
        """
        import pytest

        @pytest.mark.eventflow_store("sqlit")
        def test(eventflow_store):
            pass
        """
    )
    result = run(session)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(['E*no store is called "sqlit"; write memory, sqlite, or a URL'])


def test_a_golden_history_is_the_same_on_every_store(session: pytest.Pytester) -> None:
    """A test on two stores has one file for both, also when it is parametrized otherwise."""
    session.makepyfile(
        test_shop=WORKFLOW
        + """
@pytest.mark.eventflow_store("memory", "sqlite")
async def test_each(eventflow_runtime, eventflow_golden):
    async with eventflow_runtime(workflow) as runtime:
        eventflow_golden(await runtime.play(workflow, 5))

@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.eventflow_store("memory", "sqlite")
async def test_both(eventflow_runtime, eventflow_golden, number):
    async with eventflow_runtime(workflow) as runtime:
        eventflow_golden(await runtime.play(workflow, number))
"""
    )
    written = run(
        session, "--eventflow-record", "-n", "2", plugins=("pytest_asyncio.plugin", "xdist.plugin")
    )
    written.assert_outcomes(passed=6)
    written.stdout.fnmatch_lines(["wrote 3 golden histories; look at them:"])
    names = {each.name for each in (session.path / "golden" / "test_shop").iterdir()}
    assert names == {"test_each.ndjson", "test_both-1.ndjson", "test_both-2.ndjson"}
    run(session).assert_outcomes(passed=6)


GOLDEN = (
    WORKFLOW
    + """
async def test_run(eventflow_runtime, eventflow_golden):
    async with eventflow_runtime(workflow) as runtime:
        eventflow_golden(await runtime.play(workflow, 5))
        eventflow_golden(await runtime.play(workflow, 6), "another one")
"""
)


def test_golden_histories_are_written_compared_and_told_apart(session: pytest.Pytester) -> None:
    """None yet: an error that says what to do; then written; then the same; then another."""
    path = session.makepyfile(test_shop=GOLDEN)
    missing = run(session)
    missing.assert_outcomes(failed=1)
    missing.stdout.fnmatch_lines(
        ["E*there is no golden history*write it with pytest --eventflow-record*"]
    )
    written = run(
        session, "--eventflow-record", "-n", "1", plugins=("pytest_asyncio.plugin", "xdist.plugin")
    )
    written.assert_outcomes(passed=1)
    written.stdout.fnmatch_lines(
        ["wrote 2 golden histories; look at them:", "*golden*test_shop*test_run.ndjson"]
    )
    folder = session.path / "golden" / "test_shop"
    assert {each.name for each in folder.iterdir()} == {"test_run.ndjson", "another-one.ndjson"}
    run(session).assert_outcomes(passed=1)
    path.write_text(path.read_text().replace("ctx.input + 10", "ctx.input + 11"))
    changed = run(session)
    changed.assert_outcomes(failed=1)
    changed.stdout.fnmatch_lines(["E*stage.completed stumble", "E*output: 15 -> 16"])


def test_histories_are_replayed_beside_their_tests(session: pytest.Pytester) -> None:
    """A file is found beside the test; any divergence fails it, inside a coroutine as well."""

    async def export(path: Path) -> None:
        async with runtime(stumbling) as started:
            played = await started.play(stumbling, 5)
            await started.run(played.run_id).export(path)

    asyncio.run(export(session.path / "run.ndjson"))
    session.makepyfile(
        """
        from eventflow.testing import load
        from tests.testing.workflows import stumbling

        def test_same(eventflow_replay):
            assert eventflow_replay("run.ndjson", stumbling).executed == 4

        async def test_same_in_a_coroutine(eventflow_replay, request):
            eventflow_replay(load(request.path.parent / "run.ndjson"), stumbling)

        def test_other(eventflow_replay):
            async def other(ctx):
                return ctx.input * 3
            eventflow_replay("run.ndjson", stumbling, replace={"double": other})
        """
    )
    result = run(session)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(['E*stage "double", output: 10 -> 15 (version 6)'])


def test_the_plugin_costs_nothing_where_it_is_not_used(
    session: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is found by itself, and a session in which no test uses it never imports eventflow."""
    session.makepyfile(
        """
        import sys

        def test_nothing(request):
            assert request.config.pluginmanager.hasplugin("eventflow_pytest")
            assert not [name for name in sys.modules if name.split(".")[0] == "eventflow"]
        """
    )
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    session.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)
    code = "import eventflow_pytest, sys; sys.exit('eventflow' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert (
        subprocess.run([sys.executable, "-c", code], check=False, env=environment).returncode == 0
    )


def test_a_store_that_was_left_open_is_told(session: pytest.Pytester) -> None:
    """A test that does not use `async with` to its end is an error at its end."""
    session.makepyfile(
        """
        async def test(eventflow_store):
            await eventflow_store.__aenter__()
        """
    )
    result = run(session)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["E*the test left its store open; use `async with`"])
